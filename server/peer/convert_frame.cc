#include "server/peer/convert_frame.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "core/base/status.h"
#include "server/peer/wire_enum.h"

namespace mneme::server {
namespace {

namespace fed = mneme::federation;

template <typename Enum, typename Wire>
absl::StatusOr<Enum> DecodeEnum(Wire value) {
  if (const std::optional<Enum> known = FromWire<Enum>(value)) return *known;
  return InvalidArgument("a frame has an unknown kind of something",
                         {.reason = "FRAME",
                          .given = absl::StrCat(static_cast<int>(value)),
                          .expected = "a number that this version knows",
                          .next_step = "Run the same version of mnemed on all nodes."});
}

// Before anything is made of them: a few bytes of the wire are many more here.
absl::Status CheckCount(std::string_view what, int given, size_t most) {
  if (static_cast<size_t>(given) <= most) return absl::OkStatus();
  return InvalidArgument(absl::StrCat("a frame has too many ", AbslView(what)),
                         {.reason = "FRAME",
                          .given = absl::StrCat(given),
                          .expected = absl::StrCat("at most ", most),
                          .next_step = "Run the same version of mnemed on all nodes."});
}

void Encode(fed::Numbers&& from, v1::PeerNumbers* to) {
  to->set_type(ToWire<v1::PeerNumberType>(from.type));
  to->set_data(std::move(from.bytes));
}

absl::Status Decode(v1::PeerNumbers&& from, fed::Numbers& to) {
  MNEME_ASSIGN_OR_RETURN(to.type, DecodeEnum<fed::WireType>(from.type()));
  to.bytes = std::move(*from.mutable_data());
  return absl::OkStatus();
}

void Encode(const fed::Tally& from, v1::PeerTally* to) {
  to->set_norm_sum(from.norm_sum);
  to->set_loss_sum(from.loss_sum);
  to->set_weight_sum(from.weight_sum);
  to->set_key_squared_max(from.key_squared_max);
  to->set_items(from.items);
  for (const fed::Contributor& one : from.contributors) {
    v1::PeerContributor* out = to->add_contributors();
    out->set_node(one.node);
    out->set_incarnation(one.incarnation);
    out->set_items(one.items);
    out->set_weight(one.weight);
    out->set_oldest_tag(one.oldest_tag);
    out->set_newest_tag(one.newest_tag);
    out->set_evaluations(one.evaluations);
    out->set_newest_evaluation(one.newest_evaluation);
  }
  to->set_unnamed(from.unnamed);
}

absl::StatusOr<fed::Tally> DecodeTally(const v1::PeerTally& from) {
  MNEME_RETURN_IF_ERROR(
      CheckCount("contributors", from.contributors_size(), fed::kContributorsNamedMax));
  fed::Tally to{.norm_sum = from.norm_sum(),
                .loss_sum = from.loss_sum(),
                .weight_sum = from.weight_sum(),
                .key_squared_max = from.key_squared_max(),
                .items = from.items(),
                .contributors = {},
                .unnamed = from.unnamed()};
  to.contributors.reserve(static_cast<size_t>(from.contributors_size()));
  for (const v1::PeerContributor& one : from.contributors()) {
    to.contributors.push_back({.node = one.node(),
                               .incarnation = one.incarnation(),
                               .items = one.items(),
                               .weight = one.weight(),
                               .oldest_tag = one.oldest_tag(),
                               .newest_tag = one.newest_tag(),
                               .evaluations = one.evaluations(),
                               .newest_evaluation = one.newest_evaluation()});
  }
  return to;
}

void Encode(fed::MemoryChange&& from, v1::PeerMemoryChange* to) {
  to->set_from(from.from);
  for (const fed::ChangeStep& step : from.steps) {
    v1::PeerChangeStep* out = to->add_steps();
    out->set_scale(step.scale);
    out->set_rank(step.rank);
  }
  Encode(std::move(from.errors), to->mutable_errors());
  Encode(std::move(from.keys), to->mutable_keys());
}

absl::Status Decode(v1::PeerMemoryChange&& from, fed::MemoryChange& to) {
  MNEME_RETURN_IF_ERROR(CheckCount("steps of a change", from.steps_size(), fed::kChangeStepsMax));
  to.from = from.from();
  for (const v1::PeerChangeStep& step : from.steps()) {
    to.steps.push_back({.scale = step.scale(), .rank = step.rank()});
  }
  MNEME_RETURN_IF_ERROR(Decode(std::move(*from.mutable_errors()), to.errors));
  return Decode(std::move(*from.mutable_keys()), to.keys);
}

void Put(fed::Hello&& from, v1::PeerFrame* frame) {
  v1::PeerHello* to = frame->mutable_hello();
  to->set_version(from.version);
  to->set_spec_hash(from.spec_hash);
  to->set_edge_queue_frames(from.edge_queue_frames);
  to->set_factor_queue_bytes(from.factor_queue_bytes);
  to->set_wants_reply(from.wants_reply);
}

void Put(fed::ParamDown&& from, v1::PeerFrame* frame) {
  v1::PeerParamDown* to = frame->mutable_param_down();
  to->set_root(from.root);
  to->set_root_incarnation(from.root_incarnation);
  to->set_tag(from.tag);
  to->set_base_tag(from.base_tag);
  to->set_unchanged(from.unchanged);
  Encode(std::move(from.memory), to->mutable_memory());
  if (!from.change.steps.empty()) Encode(std::move(from.change), to->mutable_change());
  for (const fed::Boost& boost : from.boosts) {
    v1::PeerBoost* out = to->add_boosts();
    out->set_node(boost.node);
    out->set_factor(boost.factor);
  }
  to->set_eta(from.eta);
}

void Put(fed::GradUp&& from, v1::PeerFrame* frame) {
  v1::PeerGradUp* to = frame->mutable_grad_up();
  to->set_root(from.root);
  to->set_root_incarnation(from.root_incarnation);
  to->set_tag(from.tag);
  to->set_form(ToWire<v1::PeerGradientForm>(from.form));
  Encode(std::move(from.values), to->mutable_values());
  Encode(std::move(from.keys), to->mutable_keys());
  to->set_rank(from.rank);
  to->set_places(std::move(from.places));
  Encode(from.tally, to->mutable_tally());
}

void Put(fed::StatUp&& from, v1::PeerFrame* frame) {
  v1::PeerStatUp* to = frame->mutable_stat_up();
  to->set_kind(ToWire<v1::PeerStatKind>(from.kind));
  to->set_root(from.root);
  to->set_root_incarnation(from.root_incarnation);
  to->set_first_item(from.first_item);
  to->set_count(from.count);
  Encode(std::move(from.squares), to->mutable_squares());
  Encode(std::move(from.products), to->mutable_products());
  to->set_energy(from.energy);
  Encode(from.tally, to->mutable_tally());
}

void Put(fed::Factor&& from, v1::PeerFrame* frame) {
  v1::PeerFactor* to = frame->mutable_factor();
  to->set_source(from.source);
  to->set_source_incarnation(from.source_incarnation);
  to->set_first_item(from.first_item);
  to->set_count(from.count);
  Encode(std::move(from.keys), to->mutable_keys());
  Encode(std::move(from.responses), to->mutable_responses());
  Encode(std::move(from.gates), to->mutable_gates());
}

void Put(fed::Ack&&, v1::PeerFrame* frame) { frame->mutable_ack(); }

void Put(fed::Nack&& from, v1::PeerFrame* frame) {
  v1::PeerNack* to = frame->mutable_nack();
  to->set_code(ToWire<v1::PeerNackCode>(from.code));
  to->set_epoch(from.my_epoch);
  to->set_root(from.root);
}

void Put(fed::Probe&&, v1::PeerFrame* frame) { frame->mutable_probe(); }

void Put(fed::ProbeReply&& from, v1::PeerFrame* frame) {
  frame->mutable_probe_reply()->set_sent_at(from.sent_at);
}

void Put(fed::WarmAsk&&, v1::PeerFrame* frame) { frame->mutable_warm_ask(); }

void Put(fed::WarmReply&& from, v1::PeerFrame* frame) {
  v1::PeerWarmReply* to = frame->mutable_warm_reply();
  to->set_steps(from.steps);
  to->set_spread(from.spread);
  Encode(std::move(from.memory), to->mutable_memory());
}

fed::Hello Take(const v1::PeerHello& from) {
  return {.version = from.version(),
          .spec_hash = from.spec_hash(),
          .edge_queue_frames = from.edge_queue_frames(),
          .factor_queue_bytes = from.factor_queue_bytes(),
          .wants_reply = from.wants_reply()};
}

absl::StatusOr<fed::Body> Take(v1::PeerParamDown&& from) {
  fed::ParamDown to{.root = from.root(),
                    .root_incarnation = from.root_incarnation(),
                    .tag = from.tag(),
                    .base_tag = from.base_tag(),
                    .unchanged = from.unchanged(),
                    .memory = {},
                    .change = {},
                    .boosts = {},
                    .eta = from.eta()};
  MNEME_RETURN_IF_ERROR(Decode(std::move(*from.mutable_memory()), to.memory));
  if (from.has_change()) {
    MNEME_RETURN_IF_ERROR(Decode(std::move(*from.mutable_change()), to.change));
  }
  MNEME_RETURN_IF_ERROR(CheckCount("boosts", from.boosts_size(), fed::kPlanNodesMax));
  for (const v1::PeerBoost& boost : from.boosts()) {
    to.boosts.push_back({.node = boost.node(), .factor = boost.factor()});
  }
  return fed::Body(std::move(to));
}

absl::StatusOr<fed::Body> Take(v1::PeerGradUp&& from) {
  fed::GradUp to{.root = from.root(),
                 .root_incarnation = from.root_incarnation(),
                 .tag = from.tag(),
                 .form = fed::GradientForm::kNone,
                 .values = {},
                 .keys = {},
                 .rank = from.rank(),
                 .places = std::move(*from.mutable_places()),
                 .tally = {}};
  MNEME_ASSIGN_OR_RETURN(to.tally, DecodeTally(from.tally()));
  MNEME_ASSIGN_OR_RETURN(to.form, DecodeEnum<fed::GradientForm>(from.form()));
  MNEME_RETURN_IF_ERROR(Decode(std::move(*from.mutable_values()), to.values));
  MNEME_RETURN_IF_ERROR(Decode(std::move(*from.mutable_keys()), to.keys));
  return fed::Body(std::move(to));
}

absl::StatusOr<fed::Body> Take(v1::PeerStatUp&& from) {
  fed::StatUp to{.kind = fed::StatKind::kSum,
                 .root = from.root(),
                 .root_incarnation = from.root_incarnation(),
                 .first_item = from.first_item(),
                 .count = from.count(),
                 .squares = {},
                 .products = {},
                 .energy = from.energy(),
                 .tally = {}};
  MNEME_ASSIGN_OR_RETURN(to.tally, DecodeTally(from.tally()));
  MNEME_ASSIGN_OR_RETURN(to.kind, DecodeEnum<fed::StatKind>(from.kind()));
  MNEME_RETURN_IF_ERROR(Decode(std::move(*from.mutable_squares()), to.squares));
  MNEME_RETURN_IF_ERROR(Decode(std::move(*from.mutable_products()), to.products));
  return fed::Body(std::move(to));
}

absl::StatusOr<fed::Body> Take(v1::PeerFactor&& from) {
  fed::Factor to{.source = from.source(),
                 .source_incarnation = from.source_incarnation(),
                 .first_item = from.first_item(),
                 .count = from.count(),
                 .keys = {},
                 .responses = {},
                 .gates = {}};
  MNEME_RETURN_IF_ERROR(Decode(std::move(*from.mutable_keys()), to.keys));
  MNEME_RETURN_IF_ERROR(Decode(std::move(*from.mutable_responses()), to.responses));
  MNEME_RETURN_IF_ERROR(Decode(std::move(*from.mutable_gates()), to.gates));
  return fed::Body(std::move(to));
}

absl::StatusOr<fed::Body> Take(const v1::PeerNack& from) {
  fed::Nack to{.my_epoch = from.epoch(), .root = from.root()};
  MNEME_ASSIGN_OR_RETURN(to.code, DecodeEnum<fed::NackCode>(from.code()));
  return fed::Body(to);
}

absl::StatusOr<fed::Body> Take(v1::PeerWarmReply&& from) {
  fed::WarmReply to{.steps = from.steps(), .spread = from.spread(), .memory = {}};
  MNEME_RETURN_IF_ERROR(Decode(std::move(*from.mutable_memory()), to.memory));
  return fed::Body(std::move(to));
}

absl::StatusOr<fed::Body> TakeBody(v1::PeerFrame& from) {
  switch (from.body_case()) {
    case v1::PeerFrame::kHello:
      return fed::Body(Take(from.hello()));
    case v1::PeerFrame::kParamDown:
      return Take(std::move(*from.mutable_param_down()));
    case v1::PeerFrame::kGradUp:
      return Take(std::move(*from.mutable_grad_up()));
    case v1::PeerFrame::kStatUp:
      return Take(std::move(*from.mutable_stat_up()));
    case v1::PeerFrame::kFactor:
      return Take(std::move(*from.mutable_factor()));
    case v1::PeerFrame::kAck:
      return fed::Body(fed::Ack{});
    case v1::PeerFrame::kNack:
      return Take(from.nack());
    case v1::PeerFrame::kProbe:
      return fed::Body(fed::Probe{});
    case v1::PeerFrame::kProbeReply:
      return fed::Body(fed::ProbeReply{.sent_at = from.probe_reply().sent_at()});
    case v1::PeerFrame::kWarmAsk:
      return fed::Body(fed::WarmAsk{});
    case v1::PeerFrame::kWarmReply:
      return Take(std::move(*from.mutable_warm_reply()));
    case v1::PeerFrame::kPiece:  // a frame is whole before it comes here
    case v1::PeerFrame::BODY_NOT_SET:
      break;
  }
  return InvalidArgument("a frame says nothing that this version knows",
                         {.reason = "FRAME",
                          .given = "a frame without a body",
                          .expected = "one of hello, param_down, grad_up, stat_up, factor, ...",
                          .next_step = "Run the same version of mnemed on all nodes."});
}

}  // namespace

void EncodeFrame(fed::Frame&& from, v1::PeerFrame* to) {
  const fed::Header& header = from.header;
  to->set_federation(header.federation.data(), header.federation.size());
  to->set_epoch(header.epoch);
  to->set_sender(header.sender);
  to->set_incarnation(header.incarnation);
  to->set_to_incarnation(header.to_incarnation);
  to->set_edge_seq(header.edge_seq);
  to->set_ack_seq(header.ack_seq);
  to->set_sent_at(header.sent_at);
  std::visit([to](auto&& body) { Put(std::move(body), to); }, std::move(from.body));
}

absl::StatusOr<fed::Frame> DecodeFrame(v1::PeerFrame&& from) {
  fed::Frame to{.header = {.federation = {},
                           .epoch = from.epoch(),
                           .sender = from.sender(),
                           .incarnation = from.incarnation(),
                           .to_incarnation = from.to_incarnation(),
                           .edge_seq = from.edge_seq(),
                           .ack_seq = from.ack_seq(),
                           .sent_at = from.sent_at()},
                .body = {}};
  if (from.federation().size() != to.header.federation.size()) {
    return InvalidArgument("a frame does not say of which federation it is",
                           {.reason = "FRAME",
                            .given = absl::StrCat(from.federation().size(), " bytes"),
                            .expected = absl::StrCat(to.header.federation.size(), " bytes"),
                            .next_step = "Run the same version of mnemed on all nodes."});
  }
  std::ranges::copy(from.federation(), to.header.federation.begin());
  MNEME_ASSIGN_OR_RETURN(to.body, TakeBody(from));
  return to;
}

}  // namespace mneme::server
