// Rule FEDERATED: the matrix is learned by the node of a federation, beside serving, and given to
// the memory at the end of each of its rounds. What the learner keeps of its own is what the node
// needs: rows that it has not taken yet, or would have to take again after a restart.
//
// Not thread-safe; what Publish gives is immutable.
//
// Invariants
//   1. Rows have positions: 0, 1, ... in the order in which they were stored. The rows kept are
//      those from `learned` of the newest state on that was given, but for the oldest beyond
//      kFederatedRowBytesMax, which are counted. A kept row that is removed becomes zero.
//   2. Save, Load and going on is going on from the newest state that was given: what the node did
//      since is done again, or was other nodes' and is lost.
#ifndef MNEME_CORE_MODELS_LINEAR_FEDERATED_LEARNER_H_
#define MNEME_CORE_MODELS_LINEAR_FEDERATED_LEARNER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "core/math/matrix.h"
#include "core/models/linear/partition_learner.h"
#include "core/models/model.h"

namespace mneme::models {

// Rows kept for the node, in bytes of their vectors: further ones push the oldest out.
inline constexpr size_t kFederatedRowBytesMax = 32u << 20;

class FederatedLearner final : public PartitionLearner {
 public:
  explicit FederatedLearner(const MemorySpec& spec);

  void Add(const LearnerRows& rows) override;
  // A row that the node has taken already stays learned: it is suppressed.
  void Remove(const LearnerRows& rows) override;
  ServedWeights Publish() override { return {.base = weights_}; }
  int64_t items() const override { return n_; }
  uint64_t CountSuppressed(const LearnerRows& rows) const override;
  void Describe(ModelStats& stats) const override;
  // 8 n, signed; 8 suppressed; 8 missed; 8 rows ever stored; 4 d_v d_k the matrix, row-major,
  // float32; 8 bytes of the node's state, and these; 8 rows, and for each 8 its number, 4 its
  // weight, 4 (d_k + d_v) key and response.
  void Save(ByteWriter& out) const override;
  absl::Status Load(ByteReader& in) override;

  // Cost: of the rows taken, and of those let go.
  FederatedRows Exchange(const FederatedExchange& exchange);

 private:
  struct Row {
    uint64_t number = 0;
    float weight = 1;
    std::vector<float> pair;  // key, then response
  };

  size_t rows_max() const;
  // Position of the oldest row kept.
  uint64_t oldest() const { return stored_ - rows_.size(); }
  void DropOldest();

  const size_t d_k_;
  const size_t d_v_;
  int64_t n_ = 0;
  uint64_t suppressed_ = 0;
  uint64_t missed_ = 0;  // rows pushed out before they were taken
  uint64_t stored_ = 0;  // rows ever
  uint64_t taken_ = 0;   // the node of this process has rows at positions below it
  std::shared_ptr<const Matrix> weights_;
  std::shared_ptr<const std::string> state_;
  std::deque<Row> rows_;  // numbers ascend, positions up to stored_
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_LINEAR_FEDERATED_LEARNER_H_
