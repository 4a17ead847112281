// Answers of a memory that a copy of it must repeat: cues that can be made again from a row's key
// or from a seed, and what the memory says to each.
#ifndef MNEME_CORE_ENGINE_SAMPLES_H_
#define MNEME_CORE_ENGINE_SAMPLES_H_

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/random.h"
#include "core/engine/memory.h"
#include "core/storage/storage.h"

namespace mneme::engine {

// The most that a repeated answer may be off: a score relative to itself, a projection relative to
// the largest of its recall.
inline constexpr double kSampleTolerance = 1e-5;
inline constexpr size_t kProjections = 4;

// One cue and its answer. The cue is the stored key of row `number`; where keys are not kept, the
// unit vector of that stream of the memory's seed.
struct Sample {
  uint64_t number = 0;
  uint8_t status = 0;    // models::AnswerStatus
  bool failed = false;   // this cue alone could not be answered
  bool has_top = false;  // false: no codebook, or nothing was found
  bool tie = false;      // the second is as good: which of the two comes first says nothing
  ItemId top;
  double score = 0;
  std::array<double, kProjections> projections{};  // of the recall on seeded random vectors
};

// Asks a recovered memory each cue.
//
// Errors   DataLoss (CORRUPT) when a row of `numbers` is not there; Cancelled.
// Cost     one Retrieve a cue, 64 at a time, on the calling thread.
absl::StatusOr<std::vector<Sample>> TakeSamples(const storage::Storage& storage,
                                                const Memory& memory,
                                                const std::vector<uint64_t>& numbers, uint64_t seed,
                                                const std::function<bool()>& cancelled);

// What differs, in words: given, expected. nullopt when the answer is repeated.
struct SampleDifference {
  std::string given;
  std::string expected;
};
std::optional<SampleDifference> Compare(const Sample& given, const Sample& expected);

// A uniform choice of at most `most` of the rows it is shown.
class RowReservoir {
 public:
  RowReservoir(size_t most, uint64_t seed) : most_(most), random_(seed) {}
  void Show(uint64_t row);
  std::vector<uint64_t> Take();  // ascending

 private:
  const size_t most_;
  Random random_;
  uint64_t seen_ = 0;
  std::vector<uint64_t> rows_;
};

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_SAMPLES_H_
