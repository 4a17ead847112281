#include "server/peer/convert_federation.h"

#include <cmath>
#include <optional>
#include <type_traits>
#include <utility>

#include "core/base/status.h"
#include "core/federation/spec_fields.h"
#include "server/peer/wire_enum.h"

namespace mneme::server {
namespace {

namespace fed = mneme::federation;

constexpr std::string_view kPrefix = "federations/";
constexpr size_t kSlopePointsMin = 8;
constexpr double kDecade = 10;
constexpr double kMicrosPerMilli = 1'000;

absl::Status BadSpec(std::string_view what, std::string_view given, std::string_view expected) {
  return InvalidArgument(absl::StrCat("federation: ", AbslView(what), " is ", AbslView(given),
                                      ", expected ", AbslView(expected)),
                         {.reason = "SPEC",
                          .given = std::string(given),
                          .expected = std::string(expected),
                          .next_step = "Give another value, or leave it out."});
}

// 0 leaves the default.
template <typename Wire, typename Enum>
absl::Status DecodeEnum(std::string_view what, Wire from, Enum* to) {
  if (static_cast<int>(from) == 0) return absl::OkStatus();
  const std::optional<Enum> known = FromWire<Enum>(from);
  if (!known.has_value()) {
    return BadSpec(what, absl::StrCat(static_cast<int>(from)), "a value that this server knows");
  }
  *to = *known;
  return absl::OkStatus();
}

// A field of the wire's spec, by its name.
struct WireField {
  const google::protobuf::Reflection* reflection;
  const google::protobuf::FieldDescriptor* field;
};
WireField FieldOf(const v1::FederationSpec& spec, const char* key) {
  const auto* field = spec.GetDescriptor()->FindFieldByName(key);
  MNEME_CHECK(field != nullptr);
  return {spec.GetReflection(), field};
}

void Get(const v1::FederationSpec& from, const WireField& at, uint32_t& to) {
  to = at.reflection->GetUInt32(from, at.field);
}
void Get(const v1::FederationSpec& from, const WireField& at, uint64_t& to) {
  to = at.reflection->GetUInt64(from, at.field);
}
void Get(const v1::FederationSpec& from, const WireField& at, bool& to) {
  to = at.reflection->GetBool(from, at.field);
}
void Get(const v1::FederationSpec& from, const WireField& at, double& to) {
  to = at.reflection->GetDouble(from, at.field);
}
void Get(const v1::FederationSpec& from, const WireField& at, std::optional<double>& to) {
  to = at.reflection->GetDouble(from, at.field);
}

void Set(const WireField& at, uint32_t value, v1::FederationSpec* to) {
  at.reflection->SetUInt32(to, at.field, value);
}
void Set(const WireField& at, uint64_t value, v1::FederationSpec* to) {
  at.reflection->SetUInt64(to, at.field, value);
}
void Set(const WireField& at, bool value, v1::FederationSpec* to) {
  at.reflection->SetBool(to, at.field, value);
}
void Set(const WireField& at, double value, v1::FederationSpec* to) {
  at.reflection->SetDouble(to, at.field, value);
}
void Set(const WireField& at, const std::optional<double>& value, v1::FederationSpec* to) {
  if (value.has_value()) Set(at, *value, to);
}

absl::StatusOr<fed::Spec> DecodeSpec(const v1::FederationSpec& from) {
  fed::Spec to;
  absl::Status status;
  fed::VisitFields(to, [&]<typename Field>(const char* key, Field& field) {
    const WireField at = FieldOf(from, key);
    if (!at.reflection->HasField(from, at.field)) return;  // the default
    if constexpr (std::is_enum_v<Field>) {
      status.Update(DecodeEnum(key, at.reflection->GetEnumValue(from, at.field), &field));
    } else {
      Get(from, at, field);
    }
  });
  if (!status.ok()) return status;
  return to;
}

void EncodeSpec(const fed::Spec& from, v1::FederationSpec* to) {
  fed::VisitFields(from, [&]<typename Field>(const char* key, const Field& field) {
    const WireField at = FieldOf(*to, key);
    if constexpr (std::is_enum_v<Field>) {
      at.reflection->SetEnumValue(to, at.field, ToWire<int>(field));
    } else {
      Set(at, field, to);
    }
  });
  to->set_radius(fed::BallRadius(from));
}

void EncodeSource(const fed::SourceStatus& from, v1::FederationSource* to) {
  to->set_node(from.node);
  to->set_weight(from.weight);
  to->set_depth(from.depth);
  to->set_heard(from.heard);
  to->set_rounds_behind(from.rounds_behind);
  to->set_seconds_behind(from.seconds_behind);
  to->set_delay_rounds(from.delay_rounds);
  to->set_arrival_share(from.arrival_share);
  to->set_items(from.items);
}

void EncodeEdge(const fed::EdgeStatus& from, const LinkStatus& link, v1::FederationEdge* to) {
  to->set_node(from.node);
  to->set_up(from.up);
  to->set_frames_sent(from.sent.frames);
  to->set_frames_received(from.received.frames);
  to->set_payload_bytes_sent(from.sent.payload_bytes);
  to->set_payload_bytes_received(from.received.payload_bytes);
  to->set_wire_bytes_sent(link.wire_bytes_sent);
  to->set_frames_resent(from.resent_frames);
  to->set_round_trip_millis(from.round_trip_seconds * 1e3);
  to->set_closed_reason(link.closed_reason);
}

}  // namespace

absl::StatusOr<std::string> DecodeFederationName(std::string_view resource) {
  if (resource.starts_with(kPrefix) && resource.size() > kPrefix.size()) {
    return std::string(resource.substr(kPrefix.size()));
  }
  return InvalidArgument(
      absl::StrFormat("'%s' names no federation", AbslView(resource)),
      {.reason = "NAME",
       .given = std::string(resource),
       .expected = "federations/NAME",
       .next_step = "See ListFederations (mnemectl federation list) for what is there."});
}

std::string FormatFederationName(std::string_view name) {
  return absl::StrCat(AbslView(kPrefix), AbslView(name));
}

absl::StatusOr<fed::Description> DecodeDescription(const v1::CreateFederationRequest& from) {
  fed::Description out;
  MNEME_ASSIGN_OR_RETURN(out.spec, DecodeSpec(from.spec()));
  MNEME_RETURN_IF_ERROR(DecodeEnum("planner", from.planner(), &out.objective));
  if (from.round_millis() != 0) {
    const double micros = from.round_millis() * kMicrosPerMilli;
    if (!(micros >= 1 && micros <= static_cast<double>(fed::kRoundMicrosMax))) {
      return BadSpec("round_millis", absl::StrFormat("%.9g", from.round_millis()),
                     absl::StrCat("from 1 to ", fed::kRoundMicrosMax / 1000));
    }
    out.round_micros = std::llround(micros);
  }
  out.interest_floor = from.interest_floor();
  if (from.items_per_round() != 0) out.items_per_round = from.items_per_round();
  MNEME_RETURN_IF_ERROR(fed::Check(out));
  return out;
}

void EncodeFederation(const FederationInfo& from, v1::Federation* to) {
  to->set_name(FormatFederationName(from.name));
  EncodeSpec(from.spec, to->mutable_spec());
  for (const FederationNodeInfo& node : from.nodes) {
    v1::FederationNode* out = to->add_nodes();
    out->set_name(node.name);
    out->set_address(node.address);
    out->set_away(node.away);
    for (const auto& [other, weight] : node.interest) (*out->mutable_interest())[other] = weight;
    for (const auto& [other, millis] : node.link_millis)
      (*out->mutable_link_millis())[other] = millis;
  }
  to->set_node(from.node);
  if (!from.node.empty()) to->set_memory(absl::StrCat("memories/", from.memory));
  to->set_coordinator(from.coordinator);
  if (from.plan != nullptr) to->set_plan_epoch(from.plan->epoch);
}

void EncodePlan(const fed::Plan& from, v1::FederationPlan* to) {
  to->set_epoch(from.epoch);
  to->set_created_by(from.created_by);
  const fed::Transport transport = from.spec.transport;
  for (const fed::Tree& tree : from.trees) {
    v1::FederationTree* out = to->add_trees();
    out->set_root(from.nodes[tree.root].name);
    for (const fed::TreeNode& node : tree.nodes) {
      v1::FederationTreeNode* one = out->add_nodes();
      one->set_node(from.nodes[node.node].name);
      if (node.parent != fed::kNoNode) one->set_parent(from.nodes[node.parent].name);
      one->set_depth(node.depth);
      one->set_weight(node.weight);
    }
    out->set_mean_delay_rounds(fed::MeanDepth(tree) * fed::DelayOf(transport, 1));
  }
  for (const fed::LeftOut& left : from.left_out) {
    v1::FederationLeftOut* out = to->add_left_out();
    out->set_root(from.nodes[left.root].name);
    out->set_node(from.nodes[left.node].name);
    out->set_reason(std::string(fed::Name(left.reason)));
    out->set_weight(left.weight);
  }
  const fed::EdgeNumbers numbers = fed::NumbersPerEdge(from.spec, transport, 1);
  const uint64_t width = fed::WidthOf(from.spec.wire.type);
  to->set_edge_bytes_down(numbers.down * width);
  to->set_edge_bytes_up(numbers.up * width);
}

void EncodeStatus(const RunnerStatus& from, const std::vector<fed::RegretReading>& regret,
                  v1::FederationStatus* to) {
  const fed::NodeStatus& node = from.node;
  to->set_node(node.name);
  to->set_waiting_for(from.waiting_for);
  to->set_epoch(node.epoch);
  to->set_incarnation(node.incarnation);
  to->set_round(node.round);
  to->set_steps(node.steps);
  to->set_coverage(node.coverage);
  to->set_mean_delay_rounds(node.mean_delay);
  to->set_gradient_norm(node.gradient_norm);
  to->set_step_size(node.eta);
  to->set_memory_norm(node.memory_norm);
  to->set_items_waiting(node.items_waiting);
  if (node.regret.has_value()) to->set_regret(node.regret->regret());
  if (const std::optional<double> slope = RegretSlope(regret)) to->set_regret_slope(*slope);
  for (const fed::SourceStatus& source : node.sources) EncodeSource(source, to->add_sources());
  for (const fed::EdgeStatus& edge : node.edges) {
    const auto link = from.links.find(edge.node);
    EncodeEdge(edge, link == from.links.end() ? LinkStatus() : link->second, to->add_edges());
  }
  for (size_t reason = 0; reason < node.drops.size(); ++reason) {
    if (node.drops[reason] == 0) continue;
    (*to->mutable_drops())[std::string(fed::kNames<fed::Drop>[reason])] = node.drops[reason];
  }
  to->set_rows_missed(from.rows_missed);
  to->set_coordination(from.coordination);
  to->set_warm_from(node.warm_from);
}

std::optional<double> RegretSlope(const std::vector<fed::RegretReading>& points) {
  if (points.empty()) return std::nullopt;
  const double first = static_cast<double>(points.back().round) / kDecade;
  size_t count = 0;
  double x_mean = 0, y_mean = 0, xx = 0, xy = 0;
  for (const fed::RegretReading& point : points) {
    if (static_cast<double>(point.round) < first || point.round == 0 || point.regret() <= 0)
      continue;
    const double x = std::log(static_cast<double>(point.round)), y = std::log(point.regret());
    ++count;
    const double dx = x - x_mean;
    x_mean += dx / static_cast<double>(count);
    y_mean += (y - y_mean) / static_cast<double>(count);
    xx += dx * (x - x_mean);
    xy += dx * (y - y_mean);
  }
  if (count < kSlopePointsMin || xx <= 0) return std::nullopt;
  return xy / xx;
}

}  // namespace mneme::server
