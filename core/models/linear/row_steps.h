// At which step of its partition each row was absorbed: what forgetting needs where states decay.
//
// Steps count the rows that a partition absorbed, forgotten ones too. Rows of successive numbers
// take successive steps, so runs of them are kept, not rows. Steps so old that nothing of them is
// left may be dropped.
//
// Not thread-safe.
#ifndef MNEME_CORE_MODELS_LINEAR_ROW_STEPS_H_
#define MNEME_CORE_MODELS_LINEAR_ROW_STEPS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "core/base/bytes.h"

namespace mneme::models {

class RowSteps {
 public:
  // Row `row` takes step `step`: both ascend from call to call.
  void Append(uint64_t row, uint64_t step);
  // nullopt where it was dropped, or never appended. O(log runs).
  std::optional<uint64_t> Find(uint64_t row) const;
  // Forgets runs that end before `step`.
  void DropBefore(uint64_t step);

  size_t bytes() const { return runs_.capacity() * sizeof(Run); }

  // 8 number of runs; each 8 first row, 8 first step, 8 count.
  void Save(ByteWriter& out) const;
  // DataLoss where rows or steps do not ascend, or a step is not below `steps`.
  absl::Status Load(ByteReader& in, uint64_t steps);

 private:
  struct Run {
    uint64_t row = 0;
    uint64_t step = 0;
    uint64_t count = 0;
  };
  std::vector<Run> runs_;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_LINEAR_ROW_STEPS_H_
