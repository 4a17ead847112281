// A memory, as a client makes it (MemorySpec) and as the server describes it (Memory): plain
// values, no protobuf. Fields mean what their namesakes in proto/mneme/v1/memory.proto mean.
//
// The enums have the numbers of the wire, so that a value of a newer server passes through
// unharmed; Name() prints those it does not know as their number.
//
// Threads: plain values.
#ifndef MNEME_CLIENT_CPP_INCLUDE_MNEME_MEMORY_H_
#define MNEME_CLIENT_CPP_INCLUDE_MNEME_MEMORY_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace mneme::client {

using Timestamp = std::chrono::sys_time<std::chrono::nanoseconds>;

enum class Similarity { kDefault = 0, kDot = 1, kCosine = 2, kL2 = 3, kL1 = 4 };
// How sharply a dense memory favours the best key: F of u = beta * similarity.
enum class Separation {
  kDefault = 0,
  kExp = 1,        // e^u: log-sum-exp, attention
  kRelu = 2,       // max(0, 1 + u): supports that end, and "none of these"
  kPower = 3,      // u^n
  kRectified = 4,  // max(0, u)^n
  kArgMax = 5,     // the best item alone, verbatim
};
// Where the states of a dense memory live; kBinary: vectors of 1 and -1.
enum class StateSpace { kDefault = 0, kFree = 1, kSphere = 2, kBinary = 3 };
// The space in which a dense memory compares keys and cues: what trainings give it.
enum class Encoder { kDefault = 0, kNone = 1, kCentre = 2, kLinear = 3 };
// What a training of an encoder aims at.
enum class EncoderObjective {
  kDefault = 0,
  kCentre = 1,      // subtract the mean
  kWhiten = 2,      // spread all directions alike
  kSeparation = 3,  // push the keys apart
  kNoiseAware = 4,  // find the keys of noisy cues
};
// What answers a cue outside every support (Separation::kRelu).
enum class NoSupportPolicy { kDefault = 0, kReport = 1, kNearest = 2, kBlend = 3, kWiden = 4 };
// How the matrix W of a linear memory is made.
enum class LinearRule {
  kDefault = 0,
  kCmm = 1,         // W = sum of response key^T
  kRidge = 2,       // least squares with a penalty
  kDecayed = 3,     // as kCmm, W shrinking by gamma with each item
  kDelta = 4,       // each item corrects what W recalls for its key, by beta
  kGatedDelta = 5,  // kDelta after decay by gamma
  kRls = 6,         // kRidge, updated item by item
  kTam = 7,         // trained for certified lists; kCmm until then
  kFederated = 8,   // learned by the node of a federation, from other nodes' items too
};
// What happens to Stores when the load of a linear memory reaches its limit.
enum class LoadPolicy { kDefault = 0, kNone = 1, kWarn = 2, kRefuse = 3, kGrow = 4 };
// How a load stands against what the matrix can do.
enum class LoadPhase {
  kUnspecified = 0,
  kSatisfiable = 1,    // every item can be recalled to the criterion
  kUnsatisfiable = 2,  // a share of the items can
  kCollapsed = 3,      // training would erase the memory
};
// Which sums a feature memory keeps.
enum class FeatureKind {
  kDefault = 0,
  kTrigonometric = 1,  // random features of the Gaussian kernel
  kOrthogonal = 2,     // the same, frequencies orthogonal in blocks
  kPositive = 3,       // the same, never negative
  kQuadratic = 4,      // products of two coordinates: the classical Hopfield memory
};
enum class Normalization { kDefault = 0, kUnit = 1, kNone = 2 };
enum class Retain { kDefault = 0, kStatistics = 1, kResponses = 2, kAll = 3 };
enum class Health { kUnspecified = 0, kServing = 1, kDegraded = 2, kStarting = 3, kUnloaded = 4 };
// What happens to a Store that would exceed a cap of the memory.
enum class FullPolicy { kDefault = 0, kRefuse = 1, kEvictOldest = 2, kEvictLeastUsed = 3 };

// Why a memory with an index answers from all its items.
enum class IndexFallback {
  kNone = 0,  // it does not: the answer is approximate
  kAsked = 1,
  kRecall = 2,
  kFewRows = 3,
  kBuilding = 4,
  kUncalibrated = 5,
  kGrown = 6,
  kRecallTooLow = 7,
  kExactIsFaster = 8,
  kFailed = 9,
  kDepth = 10,
  kMask = 11,
  kRows = 12,
  kCue = 13,
};

// As on the wire, without the prefix: "L2", "GATED_DELTA".
std::string Name(Similarity value);
std::string Name(Separation value);
std::string Name(StateSpace value);
std::string Name(NoSupportPolicy value);
std::string Name(Encoder value);
std::string Name(EncoderObjective value);
std::string Name(LinearRule value);
std::string Name(LoadPolicy value);
std::string Name(FeatureKind value);
std::string Name(LoadPhase value);
std::string Name(Normalization value);
std::string Name(Retain value);
std::string Name(Health value);
std::string Name(FullPolicy value);
std::string Name(IndexFallback value);

// What is left at 0 is chosen by the server.
struct BinaryIndexSpec {
  uint32_t bits = 0;  // of a code: a multiple of 64, 64 to 4,096
  uint64_t rotation_seed = 0;
  bool no_centering = false;
  uint32_t tile_size = 0;  // of every so many rows only the tile_keep nearest are looked at
  uint32_t tile_keep = 0;
};
struct GraphIndexSpec {
  uint32_t links = 0;               // of a row, 2 to 128
  uint32_t construction_width = 0;  // rows looked at to place one
  uint64_t seed = 0;
};

// An index names some rows for a cue, and lists are made of these: approximate, with a recall that
// was measured on the memory itself.
struct IndexSpec {
  std::variant<BinaryIndexSpec, GraphIndexSpec> kind;
  double target_recall = 0;    // least share of the 10 best, in (0, 1]; 0: 0.98
  uint32_t rescore_depth = 0;  // rows scored for a cue; 0: as few as reach the target
};

struct DenseSpec {
  Similarity similarity = Similarity::kDefault;
  Separation separation = Separation::kDefault;
  uint32_t power = 0;  // of the powers, 2 to 16; 0: the server's default
  StateSpace state = StateSpace::kDefault;
  NoSupportPolicy no_support = NoSupportPolicy::kDefault;
  std::optional<double> beta;    // absent: chosen by the server from the stored keys
  std::optional<double> radius;  // of the supports, in place of beta (kRelu)
  uint32_t steps_max = 0;        // 0: the server's default
  double tolerance = 0;          // 0: the server's default
  std::optional<IndexSpec> index;
  Encoder encoder = Encoder::kDefault;
};

// So many of the best competitors, at least 1.
struct ListSize {
  uint32_t items = 0;
};
// This share of the competitors, in (0, 1).
struct TailFraction {
  double share = 0;
};
// The tail that an item must beat to be certified; the default leaves it to the server.
using Tail = std::variant<std::monostate, ListSize, TailFraction>;

struct LinearSpec {
  LinearRule rule = LinearRule::kDefault;
  std::optional<double> lambda;  // penalty, > 0 (ridge, RLS, TAM); absent: chosen by the server
  uint32_t partitions = 0;       // 0: the server's default, 1
  Normalization key_normalization = Normalization::kDefault;
  Normalization response_normalization = Normalization::kDefault;
  std::optional<double> beta;   // write strength, in (0, 1] (delta, gated delta); absent: 1
  std::optional<double> gamma;  // what is kept of W from item to item, in (0, 1]; absent: 1
  Tail tail;                    // of the certificates (TAM)
  LoadPolicy load_policy = LoadPolicy::kDefault;
  double load_limit = 0;  // items / (key_dim * response_dim * partitions), with a policy only
  bool fast_statistics = false;  // float32 sums: faster Stores, forgetting exact to 1e-5 (CMM)
  std::vector<float> key_mean;   // subtracted from keys and cues: key_dim numbers, or none
};

// Sums of fixed size in place of items. What is left at 0 is chosen by the server.
struct FeatureSpec {
  FeatureKind kind = FeatureKind::kDefault;
  uint64_t features = 0;  // needed, but for kQuadratic
  double beta = 0;        // needed, but for kQuadratic; in 1 / length^2
  uint64_t seed = 0;
  double rate = 0;              // of a step of the descent, in (0, 1]
  uint32_t steps_max = 0;       // 1: the energy of the cue alone
  double tolerance = 0;         // of the gradient of the energy
  std::optional<double> gamma;  // what is kept of the sums from item to item, in (0, 1]; absent: 1
  uint64_t items_expected = 0;  // too few features for them are refused
  double cue_noise = 0;         // distance of cues from what they stand for
};

// How long items live and how many a memory holds.
struct ItemPolicy {
  std::optional<std::chrono::nanoseconds> ttl;  // of items stored from now on; absent: for ever
  uint64_t items_max = 0;                       // 0: no cap
  uint64_t bytes_max = 0;                       // of main memory; 0: no cap
  FullPolicy full_policy = FullPolicy::kDefault;
};

// What is fixed when a memory is made, but for the description, the labels and the item policy.
struct MemorySpec {
  std::string name;  // "faces"; "memories/faces" is the same
  std::string description;
  std::map<std::string, std::string> labels;
  uint32_t key_dim = 0;
  uint32_t response_dim = 0;  // 0: auto-association (dense, feature)
  Retain retain = Retain::kDefault;
  std::variant<DenseSpec, LinearSpec, FeatureSpec> model;
  ItemPolicy item_policy;
};

// Names a state of a memory exactly.
struct Epoch {
  std::string uid;
  uint64_t position = 0;
  std::string job;

  friend bool operator==(const Epoch&, const Epoch&) = default;
};

// Bytes of main memory of one kind, as in "W", "statistics", "codebook".
struct ByteAccount {
  std::string what;
  uint64_t bytes = 0;
};

// How much of its capacity a linear memory uses, by theory.
struct LoadMeter {
  double load = 0;              // items / (key_dim * response_dim * partitions)
  uint64_t capacity_items = 0;  // items that fit while the criterion holds
  double used = 0;              // items / capacity_items
  std::string criterion;        // what is meant by fitting
  LoadPhase phase = LoadPhase::kUnspecified;
};

// Weights that a Train made, and what it proved of them.
struct TrainedState {
  Epoch epoch;  // names the weights: certificates of another epoch are void
  uint64_t items = 0;
  uint64_t certified = 0;  // of the items: at its own key it is in the certified list
  uint64_t list_size = 0;  // length of the certified list
  double radius_min = 0;   // over certified items, a distance between unit vectors
  double loss = 0;         // ln 2 is that of W = 0
  double weights_norm =
      0;  // |W|_F, keys and responses of lengths sqrt(key_dim), sqrt(response_dim)
  double score_sigmas = 0;   // mean own score, in standard deviations of the competitors' scores
  uint64_t delta_count = 0;  // items stored since; certificates are void while there are any
};

// A recall as it was measured, and the interval that holds it with a probability of 95 %.
struct MeasuredRecall {
  double recall = 0;
  double low = 0;
  double high = 0;
};

// What an index does with so many candidates.
struct IndexDepth {
  uint32_t depth = 0;
  MeasuredRecall recall;     // of the 10 best
  double candidates_us = 0;  // to name them, a cue of a batch of 64, on one thread
  double rescore_us = 0;     // to score them
};

// How the index of a memory stands.
struct IndexStatus {
  IndexFallback fallback = IndexFallback::kNone;  // why lists are exact; kNone: it answers them
  std::string why;                                // a sentence, or empty
  uint32_t depth = 0;                             // candidates for a list of 10
  MeasuredRecall recall;
  uint64_t rows = 0;    // items when it was measured; 0: it was not
  double exact_us = 0;  // of the exact scan, as IndexDepth::candidates_us
  std::vector<IndexDepth> table;
};

// How noisy cues fare under an encoder, on the keys it learned from.
struct EncoderFigures {
  double largest_cosine = 0;  // of two keys
  double top1 = 0;            // share of cues that find their key
  double margin = 0;          // mean lead of the right key, a cosine
};

// The encoder that a Train made.
struct EncoderState {
  Epoch epoch;
  EncoderObjective objective = EncoderObjective::kDefault;
  uint64_t items = 0;
  double cue_noise = 0;
  std::optional<EncoderFigures> start, kept;  // of objectives that take steps
  uint32_t kept_step = 0;
  double loss = 0;
  std::string warning;  // empty, or a sentence: training costs recall
};

struct MemoryState {
  uint64_t item_count = 0;
  uint64_t position = 0;
  uint64_t memory_bytes = 0;
  uint64_t fixed_bytes = 0;
  uint64_t row_bytes = 0;
  double beta = 0;
  bool beta_fallback = false;
  double lambda = 0;
  double load = 0;
  Health health = Health::kUnspecified;
  std::string health_reason;
  Epoch weights_epoch;
  std::vector<ByteAccount> bytes;       // all of memory_bytes, by kind
  uint32_t partitions = 0;              // matrices now (linear)
  std::optional<LoadMeter> load_meter;  // linear
  std::optional<TrainedState> trained;  // rule TAM, once trained
  uint64_t suppressed_count = 0;        // deleted items whose influence stays
  uint64_t expired_count = 0;           // items, since the server started
  uint64_t evicted_count = 0;           // items, since the server started
  uint64_t checkpoint_position = 0;     // that the newest checkpoint stands for
  std::optional<IndexStatus> index;     // of a memory with an index
  double radius = 0;                    // of the supports (dense, kRelu)
  uint64_t shadowed_count = 0;          // items with another inside the radius, their duplicates no
  std::optional<EncoderState> encoder;  // dense, once trained
  uint64_t shadowed_items = 0;          // items when these were counted; 0: they are not counted
};

// A memory as the server describes it.
struct Memory {
  MemorySpec spec;  // name is the whole resource name, "memories/faces"
  std::string uid;
  std::string etag;
  Timestamp create_time;
  Timestamp update_time;
  bool frozen = false;  // read-only
  MemoryState state;
};

// What UpdateMemory changes; what is absent stays.
struct MemoryUpdate {
  std::optional<std::string> description;
  std::optional<std::map<std::string, std::string>> labels;
  std::optional<std::chrono::nanoseconds> ttl;  // of items stored from now on; zero: for ever
  std::optional<uint64_t> items_max;            // zero: no cap
  std::optional<uint64_t> bytes_max;            // zero: no cap
  std::optional<FullPolicy> full_policy;
  std::optional<bool> frozen;
  std::string etag;  // if set, it must be the present one (else ABORTED)
};

// What a user should know although the request was carried out.
struct Warning {
  std::string reason;  // stable, as in "LOAD"
  std::string message;
  std::string next_step;
};

}  // namespace mneme::client

#endif  // MNEME_CLIENT_CPP_INCLUDE_MNEME_MEMORY_H_
