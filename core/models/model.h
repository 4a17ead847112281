// What a model is: how it takes rows in, and how it answers cues.
//
// Writing: one thread (the committer's) calls Absorb and Forget in log order, live and in replay
// alike, then Publish. Reading: any thread takes the published View and never waits for a writer.
//
// Answering is begin / probe / merge / settle, the whole of what the engine relies on:
//
//   query = view->Begin(cues, spec)             the State of a batch of cues, at stage 0
//   repeat
//     partial = query->Empty()                  identity of the monoid
//     query->Probe(first, last, partial)        over parts [first, last) of the stage: the only
//     step that touches data.
//                                               Const and thread-safe: threads probe disjoint
//                                               ranges into their own partials
//     query->Merge(into, from)                  anywhere, in any order and grouping (1e-5 relative)
//     done = query->Settle(partial)             once, by the coordinator, with everything merged:
//     takes a dynamics step,
//                                               or moves to the next stage
//   until done
//   answer = query->TakeAnswer()
//
// A family keeps its own State and Partial types behind Query and Partial; TypedQuery does the
// casts.
//
// Invariants
//   1. A View is immutable and owns (shares) all it needs: it outlives the model's later writes.
//   2. Merge is associative and commutative with Empty() as identity, up to rounding.
//   3. Splitting a stage's parts in any way gives the same answer within 1e-5 relative.
//   4. The model's state is a function of the rows absorbed and forgotten in log order, however
//   they were batched
//      (up to rounding).
#ifndef MNEME_CORE_MODELS_MODEL_H_
#define MNEME_CORE_MODELS_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/ids.h"
#include "core/math/matrix.h"
#include "core/models/spec.h"

namespace mneme::models {

// How what a model has learned combines; the engine relies on nothing else.
enum class Law {
  kAnswersAdd,  // scan models: partial answers of disjoint items merge
  kStatesAdd,   // state models whose sums are order-free: A, C, n
  kOrdered,     // state models that must see writes in log order (delta rules)
  kTrained,     // state published by a job
};

// Rows on their way in or out. All columns have `size()` entries, or none where the memory has no
// such column.
struct RowBlock {
  MatrixView keys;                        // [rows, key_dim]
  MatrixView responses;                   // [rows, response_dim], empty for auto-association
  std::span<const ItemId> ids;            // empty where no ids are kept (RETAIN_STATISTICS)
  std::span<const float> weights;         // > 0; empty: 1 each
  std::span<const uint64_t> row_numbers;  // ascending; the storage's name of each row
  // May be empty matrices in a row block that only restores a codebook (keys gone after a
  // checkpoint).
  size_t size() const { return row_numbers.size(); }
};

// How an answer came about (dense-memory.md 1.7), for all models.
enum class AnswerStatus { kUnset, kConverged, kMaxIterations, kNoSupport, kMixture, kEmptyStore };

enum class QueryKind { kRetrieve, kList };

// What is asked of a batch of cues; all cues of a batch share it.
struct QuerySpec {
  QueryKind kind = QueryKind::kRetrieve;
  size_t top = 0;              // entries wanted in CueAnswer::top
  std::optional<double> beta;  // dense: overrides the memory's
  int steps_max = 0;           // dense: 0 = the memory's
  // kList over given items only: their row numbers, ascending, no duplicates. nullopt: all items.
  std::optional<std::vector<uint64_t>> candidate_rows;

  friend bool operator==(const QuerySpec&, const QuerySpec&) = default;
};

// Cues as they arrive. The numbers must outlive the Query.
struct CueBatch {
  MatrixView cues;  // [B, key_dim], finite
  // Known coordinates: B rows of ceil(key_dim / 8) bytes, bit j of a row is (byte[j/8] >> (j%8))
  // & 1. Empty: all known.
  std::span<const uint8_t> mask;
};

struct ScoredItem {
  ItemId id;
  uint64_t row = 0;
  double score = 0;
  double share = 0;  // of the softmax over all items (dense)
};

// The answer to one cue, besides its recall.
struct CueAnswer {
  absl::Status error;  // not OK: this cue alone could not be answered
  AnswerStatus status = AnswerStatus::kUnset;
  int steps = 0;
  double energy = 0;
  double p_max = 0;
  double n_eff = 0;
  uint64_t n_support = 0;
  std::vector<ScoredItem> top;  // best first; equal scores by smaller id
  double score_mean = 0;
  double score_std = 0;
  double z_best = 0;
  double z_gap = 0;
  double mass = 0;  // kList: share of the softmax mass that `top` holds (dense)
};

struct Answer {
  Matrix recalls;               // [B, answer_dim]; empty for kList
  std::vector<CueAnswer> cues;  // B
  uint64_t items_scored = 0;
};

// What some parts contribute to the answers of a batch.
class Partial {
 public:
  virtual ~Partial() = default;
};

// A batch of cues being answered: the State, at its present stage.
class Query {
 public:
  virtual ~Query() = default;
  // Units of the present stage that can be probed apart (tiles; 1 for a published state). May be 0.
  virtual size_t parts() const = 0;
  // Floating-point operations (about) and bytes touched by one part, for scheduling; never zero.
  virtual double part_flops() const = 0;
  virtual double part_bytes() const = 0;
  virtual std::unique_ptr<Partial> Empty() const = 0;
  virtual void Probe(size_t first, size_t last, Partial& into) const = 0;
  virtual void Merge(Partial& into, const Partial& from) const = 0;
  // True when done. An error ends the whole batch.
  virtual absl::StatusOr<bool> Settle(Partial& merged) = 0;
  // Once, after Settle returned true.
  virtual Answer TakeAnswer() = 0;
};

// Casts between the engine's Partial and a family's own.
template <typename P>
class TypedQuery : public Query {
 public:
  std::unique_ptr<Partial> Empty() const final { return std::make_unique<P>(MakeEmpty()); }
  void Probe(size_t first, size_t last, Partial& into) const final {
    ProbeParts(first, last, static_cast<P&>(into));
  }
  void Merge(Partial& into, const Partial& from) const final {
    MergeParts(static_cast<P&>(into), static_cast<const P&>(from));
  }
  absl::StatusOr<bool> Settle(Partial& merged) final {
    return SettleStage(static_cast<P&>(merged));
  }

 protected:
  virtual P MakeEmpty() const = 0;
  virtual void ProbeParts(size_t first, size_t last, P& into) const = 0;
  virtual void MergeParts(P& into, const P& from) const = 0;
  virtual absl::StatusOr<bool> SettleStage(P& merged) = 0;
};

// What `describe` shows of a model's state.
struct ModelStats {
  uint64_t items = 0;
  uint64_t fixed_bytes = 0;  // do not grow with items
  uint64_t row_bytes = 0;
  double beta = 0;
  bool beta_fallback = false;
  double lambda = 0;
};

// An immutable state of a memory. Thread-safe.
class View {
 public:
  virtual ~View() = default;
  virtual const ModelStats& stats() const = 0;
  // InvalidArgument where the spec asks what the model cannot do, or every cue is unusable; a cue
  // that alone is unusable (zero vector under cosine) gets CueAnswer::error instead.
  // FailedPrecondition: lists where no codebook is kept.
  virtual absl::StatusOr<std::unique_ptr<Query>> Begin(const CueBatch& cues,
                                                       const QuerySpec& spec) const = 0;
};

// The mutable state of one memory. Not thread-safe: the committer's.
class Model {
 public:
  virtual ~Model() = default;
  virtual Law law() const = 0;
  // Checks rows that a user wants to store against the model (zero vectors where unit vectors are
  // needed, ...), before they are logged. Thread-safe, looks at the spec only. Shapes and
  // finiteness were checked by the engine.
  virtual absl::Status Check(const RowBlock& rows) const = 0;
  // Rows were checked and logged: these cannot fail for a user's reason. Internal: our bug.
  virtual absl::Status Absorb(const RowBlock& rows) = 0;
  virtual absl::Status Forget(const RowBlock& rows) = 0;
  // Restores kept rows without changing the learned state (their contribution is in a checkpoint
  // already): fills the codebook of a linear memory after Load. Never called for law kAnswersAdd,
  // whose rows are its state.
  virtual absl::Status Restore(const RowBlock& rows) = 0;
  // Recomputes what is derived from all rows when it is due (automatic beta). True when Save() has
  // something new that must be persisted now for replay to repeat it. Called after each commit
  // group, before Publish.
  virtual bool Maintain() = 0;
  virtual std::shared_ptr<const View> Publish() = 0;
  // The learned state as bytes (with a version; the storage adds checksums), and back. For law
  // kAnswersAdd: the constants only (beta), the rows are kept by the storage.
  virtual std::string Save() const = 0;
  virtual absl::Status Load(std::string_view blob) = 0;
};

// A fresh model of a valid spec.
absl::StatusOr<std::unique_ptr<Model>> MakeModel(const MemorySpec& spec);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_MODEL_H_
