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
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "core/base/ids.h"
#include "core/base/row_set.h"
#include "core/math/matrix.h"
#include "core/models/index/calibration.h"
#include "core/models/query_plan.h"
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
  // Only these rows take part; null: all. Dense: in recalls, lists and their statistics. Linear: in
  // lists; a recall with it is InvalidArgument (FILTER), for W holds all rows at once.
  std::shared_ptr<const RowSet> rows;
  // `rows` leaves out nothing but items whose time has come: linear recalls are answered (from a W
  // that holds these items until they are forgotten) and no list names them; certificates stand,
  // for with fewer competitors no rank gets worse.
  bool rows_are_unexpired = false;
  // kList over given responses only ([candidates, response_dim], linear): scores of W q against
  // them, unit length taken; no codebook is needed. Entries are named by number, 0 upwards, and
  // `row` is that number. The numbers must outlive the Query; empty: not asked for.
  MatrixView candidate_responses;
  // kList, trained memories: the list that the sealed certificates speak of (`top` is ignored).
  bool certified_list = false;
  // kList: row number of an item for each cue, whose rank among all items is wanted in
  // CueAnswer::target (linear). Empty: none.
  std::vector<uint64_t> target_rows;

  // Score every item, even where an index would name a few.
  bool exact = false;

  // True when the batches of two queries may be answered as one.
  bool BatchesWith(const QuerySpec& other) const;
  // `rows` leaves out items that are to be had.
  bool filtered() const { return rows != nullptr && !rows_are_unexpired; }
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
  // Trained memories, in an answer whose certificates are kSealed:
  bool certified = false;  // at its own key the item is in its list; holds within `radius` of it
  double radius = 0;       // largest |cue - key| (unit vectors) for which that is proven; 0: none
};

// Do the items of a list carry certificates?
enum class CertificateState {
  kNone,          // the model gives none
  kSealed,        // yes, of the sealed epoch
  kUntrained,     // no: no job has trained this memory yet
  kDelta,         // no: rows were stored after the epoch was sealed
  kListTooShort,  // no: shorter than the certified list
  kPartitioned,   // no: a merged list of several partitions; ask for the certified list
  kCandidates,    // no: not all items were ranked
};

// Rank of an item that was asked for by QuerySpec::target_rows.
struct TargetRank {
  bool found = false;
  uint64_t rank = 0;         // 1 + items whose score is at least the target's
  uint64_t competitors = 0;  // items scored, less the target
  double score = 0;
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
  // What answered a cue outside every support (dense, relu); kReport: nothing had to.
  NoSupportPolicy fallback = NoSupportPolicy::kReport;
  double beta = 0;              // that the figures are of (dense)
  double radius = 0;            // likewise, of the supports (dense, relu)
  std::vector<ScoredItem> top;  // best first; equal scores by smaller id
  double score_mean = 0;
  double score_std = 0;
  double z_best = 0;
  double z_gap = 0;
  double mass = 0;         // kList: share of the softmax mass that `top` holds (dense)
  double share_error = 0;  // shares and mass may be off by this, relative
  // Of a scan by codes, over all passes: rows that their bounds did not rule out (for the list, and
  // again for the recall), and keys that were read for these. Of an index: rows named and scored.
  uint64_t rows_survived = 0;
  uint64_t rows_rescored = 0;
  // kList of a trained memory: mean score of the certified list's entries (the largest list_size
  // scores of the best item's partition).
  double tail_average = 0;
  TargetRank target;
};

// Why an answer is the one that scoring every item would give.
enum class ExactnessProof {
  kFullScan,    // every item was scored, or the state is the whole memory
  kCodeBounds,  // bounds on small codes ruled out the items that were not
};

// Why a memory with an index answers from all its items.
enum class IndexFallback {
  kNone,           // it does not: the answer is approximate
  kAsked,          // QuerySpec::exact
  kRecall,         // a recall weighs all items
  kFewRows,        // scanning so few is quick
  kBuilding,       // the index is being made, or made anew
  kUncalibrated,   // its recall has not been measured yet
  kGrown,          // the memory has doubled since it was
  kRecallTooLow,   // measured: the recall is below the target
  kExactIsFaster,  // measured: the scan takes less time
  kFailed,         // it could not be made
  kDepth,          // the list is so long that most items would be scored
  kMask,           // some coordinates of the cues are unknown
  kRows,           // a filter or candidates: the best of a few are hardly among those named
  kCue,            // a cue of length 0, or beyond what the index computes with
};
std::string_view Name(IndexFallback fallback);

// What an index had to do with an answer. Its recall is that of lists of kCalibratedTop items,
// measured when the memory held `rows`; in longer lists as many more rows were scored.
struct IndexUse {
  IndexFallback fallback = IndexFallback::kNone;
  MeasuredShare recall;  // of kNone, as are the rest
  uint64_t depth = 0;    // rows named for each cue, and scored
  uint64_t rows = 0;
};

struct Answer {
  Matrix recalls;  // [B, answer_dim]; empty for kList
  ExactnessProof proof = ExactnessProof::kFullScan;
  std::vector<CueAnswer> cues;  // B
  uint64_t items_scored = 0;
  CertificateState certificates = CertificateState::kNone;
  uint64_t list_size = 0;  // of the certified list: sum of the partitions' k; 0 where there is none
  // Of a memory with an index. Shares and mass of an approximate list are of the rows scored; its
  // means, deviations and z are 0.
  std::optional<IndexUse> index;
  QueryPlan plan;

  bool approximate() const { return index && index->fallback == IndexFallback::kNone; }
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
  // What the present stage does: "scan", "rescore". Static.
  virtual std::string_view stage() const { return "scan"; }
  // Units of the present stage that can be probed apart (tiles; 1 for a published state). May be 0.
  virtual size_t parts() const = 0;
  // Floating-point operations (about) and bytes touched by one part, for scheduling; never zero.
  virtual double part_flops() const = 0;
  virtual double part_bytes() const = 0;
  // Bytes that the present stage reads in all, for people.
  virtual double stage_bytes() const { return static_cast<double>(parts()) * part_bytes(); }
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

// The weights that a job trained, and what it proved of them (linear, rule TAM).
struct TrainedStats {
  uint64_t position = 0;  // of the log: rows up to it were trained on
  std::string job;
  uint64_t items = 0;        // trained on
  uint64_t certified = 0;    // of these, certified
  uint64_t list_size = 0;    // sum of the partitions' k
  double radius_min = 0;     // over certified items
  double loss = 0;           // worst over partitions
  double weights_norm = 0;   // |W|_F in the theory frame, mean over partitions
  double score_sigmas = 0;   // mean true score in standard deviations of the competitors'
  uint64_t delta_items = 0;  // stored since; certificates are void while there are any
  uint64_t suppressed = 0;   // trained on, deleted since: never returned, not yet unlearned
};

// Bytes of one kind of thing a memory holds.
struct ByteAccount {
  std::string_view what;  // "W", "statistics", "codebook", "certificates", ...
  uint64_t bytes = 0;
};

// How a memory's index stands.
struct IndexStats {
  IndexFallback fallback = IndexFallback::kBuilding;  // of a plain list; kNone: it is used
  std::string why;                                    // of kFailed
  std::shared_ptr<const Calibration> calibration;     // null: none yet
  bool work_due = false;                              // Model::BeginIndexWork has something to do
};

// Items that have another inside the radius of their support: their recall is a mean of several.
struct ShadowCount {
  uint64_t shadowed = 0;
  uint64_t items = 0;  // when it was counted; 0: there are too many to count them beside writes
};

// What a training of an encoder aims at.
enum class EncoderGoal {
  kCentre,      // subtract the mean
  kWhiten,      // and spread all directions alike
  kSeparation,  // push the keys apart (U-Hop+)
  kNoiseAware,  // find the keys of noisy cues
};
std::string_view Name(EncoderGoal goal);

// How noisy cues fared under an encoder, on the keys that it learned from.
struct EncoderFigureStats {
  double largest_cosine = 0;  // of two keys
  double top1 = 0;            // share of cues that find their key
  double margin = 0;          // by how much, a cosine
};

// The encoder that a training made (dense).
struct EncoderStats {
  uint64_t position = 0;  // of the log: rows up to it were learned from
  std::string job;
  EncoderGoal goal = EncoderGoal::kNoiseAware;
  uint64_t items = 0;
  double cue_noise = 0;
  EncoderFigureStats start, kept;  // 0 for kCentre and kWhiten, which take no steps
  int kept_step = 0;
  double loss = 0;
  std::string warning;  // empty, or a sentence: training costs recall
};

// What `describe` shows of a model's state.
struct ModelStats {
  uint64_t items = 0;
  uint64_t fixed_bytes = 0;  // do not grow with items
  uint64_t row_bytes = 0;
  double beta = 0;
  bool beta_fallback = false;
  double radius = 0;                    // of the supports (dense, relu); 0: they have none
  std::optional<ShadowCount> shadowed;  // dense, relu
  std::optional<EncoderStats> encoder;  // dense, once trained
  double lambda = 0;
  uint32_t partitions = 1;         // linear: matrices now (grows under LoadPolicy::kGrow)
  uint64_t partition_items = 0;    // linear: items in the fullest partition
  std::vector<ByteAccount> bytes;  // all of fixed_bytes and row_bytes, by kind
  std::optional<TrainedStats> trained;
  std::optional<IndexStats> index;
  uint64_t suppressed = 0;  // items that cannot be returned any more but are not unlearned
};

// What a training job asks of a model.
struct TrainSpec {
  enum class Loss { kTam, kCrossEntropy, kLeastSquares };
  enum class Optimizer { kFista, kOgd, kAdam, kMuon };
  Loss loss = Loss::kTam;
  Optimizer optimizer = Optimizer::kFista;
  uint32_t list_size = 0;  // 0 and no fraction: the memory's spec
  std::optional<double> tail_fraction;
  std::optional<double> lambda;  // absent: the spec's
  int steps_max = 150;           // FISTA steps, or optimiser steps
  double learning_rate = 0;      // 0: the optimiser's default
  uint32_t batch = 512;
  uint64_t seed = 1;
  int threads = 1;
  // Of a dense memory with an encoder, which takes of the above batch and seed alone.
  std::optional<EncoderGoal> encoder;
  double cue_noise = 0;   // standard deviation of what a cue's numbers are off by
  int encoder_steps = 0;  // 0: 300, for kSeparation 200
};

struct TrainProgress {
  std::string_view phase;  // "reading", "training", "certifying"
  double share = 0;        // of the whole, 0 to 1, an estimate
  int steps = 0;
  double loss = 0;
};
// False to stop.
using TrainProgressFn = std::function<bool(const TrainProgress&)>;

// One training of a model: made and installed by the committer's thread, run on another. Rows that
// come and go meanwhile are the model's business (they end up in the delta, or suppressed).
class Training {
 public:
  virtual ~Training() = default;
  // The rows that were live when the training began (less those deleted since), ascending, in as
  // many calls as is convenient.
  virtual absl::Status Take(const RowBlock& rows) = 0;
  // FailedPrecondition: too few rows (TRAINING_SET_EMPTY), load past the collapse point
  // (LOAD_PAST_COLLAPSE, with advice). Cancelled. Nothing of the model has changed then.
  virtual absl::Status Run(const TrainProgressFn& progress) = 0;
};

// A piece of work on a model's index, beside serving: begun and installed by the committer's
// thread, run on another. Rows that come and go meanwhile are the model's business.
class IndexWork {
 public:
  virtual ~IndexWork() = default;
  // Touches nothing of the model. Phases "rebuild" and "calibrate". Cancelled; whatever else stood
  // in the way. May be called again where InstallIndexWork asks for more.
  virtual absl::Status Run(const Clock& clock, const TrainProgressFn& progress) = 0;
};

// What the node of a federation gives to its memory at the end of a round (linear, rule FEDERATED).
struct FederatedExchange {
  std::shared_ptr<const Matrix> weights;     // [d_v, d_k], finite: served from now on; null: as is
  std::shared_ptr<const std::string> state;  // what the node goes on from after a restart; null: as
                                             // before
  uint64_t learned = 0;  // with `state`: rows at positions below it are in it, and need not be kept
  uint64_t from = 0;     // rows at positions from it on are wanted
};
// ... and takes from it: rows at positions first, first + 1, ... of all that were ever stored, in
// the frame of W. A row that was deleted meanwhile is zero.
struct FederatedRows {
  uint64_t first = 0;
  std::vector<float> keys;                   // [rows, d_k]
  std::vector<float> responses;              // [rows, d_v]
  std::vector<float> weights;                // [rows]
  uint64_t missed = 0;                       // rows that went before any node took them
  std::shared_ptr<const std::string> state;  // the newest; empty at first
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
  // Models of feature sums only (else Unimplemented, NO_SKETCH): the state as bytes that another
  // memory of the same spec can add to its own, with a version and a checksum.
  virtual absl::StatusOr<std::string> Sketch() const;
};

// A state that a model would have with a sketch added to its own.
struct MergedState {
  std::string state;  // for Load
  int64_t items = 0;  // that the sketch brings
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
  // How many of these rows Forget would only suppress (never returned again, influence stays) and
  // not unlearn: delta rules erase keys, trained weights need another training.
  virtual uint64_t CountSuppressed(const RowBlock&) const { return 0; }
  // Restores kept rows without changing the learned state (their contribution is in a checkpoint
  // already): fills the codebook of a linear memory after Load. Never called for law kAnswersAdd,
  // whose rows are its state.
  virtual absl::Status Restore(const RowBlock& rows) = 0;
  // Recomputes what is derived from all rows when it is due (automatic beta). True when Save() has
  // something new that must be persisted now for replay to repeat it. Called after each commit
  // group, before Publish.
  virtual bool Maintain() = 0;
  // kTrained only (else Unimplemented, NOT_TRAINED): begins a training on all rows absorbed so far.
  // One at a time: beginning another abandons the one before. InvalidArgument for a bad spec.
  virtual absl::StatusOr<std::unique_ptr<Training>> BeginTraining(const TrainSpec& spec);
  // Publishes what Run computed as a new epoch; rows absorbed since BeginTraining stay as the
  // delta. FailedPrecondition (TRAINING_ABANDONED) when another training began meanwhile.
  virtual absl::Status Install(Training& training, uint64_t position, std::string_view job);
  virtual void AbandonTraining() {}
  // The next piece of work on the index: making it, making it anew, measuring it. Null: nothing is
  // due. `now`: make and measure it even so; the caller says so until it was measured. One at a
  // time: beginning another abandons the one before. FailedPrecondition (NO_INDEX): the spec has
  // none.
  virtual absl::StatusOr<std::unique_ptr<IndexWork>> BeginIndexWork(bool now);
  // What a work that ran makes of the model.
  enum class Installed {
    kMore,        // nothing yet: Run it again, rows came meanwhile
    kIndex,       // an index: to be measured
    kCalibrated,  // a verdict: Save() has something new
  };
  // FailedPrecondition (REBUILD_VOID): another was begun meanwhile; the model is as before.
  virtual absl::StatusOr<Installed> InstallIndexWork(IndexWork& work);
  // A work that will not be installed; unless it was Cancelled, `why` is what describe shows.
  virtual void AbandonIndexWork(const absl::Status& /*why*/) {}
  // Models of feature sums only (else Unimplemented, NO_SKETCH). InvalidArgument (SKETCH): other
  // bytes. FailedPrecondition: made of other features (FEATURES_DIFFER), or too large to add.
  virtual absl::StatusOr<MergedState> Merged(std::string_view sketch) const;
  // Rule FEDERATED only (else Unimplemented, NOT_FEDERATED). Changes nothing where it fails.
  virtual absl::StatusOr<FederatedRows> Exchange(const FederatedExchange& exchange);
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
