// Specs, memories and their state.
#include "client/cpp/src/convert.h"

namespace mneme::client {
namespace {

IndexSpec GetIndex(const v1::IndexSpec& wire) {
  IndexSpec spec{.target_recall = wire.target_recall(), .rescore_depth = wire.rescore_depth()};
  if (wire.has_graph()) {
    spec.kind = GraphIndexSpec{.links = wire.graph().links(),
                               .construction_width = wire.graph().construction_width(),
                               .seed = wire.graph().seed()};
  } else {
    spec.kind = BinaryIndexSpec{.bits = wire.binary().bits(),
                                .rotation_seed = wire.binary().rotation_seed(),
                                .no_centering = wire.binary().no_centering(),
                                .tile_size = wire.binary().tile_size(),
                                .tile_keep = wire.binary().tile_keep()};
  }
  return spec;
}

void SetIndex(const IndexSpec& spec, v1::IndexSpec* out) {
  if (const auto* binary = std::get_if<BinaryIndexSpec>(&spec.kind)) {
    out->mutable_binary()->set_bits(binary->bits);
    out->mutable_binary()->set_rotation_seed(binary->rotation_seed);
    out->mutable_binary()->set_no_centering(binary->no_centering);
    out->mutable_binary()->set_tile_size(binary->tile_size);
    out->mutable_binary()->set_tile_keep(binary->tile_keep);
  } else if (const auto* graph = std::get_if<GraphIndexSpec>(&spec.kind)) {
    out->mutable_graph()->set_links(graph->links);
    out->mutable_graph()->set_construction_width(graph->construction_width);
    out->mutable_graph()->set_seed(graph->seed);
  }
  out->set_target_recall(spec.target_recall);
  out->set_rescore_depth(spec.rescore_depth);
}

MeasuredRecall GetRecall(const v1::MeasuredRecall& wire) {
  return {.recall = wire.recall(), .low = wire.low(), .high = wire.high()};
}

IndexStatus GetIndexStatus(const v1::IndexStatus& wire) {
  IndexStatus status{.fallback = static_cast<IndexFallback>(wire.fallback()),
                     .why = wire.why(),
                     .depth = wire.depth(),
                     .recall = GetRecall(wire.recall()),
                     .rows = wire.rows(),
                     .exact_us = wire.exact_us()};
  for (const v1::IndexDepth& line : wire.table()) {
    status.table.push_back({.depth = line.depth(),
                            .recall = GetRecall(line.recall()),
                            .candidates_us = line.candidates_us(),
                            .rescore_us = line.rescore_us()});
  }
  return status;
}

DenseSpec GetDense(const v1::DenseSpec& wire) {
  DenseSpec spec{.similarity = static_cast<Similarity>(wire.similarity()),
                 .separation = static_cast<Separation>(wire.separation()),
                 .power = wire.power(),
                 .state = static_cast<StateSpace>(wire.state()),
                 .no_support = static_cast<NoSupportPolicy>(wire.no_support()),
                 .steps_max = wire.steps_max(),
                 .tolerance = wire.tolerance()};
  if (wire.has_beta()) spec.beta = wire.beta();
  if (wire.has_radius()) spec.radius = wire.radius();
  spec.encoder = static_cast<Encoder>(wire.encoder());
  if (wire.has_index()) spec.index = GetIndex(wire.index());
  return spec;
}

LinearSpec GetLinear(const v1::LinearSpec& wire) {
  LinearSpec spec{
      .rule = static_cast<LinearRule>(wire.rule()),
      .partitions = wire.partitions(),
      .key_normalization = static_cast<Normalization>(wire.key_normalization()),
      .response_normalization = static_cast<Normalization>(wire.response_normalization()),
      .load_policy = static_cast<LoadPolicy>(wire.load_policy()),
      .load_limit = wire.load_limit(),
      .fast_statistics = wire.fast_statistics(),
      .key_mean = {wire.key_mean().begin(), wire.key_mean().end()}};
  if (wire.has_lambda()) spec.lambda = wire.lambda();
  if (wire.has_beta()) spec.beta = wire.beta();
  if (wire.has_gamma()) spec.gamma = wire.gamma();
  if (wire.has_list_size()) spec.tail = ListSize{wire.list_size()};
  if (wire.has_tail_fraction()) spec.tail = TailFraction{wire.tail_fraction()};
  return spec;
}

FeatureSpec GetFeature(const v1::FeatureSpec& wire) {
  FeatureSpec spec{.kind = static_cast<FeatureKind>(wire.kind()),
                   .features = wire.features(),
                   .beta = wire.beta(),
                   .seed = wire.seed(),
                   .rate = wire.rate(),
                   .steps_max = wire.steps_max(),
                   .tolerance = wire.tolerance(),
                   .items_expected = wire.items_expected(),
                   .cue_noise = wire.cue_noise()};
  if (wire.has_gamma()) spec.gamma = wire.gamma();
  return spec;
}

LoadMeter GetLoadMeter(const v1::LoadMeter& wire) {
  return {.load = wire.load(),
          .capacity_items = wire.capacity_items(),
          .used = wire.used(),
          .criterion = wire.criterion(),
          .phase = static_cast<LoadPhase>(wire.phase())};
}

TrainedState GetTrained(const v1::TrainedState& wire) {
  return {.epoch = FromWire(wire.epoch()),
          .items = wire.items(),
          .certified = wire.certified(),
          .list_size = wire.list_size(),
          .radius_min = wire.radius_min(),
          .loss = wire.loss(),
          .weights_norm = wire.weights_norm(),
          .score_sigmas = wire.score_sigmas(),
          .delta_count = wire.delta_count()};
}

EncoderFigures GetFigures(const v1::EncoderFigures& wire) {
  return {.largest_cosine = wire.largest_cosine(), .top1 = wire.top1(), .margin = wire.margin()};
}

EncoderState GetEncoder(const v1::EncoderState& wire) {
  EncoderState state{.epoch = FromWire(wire.epoch()),
                     .objective = static_cast<EncoderObjective>(wire.objective()),
                     .items = wire.items(),
                     .cue_noise = wire.cue_noise(),
                     .kept_step = wire.kept_step(),
                     .loss = wire.loss(),
                     .warning = wire.warning()};
  if (wire.has_start()) state.start = GetFigures(wire.start());
  if (wire.has_kept()) state.kept = GetFigures(wire.kept());
  return state;
}

ItemPolicy GetItemPolicy(const v1::ItemPolicy& wire) {
  ItemPolicy policy{.items_max = wire.items_max(),
                    .bytes_max = wire.bytes_max(),
                    .full_policy = static_cast<FullPolicy>(wire.full_policy())};
  if (wire.has_ttl()) policy.ttl = FromWire(wire.ttl());
  return policy;
}

void SetItemPolicy(const ItemPolicy& policy, v1::ItemPolicy* out) {
  if (policy.ttl) *out->mutable_ttl() = MakeDuration(*policy.ttl);
  out->set_items_max(policy.items_max);
  out->set_bytes_max(policy.bytes_max);
  out->set_full_policy(static_cast<v1::FullPolicy>(policy.full_policy));
}

MemoryState GetState(const v1::MemoryState& wire) {
  MemoryState state{.item_count = wire.item_count(),
                    .position = wire.position(),
                    .memory_bytes = wire.memory_bytes(),
                    .fixed_bytes = wire.fixed_bytes(),
                    .row_bytes = wire.row_bytes(),
                    .beta = wire.beta(),
                    .beta_fallback = wire.beta_fallback(),
                    .lambda = wire.lambda(),
                    .load = wire.load(),
                    .health = static_cast<Health>(wire.health()),
                    .health_reason = wire.health_reason(),
                    .weights_epoch = FromWire(wire.weights_epoch()),
                    .bytes = AllFromWire(wire.bytes()),
                    .partitions = wire.partitions(),
                    .suppressed_count = wire.suppressed_count(),
                    .expired_count = wire.expired_count(),
                    .evicted_count = wire.evicted_count(),
                    .checkpoint_position = wire.checkpoint_position(),
                    .radius = wire.radius(),
                    .shadowed_count = wire.shadowed_count(),
                    .shadowed_items = wire.shadowed_items()};
  if (wire.has_load_meter()) state.load_meter = GetLoadMeter(wire.load_meter());
  if (wire.has_trained()) state.trained = GetTrained(wire.trained());
  if (wire.has_index()) state.index = GetIndexStatus(wire.index());
  if (wire.has_encoder()) state.encoder = GetEncoder(wire.encoder());
  return state;
}

void SetDense(const DenseSpec& spec, v1::DenseSpec* out) {
  out->set_similarity(static_cast<v1::Similarity>(spec.similarity));
  if (spec.beta) out->set_beta(*spec.beta);
  out->set_steps_max(spec.steps_max);
  out->set_tolerance(spec.tolerance);
  if (spec.index) SetIndex(*spec.index, out->mutable_index());
  out->set_separation(static_cast<v1::Separation>(spec.separation));
  out->set_power(spec.power);
  out->set_state(static_cast<v1::StateSpace>(spec.state));
  out->set_no_support(static_cast<v1::NoSupportPolicy>(spec.no_support));
  if (spec.radius) out->set_radius(*spec.radius);
  out->set_encoder(static_cast<v1::Encoder>(spec.encoder));
}

void SetLinear(const LinearSpec& spec, v1::LinearSpec* out) {
  out->set_rule(static_cast<v1::LinearRule>(spec.rule));
  if (spec.lambda) out->set_lambda(*spec.lambda);
  out->set_partitions(spec.partitions);
  out->set_key_normalization(static_cast<v1::Normalization>(spec.key_normalization));
  out->set_response_normalization(static_cast<v1::Normalization>(spec.response_normalization));
  if (spec.beta) out->set_beta(*spec.beta);
  if (spec.gamma) out->set_gamma(*spec.gamma);
  SetTail(spec.tail, out);
  out->set_load_policy(static_cast<v1::LoadPolicy>(spec.load_policy));
  out->set_load_limit(spec.load_limit);
  out->set_fast_statistics(spec.fast_statistics);
  out->mutable_key_mean()->Assign(spec.key_mean.begin(), spec.key_mean.end());
}

void SetFeature(const FeatureSpec& spec, v1::FeatureSpec* out) {
  out->set_kind(static_cast<v1::FeatureKind>(spec.kind));
  out->set_features(spec.features);
  out->set_beta(spec.beta);
  out->set_seed(spec.seed);
  out->set_rate(spec.rate);
  out->set_steps_max(spec.steps_max);
  out->set_tolerance(spec.tolerance);
  if (spec.gamma) out->set_gamma(*spec.gamma);
  out->set_items_expected(spec.items_expected);
  out->set_cue_noise(spec.cue_noise);
}

}  // namespace

void SetSpec(const MemorySpec& spec, v1::Memory* out) {
  out->set_description(spec.description);
  out->mutable_labels()->insert(spec.labels.begin(), spec.labels.end());
  out->set_key_dim(spec.key_dim);
  out->set_response_dim(spec.response_dim);
  out->set_retain(static_cast<v1::Retain>(spec.retain));
  SetItemPolicy(spec.item_policy, out->mutable_item_policy());
  if (const auto* dense = std::get_if<DenseSpec>(&spec.model)) {
    SetDense(*dense, out->mutable_dense());
  } else if (const auto* linear = std::get_if<LinearSpec>(&spec.model)) {
    SetLinear(*linear, out->mutable_linear());
  } else if (const auto* feature = std::get_if<FeatureSpec>(&spec.model)) {
    SetFeature(*feature, out->mutable_feature());
  }
}

IndexReport FromWire(const v1::IndexReport& wire) {
  return {.fallback = static_cast<IndexFallback>(wire.fallback()),
          .recall = GetRecall(wire.recall()),
          .depth = wire.depth(),
          .rows = wire.rows()};
}

Epoch FromWire(const v1::Epoch& wire) {
  return {.uid = wire.uid(), .position = wire.position(), .job = wire.job()};
}

ByteAccount FromWire(const v1::ByteAccount& wire) {
  return {.what = wire.what(), .bytes = wire.bytes()};
}

Memory FromWire(const v1::Memory& wire) {
  Memory memory{.uid = wire.uid(),
                .etag = wire.etag(),
                .create_time = FromWire(wire.create_time()),
                .update_time = FromWire(wire.update_time()),
                .frozen = wire.frozen(),
                .state = GetState(wire.state())};
  memory.spec.name = wire.name();
  memory.spec.description = wire.description();
  memory.spec.labels.insert(wire.labels().begin(), wire.labels().end());
  memory.spec.key_dim = wire.key_dim();
  memory.spec.response_dim = wire.response_dim();
  memory.spec.retain = static_cast<Retain>(wire.retain());
  memory.spec.item_policy = GetItemPolicy(wire.item_policy());
  if (wire.has_dense()) memory.spec.model = GetDense(wire.dense());
  if (wire.has_linear()) memory.spec.model = GetLinear(wire.linear());
  if (wire.has_feature()) memory.spec.model = GetFeature(wire.feature());
  return memory;
}

}  // namespace mneme::client
