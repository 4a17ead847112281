#include "server/rpc/stream_counts.h"

#include <algorithm>

#include "core/base/status.h"
#include "server/rpc/limits.h"

namespace mneme::server {
namespace {

absl::Status TooManyStreams(std::string_view who, uint32_t open, uint32_t most) {
  return ResourceExhausted(
      absl::StrFormat(
          "%s streams of Stores are open already",
          who.empty() ? absl::StrCat(open) : absl::StrFormat("'%s': %d", AbslView(who), open)),
      {.reason = "BUSY",
       .given = absl::StrCat(open + 1, " streams"),
       .expected = absl::StrCat("at most ", most, who.empty() ? "" : " of one caller now"),
       .next_step = "Close streams that are idle, or wait and retry.",
       .retry_after_ms = engine::kBusyRetryMs});
}

}  // namespace

absl::StatusOr<StreamCounts::Place> StreamCounts::Enter(const Caller& caller) {
  Place place{.caller = std::string(caller.name()), .is_shared = !caller.is_unchecked()};
  MutexLock lock(&mutex_);
  if (all_.streams >= kStreamsMax) return TooManyStreams("", all_.streams, kStreamsMax);
  const auto found = callers_.find(place.caller);
  const uint32_t own = found == callers_.end() ? 0 : found->second.streams;
  const uint32_t share = std::min(kStreamsPerCallerMax, kStreamsMax - all_.streams);
  if (place.is_shared && own >= share) return TooManyStreams(place.caller, own, share);
  ++all_.streams;
  ++callers_[place.caller].streams;
  return place;
}

void StreamCounts::TakeWindow(Place* place) {
  MutexLock lock(&mutex_);
  Held& own = callers_[place->caller];
  uint32_t left = kStreamWindowsShared - all_.windows;
  if (place->is_shared) left = std::min(left, kStreamWindowsPerCaller - own.windows);
  const uint32_t more = std::min(kStreamWindow - kStreamWindowMin, left / 2);
  all_.windows += more;
  own.windows += more;
  place->window = kStreamWindowMin + more;
}

void StreamCounts::Leave(const Place& place) {
  const uint32_t more = place.window > 0 ? place.window - kStreamWindowMin : 0;
  MutexLock lock(&mutex_);
  --all_.streams;
  all_.windows -= more;
  Held& own = callers_[place.caller];
  own.windows -= more;
  if (--own.streams == 0) callers_.erase(place.caller);
}

}  // namespace mneme::server
