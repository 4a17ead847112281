// Federations.
#include <optional>
#include <string>
#include <type_traits>

#include "client/cpp/src/convert.h"
#include "client/cpp/src/impl.h"
#include "mneme/client.h"

namespace mneme::client {
namespace {

constexpr char kFederations[] = "federations/";

// "FEDERATION_LOSS_LEAST_SQUARES" -> "least_squares".
std::string NameOf(const std::string& value, const std::string& prefix) {
  std::string name = value.substr(std::min(prefix.size(), value.size()));
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return name;
}

std::string WithoutPrefix(const std::string& name, const std::string& prefix) {
  return name.starts_with(prefix) ? name.substr(prefix.size()) : name;
}

// A setting of the wire's spec, by its key.
const google::protobuf::FieldDescriptor* FieldOf(const char* key) {
  return v1::FederationSpec::descriptor()->FindFieldByName(key);
}

// "FEDERATION_LOSS_" of FederationLoss.
std::string PrefixOf(const google::protobuf::EnumDescriptor* type) {
  const std::string& first = type->value(0)->name();
  return first.substr(0, first.size() - std::string_view("UNSPECIFIED").size());
}

// "least_squares" -> FEDERATION_LOSS_LEAST_SQUARES; an empty name is the default. A name that is
// none is said to the server as a number that it does not know, and refused there.
int ValueOf(const std::string& name, const google::protobuf::EnumDescriptor* type) {
  constexpr int kUnknown = 1'000;
  if (name.empty()) return 0;
  std::string full = PrefixOf(type);
  for (const char c : name) {
    full.push_back(static_cast<char>(std::toupper(static_cast<unsigned char>(c))));
  }
  const auto* value = type->FindValueByName(full);
  return value == nullptr ? kUnknown : value->number();
}

FederationSpec SpecOf(const v1::FederationSpec& wire) {
  FederationSpec out{.key_dim = wire.key_dim(), .response_dim = wire.response_dim()};
  const google::protobuf::Reflection& at = *wire.GetReflection();
  VisitSettings(out, [&]<typename Field>(const char* key, Field& field, const char*) {
    const auto* from = FieldOf(key);
    if (!at.HasField(wire, from)) return;
    if constexpr (std::is_same_v<Field, std::string>) {
      const auto* value = at.GetEnum(wire, from);
      field = NameOf(value->name(), PrefixOf(from->enum_type()));
    } else if constexpr (std::is_same_v<Field, std::optional<uint32_t>>) {
      field = at.GetUInt32(wire, from);
    } else if constexpr (std::is_same_v<Field, std::optional<uint64_t>>) {
      field = at.GetUInt64(wire, from);
    } else if constexpr (std::is_same_v<Field, std::optional<bool>>) {
      field = at.GetBool(wire, from);
    } else {
      field = at.GetDouble(wire, from);
    }
  });
  return out;
}

void SetSpec(const FederationSpec& spec, v1::FederationSpec* out) {
  out->set_key_dim(spec.key_dim);
  out->set_response_dim(spec.response_dim);
  const google::protobuf::Reflection& at = *out->GetReflection();
  VisitSettings(spec, [&]<typename Field>(const char* key, const Field& field, const char*) {
    const auto* to = FieldOf(key);
    if constexpr (std::is_same_v<Field, std::string>) {
      if (!field.empty()) at.SetEnumValue(out, to, ValueOf(field, to->enum_type()));
    } else if (field.has_value()) {
      if constexpr (std::is_same_v<Field, std::optional<uint32_t>>) {
        at.SetUInt32(out, to, *field);
      } else if constexpr (std::is_same_v<Field, std::optional<uint64_t>>) {
        at.SetUInt64(out, to, *field);
      } else if constexpr (std::is_same_v<Field, std::optional<bool>>) {
        at.SetBool(out, to, *field);
      } else {
        at.SetDouble(out, to, *field);
      }
    }
  });
}

Federation FederationOf(const v1::Federation& wire) {
  Federation out{.name = WithoutPrefix(wire.name(), kFederations),
                 .spec = SpecOf(wire.spec()),
                 .nodes = {},
                 .node = wire.node(),
                 .memory = WithoutPrefix(wire.memory(), "memories/"),
                 .coordinator = wire.coordinator(),
                 .plan_epoch = wire.plan_epoch()};
  for (const v1::FederationNode& node : wire.nodes()) {
    out.nodes.push_back({.name = node.name(),
                         .address = node.address(),
                         .away = node.away(),
                         .interest = {node.interest().begin(), node.interest().end()},
                         .link_millis = {node.link_millis().begin(), node.link_millis().end()}});
  }
  return out;
}

FederationPlan PlanOf(const v1::FederationPlan& wire) {
  FederationPlan out{.epoch = wire.epoch(),
                     .created_by = wire.created_by(),
                     .trees = {},
                     .left_out = {},
                     .edge_bytes_down = wire.edge_bytes_down(),
                     .edge_bytes_up = wire.edge_bytes_up()};
  for (const v1::FederationTree& tree : wire.trees()) {
    FederationTree& one = out.trees.emplace_back();
    one.root = tree.root();
    one.mean_delay_rounds = tree.mean_delay_rounds();
    for (const v1::FederationTreeNode& node : tree.nodes()) {
      one.nodes.push_back({.node = node.node(),
                           .parent = node.parent(),
                           .depth = node.depth(),
                           .weight = node.weight()});
    }
  }
  for (const v1::FederationLeftOut& left : wire.left_out()) {
    out.left_out.push_back({.root = left.root(),
                            .node = left.node(),
                            .reason = left.reason(),
                            .weight = left.weight()});
  }
  return out;
}

FederationStatus StatusOf(const v1::FederationStatus& wire) {
  FederationStatus out{.node = wire.node(),
                       .waiting_for = wire.waiting_for(),
                       .coordination = wire.coordination(),
                       .epoch = wire.epoch(),
                       .incarnation = wire.incarnation(),
                       .round = wire.round(),
                       .steps = wire.steps(),
                       .coverage = wire.coverage(),
                       .mean_delay_rounds = wire.mean_delay_rounds(),
                       .gradient_norm = wire.gradient_norm(),
                       .step_size = wire.step_size(),
                       .memory_norm = wire.memory_norm(),
                       .items_waiting = wire.items_waiting(),
                       .rows_missed = wire.rows_missed(),
                       .regret = {},
                       .regret_slope = {},
                       .sources = {},
                       .edges = {},
                       .drops = {wire.drops().begin(), wire.drops().end()},
                       .warm_from = wire.warm_from()};
  if (wire.has_regret()) out.regret = wire.regret();
  if (wire.has_regret_slope()) out.regret_slope = wire.regret_slope();
  for (const v1::FederationSource& source : wire.sources()) {
    out.sources.push_back({.node = source.node(),
                           .weight = source.weight(),
                           .depth = source.depth(),
                           .heard = source.heard(),
                           .rounds_behind = source.rounds_behind(),
                           .seconds_behind = source.seconds_behind(),
                           .delay_rounds = source.delay_rounds(),
                           .arrival_share = source.arrival_share(),
                           .items = source.items()});
  }
  for (const v1::FederationEdge& edge : wire.edges()) {
    out.edges.push_back({.node = edge.node(),
                         .up = edge.up(),
                         .frames_sent = edge.frames_sent(),
                         .frames_received = edge.frames_received(),
                         .payload_bytes_sent = edge.payload_bytes_sent(),
                         .payload_bytes_received = edge.payload_bytes_received(),
                         .wire_bytes_sent = edge.wire_bytes_sent(),
                         .frames_resent = edge.frames_resent(),
                         .round_trip_millis = edge.round_trip_millis(),
                         .closed_reason = edge.closed_reason()});
  }
  return out;
}

}  // namespace

std::vector<std::string> ChoicesOf(const std::string& key) {
  const auto* field = v1::FederationSpec::descriptor()->FindFieldByName(key);
  std::vector<std::string> out;
  if (field == nullptr || field->enum_type() == nullptr) return out;
  for (int i = 1; i < field->enum_type()->value_count(); ++i) {  // not UNSPECIFIED
    out.push_back(NameOf(field->enum_type()->value(i)->name(), PrefixOf(field->enum_type())));
  }
  return out;
}

absl::StatusOr<std::vector<Federation>> Client::ListFederations(const CallOptions& call) {
  v1::ListFederationsResponse response;
  absl::Status status = impl_->Call(call, Repeatable::kYes, &Impl::Federations::ListFederations,
                                    v1::ListFederationsRequest(), response);
  if (!status.ok()) return status;
  std::vector<Federation> out;
  for (const v1::Federation& one : response.federations()) out.push_back(FederationOf(one));
  return out;
}

absl::StatusOr<Federation> Client::GetFederation(std::string_view federation,
                                                 const CallOptions& call) {
  v1::GetFederationRequest request;
  request.set_name(ResourceName(federation, kFederations));
  v1::Federation response;
  absl::Status status =
      impl_->Call(call, Repeatable::kYes, &Impl::Federations::GetFederation, request, response);
  if (!status.ok()) return status;
  return FederationOf(response);
}

absl::StatusOr<Federation> Client::CreateFederation(const NewFederation& federation,
                                                    const CallOptions& call) {
  v1::CreateFederationRequest request;
  request.set_federation_id(federation.name);
  SetSpec(federation.spec, request.mutable_spec());
  request.set_round_millis(federation.round_millis);
  request.set_planner(static_cast<v1::FederationPlanner>(
      ValueOf(federation.planner, v1::FederationPlanner_descriptor())));
  request.set_interest_floor(federation.interest_floor);
  request.set_items_per_round(federation.items_per_round);
  v1::Federation response;
  absl::Status status =
      impl_->Call(call, Repeatable::kNo, &Impl::Federations::CreateFederation, request, response);
  if (!status.ok()) return status;
  return FederationOf(response);
}

absl::StatusOr<Federation> Client::JoinFederation(std::string_view federation,
                                                  std::string_view memory,
                                                  const CallOptions& call) {
  v1::JoinFederationRequest request;
  request.set_name(ResourceName(federation, kFederations));
  request.set_memory(
      ResourceName(memory.empty() ? WithoutPrefix(std::string(federation), kFederations) : memory));
  v1::Federation response;
  absl::Status status =
      impl_->Call(call, Repeatable::kNo, &Impl::Federations::JoinFederation, request, response);
  if (!status.ok()) return status;
  return FederationOf(response);
}

absl::StatusOr<Federation> Client::LeaveFederation(std::string_view federation,
                                                   std::string_view node, const CallOptions& call) {
  v1::LeaveFederationRequest request;
  request.set_name(ResourceName(federation, kFederations));
  request.set_node(std::string(node));
  v1::Federation response;
  absl::Status status =
      impl_->Call(call, Repeatable::kNo, &Impl::Federations::LeaveFederation, request, response);
  if (!status.ok()) return status;
  return FederationOf(response);
}

absl::StatusOr<Federation> Client::SetInterest(std::string_view federation, std::string_view node,
                                               const std::map<std::string, double>& interest,
                                               const CallOptions& call) {
  v1::SetInterestRequest request;
  request.set_name(ResourceName(federation, kFederations));
  request.set_node(std::string(node));
  request.mutable_interest()->insert(interest.begin(), interest.end());
  v1::Federation response;
  absl::Status status =
      impl_->Call(call, Repeatable::kYes, &Impl::Federations::SetInterest, request, response);
  if (!status.ok()) return status;
  return FederationOf(response);
}

absl::StatusOr<Federation> Client::SetLinks(std::string_view federation, std::string_view node,
                                            const std::map<std::string, double>& link_millis,
                                            const CallOptions& call) {
  v1::SetLinksRequest request;
  request.set_name(ResourceName(federation, kFederations));
  request.set_node(std::string(node));
  request.mutable_link_millis()->insert(link_millis.begin(), link_millis.end());
  v1::Federation response;
  absl::Status status =
      impl_->Call(call, Repeatable::kYes, &Impl::Federations::SetLinks, request, response);
  if (!status.ok()) return status;
  return FederationOf(response);
}

absl::StatusOr<FederationPlan> Client::GetFederationPlan(std::string_view federation,
                                                         const CallOptions& call) {
  v1::GetFederationPlanRequest request;
  request.set_name(ResourceName(federation, kFederations));
  v1::FederationPlan response;
  absl::Status status =
      impl_->Call(call, Repeatable::kYes, &Impl::Federations::GetFederationPlan, request, response);
  if (!status.ok()) return status;
  return PlanOf(response);
}

absl::StatusOr<FederationStatus> Client::GetFederationStatus(std::string_view federation,
                                                             const CallOptions& call) {
  v1::GetFederationStatusRequest request;
  request.set_name(ResourceName(federation, kFederations));
  v1::FederationStatus response;
  absl::Status status = impl_->Call(call, Repeatable::kYes, &Impl::Federations::GetFederationStatus,
                                    request, response);
  if (!status.ok()) return status;
  return StatusOf(response);
}

absl::StatusOr<std::vector<RegretPoint>> Client::GetFederationRegret(std::string_view federation,
                                                                     const CallOptions& call) {
  v1::GetFederationRegretRequest request;
  request.set_name(ResourceName(federation, kFederations));
  v1::FederationRegret response;
  absl::Status status = impl_->Call(call, Repeatable::kYes, &Impl::Federations::GetFederationRegret,
                                    request, response);
  if (!status.ok()) return status;
  std::vector<RegretPoint> out;
  for (const v1::FederationRegretPoint& point : response.points()) {
    out.push_back({.round = point.round(), .loss = point.loss(), .best_loss = point.best_loss()});
  }
  return out;
}

}  // namespace mneme::client
