// A daemon with its data, the load on it, and what is known of both from outside: started, loaded
// by many clients until it dies or is told to stop, started again and checked.
//
// A world is used by one thread; the clients of a load are threads of their own.
#ifndef MNEME_TESTS_FAULTS_LIVE_WORLD_H_
#define MNEME_TESTS_FAULTS_LIVE_WORLD_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "google/longrunning/operations.grpc.pb.h"
#include "mneme/v1/admin_service.grpc.pb.h"
#include "tests/faults/live_memory.h"
#include "tests/faults/schedules.h"

namespace mneme::test {

// Things with a few possible values, of which one is the case: what an alias stands for, whether a
// memory is there. While a change is under way, or of unknown outcome, two are possible.
class Facts {
 public:
  // A thing that was never heard of is gone.
  void Sent(const std::string& fact, const std::string& value) {
    if (!values_.contains(fact)) Known(fact, "gone");
    values_[fact].insert(value);
  }
  void Known(const std::string& fact, const std::string& value) { values_[fact] = {value}; }
  // Whether that may be; it is known from now on.
  bool Observe(const std::string& fact, const std::string& value);
  const std::map<std::string, std::set<std::string>>& all() const { return values_; }

 private:
  std::map<std::string, std::set<std::string>> values_;
};

class LiveWorld {
 public:
  LiveWorld(uint64_t schedule, Tally& tally);

  // Starts the daemon; false when it did not get to serve. `fail_points` may be empty.
  bool Start(const std::string& fail_points = "");
  // Of the daemon that was started last and did not serve, or was stopped.
  int exit_code() const { return exit_code_; }
  // The last line of the daemon's log.
  std::string LastWords() const;
  void MakeMemories();

  struct Load {
    uint64_t acknowledged = 1;  // in all: then `enough` is asked
    bool all_kinds = false;     // and until every client has done all that it can do
    int end_by = SIGKILL;       // the signal once that is so
    uint64_t seed = 0;
  };
  // Loads the daemon until there is enough, then ends it; or until it dies by itself.
  void Run(const Load& load);
  // Whether the daemon died before it was told to in the last Run.
  bool died_by_itself() const { return died_by_itself_; }

  // Everything against what is known. The daemon runs.
  void Check();
  uint64_t acknowledged() const { return acknowledged_.load(); }

 private:
  using Stub = v1::MemoryService::Stub;
  class Client;

  void WriteItems(Stub& stub, LiveMemory& memory, Random random, std::atomic<bool>& done_all);
  void Stream(Stub& stub, LiveMemory& memory, std::atomic<bool>& done_all);
  void Administrate(const std::shared_ptr<grpc::Channel>& channel, std::atomic<bool>& done_all);
  bool ReplaceByEtag(Stub& stub, LiveMemory& memory, LiveWrite& write);
  bool WaitForExpiry(Stub& stub);
  void CheckFacts();
  void CheckFixed(Stub& stub, const std::string& memory);
  void Report(Finding finding, const std::string& text) { tally_.Report(finding, schedule_, text); }

  const uint64_t schedule_;
  Tally& tally_;
  const TemporaryDirectory directory_;
  std::unique_ptr<Daemon> daemon_;
  std::vector<std::unique_ptr<LiveMemory>> memories_;
  Facts facts_;
  uint64_t cycle_ = 0;  // of the administrator's changes
  uint64_t streams_ = 0;
  std::atomic<uint64_t> acknowledged_{0};
  std::atomic<bool> ending_{false};
  bool died_by_itself_ = false;
  int exit_code_ = 0;
};

}  // namespace mneme::test

#endif  // MNEME_TESTS_FAULTS_LIVE_WORLD_H_
