#include "core/engine/timeline.h"

#include <algorithm>

namespace mneme::engine {
namespace {

// From here on laps whose names came before are one lap; there is room for one of each other name.
constexpr size_t kRepeatedMax = kLapsMax - 16;
constexpr size_t kLapsTypical = 12;
constexpr std::string_view kFurther = "more";

}  // namespace

void Timeline::Add(const Lap& lap) {
  if (laps_.size() < kRepeatedMax) {
    if (laps_.empty()) laps_.reserve(kLapsTypical);
    laps_.push_back(lap);
    return;
  }
  const bool again = std::any_of(laps_.begin(), laps_.end(),
                                 [&](const Lap& other) { return other.name == lap.name; });
  if (!again && laps_.size() < kLapsMax) {
    laps_.push_back(lap);
    return;
  }
  if (laps_.back().name != kFurther && laps_.size() < kLapsMax) {
    laps_.push_back({.name = kFurther, .end_nanos = laps_.back().end_nanos});
  }
  Lap& further = laps_.back();
  further.end_nanos = lap.end_nanos;
  further.parts += lap.parts;
  further.bytes += lap.bytes;
  further.threads = std::max(further.threads, lap.threads);
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
