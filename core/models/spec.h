// The spec of a memory: which model, with which constants. Fixed at creation.
#ifndef MNEME_CORE_MODELS_SPEC_H_
#define MNEME_CORE_MODELS_SPEC_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "core/models/features/feature_spec.h"

namespace mneme::models {

enum class Similarity { kDot, kCosine, kL2, kL1 };
enum class Retain { kStatistics, kResponses, kAll };
// How sharply the best pattern is favoured: F of the exponent u = beta * similarity. In the order
// of the table in dense/separation.h.
enum class Separation {
  kExp,             // e^u: log-sum-exp, attention
  kRelu1,           // max(0, 1 + u): log-sum-ReLU (Epanechnikov), finite support
  kPower,           // u^n
  kRectifiedPower,  // max(0, u)^n
  kArgMax,          // the best pattern alone: the limit of infinite beta
};

// Where the states of a dense memory live.
enum class StateSpace {
  kFree,    // R^d: the next state is the weighted mean
  kSphere,  // unit vectors: the next state is the direction of the weighted sum (always so for
            // cosine)
  kBinary,  // {+1, -1}^d, similarity dot: each neuron takes the value of lower energy
};

// The space in which a dense memory compares keys and cues (models/features/linear_encoder.h).
enum class Encoder {
  kNone,    // the keys' own
  kCentre,  // less a mean that a training took
  kLinear,  // W (x - mean), W learned by a training
};

// A cue outside every support (separations of finite support): what answers instead.
enum class NoSupportPolicy {
  kReport,   // nothing: the status says NO_SUPPORT, the state stays where it is
  kNearest,  // the most similar row
  kBlend,    // a step of exp at the same beta, and on from there
  kWiden,    // a quarter of beta, up to three times
};

// How associations are written into a linear memory's matrix W (linear-memory notes, section 3).
enum class LinearRule {
  kCmm,         // W = sum of w v k^T. Sums add; forgetting is exact
  kRidge,       // W = A (C + lambda I)^-1. Sums add; forgetting is exact
  kDecayed,     // W <- gamma W + w v k^T a row. Ordered; forgetting is exact (needs the row's age)
  kDelta,       // W <- W + beta (v - W k) k^T. Ordered; forgetting erases the key only
  kGatedDelta,  // W <- gamma W + beta (v - gamma W k) k^T. Ordered; as kDelta
  kRls,         // recursive ridge with forgetting factor gamma; forgetting is exact
  kTam,         // trained for the tail-average margin by a job; CMM until then and beside it
  kFederated,   // W is learned by the node of a federation, from its own items and other nodes'
};
// What happens when the load passes LinearSpec::load_limit.
enum class LoadPolicy { kNone, kWarn, kRefuse, kGrow };

std::string_view Name(Similarity similarity);
std::string_view Name(Separation separation);
std::string_view Name(StateSpace state);
std::string_view Name(NoSupportPolicy policy);
std::string_view Name(Encoder encoder);
std::string_view Name(Retain retain);
std::string_view Name(LinearRule rule);
std::string_view Name(LoadPolicy policy);

// Rows as signs of random projections (core/models/index/binary_index.h).
struct BinaryIndexSpec {
  uint32_t bits = 0;  // of a code: a multiple of 64 up to 4,096; 0: 2.5 a dimension, at least 256
  uint64_t rotation_seed = 1;
  bool centred = true;  // the keys' mean is subtracted
  // Of every tile_size rows only the tile_keep nearest are looked at, as in hardware; then answers
  // depend on where rows lie. 0 and 0: all rows are.
  uint32_t tile_size = 0;
  uint32_t tile_keep = 0;

  friend bool operator==(const BinaryIndexSpec&, const BinaryIndexSpec&) = default;
};

inline constexpr uint32_t kGraphLinksMin = 2;
inline constexpr uint32_t kGraphLinksMax = 128;
inline constexpr uint32_t kGraphConstructionWidthMax = 4096;

// A graph of near rows (core/models/index/graph_index.h).
struct GraphIndexSpec {
  uint32_t links = 16;                // of a row, twice as many on the lowest layer
  uint32_t construction_width = 200;  // rows looked at to place one; from `links` to 4,096
  uint64_t seed = 1;                  // of the layers that rows reach

  friend bool operator==(const GraphIndexSpec&, const GraphIndexSpec&) = default;
};

// An index names some rows for a cue, and lists are made of these: approximate, with a recall that
// was measured on the memory itself (core/models/index/calibration.h), or not used at all.
struct IndexSpec {
  std::variant<BinaryIndexSpec, GraphIndexSpec> kind;
  double target_recall = 0.98;  // of the 10 best
  uint32_t rescore_depth = 0;   // rows named for a cue; 0: as few as reach the target

  friend bool operator==(const IndexSpec&, const IndexSpec&) = default;
};

// Of IndexSpec::rescore_depth, where it is given.
inline constexpr uint32_t kRescoreDepthMin = 10;
inline constexpr uint32_t kRescoreDepthMax = 8192;

inline constexpr int kPowerMin = 2;
inline constexpr int kPowerMax = 16;

// A memory of explicit items with one energy (core/models/dense). Law: answers add.
struct DenseSpec {
  Similarity similarity = Similarity::kL2;
  Separation separation = Separation::kExp;
  int power = 0;  // of the power separations, 2 to 16; 0: of the others
  StateSpace state = StateSpace::kFree;
  NoSupportPolicy no_support = NoSupportPolicy::kReport;  // others: relu only
  std::optional<double> beta;                             // absent: automatic (exp, relu)
  std::optional<double> radius;  // of the supports, in place of beta (relu): beta = 2 / radius²
  int steps_max = 8;
  double tolerance = 1e-5;
  std::optional<IndexSpec> index;    // exp only
  Encoder encoder = Encoder::kNone;  // others: exp under cosine, compared by directions

  friend bool operator==(const DenseSpec&, const DenseSpec&) = default;
};

// Matrix memory. Law: that of its rule (LawOf).
struct LinearSpec {
  LinearRule rule = LinearRule::kRidge;
  // kRidge, kRls: penalty; kTam: weight of |W|^2 in the loss. Absent: for ridge
  // 1e-3 * 2^floor(log2 n) / key_dim, for RLS 1e-3, for TAM 1e-3.
  std::optional<double> lambda;
  uint32_t partitions = 1;
  bool normalize_keys = true;
  bool normalize_responses = true;
  double beta = 1;   // kDelta, kGatedDelta: write strength, in (0, 1]
  double gamma = 1;  // kDecayed, kGatedDelta, kRls: what is kept from row to row, in (0, 1]
  // kTam: the tail that an item must beat. One of the two: a number of items k (list_size > 0), or
  // a share r in (0, 1) of the competitors, k = ceil(r (n - 1)). Neither: r = 0.05.
  uint32_t list_size = 0;
  std::optional<double> tail_fraction;
  // Load n / (d_k d_v partitions) at which the policy acts; > 0 where there is a policy. kGrow adds
  // `partitions` further matrices for the rows to come; rows stored before stay where they are.
  LoadPolicy load_policy = LoadPolicy::kNone;
  double load_limit = 0;
  // Sums in float32 (products in blocks of at most 1,024 rows, added up in float64), for twice the
  // rate of Store; forgetting is then exact to 1e-5 instead of 1e-12. kCmm only.
  bool fast_statistics = false;
  // Subtracted from keys and cues before they are brought to unit length; empty, or key_dim
  // numbers.
  std::vector<float> key_mean;

  friend bool operator==(const LinearSpec&, const LinearSpec&) = default;
};

struct MemorySpec {
  size_t key_dim = 0;
  size_t response_dim = 0;  // 0: auto-association (dense, feature)
  Retain retain = Retain::kAll;
  std::variant<DenseSpec, LinearSpec, FeatureSpec> model;

  size_t answer_dim() const { return response_dim == 0 ? key_dim : response_dim; }
};

// InvalidArgument (reason SPEC) naming the field, what was given and what is allowed; limits are
// the engine's business.
absl::Status ValidateSpec(const MemorySpec& spec);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_SPEC_H_
