// A door between two unix sockets that can be shut: bytes pass while it is open; shut, every
// connection through it ends, and new ones end at once.
#ifndef MNEME_TESTS_FAULTS_LINK_GATE_H_
#define MNEME_TESTS_FAULTS_LINK_GATE_H_

#include <atomic>
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
  ~LinkGate();
  void Open() { open_ = true; }
  void Shut();

 private:
  void Accept();
  void Pass(int from, int to);

  const std::string inside_;
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
