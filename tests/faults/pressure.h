// A daemon under pressure: its main memory watched from outside, many Stores at once, how long
// answers took.
#ifndef MNEME_TESTS_FAULTS_PRESSURE_H_
#define MNEME_TESTS_FAULTS_PRESSURE_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/faults/schedules.h"
#include "tests/faults/times.h"
#include "tests/integration/live.h"

namespace mneme::test {

// Samples what a process holds of main memory, every few milliseconds. Thread-safe.
class ResidentWatch {
 public:
  explicit ResidentWatch(pid_t pid);
  ~ResidentWatch();
  uint64_t most() const { return most_.load(); }

 private:
  const pid_t pid_;
  std::atomic<uint64_t> most_{0};
  std::atomic<bool> over_{false};
  std::thread thread_;  // last
};

// Stores of many clients at once, each call sent without waiting for earlier ones, and what became
// of them. Item ids of call n: n * rows ... Thread-safe.
class Flood {
 public:
  Flood(const Daemon& daemon, std::string memory, int rows, int cols, int connections);
  ~Flood() { Wait(); }

  // Sends one Store, unless `outstanding_max` are under way; false then.
  bool Send(size_t outstanding_max);
  void Wait();  // until every call is answered

  const Times& times() const { return times_; }  // of those that were acknowledged
  uint64_t acknowledged() const { return acknowledged_.load(); }
  uint64_t refused(const std::string& reason) const;
  uint64_t sent() const { return next_.load(); }
  uint64_t unknown() const { return unknown_.load(); }
  uint64_t outstanding() const { return outstanding_.load(); }
  // The first refusal that is not as promised; empty for none.
  std::string wrong() const;
  // Every acknowledged Store's items, counted where they are listed: how many are missing.
  uint64_t CountLost(v1::MemoryService::Stub& stub) const;

 private:
  struct Call;
  void Ended(Call& call, const grpc::Status& status);

  const std::string memory_;
  const int rows_;
  const int cols_;
  const std::vector<float> keys_;
  std::vector<std::unique_ptr<v1::MemoryService::Stub>> stubs_;
  Times times_;
  std::atomic<uint64_t> next_{0};
  std::atomic<uint64_t> acknowledged_{0};
  std::atomic<uint64_t> unknown_{0};
  std::atomic<uint64_t> outstanding_{0};
  mutable std::mutex mutex_;
  std::vector<uint64_t> done_;
  std::map<std::string, uint64_t> refused_;
  std::string wrong_;
};

// Notes of a suite: whole numbers with a name.
void NoteMillis(Tally& tally, const std::string& name, const Times& times);
// A finding when the daemon held over `limit` bytes and 5 %.
void CheckResident(Tally& tally, const ResidentWatch& watch, uint64_t limit);
// Seconds that a suite of this kind runs: --schedules, 3,600 with --long, else 30.
inline std::chrono::seconds SuiteSeconds() {
  return std::chrono::seconds(Flags().Count(30, 3'600));
}

}  // namespace mneme::test

#endif  // MNEME_TESTS_FAULTS_PRESSURE_H_
