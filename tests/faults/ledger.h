// What was acknowledged, kept outside of storage and engine, and the check of a reopened engine
// against it.
//
// A memory is checked to be exactly as it was at the position it says it has: every write
// acknowledged up to there is in effect, none after it. That position may fall behind what was
// acknowledged only by writes that were not to be safe on disk (and only if the power went).
// A write whose outcome is unknown may be in effect or not, but wholly.
//
// Not thread-safe.
#ifndef MNEME_TESTS_FAULTS_LEDGER_H_
#define MNEME_TESTS_FAULTS_LEDGER_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/faults/machine.h"
#include "tests/faults/schedules.h"

namespace mneme::test {

class Ledger {
 public:
  enum class Kind { kStore, kDelete };

  // Findings go to `tally`, under this schedule's number.
  Ledger(uint64_t schedule, Tally& tally) : schedule_(schedule), tally_(tally) {}

  // One write that was sent, and its end.
  void Ended(Kind kind, uint64_t batch, engine::Sync asked,
             const absl::StatusOr<engine::WriteReply>& reply);
  // Batches that are certainly there and not being deleted.
  std::vector<uint64_t> held() const;
  // The machine stopped cleanly: whatever was acknowledged will be there.
  void StoppedCleanly();
  // The process ended and the power stayed: what was acknowledged at level OS will be there too.
  void ProcessEnded();

  // Compares; what is found out about unknown and lost writes is then taken for known. Deleted
  // memories and memories that refuse with `DEGRADED` are findings.
  void Check(Machine& machine);
  // Sends every write again whose outcome was unknown, and some that were acknowledged: each must
  // be in effect once.
  void RetryAndCheck(Machine& machine);

 private:
  // Of one write of one batch.
  struct Write {
    enum class State { kNone, kUnknown, kAcknowledged };
    State state = State::kNone;
    uint64_t position = 0;  // when acknowledged
    engine::Sync level = engine::Sync::kMemory;
    bool on_disk = false;  // must be there from now on
  };
  struct Entry {
    Write store;
    Write erase;
  };
  // Rows found of each batch.
  using Found = std::map<uint64_t, std::vector<engine::ItemRecord>>;

  void Report(Finding finding, std::string_view text) { tally_.Report(finding, schedule_, text); }
  void Reached(engine::Sync level);
  void CheckMemory(Machine& machine, Machine& fresh, const MemoryKind& kind);
  void CheckPosition(const MemoryKind& kind, uint64_t position);
  Found Group(const MemoryKind& kind, const std::vector<engine::ItemRecord>& items);
  void CheckBatch(uint64_t batch, Entry& entry, bool found, uint64_t position);
  void CheckModel(Machine& machine, Machine& fresh, const MemoryKind& kind, const Found& found);
  void CheckRecalls(const MemoryKind& kind, const engine::QueryReply& reply,
                    const engine::QueryReply& expected, const std::vector<ItemId>& ids);
  void Retry(Machine& machine, Kind kind, uint64_t batch, bool in_effect);

  const uint64_t schedule_;
  Tally& tally_;
  std::map<uint64_t, Entry> entries_;  // by batch
};

}  // namespace mneme::test

#endif  // MNEME_TESTS_FAULTS_LEDGER_H_
