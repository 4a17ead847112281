// How far a numbered series of writes has come: what a broken stream of Stores resumes from.
#include <utility>

#include "core/engine/catalogue_entry.h"
#include "core/engine/engine.h"

namespace mneme::engine {
namespace {

// Whether the n-th write of the series was carried out.
using IsDone = std::function<absl::StatusOr<bool>(uint64_t n)>;

// The last of the writes 1, 2, ... that were carried out one after another: a bound by doubling,
// then by halving. Cost: 2 log2(n) looks.
absl::StatusOr<uint64_t> LastDone(const IsDone& is_done) {
  uint64_t done = 0;
  uint64_t open = 1;  // not done, once the first loop ends
  while (true) {
    MNEME_ASSIGN_OR_RETURN(const bool yes, is_done(open));
    if (!yes) break;
    done = open;
    open *= 2;
  }
  while (open - done > 1) {
    const uint64_t middle = done + (open - done) / 2;
    MNEME_ASSIGN_OR_RETURN(const bool yes, is_done(middle));
    (yes ? done : open) = middle;
  }
  return done;
}

}  // namespace

void Engine::LastOfSeries(std::string name, std::function<std::string(uint64_t)> request_id,
                          Done<uint64_t> done) {
  absl::StatusOr<std::shared_ptr<Memory>> memory = catalogue_.Find(name);
  if (!memory.ok()) return done(memory.status());
  if (absl::Status serving = (*memory)->CheckServing(); !serving.ok()) return done(serving);
  const absl::Status queued =
      read_pool_->Submit([this, memory = *std::move(memory), request_id, done] {
        done(LastDone([&](uint64_t n) -> absl::StatusOr<bool> {
          MNEME_ASSIGN_OR_RETURN(
              const std::optional<storage::RequestOutcome> outcome,
              storage_->FindRequest({.scope = memory->name(), .request_id = request_id(n)}));
          if (!outcome.has_value()) return false;
          // What was done to an earlier memory of the same name does not count.
          MNEME_ASSIGN_OR_RETURN(const WriteReply reply, DecodeWriteReply(outcome->reply));
          return reply.uid == memory->uid();
        }));
      });
  if (!queued.ok()) done(queued);
}

}  // namespace mneme::engine
