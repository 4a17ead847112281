// What was asked of one memory of a live daemon, kept outside of it, and the check of what the
// daemon holds after it died.
//
// Every write is of whole batches: row r of batch b is item kIdsPerLiveBatch * b + r, and what it
// holds follows from the batch and the number of the write. A write is acknowledged, refused or of
// unknown outcome; after a death the memory must be exactly as it was at the position it says: all
// writes acknowledged up to there in effect, those of unknown outcome wholly or not at all. A
// process that dies takes nothing along that reached the operating system, so only writes
// acknowledged at level MEMORY may be gone, the last ones.
//
// Used by one thread at a time.
#ifndef MNEME_TESTS_FAULTS_LIVE_MEMORY_H_
#define MNEME_TESTS_FAULTS_LIVE_MEMORY_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/faults/schedules.h"
#include "tests/integration/live.h"

namespace mneme::test {

inline constexpr uint64_t kIdsPerLiveBatch = 1'000;
inline constexpr int kLiveKeyDim = 16;
inline constexpr int kLiveResponseDim = 4;

struct LiveKind {
  const char* name;
  int rows = 3;              // of a batch
  bool keeps_items = true;   // items can be listed; else sums alone are there
  bool associates = false;   // has responses, and recalls what a fresh memory recalls
  uint64_t batches_max = 0;  // further ones evict the oldest; 0: no cap
  int64_t ttl_ms = 0;        // of every item; 0: for ever
  v1::Memory (*spec)() = nullptr;
};
// dense, ridge, tam, sums (a matrix alone), capped (evicts the oldest), brief (items expire),
// stream.
const std::vector<LiveKind>& LiveKinds();

// How a call ended: what it says, in the words of the promises.
enum class Ended { kDone, kNotDone, kUnknown, kWrong };
Ended EndOf(const grpc::Status& status);

// One call with a deadline: a daemon that hangs ends the test with a finding.
template <typename Stub, typename Method, typename Request, typename Response>
grpc::Status CallLive(Stub& stub, Method method, const Request& request, Response* response) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  return (stub.*method)(&context, request, response);
}

struct LiveWrite {
  enum class Kind { kStore, kDelete, kDeleteByFilter };
  enum class State { kUnknown, kAcknowledged };
  uint64_t number = 0;  // from 1, in the order sent; names the request
  Kind kind = Kind::kStore;
  uint64_t batch = 0;
  bool upsert = false;
  std::vector<std::string> etags;  // of the rows it replaces; empty: none asked for
  uint64_t stored_by = 0;          // a deletion: the write that stored what goes
  v1::Durability level = v1::DURABILITY_DISK;
  // What is known of its end.
  State state = State::kUnknown;
  uint64_t position = 0;
  bool survives = false;  // acknowledged at a level that a dying process takes nothing from
};

class LiveMemory {
 public:
  LiveMemory(const LiveKind& kind, uint64_t schedule, Tally& tally)
      : kind_(kind), schedule_(schedule), tally_(tally) {}

  const LiveKind& kind() const { return kind_; }
  std::string name() const { return std::string("memories/") + kind_.name; }

  // A write that is about to be sent: a new batch, or a change of one that is held. Of unknown
  // outcome until it is said how it ended.
  LiveWrite& Next(LiveWrite::Kind kind, uint64_t batch, bool upsert, v1::Durability level);
  uint64_t NewBatch() { return next_batch_++; }
  // Batches that are there, each with the write that it comes from.
  std::map<uint64_t, uint64_t> held() const;
  void Acknowledged(LiveWrite& write, uint64_t position, v1::Durability reached);
  void Refused(const LiveWrite& write);
  // The number of the last write that is in effect; writes after it were not done.
  uint64_t last() const { return writes_.empty() ? settled_last_ : writes_.rbegin()->first; }

  v1::StoreRequest StoreOf(const LiveWrite& write) const;
  v1::DeleteItemsRequest DeleteOf(const LiveWrite& write) const;
  // Sends the write; what it says about its end is noted.
  grpc::Status Send(v1::MemoryService::Stub& stub, LiveWrite& write, bool* replayed = nullptr);

  // After a restart: what is there against what must be. What is found out is then taken for known;
  // writes of unknown outcome are sent once more and must be in effect once.
  void Check(v1::MemoryService::Stub& stub);

  void Report(Finding finding, const std::string& text) const {
    tally_.Report(finding, schedule_, std::string(kind_.name) + ": " + text);
  }

 private:
  using Batches = std::map<uint64_t, uint64_t>;  // batch to the write that it comes from
  std::optional<Batches> List(v1::MemoryService::Stub& stub) const;
  bool CheckItem(const v1::Item& item, uint64_t* write) const;
  Batches Expected(uint64_t position, const Batches* found, uint64_t items);
  bool InEffect(const LiveWrite& write, const Batches& before, const Batches* found,
                uint64_t items) const;
  void Apply(const LiveWrite& write, Batches& batches) const;
  void Compare(const Batches& expected, const Batches& found) const;
  void CheckPosition(uint64_t position) const;
  void CheckAnswers(v1::MemoryService::Stub& stub, const Batches& batches) const;
  void CompareRecalls(const std::string& given, const std::string& expected) const;
  void Retry(v1::MemoryService::Stub& stub, LiveWrite write, bool in_effect);
  std::vector<float> Keys(uint64_t batch, uint64_t write) const;
  std::vector<float> Responses(uint64_t batch, uint64_t write) const;

  const LiveKind& kind_;
  const uint64_t schedule_;
  Tally& tally_;
  uint64_t next_batch_ = 1;
  uint64_t next_write_ = 1;
  uint64_t settled_last_ = 0;
  uint64_t settled_position_ = 0;
  Batches settled_;                       // as of the last check
  std::map<uint64_t, LiveWrite> writes_;  // since then, by number
};

}  // namespace mneme::test

#endif  // MNEME_TESTS_FAULTS_LIVE_MEMORY_H_
