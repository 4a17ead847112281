#include "core/engine/timeline.h"

#include <algorithm>

namespace mneme::engine {

void Timeline::Add(const Lap& lap) {
  if (laps_.size() < kLapsMax) {
    laps_.push_back(lap);
    return;
  }
  // The order of what is left out is lost, its sums are not: the last lap takes the time, the last
  // one of the name what was read.
  laps_.back().end_nanos = lap.end_nanos;
  const auto same = std::find_if(laps_.rbegin(), laps_.rend(),
                                 [&](const Lap& other) { return other.name == lap.name; });
  if (same == laps_.rend()) return;
  same->parts += lap.parts;
  same->bytes += lap.bytes;
  same->threads = std::max(same->threads, lap.threads);
}

void Timeline::Follow(const Timeline& other) {
  for (const Lap& lap : other.laps_) Add(lap);
}

void PassWatch::Note(const models::Query& query) {
  lap_ = {.name = query.stage(),
          .parts = query.parts(),
          .bytes = static_cast<uint64_t>(query.stage_bytes())};
}

}  // namespace mneme::engine
