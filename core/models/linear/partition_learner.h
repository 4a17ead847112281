// What learns one matrix of a linear memory: a class a write rule behind one interface, and the
// table of the rules.
//
// A learner takes rows in and out and gives the matrix that readers should hold. It is the whole
// state of its partition: codebooks stand beside it, rows do not.
//
// Threads: not thread-safe, the committer's; what Publish and sealed give is immutable.
//
// Invariants
//   1. The state is a function of the rows added and removed, in the law of the rule: in any order
//      and batching (kStatesAdd), or in log order however batched (kOrdered), up to rounding.
//   2. Save, Load into a fresh learner of the same spec, and going on, is going on.
#ifndef MNEME_CORE_MODELS_LINEAR_PARTITION_LEARNER_H_
#define MNEME_CORE_MODELS_LINEAR_PARTITION_LEARNER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "core/base/bytes.h"
#include "core/models/linear/linear_rows.h"
#include "core/models/linear/served_weights.h"
#include "core/models/model.h"
#include "core/models/spec.h"

namespace mneme::models {

struct SealedPartition;  // linear_view.h

class PartitionLearner {
 public:
  virtual ~PartitionLearner() = default;

  // Rows in log order, at most LearnerRows::kRowsMax; their numbers ascend, above all that came
  // before.
  virtual void Add(const LearnerRows& rows) = 0;
  // Rows that were added, with the vectors and weights of then.
  virtual void Remove(const LearnerRows& rows) = 0;
  // What readers should hold from now on.
  virtual ServedWeights Publish() = 0;

  // Rows added less rows removed; below 0 only where pairs that were never added were removed.
  virtual int64_t items() const = 0;
  // How many of these rows Remove would only suppress, and not unlearn.
  virtual uint64_t CountSuppressed(const LearnerRows&) const { return 0; }
  // Adds what this partition holds to the stats of the memory: bytes (AddBytes), lambda (the
  // largest), suppressed, trained. Items and the codebook are the model's.
  virtual void Describe(ModelStats& stats) const = 0;

  // What a training proved of the served matrix; null where there was none.
  virtual std::shared_ptr<const SealedPartition> sealed() const { return nullptr; }
  // Rows added since, which void the certificates.
  virtual uint64_t delta_items() const { return 0; }

  virtual void Save(ByteWriter& out) const = 0;
  // Into a fresh learner. DataLoss (LinearStateDamaged) when the bytes are cut or hold numbers that
  // are not finite; the learner is then of no use.
  virtual absl::Status Load(ByteReader& in) = 0;
};

// A learner of the memory's rule.
std::unique_ptr<PartitionLearner> MakeLearner(const MemorySpec& spec);

// How what the rule has learned combines.
Law LawOf(LinearRule rule);

// Counts bytes under their kind: those that do not grow with the items, and those that do.
void AddBytes(std::string_view what, uint64_t bytes, ModelStats& stats);
void AddRowBytes(std::string_view what, uint64_t bytes, ModelStats& stats);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_LINEAR_PARTITION_LEARNER_H_
