// What the nodes of a federation agree on: shapes, loss, transport, step sizes, bounds.
//
// A spec is part of a plan, so that every node of an epoch has the same one. `Hash` is over what
// two nodes must share before they may add up each other's gradients.
//
// Threads     plain values and pure functions.
// Invariants  1. Decode(Encode(spec)) == spec; equal specs have equal bytes.
//             2. A spec that Decode returns is valid.
#ifndef MNEME_CORE_FEDERATION_SPEC_H_
#define MNEME_CORE_FEDERATION_SPEC_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/federation/names.h"

namespace mneme::federation {

// l(y, v) of a recall y = M k; losses.h has the formulas.
enum class Loss { kLeastSquares, kInnerProduct, kHuber };
// What travels along the trees.
enum class Transport {
  kGradient,   // parameters down, sums of gradients up
  kFactor,     // the items' keys and responses, from their source to who wants them
  kStatistic,  // sums of k k^T and v k^T up: least squares only
  kAuto,       // as ResolvedTransport says; never in a plan
};
enum class Combine {
  kPipelined,  // every round a node passes on what it has
  kBarrier,    // a node waits for its subtree: an experiment, and slower
};
enum class Schedule {
  kSqrt,      // min(eta_max, c / sqrt(t))
  kHorizon,   // R / (G sqrt(T (1 + 2 L)))
  kAdaptive,  // c R / sqrt(what arrived so far, with its delays)
  kConstant,  // eta
  kStrong,    // 1 / (decay t)
};
enum class WireType { kBfloat16, kFloat32 };
enum class Compression {
  kNone,
  kTopK,     // the largest numbers of a gradient
  kLowRank,  // factors, while they are smaller than what they multiply out to; exact
};
enum class LossCorrection {
  kAuto,  // while less than 80 % of the contributions arrive
  kOn,
  kOff,
};
// What a node begins with that has learned nothing yet.
enum class WarmStart {
  kZero,
  kNeighbour,  // the memory of the first neighbour that answers; they show theirs whole
};
// The weight of members that are away, in the rows of those that want their items.
enum class DeadInterest {
  kKeep,         // nobody has it: what the others weigh stays
  kRenormalise,  // the others have it, in proportion
};

template <>
inline constexpr std::array<std::string_view, 3> kNames<Loss> = {"least_squares", "inner_product",
                                                                 "huber"};
template <>
inline constexpr std::array<std::string_view, 4> kNames<Transport> = {"gradient", "factor",
                                                                      "statistic", "auto"};
template <>
inline constexpr std::array<std::string_view, 2> kNames<Combine> = {"pipelined", "barrier"};
template <>
inline constexpr std::array<std::string_view, 5> kNames<Schedule> = {"sqrt", "horizon", "adaptive",
                                                                     "constant", "strong"};
template <>
inline constexpr std::array<std::string_view, 2> kNames<WireType> = {"bf16", "float32"};
template <>
inline constexpr std::array<std::string_view, 3> kNames<Compression> = {"none", "topk", "low_rank"};
template <>
inline constexpr std::array<std::string_view, 3> kNames<LossCorrection> = {"auto", "on", "off"};
template <>
inline constexpr std::array<std::string_view, 2> kNames<WarmStart> = {"zero", "neighbour"};
template <>
inline constexpr std::array<std::string_view, 2> kNames<DeadInterest> = {"keep", "renormalise"};

// Sizes of step t = 1, 2, ... (steps.h).
struct StepSpec {
  Schedule schedule = Schedule::kSqrt;
  // Of sqrt and adaptive. Absent: 2 of sqrt, 0.25 of adaptive.
  std::optional<double> c;
  double eta = 0.1;           // of constant
  double eta_max = 2;         // of every schedule
  uint64_t horizon = 0;       // T of horizon: at least 1 there
  double gradient_bound = 1;  // G of horizon
  bool stability_cap = true;  // eta <= 1 / (max |k|^2 (1 + longest delay))

  friend bool operator==(const StepSpec&, const StepSpec&) = default;
};

// What a sum must hold before it reaches a root.
struct PrivacySpec {
  uint32_t min_contributors = 3;
  uint32_t min_items = 16;
  uint32_t max_hold_rounds = 8;  // then what was held is dropped
  // The memory's items may be seen by the other nodes: no thresholds, factors may travel.
  bool share_items = false;

  friend bool operator==(const PrivacySpec&, const PrivacySpec&) = default;
};

struct WireSpec {
  WireType type = WireType::kBfloat16;
  Compression compression = Compression::kNone;  // of gradients
  double topk_share = 0.1;                       // of their numbers, in (0, 1]
  bool error_feedback = true;                    // what was not sent is added to the next
  uint32_t edge_queue_frames = 8;                // per edge, upwards
  uint64_t factor_queue_bytes = uint64_t{8} << 20;

  friend bool operator==(const WireSpec&, const WireSpec&) = default;
};

// Gaussian noise on what a node says of its items to other roots. Sums stay unbiased; what a
// (eps, delta) it makes is not accounted for.
struct NoiseSpec {
  double clip = 0;   // norm that a contribution is shortened to; 0: neither clip nor noise
  double sigma = 0;  // standard deviation of each number, in units of `clip`

  friend bool operator==(const NoiseSpec&, const NoiseSpec&) = default;
};

struct Spec {
  uint32_t d_k = 0;
  uint32_t d_v = 0;
  Loss loss = Loss::kLeastSquares;
  double huber_delta = 1;  // of huber
  double decay = 0;        // lambda: M *= 1 - eta * lambda * (sum of weights) before each step
  double radius = 0;       // of the ball ||M||_F <= R; 0: 2 sqrt(d_v), for responses of length 1
  Transport transport = Transport::kGradient;
  Combine combine = Combine::kPipelined;
  StepSpec steps;
  PrivacySpec privacy;
  WireSpec wire;
  uint32_t b_max = 256;     // items evaluated for one tag
  uint32_t lag_max = 4096;  // items behind the newest: beyond it they are sampled
  uint32_t max_delay = 64;  // root updates; what is older is dropped
  LossCorrection loss_correction = LossCorrection::kAuto;
  double staleness_damping =
      0;  // d0: late sums are scaled by 1 / (1 + delay / d0); 0: they are not
  // A sum with a norm above clip * (sum of its contributors' weights) is refused; 0: none is.
  double clip = 0;
  uint32_t checkpoint_rounds = 200;
  uint32_t probe_rounds = 100;  // between regret probes
  WarmStart warm_start = WarmStart::kZero;
  DeadInterest dead_interest = DeadInterest::kKeep;
  NoiseSpec noise;  // of the transport gradient

  friend bool operator==(const Spec&, const Spec&) = default;
};

inline constexpr uint32_t kDimensionMax = 16384;
// Numbers of one matrix: 256 MiB in float32. The wire takes it in pieces.
inline constexpr uint64_t kMatrixNumbersMax = uint64_t{1} << 26;
inline constexpr uint32_t kBatchItemsMax = 4096;
inline constexpr uint32_t kLagItemsMax = uint32_t{1} << 20;
inline constexpr uint32_t kDelayRoundsMax = 4096;
inline constexpr uint32_t kEdgeQueueFramesMax = 1024;
inline constexpr uint64_t kFactorQueueBytesMax = uint64_t{1} << 30;
inline constexpr uint32_t kRoundsBetweenMax = 1'000'000;
inline constexpr uint32_t kContributorsMax = 1024;
// Every real number of a spec is zero or of a size in here, so that products stay finite in
// float32.
inline constexpr double kRealMin = 1e-12;
inline constexpr double kRealMax = 1e12;

// InvalidArgument (SPEC) naming the first field that cannot be.
absl::Status Validate(const Spec& spec);

// Whether sums of gradients may go as factors, which show the keys and errors of single items.
bool SumsMayBeFactors(const Spec& spec);

// R of the ball.
double BallRadius(const Spec& spec);

// What kAuto means where b items arrive in a round: factor where items may be shared and b is below
// the break-even 2 d_v d_k / (d_k + d_v); else statistic for least squares with d_k + 1 < 2 d_v;
// else gradient. A transport that was chosen stays.
Transport ResolvedTransport(const Spec& spec, double items_per_round);

// Over shapes, loss, ball, transport, combining, privacy, wire type, and whether the compression is
// low_rank. Step sizes, queues and periods may differ: they are a node's own.
uint64_t Hash(const Spec& spec);

// Numbers that a frame of this transport carries, per tree edge and round.
//
// Units    numbers: times 2 bytes for bf16, 4 for float32. `items`: per round, of factor.
struct EdgeNumbers {
  uint64_t down = 0;
  uint64_t up = 0;
};
EdgeNumbers NumbersPerEdge(const Spec& spec, Transport transport, uint64_t items);

inline constexpr size_t kSpecBytesMax = 1024;
std::string Encode(const Spec& spec);
// InvalidArgument (SPEC) of bytes that are none, of another version, or of a spec that is not
// valid.
absl::StatusOr<Spec> DecodeSpec(std::string_view bytes);

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_SPEC_H_
