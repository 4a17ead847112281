// A memory of the product that is written step by step, held in this process: store and forget
// rows, ask what it serves then. No engine, no disk.
//
// Threads     a memory is one thread's.
#ifndef MNEME_TESTS_LAB_LIVE_MEMORY_H_
#define MNEME_TESTS_LAB_LIVE_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/ids.h"
#include "core/math/matrix.h"
#include "core/models/model.h"

namespace mneme::lab {

// Associations; the i-th has the id and the row number i.
class Items {
 public:
  Items(Matrix keys, Matrix responses);

  size_t size() const { return keys.rows(); }
  models::RowBlock Block(size_t first, size_t count) const;

  const Matrix keys;
  const Matrix responses;

 private:
  std::vector<ItemId> ids_;
  std::vector<uint64_t> row_numbers_;
};

class LiveMemory {
 public:
  static absl::StatusOr<LiveMemory> Open(const models::MemorySpec& spec);

  // Each write is published, as the engine does.
  absl::Status Store(const Items& items, size_t first, size_t count);
  absl::Status Forget(const Items& items, size_t first, size_t count);
  // What is served after the writes so far.
  std::shared_ptr<const models::View> Publish() { return model_->Publish(); }
  // The recalls of these cues: the whole of publish, begin, probe, merge, settle.
  absl::StatusOr<Matrix> Recall(MatrixView cues);

  const models::Model& model() const { return *model_; }

 private:
  explicit LiveMemory(std::unique_ptr<models::Model> model) : model_(std::move(model)) {}

  std::unique_ptr<models::Model> model_;
};

}  // namespace mneme::lab

#endif  // MNEME_TESTS_LAB_LIVE_MEMORY_H_
