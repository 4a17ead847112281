// Ways to wear a server down over HTTP/2, one row each: the server must close the connection. And
// one client that goes on with its work meanwhile.
#ifndef MNEME_TESTS_FAULTS_ABUSE_H_
#define MNEME_TESTS_FAULTS_ABUSE_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/faults/raw_http2.h"
#include "tests/faults/times.h"
#include "tests/integration/live.h"

namespace mneme::test {

// Where abusers come from: not the address of the good clients.
inline constexpr char kAbuser[] = "127.0.0.2";

struct Abuse {
  std::string name;
  std::string opening;                                // once, after the preface
  std::function<std::string(uint64_t number)> burst;  // from 0
  int goaway = -1;                                    // its code; -1: none is promised
};

// All floods that one connection can make.
const std::vector<Abuse>& Floods();

// One cue at a time until it is told to stop.
class Reader {
 public:
  Reader(const Daemon& daemon, std::string memory, int dim);
  Reader(std::shared_ptr<grpc::Channel> channel, std::string memory, int dim);
  ~Reader() { Stop(); }
  void Stop();
  const Times& times() const { return times_; }
  uint64_t failed() const { return failed_.load(); }  // but for those that were told to wait

 private:
  void Run(const std::string& memory, int dim);

  const std::unique_ptr<v1::MemoryService::Stub> stub_;
  Times times_;
  std::atomic<uint64_t> failed_{0};
  std::atomic<bool> over_{false};
  std::thread thread_;  // last
};

// A dense memory of this name with `rows` items.
void MakeReadMemory(v1::MemoryService::Stub& stub, const std::string& name, int dim, int rows);

// What a process holds.
struct Holdings {
  uint64_t files = 0;
  uint64_t threads = 0;
};
Holdings HoldingsOf(pid_t pid);

}  // namespace mneme::test

#endif  // MNEME_TESTS_FAULTS_ABUSE_H_
