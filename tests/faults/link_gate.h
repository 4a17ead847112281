// A door between two sockets that can be shut, or is narrow: bytes pass while it is open; shut,
// every connection through it ends, and new ones end at once.
#ifndef MNEME_TESTS_FAULTS_LINK_GATE_H_
#define MNEME_TESTS_FAULTS_LINK_GATE_H_

#include <atomic>
#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace mneme::test {

// Thread-safe.
class LinkGate {
 public:
  // Listens on the path `outside`; passes on to `inside`.
  LinkGate(const std::string& outside, const std::string& inside);
  // Passes on to a port of this machine, so many bytes a second at most on each connection.
  LinkGate(const std::string& outside, int port, uint64_t bytes_per_second);
  ~LinkGate();
  void Open() { open_ = true; }
  void Shut();

 private:
  void Accept();
  int Connect() const;  // -1: there is nobody
  void Pass(int from, int to, uint64_t bytes_per_second);

  const std::string inside_;  // empty: the port
  const int port_ = 0;
  const uint64_t bytes_per_second_ = 0;  // 0: as many as there are
  const int listener_;
  std::atomic<bool> open_{true};
  std::atomic<bool> over_{false};
  std::mutex mutex_;
  std::set<int> sockets_;             // of the connections that there are
  std::vector<std::thread> threads_;  // two a connection
  std::thread acceptor_;              // last
};

}  // namespace mneme::test

#endif  // MNEME_TESTS_FAULTS_LINK_GATE_H_
