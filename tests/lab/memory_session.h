// A memory of the product, held in this process: store rows, publish, ask. No engine, no disk.
//
// Threads     a session is one thread's.
#ifndef MNEME_TESTS_LAB_MEMORY_SESSION_H_
#define MNEME_TESTS_LAB_MEMORY_SESSION_H_

#include <memory>

#include "absl/status/statusor.h"
#include "core/math/matrix.h"
#include "core/models/model.h"

namespace mneme::lab {

class MemorySession {
 public:
  // Stores all rows at once; row i has the id i. `responses` is empty for auto-association.
  static absl::StatusOr<MemorySession> Store(const models::MemorySpec& spec, MatrixView keys,
                                             MatrixView responses);

  // The whole of begin, probe, merge, settle.
  absl::StatusOr<models::Answer> Ask(const models::CueBatch& cues,
                                     const models::QuerySpec& spec) const;

  const models::ModelStats& stats() const { return view_->stats(); }

 private:
  std::shared_ptr<const models::View> view_;
};

}  // namespace mneme::lab

#endif  // MNEME_TESTS_LAB_MEMORY_SESSION_H_
