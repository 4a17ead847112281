// What nodes of a federation say to each other, as plain structs.
//
// A frame is a header and one body. The parts that are megabytes are packed bytes (numbers.h): the
// server moves them into its messages and out of them, nothing is copied or converted on the way.
//
// Sessions. Two nodes that are neighbours in the plan of an epoch have one session for each pair of
// incarnations: `edge_seq` counts the frames of one direction of it from 1, and a frame for another
// session is refused. So a node that started again never takes what its predecessor may have taken
// already, and nobody sends it twice: at most once, end to end.
//
// Hello, Ack, Nack, Probe, ProbeReply, WarmAsk, WarmReply, and a Factor without items have edge_seq
// 0: they may get lost and may come twice. Everything else is kept by its sender until it is
// acknowledged.
//
// Threads     plain values and pure functions.
// Invariants  1. A body that Check accepts has the sizes that the spec says, finite numbers, and
//                nodes and edges that the plan knows: whoever uses it need not look again.
#ifndef MNEME_CORE_FEDERATION_FRAME_H_
#define MNEME_CORE_FEDERATION_FRAME_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "core/federation/names.h"
#include "core/federation/numbers.h"
#include "core/federation/plan.h"
#include "core/federation/spec.h"

namespace mneme::federation {

inline constexpr uint32_t kProtocolVersion = 2;
// Frames of one lane that wait for an acknowledgement have no more together, but for the first.
inline constexpr size_t kLaneBytesMax = size_t{64} << 20;
// Of a sum, by name; nodes beyond it are counted only.
inline constexpr size_t kContributorsNamedMax = kContributorsMax;
// Of a change of a memory: each has a rank, and its ranks are fewer than a memory is wide.
inline constexpr size_t kChangeStepsMax = 8192;
static_assert(kChangeStepsMax * kChangeStepsMax >= kMatrixNumbersMax);
inline constexpr double kBoostMax = 5;  // 1 / the floor of what arrives, 0.2

// Largest sum of norms, losses or weights in the books of a sum: adding to it what an honest node
// can add does not change it, so that nobody is blamed for what another one filled.
inline constexpr double kTallySumMax = 1e100;
// Largest norm of a sum of gradients or statistics, taken as that of all its parts together: what a
// root adds up of all its children stays finite in float32.
inline constexpr double kSumNormMax = 1e34;

// Largest |k|^2 and |v|^2 of an item.
inline constexpr double kItemSquaredMax = 1e12;
inline constexpr float kGateMax = 1e6F;  // weight of an item

using FederationId = std::array<uint8_t, 16>;

struct Header {
  FederationId federation = {};
  uint64_t epoch = 0;
  uint32_t sender = 0;  // place in the plan of `epoch`
  uint64_t incarnation = 0;
  uint64_t to_incarnation = 0;  // of the receiver; 0: not known yet
  uint64_t edge_seq = 0;        // 0: not counted
  uint64_t ack_seq = 0;         // all frames of the receiver up to here have come
  int64_t sent_at = 0;          // ns, the sender's clock

  friend bool operator==(const Header&, const Header&) = default;
};

// The first frame of a stream, both ways.
struct Hello {
  uint32_t version = kProtocolVersion;
  uint64_t spec_hash = 0;
  uint32_t edge_queue_frames = 0;
  uint64_t factor_queue_bytes = 0;
  bool wants_reply = false;  // I do not know yet who you are: answer with a Hello

  friend bool operator==(const Hello&, const Hello&) = default;
};

struct Boost {
  uint32_t node = 0;
  float factor = 1;  // in [1, kBoostMax]

  friend bool operator==(const Boost&, const Boost&) = default;
};

// A step of gradient descent in factors: memory = scale * memory + errors^T keys.
struct ChangeStep {
  float scale = 1;    // in [0, 1]: what decay and the ball left
  uint32_t rank = 0;  // at least 1

  friend bool operator==(const ChangeStep&, const ChangeStep&) = default;
};

// The steps from the memory of one round to that of a later one (memory_changes.h).
struct MemoryChange {
  uint64_t from = 0;              // round of the memory that it begins with
  std::vector<ChangeStep> steps;  // in order; none: no change, and nothing else
  Numbers errors;                 // [sum of ranks, d_v]
  Numbers keys;                   // [sum of ranks, d_k]

  size_t rank() const;
  friend bool operator==(const MemoryChange&, const MemoryChange&) = default;
};
// Whether it has these shapes, finite numbers, and fewer of them than a memory.
bool IsChange(const MemoryChange& change, size_t d_v, size_t d_k);

// The memory of a root on its way to those whose items it wants.
struct ParamDown {
  uint32_t root = 0;
  uint64_t root_incarnation = 0;
  uint64_t tag = 0;           // the root's round
  uint64_t base_tag = 0;      // of the round whose numbers these are: `tag` unless `unchanged`
  bool unchanged = false;     // use the numbers of base_tag; `memory` is empty
  Numbers memory;             // d_v d_k, row-major; empty too where the transport needs none
  MemoryChange change;        // in place of `memory`: from an earlier base to base_tag
  std::vector<Boost> boosts;  // only where they are not 1
  float eta = 0;              // the root's last step size, for people

  friend bool operator==(const ParamDown&, const ParamDown&) = default;
};

// What one node put into a sum.
struct Contributor {
  uint32_t node = 0;
  uint64_t incarnation = 0;
  uint64_t items = 0;
  double weight = 0;        // sum over evaluations, boosts in it
  uint64_t oldest_tag = 0;  // of all it says, also of a tag that met no new items
  uint64_t newest_tag = 0;
  uint64_t evaluations = 0;        // in this sum
  uint64_t newest_evaluation = 0;  // it counts them for each root from 1: gaps are losses

  friend bool operator==(const Contributor&, const Contributor&) = default;
};

// The bookkeeping of a sum; sums of tallies are tallies.
struct Tally {
  double norm_sum = 0;         // of weight * |gradient|
  double loss_sum = 0;         // of weight * loss, boosts left out
  double weight_sum = 0;       // of the evaluations
  double key_squared_max = 0;  // largest |k|^2 of the items
  uint64_t items = 0;
  std::vector<Contributor> contributors;  // by node, then incarnation; none twice
  uint64_t unnamed = 0;                   // contributors beyond kContributorsNamedMax

  friend bool operator==(const Tally&, const Tally&) = default;
};

enum class GradientForm {
  kNone,     // nobody had new items
  kDense,    // values [d_v, d_k]
  kLowRank,  // sum of `rank` products: values [rank, d_v], keys [rank, d_k]
  kSparse,   // values at `places` of the [d_v, d_k] matrix
};
template <>
inline constexpr std::array<std::string_view, 4> kNames<GradientForm> = {"none", "dense",
                                                                         "low_rank", "sparse"};

// A sum of gradients on its way to its root.
struct GradUp {
  uint32_t root = 0;
  uint64_t root_incarnation = 0;
  uint64_t tag = 0;  // barrier only: the one tag that this sum is of
  GradientForm form = GradientForm::kNone;
  Numbers values;
  Numbers keys;
  uint32_t rank = 0;
  std::string places;  // 4 bytes each, ascending
  Tally tally;

  friend bool operator==(const GradUp&, const GradUp&) = default;
};

enum class StatKind {
  kSum,      // transport statistic: the root forms the gradient of it
  kProbe,    // what the regret against the best fixed memory is measured with
  kFactors,  // stands for items first_item .. first_item + count of source `root` that queued
};
template <>
inline constexpr std::array<std::string_view, 3> kNames<StatKind> = {"sum", "probe", "factors"};

// Sums over items: squares = sum of w k k^T, products = sum of w v k^T, energy = sum of w |v|^2.
struct StatUp {
  StatKind kind = StatKind::kSum;
  uint32_t root = 0;  // kFactors: the source
  uint64_t root_incarnation = 0;
  uint64_t first_item = 0;  // kFactors
  uint64_t count = 0;       // kFactors
  Numbers squares;          // d_k (d_k + 1) / 2: the lower triangle, row by row; may be empty
  Numbers products;         // d_v d_k; empty together with `squares`
  double energy = 0;
  Tally tally;

  friend bool operator==(const StatUp&, const StatUp&) = default;
};

// Items as they are, from their source.
struct Factor {
  uint32_t source = 0;
  uint64_t source_incarnation = 0;
  uint64_t first_item = 0;  // of the source's own count; 0 items: all before it were sent
  uint32_t count = 0;
  Numbers keys;       // [count, d_k]
  Numbers responses;  // [count, d_v]
  Numbers gates;      // [count], float32: the items' weights; empty: all 1

  friend bool operator==(const Factor&, const Factor&) = default;
};

struct Ack {
  friend bool operator==(const Ack&, const Ack&) = default;
};

enum class NackCode {
  kOldEpoch,         // my_epoch is newer: read the plan
  kOldIncarnation,   // a newer one of you is known: stop
  kWrongSession,     // of another incarnation of mine: say hello again
  kMissingBase,      // `root`: send the whole memory
  kSpecMismatch,     // hash differs
  kWrongFederation,  // another id
  kNotNeighbour,     // not an edge of that tree
  kBadFrame,         // what Check found
};
template <>
inline constexpr std::array<std::string_view, 8> kNames<NackCode> = {
    "old_epoch",     "old_incarnation",  "wrong_session", "missing_base",
    "spec_mismatch", "wrong_federation", "not_neighbour", "bad_frame"};

struct Nack {
  NackCode code = NackCode::kBadFrame;
  uint64_t my_epoch = 0;
  uint32_t root = 0;

  friend bool operator==(const Nack&, const Nack&) = default;
};

struct Probe {
  friend bool operator==(const Probe&, const Probe&) = default;
};
struct ProbeReply {
  int64_t sent_at = 0;  // of the Probe
  friend bool operator==(const ProbeReply&, const ProbeReply&) = default;
};

// Asks a neighbour for the memory to begin with (WarmStart::kNeighbour).
struct WarmAsk {
  friend bool operator==(const WarmAsk&, const WarmAsk&) = default;
};
struct WarmReply {
  uint64_t steps = 0;  // that made it; 0: none yet, and no numbers
  double spread = 0;   // of its step sizes (StepState)
  Numbers memory;      // d_v d_k, row-major

  friend bool operator==(const WarmReply&, const WarmReply&) = default;
};

using Body = std::variant<Hello, ParamDown, GradUp, StatUp, Factor, Ack, Nack, Probe, ProbeReply,
                          WarmAsk, WarmReply>;
// In the order of Body.
inline constexpr std::array<std::string_view, std::variant_size_v<Body>> kBodyNames = {
    "hello", "param_down", "grad_up",     "stat_up",  "factor",    "ack",
    "nack",  "probe",      "probe_reply", "warm_ask", "warm_reply"};

struct Frame {
  Header header;
  Body body;

  friend bool operator==(const Frame&, const Frame&) = default;
};

// Numbers of the packed triangle of a [d, d] matrix.
constexpr size_t TriangleNumbers(size_t d) { return d * (d + 1) / 2; }

// The bytes of numbers and places of a frame, its payload; framing, header and bookkeeping are
// apart.
size_t PayloadBytes(const Frame& frame);

// The most that PayloadBytes gives for frames of this spec, whatever its transport is: receivers
// allocate no more.
size_t PayloadBytesMax(const Spec& spec);
// How many frames of one lane may be in flight where the spec says `frames`: fewer of large
// memories, never less than one.
uint32_t LaneWindow(const Spec& spec, uint32_t frames);

// Sizes, numbers, places in the plan. `plan` is the one of the frame's epoch.
//
// Errors   InvalidArgument (FRAME) with what was found.
// Cost     one pass over the payload.
absl::Status Check(const Frame& frame, const Plan& plan);
// The books of a sum for the root of `tree`: what Check of a frame asks of them. Parts that pass
// one by one may not pass together.
absl::Status Check(const Tally& tally, const Tree& tree);

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_FRAME_H_
