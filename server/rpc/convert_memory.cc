// Spec and state of a memory: wire <-> engine.
#include <limits>
#include <utility>

#include "core/base/status.h"
#include "core/models/dense/dense_choices.h"
#include "server/rpc/convert.h"
#include "server/rpc/tokens.h"

namespace mneme::server {
namespace {

// One row a value; the first row of a table stands for the value that was left out.
template <typename Wire, typename Core>
struct EnumRow {
  Wire wire;
  Core core;
};

constexpr EnumRow<v1::Similarity, models::Similarity> kSimilarities[] = {
    {v1::SIMILARITY_L2, models::Similarity::kL2},
    {v1::SIMILARITY_DOT, models::Similarity::kDot},
    {v1::SIMILARITY_COSINE, models::Similarity::kCosine},
    {v1::SIMILARITY_L1, models::Similarity::kL1},
};
constexpr EnumRow<v1::Separation, models::Separation> kSeparations[] = {
    {v1::SEPARATION_EXP, models::Separation::kExp},
    {v1::SEPARATION_RELU, models::Separation::kRelu1},
    {v1::SEPARATION_POWER, models::Separation::kPower},
    {v1::SEPARATION_RECTIFIED, models::Separation::kRectifiedPower},
    {v1::SEPARATION_ARGMAX, models::Separation::kArgMax},
};
constexpr EnumRow<v1::StateSpace, models::StateSpace> kStates[] = {
    {v1::STATE_SPACE_FREE, models::StateSpace::kFree},
    {v1::STATE_SPACE_SPHERE, models::StateSpace::kSphere},
    {v1::STATE_SPACE_BINARY, models::StateSpace::kBinary},
};
constexpr EnumRow<v1::Encoder, models::Encoder> kEncoders[] = {
    {v1::ENCODER_NONE, models::Encoder::kNone},
    {v1::ENCODER_CENTRE, models::Encoder::kCentre},
    {v1::ENCODER_LINEAR, models::Encoder::kLinear},
};
constexpr EnumRow<v1::EncoderObjective, models::EncoderGoal> kGoals[] = {
    {v1::ENCODER_OBJECTIVE_NOISE_AWARE, models::EncoderGoal::kNoiseAware},
    {v1::ENCODER_OBJECTIVE_CENTRE, models::EncoderGoal::kCentre},
    {v1::ENCODER_OBJECTIVE_WHITEN, models::EncoderGoal::kWhiten},
    {v1::ENCODER_OBJECTIVE_SEPARATION, models::EncoderGoal::kSeparation},
};
constexpr EnumRow<v1::NoSupportPolicy, models::NoSupportPolicy> kNoSupport[] = {
    {v1::NO_SUPPORT_POLICY_REPORT, models::NoSupportPolicy::kReport},
    {v1::NO_SUPPORT_POLICY_NEAREST, models::NoSupportPolicy::kNearest},
    {v1::NO_SUPPORT_POLICY_BLEND, models::NoSupportPolicy::kBlend},
    {v1::NO_SUPPORT_POLICY_WIDEN, models::NoSupportPolicy::kWiden},
};
constexpr EnumRow<v1::Retain, models::Retain> kRetains[] = {
    {v1::RETAIN_ALL, models::Retain::kAll},
    {v1::RETAIN_RESPONSES, models::Retain::kResponses},
    {v1::RETAIN_STATISTICS, models::Retain::kStatistics},
};
constexpr EnumRow<v1::LinearRule, models::LinearRule> kRules[] = {
    {v1::LINEAR_RULE_RIDGE, models::LinearRule::kRidge},
    {v1::LINEAR_RULE_CMM, models::LinearRule::kCmm},
    {v1::LINEAR_RULE_DECAYED, models::LinearRule::kDecayed},
    {v1::LINEAR_RULE_DELTA, models::LinearRule::kDelta},
    {v1::LINEAR_RULE_GATED_DELTA, models::LinearRule::kGatedDelta},
    {v1::LINEAR_RULE_RLS, models::LinearRule::kRls},
    {v1::LINEAR_RULE_TAM, models::LinearRule::kTam},
    {v1::LINEAR_RULE_FEDERATED, models::LinearRule::kFederated},
};
constexpr EnumRow<v1::LoadPolicy, models::LoadPolicy> kPolicies[] = {
    {v1::LOAD_POLICY_NONE, models::LoadPolicy::kNone},
    {v1::LOAD_POLICY_WARN, models::LoadPolicy::kWarn},
    {v1::LOAD_POLICY_REFUSE, models::LoadPolicy::kRefuse},
    {v1::LOAD_POLICY_GROW, models::LoadPolicy::kGrow},
};

template <typename Wire, typename Core, size_t N>
absl::StatusOr<Core> DecodeEnum(std::string_view what, const EnumRow<Wire, Core> (&table)[N],
                                Wire value) {
  if (value == Wire{}) return table[0].core;
  for (const EnumRow<Wire, Core>& row : table) {
    if (row.wire == value) return row.core;
  }
  return UnknownEnum(what, value);
}

// Unspecified for what is not offered on the wire.
template <typename Wire, typename Core, size_t N>
Wire EncodeEnum(const EnumRow<Wire, Core> (&table)[N], Core value) {
  for (const EnumRow<Wire, Core>& row : table) {
    if (row.core == value) return row.wire;
  }
  return Wire{};
}

absl::StatusOr<bool> DecodeNormalization(std::string_view what, v1::Normalization normalization) {
  switch (normalization) {
    case v1::NORMALIZATION_UNSPECIFIED:
    case v1::NORMALIZATION_UNIT:
      return true;
    case v1::NORMALIZATION_NONE:
      return false;
    default:
      return UnknownEnum(what, normalization);
  }
}

absl::StatusOr<models::LinearSpec> DecodeLinear(const v1::LinearSpec& from) {
  models::LinearSpec to;
  MNEME_ASSIGN_OR_RETURN(to.rule, DecodeEnum("linear.rule", kRules, from.rule()));
  if (from.has_lambda()) to.lambda = from.lambda();
  if (from.partitions() > 0) to.partitions = from.partitions();
  MNEME_ASSIGN_OR_RETURN(to.normalize_keys,
                         DecodeNormalization("linear.key_normalization", from.key_normalization()));
  MNEME_ASSIGN_OR_RETURN(
      to.normalize_responses,
      DecodeNormalization("linear.response_normalization", from.response_normalization()));
  if (from.has_beta()) to.beta = from.beta();
  if (from.has_gamma()) to.gamma = from.gamma();
  to.list_size = from.list_size();
  if (from.has_list_size() && from.list_size() == 0) {
    return InvalidArgument("spec: list_size is 0, expected at least 1",
                           {.reason = "SPEC",
                            .given = "list_size=0",
                            .expected = "at least 1",
                            .next_step = "Leave it out for a tail_fraction of 0.05."});
  }
  if (from.has_tail_fraction()) to.tail_fraction = from.tail_fraction();
  MNEME_ASSIGN_OR_RETURN(to.load_policy,
                         DecodeEnum("linear.load_policy", kPolicies, from.load_policy()));
  to.load_limit = from.load_limit();
  to.fast_statistics = from.fast_statistics();
  to.key_mean.assign(from.key_mean().begin(), from.key_mean().end());
  return to;
}

// What was left out depends on what was not.
absl::Status DecodeChoices(const v1::DenseSpec& from, models::DenseSpec& to) {
  models::DenseChoices choices;
  if (from.similarity() != v1::SIMILARITY_UNSPECIFIED) {
    MNEME_ASSIGN_OR_RETURN(choices.similarity,
                           DecodeEnum("dense.similarity", kSimilarities, from.similarity()));
  }
  if (from.state() != v1::STATE_SPACE_UNSPECIFIED) {
    MNEME_ASSIGN_OR_RETURN(choices.state, DecodeEnum("dense.state", kStates, from.state()));
  }
  constexpr uint32_t kMost = 1u << 20;  // what is above the limits stays above them
  if (from.power() > 0) choices.power = static_cast<int>(std::min(from.power(), kMost));
  if (from.steps_max() > 0) choices.steps_max = static_cast<int>(std::min(from.steps_max(), kMost));
  models::FillIn(choices, to);
  return absl::OkStatus();
}

absl::StatusOr<models::DenseSpec> DecodeDense(const v1::DenseSpec& from) {
  models::DenseSpec to;
  MNEME_ASSIGN_OR_RETURN(to.separation,
                         DecodeEnum("dense.separation", kSeparations, from.separation()));
  MNEME_ASSIGN_OR_RETURN(to.no_support,
                         DecodeEnum("dense.no_support", kNoSupport, from.no_support()));
  MNEME_ASSIGN_OR_RETURN(to.encoder, DecodeEnum("dense.encoder", kEncoders, from.encoder()));
  MNEME_RETURN_IF_ERROR(DecodeChoices(from, to));
  if (from.has_beta()) {
    MNEME_RETURN_IF_ERROR(CheckBeta("dense.beta", from.beta(), "SPEC"));
    to.beta = from.beta();
  }
  if (from.has_radius()) to.radius = from.radius();
  if (from.tolerance() != 0) to.tolerance = from.tolerance();
  if (from.has_index()) to.index = DecodeIndex(from.index());
  return to;
}

void EncodeDense(const models::DenseSpec& from, v1::DenseSpec* to) {
  to->set_similarity(EncodeEnum(kSimilarities, from.similarity));
  if (from.beta.has_value()) to->set_beta(*from.beta);
  to->set_steps_max(static_cast<uint32_t>(from.steps_max));
  to->set_tolerance(from.tolerance);
  if (from.index.has_value()) EncodeIndex(*from.index, to->mutable_index());
  to->set_separation(EncodeEnum(kSeparations, from.separation));
  to->set_power(static_cast<uint32_t>(from.power));
  to->set_state(EncodeEnum(kStates, from.state));
  to->set_no_support(EncodeEnum(kNoSupport, from.no_support));
  if (from.radius.has_value()) to->set_radius(*from.radius);
  to->set_encoder(EncodeEnum(kEncoders, from.encoder));
}

v1::Normalization EncodeNormalization(bool unit) {
  return unit ? v1::NORMALIZATION_UNIT : v1::NORMALIZATION_NONE;
}

// Fields that the rule does not use stay as they were left out.
void EncodeLinear(const models::LinearSpec& from, v1::LinearSpec* to) {
  using models::LinearRule;
  to->set_rule(EncodeEnum(kRules, from.rule));
  if (from.lambda.has_value()) to->set_lambda(*from.lambda);
  to->set_partitions(from.partitions);
  to->set_key_normalization(EncodeNormalization(from.normalize_keys));
  to->set_response_normalization(EncodeNormalization(from.normalize_responses));
  const bool gated = from.rule == LinearRule::kGatedDelta;
  if (from.rule == LinearRule::kDelta || gated) to->set_beta(from.beta);
  if (from.rule == LinearRule::kDecayed || from.rule == LinearRule::kRls || gated) {
    to->set_gamma(from.gamma);
  }
  if (from.list_size > 0) to->set_list_size(from.list_size);
  if (from.tail_fraction.has_value()) to->set_tail_fraction(*from.tail_fraction);
  to->set_load_policy(EncodeEnum(kPolicies, from.load_policy));
  to->set_load_limit(from.load_limit);
  to->set_fast_statistics(from.fast_statistics);
  to->mutable_key_mean()->Add(from.key_mean.begin(), from.key_mean.end());
}

void EncodeTrained(engine::MemoryUid uid, const models::TrainedStats& from, v1::TrainedState* to) {
  EncodeTrainedEpoch(uid, from, to->mutable_epoch());
  to->set_items(from.items);
  to->set_certified(from.certified);
  to->set_list_size(from.list_size);
  to->set_radius_min(from.radius_min);
  to->set_loss(from.loss);
  to->set_weights_norm(from.weights_norm);
  to->set_score_sigmas(from.score_sigmas);
  to->set_delta_count(from.delta_items);
}

void EncodeFigures(const models::EncoderFigureStats& from, v1::EncoderFigures* to) {
  to->set_largest_cosine(from.largest_cosine);
  to->set_top1(from.top1);
  to->set_margin(from.margin);
}

void EncodeEncoder(engine::MemoryUid uid, const models::EncoderStats& from, v1::EncoderState* to) {
  to->mutable_epoch()->set_uid(FormatUid(uid));
  to->mutable_epoch()->set_position(from.position);
  to->mutable_epoch()->set_job(from.job);
  to->set_objective(EncodeEnum(kGoals, from.goal));
  to->set_items(from.items);
  to->set_cue_noise(from.cue_noise);
  const bool steps = from.goal == models::EncoderGoal::kSeparation ||
                     from.goal == models::EncoderGoal::kNoiseAware;
  if (steps) {
    EncodeFigures(from.start, to->mutable_start());
    EncodeFigures(from.kept, to->mutable_kept());
  }
  to->set_kept_step(static_cast<uint32_t>(from.kept_step));
  to->set_loss(from.loss);
  to->set_warning(from.warning);
}

v1::Health EncodeHealth(engine::Health health) {
  switch (health) {
    case engine::Health::kServing:
      return v1::HEALTH_SERVING;
    case engine::Health::kDegraded:
      return v1::HEALTH_DEGRADED;
    case engine::Health::kStarting:
      return v1::HEALTH_STARTING;
    case engine::Health::kUnloaded:
      return v1::HEALTH_UNLOADED;
  }
  return v1::HEALTH_UNSPECIFIED;
}

void EncodeState(const engine::MemoryInfo& info, const std::optional<engine::LoadMeter>& meter,
                 v1::MemoryState* to) {
  const models::ModelStats& stats = info.stats;
  to->set_item_count(stats.items);
  to->set_position(info.position);
  to->set_fixed_bytes(stats.fixed_bytes);
  to->set_row_bytes(stats.row_bytes);
  to->set_memory_bytes(stats.fixed_bytes + stats.row_bytes);
  to->set_beta(stats.beta);
  to->set_beta_fallback(stats.beta_fallback);
  to->set_lambda(stats.lambda);
  to->set_health(EncodeHealth(info.health));
  to->set_health_reason(info.health_reason);
  to->set_expired_count(info.expired);
  to->set_evicted_count(info.evicted);
  to->set_checkpoint_position(info.checkpoint_position);
  EncodeBytes(stats.bytes, to->mutable_bytes());
  to->set_radius(stats.radius);
  if (stats.shadowed.has_value()) {
    to->set_shadowed_count(stats.shadowed->shadowed);
    to->set_shadowed_items(stats.shadowed->items);
  }
  if (stats.encoder.has_value()) EncodeEncoder(info.uid, *stats.encoder, to->mutable_encoder());
  if (stats.index.has_value()) EncodeIndexStats(*stats.index, to->mutable_index());
  to->set_suppressed_count(stats.suppressed);
  if (const auto load = engine::LoadOf(info.spec, stats.items, stats.partitions)) {
    to->set_load(*load);
    to->set_partitions(stats.partitions);
  }
  if (meter.has_value()) {
    v1::LoadMeter& out = *to->mutable_load_meter();
    out.set_load(meter->load);
    out.set_capacity_items(meter->capacity_items);
    out.set_used(meter->used);
    out.set_criterion(meter->criterion);
    out.set_phase(EncodePhase(meter->phase));
  }
  if (stats.trained.has_value()) {
    EncodeTrained(info.uid, *stats.trained, to->mutable_trained());
    *to->mutable_weights_epoch() = to->trained().epoch();
  } else {
    to->mutable_weights_epoch()->set_uid(FormatUid(info.uid));
    to->mutable_weights_epoch()->set_position(info.position);
  }
}

}  // namespace

// Of an answer: what answered in place of supports.
v1::NoSupportPolicy EncodeAnsweredBy(models::NoSupportPolicy policy) {
  if (policy == models::NoSupportPolicy::kReport) return v1::NO_SUPPORT_POLICY_UNSPECIFIED;
  return EncodeEnum(kNoSupport, policy);
}

// Scores are float32, so what multiplies them must be one that is not 0.
absl::Status CheckBeta(std::string_view what, double beta, std::string_view reason) {
  if (!(beta > 0) ||
      (beta >= std::numeric_limits<float>::min() && beta <= std::numeric_limits<float>::max())) {
    return absl::OkStatus();  // what is not positive the spec refuses itself
  }
  return InvalidArgument(absl::StrFormat("%s is %g, beyond float32", AbslView(what), beta),
                         {.reason = std::string(reason),
                          .given = absl::StrCat(beta),
                          .expected = "1.2e-38 to 3.4e38",
                          .next_step = "Scale the keys, or leave beta out."});
}

absl::StatusOr<models::MemorySpec> DecodeSpec(const v1::Memory& memory) {
  models::MemorySpec spec{.key_dim = memory.key_dim(), .response_dim = memory.response_dim()};
  MNEME_ASSIGN_OR_RETURN(spec.retain, DecodeEnum("retain", kRetains, memory.retain()));
  switch (memory.model_case()) {
    case v1::Memory::kDense: {
      MNEME_ASSIGN_OR_RETURN(spec.model, DecodeDense(memory.dense()));
      return spec;
    }
    case v1::Memory::kLinear: {
      MNEME_ASSIGN_OR_RETURN(spec.model, DecodeLinear(memory.linear()));
      return spec;
    }
    case v1::Memory::kFeature: {
      MNEME_ASSIGN_OR_RETURN(spec.model, DecodeFeature(memory.feature()));
      if (memory.retain() == v1::RETAIN_UNSPECIFIED) spec.retain = models::Retain::kStatistics;
      return spec;
    }
    case v1::Memory::MODEL_NOT_SET:
      break;
  }
  return InvalidArgument(
      "the memory has no model",
      {.reason = "SPEC",
       .given = "no model",
       .expected = "dense, linear or feature",
       .next_step = "Set one of them; an empty dense or linear takes the defaults."});
}

void EncodeMemory(const engine::MemoryInfo& info, const std::optional<engine::LoadMeter>& meter,
                  v1::Memory* to) {
  to->set_name(FormatMemoryName(info.name));
  to->set_uid(FormatUid(info.uid));
  to->set_etag(FormatEtag(engine::EtagOf(info)));
  EncodeTimestamp(info.create_unix_nanos, to->mutable_create_time());
  EncodeTimestamp(info.update_unix_nanos, to->mutable_update_time());
  to->set_description(info.labels.description);
  to->mutable_labels()->insert(info.labels.labels.begin(), info.labels.labels.end());
  to->set_key_dim(static_cast<uint32_t>(info.spec.key_dim));
  to->set_response_dim(static_cast<uint32_t>(info.spec.response_dim));
  to->set_retain(EncodeEnum(kRetains, info.spec.retain));
  if (const auto* dense = std::get_if<models::DenseSpec>(&info.spec.model)) {
    EncodeDense(*dense, to->mutable_dense());
  } else if (const auto* feature = std::get_if<models::FeatureSpec>(&info.spec.model)) {
    EncodeFeature(*feature, to->mutable_feature());
  } else {
    EncodeLinear(std::get<models::LinearSpec>(info.spec.model), to->mutable_linear());
  }
  EncodeItemPolicy(info.item_policy, to->mutable_item_policy());
  to->set_frozen(info.frozen);
  EncodeState(info, meter, to->mutable_state());
}

v1::LoadPhase EncodePhase(theory::Phase phase) {
  switch (phase) {
    case theory::Phase::kSatisfiable:
      return v1::LOAD_PHASE_SATISFIABLE;
    case theory::Phase::kUnsatisfiable:
      return v1::LOAD_PHASE_UNSATISFIABLE;
    case theory::Phase::kCollapsed:
      return v1::LOAD_PHASE_COLLAPSED;
  }
  return v1::LOAD_PHASE_UNSPECIFIED;
}

void EncodeBytes(const std::vector<models::ByteAccount>& from,
                 google::protobuf::RepeatedPtrField<v1::ByteAccount>* to) {
  for (const models::ByteAccount& account : from) {
    v1::ByteAccount& out = *to->Add();
    out.set_what(std::string(account.what));
    out.set_bytes(account.bytes);
  }
}

void EncodeWarnings(const std::vector<engine::Warning>& from,
                    google::protobuf::RepeatedPtrField<v1::Warning>* to) {
  for (const engine::Warning& warning : from) {
    v1::Warning& out = *to->Add();
    out.set_reason(warning.reason);
    out.set_message(warning.message);
    out.set_next_step(warning.next_step);
  }
}

void EncodeTrainedEpoch(engine::MemoryUid uid, const models::TrainedStats& trained, v1::Epoch* to) {
  to->set_uid(FormatUid(uid));
  to->set_position(trained.position);
  to->set_job(trained.job);
}

}  // namespace mneme::server
