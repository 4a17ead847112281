#include "core/federation/spec.h"

#include <cmath>
#include <cstddef>

#include "absl/strings/str_format.h"
#include "core/base/bytes.h"
#include "core/base/status.h"
#include "core/models/spec_error.h"

namespace mneme::federation {
namespace {

using models::BadField;

constexpr uint32_t kSpecVersion = 2;
// What the hash begins with: it did not change when version 2 added fields that nodes need not
// share.
constexpr uint32_t kSharedVersion = 1;

std::string Text(double x) { return absl::StrFormat("%.9g", x); }

absl::Status CheckCount(std::string_view field, uint64_t value, uint64_t least, uint64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return BadField(field, absl::StrCat(value), absl::StrCat("a number from ", least, " to ", most),
                  absl::StrCat("Give ", AbslView(field), " within these bounds."));
}

// Zero where it may be, or a size that neither overflows nor vanishes.
absl::Status CheckReal(std::string_view field, double value, bool zero_allowed) {
  if (value == 0 && zero_allowed) return absl::OkStatus();
  if (value >= kRealMin && value <= kRealMax) return absl::OkStatus();
  return BadField(field, Text(value),
                  absl::StrCat(zero_allowed ? "0, or " : "", "a number from ", Text(kRealMin),
                               " to ", Text(kRealMax)),
                  absl::StrCat("Give ", AbslView(field), " within these bounds."));
}

absl::Status CheckShape(const Spec& spec) {
  MNEME_RETURN_IF_ERROR(CheckCount("d_k", spec.d_k, 1, kDimensionMax));
  MNEME_RETURN_IF_ERROR(CheckCount("d_v", spec.d_v, 1, kDimensionMax));
  const uint64_t numbers = uint64_t{spec.d_k} * spec.d_v;
  if (numbers <= kMatrixNumbersMax) return absl::OkStatus();
  return BadField("d_k * d_v", absl::StrCat(numbers), absl::StrCat("at most ", kMatrixNumbersMax),
                  "Use smaller keys or responses: every node keeps a matrix of this size.");
}

absl::Status CheckSteps(const StepSpec& steps, double decay) {
  MNEME_RETURN_IF_ERROR(models::CheckEnum("schedule", steps.schedule));
  if (steps.c) MNEME_RETURN_IF_ERROR(CheckReal("c", *steps.c, false));
  MNEME_RETURN_IF_ERROR(CheckReal("eta", steps.eta, false));
  MNEME_RETURN_IF_ERROR(CheckReal("eta_max", steps.eta_max, false));
  MNEME_RETURN_IF_ERROR(CheckReal("gradient_bound", steps.gradient_bound, false));
  if (steps.schedule == Schedule::kHorizon && steps.horizon == 0) {
    return BadField("horizon", "0", "at least 1 round for the schedule horizon",
                    "Give the number of rounds, or use the schedule sqrt.");
  }
  if (steps.schedule == Schedule::kStrong && decay == 0) {
    return BadField("schedule", Name(steps.schedule), "a schedule other than strong without decay",
                    "Give a decay above 0, or use the schedule sqrt.");
  }
  return absl::OkStatus();
}

absl::Status CheckWire(const WireSpec& wire) {
  MNEME_RETURN_IF_ERROR(models::CheckEnum("wire_type", wire.type));
  MNEME_RETURN_IF_ERROR(models::CheckEnum("compression", wire.compression));
  if (!(wire.topk_share >= 1e-6 && wire.topk_share <= 1)) {
    return BadField("topk_share", Text(wire.topk_share), "a share from 1e-6 to 1",
                    "Give the share of a gradient's numbers that is sent, such as 0.1.");
  }
  MNEME_RETURN_IF_ERROR(
      CheckCount("edge_queue_frames", wire.edge_queue_frames, 1, kEdgeQueueFramesMax));
  return CheckCount("factor_queue_bytes", wire.factor_queue_bytes, 1024, kFactorQueueBytesMax);
}

absl::Status CheckPrivacy(const PrivacySpec& privacy) {
  MNEME_RETURN_IF_ERROR(
      CheckCount("min_contributors", privacy.min_contributors, 1, kContributorsMax));
  MNEME_RETURN_IF_ERROR(CheckCount("min_items", privacy.min_items, 1, kLagItemsMax));
  return CheckCount("max_hold_rounds", privacy.max_hold_rounds, 1, kDelayRoundsMax);
}

// Noise on sums of gradients alone, and nothing that would take it off again or throw it away.
absl::Status CheckNoise(const Spec& spec) {
  const NoiseSpec& noise = spec.noise;
  MNEME_RETURN_IF_ERROR(CheckReal("dp_clip", noise.clip, true));
  MNEME_RETURN_IF_ERROR(CheckReal("dp_sigma", noise.sigma, true));
  if (noise.sigma > 0 && noise.clip == 0) {
    return BadField("dp_sigma", Text(noise.sigma), "0 without dp_clip",
                    "Give dp_clip: the noise is measured in it.");
  }
  if (noise.clip == 0) return absl::OkStatus();
  if (spec.transport != Transport::kGradient) {
    return BadField("dp_clip", Text(noise.clip), "0 for other transports than gradient",
                    "Use the transport gradient, or leave dp_clip out.");
  }
  if (spec.privacy.share_items || spec.wire.compression != Compression::kNone || spec.clip > 0) {
    return BadField("dp_clip", Text(noise.clip), "0 beside share_items, compression or clip",
                    "Leave one of them out: they show items, choose among the noise, or refuse "
                    "sums for its length.");
  }
  return absl::OkStatus();
}

// What does not go together with the transport.
absl::Status CheckTransport(const Spec& spec) {
  const Transport transport = spec.transport;
  if (transport == Transport::kStatistic && spec.loss != Loss::kLeastSquares) {
    return BadField("transport", Name(transport),
                    absl::StrCat("gradient or factor for the loss ", AbslView(Name(spec.loss))),
                    "Sums of k k^T and v k^T say enough for least squares alone.");
  }
  if (transport == Transport::kFactor && !spec.privacy.share_items) {
    return BadField("transport", "factor", "gradient or statistic where share_items is off",
                    "Factors are the items themselves: set share_items if others may see them.");
  }
  if (transport != Transport::kGradient && spec.combine == Combine::kBarrier) {
    return BadField("combine", "barrier", "pipelined for other transports than gradient",
                    "Leave combine out.");
  }
  if (transport != Transport::kGradient && spec.wire.compression != Compression::kNone) {
    return BadField("compression", Name(spec.wire.compression),
                    "none for other transports than gradient", "Leave compression out.");
  }
  if (spec.wire.compression == Compression::kLowRank && !spec.privacy.share_items &&
      (spec.privacy.min_contributors > 1 || spec.privacy.min_items > 1)) {
    return BadField("compression", "low_rank",
                    "none or topk where sums must hold several contributors or items",
                    "Factors show the items that they are of: set share_items, or "
                    "min_contributors and min_items to 1, if the other nodes may see them.");
  }
  return absl::OkStatus();
}

// Decodes an enum as it was: Validate finds one that is none.
template <typename Enum>
Enum GetEnum(ByteReader& reader) {
  return static_cast<Enum>(reader.Get<uint8_t>());
}
template <typename Enum>
void PutEnum(ByteWriter& writer, Enum value) {
  writer.Put(static_cast<uint8_t>(value));
}

void PutSteps(ByteWriter& writer, const StepSpec& steps) {
  PutEnum(writer, steps.schedule);
  writer.Put(static_cast<uint8_t>(steps.c.has_value()));
  writer.Put(steps.c.value_or(0));
  writer.Put(steps.eta);
  writer.Put(steps.eta_max);
  writer.Put(steps.horizon);
  writer.Put(steps.gradient_bound);
  writer.Put(static_cast<uint8_t>(steps.stability_cap));
}

StepSpec GetSteps(ByteReader& reader) {
  StepSpec steps;
  steps.schedule = GetEnum<Schedule>(reader);
  const bool has_c = reader.Get<uint8_t>() != 0;
  const auto c = reader.Get<double>();
  if (has_c) steps.c = c;
  steps.eta = reader.Get<double>();
  steps.eta_max = reader.Get<double>();
  steps.horizon = reader.Get<uint64_t>();
  steps.gradient_bound = reader.Get<double>();
  steps.stability_cap = reader.Get<uint8_t>() != 0;
  return steps;
}

// What two nodes must share, in a fixed order.
void PutShared(ByteWriter& writer, const Spec& spec) {
  writer.Put(spec.d_k);
  writer.Put(spec.d_v);
  PutEnum(writer, spec.loss);
  writer.Put(spec.huber_delta);
  writer.Put(spec.decay);
  writer.Put(spec.radius);
  PutEnum(writer, spec.transport);
  PutEnum(writer, spec.combine);
  writer.Put(spec.privacy.min_contributors);
  writer.Put(spec.privacy.min_items);
  writer.Put(spec.privacy.max_hold_rounds);
  writer.Put(static_cast<uint8_t>(spec.privacy.share_items));
  PutEnum(writer, spec.wire.type);
}

void GetShared(ByteReader& reader, Spec& spec) {
  spec.d_k = reader.Get<uint32_t>();
  spec.d_v = reader.Get<uint32_t>();
  spec.loss = GetEnum<Loss>(reader);
  spec.huber_delta = reader.Get<double>();
  spec.decay = reader.Get<double>();
  spec.radius = reader.Get<double>();
  spec.transport = GetEnum<Transport>(reader);
  spec.combine = GetEnum<Combine>(reader);
  spec.privacy.min_contributors = reader.Get<uint32_t>();
  spec.privacy.min_items = reader.Get<uint32_t>();
  spec.privacy.max_hold_rounds = reader.Get<uint32_t>();
  spec.privacy.share_items = reader.Get<uint8_t>() != 0;
  spec.wire.type = GetEnum<WireType>(reader);
}

}  // namespace

absl::Status Validate(const Spec& spec) {
  MNEME_RETURN_IF_ERROR(CheckShape(spec));
  MNEME_RETURN_IF_ERROR(models::CheckEnum("loss", spec.loss));
  MNEME_RETURN_IF_ERROR(CheckReal("huber_delta", spec.huber_delta, false));
  MNEME_RETURN_IF_ERROR(CheckReal("decay", spec.decay, true));
  MNEME_RETURN_IF_ERROR(CheckReal("radius", spec.radius, true));
  MNEME_RETURN_IF_ERROR(models::CheckEnum("transport", spec.transport));
  MNEME_RETURN_IF_ERROR(models::CheckEnum("combine", spec.combine));
  MNEME_RETURN_IF_ERROR(CheckSteps(spec.steps, spec.decay));
  MNEME_RETURN_IF_ERROR(CheckPrivacy(spec.privacy));
  MNEME_RETURN_IF_ERROR(CheckWire(spec.wire));
  MNEME_RETURN_IF_ERROR(CheckTransport(spec));
  MNEME_RETURN_IF_ERROR(CheckCount("b_max", spec.b_max, 1, kBatchItemsMax));
  MNEME_RETURN_IF_ERROR(CheckCount("lag_max", spec.lag_max, spec.b_max, kLagItemsMax));
  MNEME_RETURN_IF_ERROR(CheckCount("max_delay", spec.max_delay, 1, kDelayRoundsMax));
  MNEME_RETURN_IF_ERROR(models::CheckEnum("loss_correction", spec.loss_correction));
  MNEME_RETURN_IF_ERROR(CheckReal("staleness_damping", spec.staleness_damping, true));
  MNEME_RETURN_IF_ERROR(CheckReal("clip", spec.clip, true));
  MNEME_RETURN_IF_ERROR(
      CheckCount("checkpoint_rounds", spec.checkpoint_rounds, 1, kRoundsBetweenMax));
  MNEME_RETURN_IF_ERROR(CheckCount("probe_rounds", spec.probe_rounds, 1, kRoundsBetweenMax));
  MNEME_RETURN_IF_ERROR(models::CheckEnum("warm_start", spec.warm_start));
  MNEME_RETURN_IF_ERROR(models::CheckEnum("dead_interest", spec.dead_interest));
  return CheckNoise(spec);
}

bool SumsMayBeFactors(const Spec& spec) {
  return spec.privacy.share_items || spec.wire.compression == Compression::kLowRank;
}

double BallRadius(const Spec& spec) {
  return spec.radius > 0 ? spec.radius : 2 * std::sqrt(static_cast<double>(spec.d_v));
}

Transport ResolvedTransport(const Spec& spec, double items_per_round) {
  if (spec.transport != Transport::kAuto) return spec.transport;
  if (spec.combine == Combine::kBarrier || spec.wire.compression != Compression::kNone) {
    return Transport::kGradient;
  }
  const double d_k = spec.d_k, d_v = spec.d_v;
  if (spec.privacy.share_items && items_per_round < 2 * d_v * d_k / (d_k + d_v)) {
    return Transport::kFactor;
  }
  if (spec.loss == Loss::kLeastSquares && d_k + 1 < 2 * d_v) return Transport::kStatistic;
  return Transport::kGradient;
}

uint64_t Hash(const Spec& spec) {
  ByteWriter writer;
  writer.Put(kSharedVersion);
  PutShared(writer, spec);
  // Topk is a node's own; what low_rank sends, others must expect.
  if (spec.wire.compression == Compression::kLowRank) PutEnum(writer, spec.wire.compression);
  // FNV-1a.
  uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : writer.Take()) {
    hash = (hash ^ static_cast<uint8_t>(byte)) * 0x100000001b3;
  }
  return hash;
}

EdgeNumbers NumbersPerEdge(const Spec& spec, Transport transport, uint64_t items) {
  const uint64_t d_k = spec.d_k, d_v = spec.d_v;
  switch (transport) {
    case Transport::kGradient:
      return {.down = d_v * d_k, .up = d_v * d_k};
    case Transport::kFactor:
      return {.down = items * (d_k + d_v), .up = 0};
    case Transport::kStatistic:
      return {.down = 0, .up = d_k * (d_k + 1) / 2 + d_v * d_k};
    case Transport::kAuto:
      break;
  }
  return NumbersPerEdge(spec, ResolvedTransport(spec, static_cast<double>(items)), items);
}

std::string Encode(const Spec& spec) {
  ByteWriter writer;
  writer.Put(kSpecVersion);
  PutShared(writer, spec);
  PutSteps(writer, spec.steps);
  PutEnum(writer, spec.wire.compression);
  writer.Put(spec.wire.topk_share);
  writer.Put(static_cast<uint8_t>(spec.wire.error_feedback));
  writer.Put(spec.wire.edge_queue_frames);
  writer.Put(spec.wire.factor_queue_bytes);
  writer.Put(spec.b_max);
  writer.Put(spec.lag_max);
  writer.Put(spec.max_delay);
  PutEnum(writer, spec.loss_correction);
  writer.Put(spec.staleness_damping);
  writer.Put(spec.clip);
  writer.Put(spec.checkpoint_rounds);
  writer.Put(spec.probe_rounds);
  PutEnum(writer, spec.warm_start);
  PutEnum(writer, spec.dead_interest);
  writer.Put(spec.noise.clip);
  writer.Put(spec.noise.sigma);
  return writer.Take();
}

absl::StatusOr<Spec> DecodeSpec(std::string_view bytes) {
  ByteReader reader(bytes);
  Spec spec;
  const auto version = reader.Get<uint32_t>();
  GetShared(reader, spec);
  spec.steps = GetSteps(reader);
  spec.wire.compression = GetEnum<Compression>(reader);
  spec.wire.topk_share = reader.Get<double>();
  spec.wire.error_feedback = reader.Get<uint8_t>() != 0;
  spec.wire.edge_queue_frames = reader.Get<uint32_t>();
  spec.wire.factor_queue_bytes = reader.Get<uint64_t>();
  spec.b_max = reader.Get<uint32_t>();
  spec.lag_max = reader.Get<uint32_t>();
  spec.max_delay = reader.Get<uint32_t>();
  spec.loss_correction = GetEnum<LossCorrection>(reader);
  spec.staleness_damping = reader.Get<double>();
  spec.clip = reader.Get<double>();
  spec.checkpoint_rounds = reader.Get<uint32_t>();
  spec.probe_rounds = reader.Get<uint32_t>();
  if (version == 1) {
    spec.dead_interest = DeadInterest::kRenormalise;  // as it was done then
  } else {
    spec.warm_start = GetEnum<WarmStart>(reader);
    spec.dead_interest = GetEnum<DeadInterest>(reader);
    spec.noise.clip = reader.Get<double>();
    spec.noise.sigma = reader.Get<double>();
  }
  if (version == 0 || version > kSpecVersion || !reader.done()) {
    return BadField("bytes", absl::StrCat(bytes.size()),
                    absl::StrCat("the bytes of a spec of version 1 to ", kSpecVersion),
                    "Use the version that wrote it, or create the federation again.");
  }
  MNEME_RETURN_IF_ERROR(Validate(spec));
  return spec;
}

}  // namespace mneme::federation
