// Federations as JSON.
#include <type_traits>

#include "client/cli/json.h"

namespace mneme::cli {
namespace {

// What the server did not say is null.
Json ToJson(const client::FederationSpec& spec) {
  Json out = {{"key_dim", spec.key_dim}, {"response_dim", spec.response_dim}};
  client::VisitSettings(spec,
                        [&]<typename Field>(const char* key, const Field& field, const char*) {
                          if constexpr (std::is_same_v<Field, std::string>) {
                            out[key] = field;
                          } else {
                            out[key] = field.has_value() ? Json(*field) : Json();
                          }
                        });
  return out;
}

Json ToJson(const client::FederationTree& tree) {
  Json nodes = Json::array();
  for (const client::FederationTreeNode& node : tree.nodes) {
    nodes.push_back({{"node", node.node},
                     {"parent", node.parent},
                     {"depth", node.depth},
                     {"weight", node.weight}});
  }
  return {{"root", tree.root},
          {"mean_delay_rounds", tree.mean_delay_rounds},
          {"nodes", std::move(nodes)}};
}

Json ToJson(const client::FederationSource& source) {
  return {{"node", source.node},
          {"weight", source.weight},
          {"depth", source.depth},
          {"heard", source.heard},
          {"rounds_behind", source.rounds_behind},
          {"seconds_behind", source.seconds_behind},
          {"delay_rounds", source.delay_rounds},
          {"arrival_share", source.arrival_share},
          {"items", source.items}};
}

Json ToJson(const client::FederationEdge& edge) {
  return {{"node", edge.node},
          {"up", edge.up},
          {"frames_sent", edge.frames_sent},
          {"frames_received", edge.frames_received},
          {"payload_bytes_sent", edge.payload_bytes_sent},
          {"payload_bytes_received", edge.payload_bytes_received},
          {"wire_bytes_sent", edge.wire_bytes_sent},
          {"frames_resent", edge.frames_resent},
          {"round_trip_millis", edge.round_trip_millis},
          {"closed_reason", edge.closed_reason}};
}

}  // namespace

Json ToJson(const client::Federation& federation) {
  Json nodes = Json::array();
  for (const client::FederationNode& node : federation.nodes) {
    nodes.push_back({{"name", node.name},
                     {"address", node.address},
                     {"away", node.away},
                     {"interest", node.interest},
                     {"link_millis", node.link_millis}});
  }
  return {{"name", federation.name},
          {"node", federation.node},
          {"memory", federation.memory},
          {"coordinator", federation.coordinator},
          {"plan_epoch", federation.plan_epoch},
          {"spec", ToJson(federation.spec)},
          {"nodes", std::move(nodes)}};
}

Json ToJson(const client::FederationLeftOut& left) {
  return {
      {"root", left.root}, {"node", left.node}, {"reason", left.reason}, {"weight", left.weight}};
}

Json ToJson(const client::FederationPlan& plan) {
  Json trees = Json::array();
  for (const client::FederationTree& tree : plan.trees) trees.push_back(ToJson(tree));
  return {{"epoch", plan.epoch},
          {"created_by", plan.created_by},
          {"edge_bytes_down", plan.edge_bytes_down},
          {"edge_bytes_up", plan.edge_bytes_up},
          {"trees", std::move(trees)},
          {"left_out", AllToJson(plan.left_out)}};
}

Json ToJson(const client::FederationStatus& status) {
  Json sources = Json::array(), edges = Json::array();
  for (const client::FederationSource& source : status.sources) sources.push_back(ToJson(source));
  for (const client::FederationEdge& edge : status.edges) edges.push_back(ToJson(edge));
  Json json{{"node", status.node},
            {"waiting_for", status.waiting_for},
            {"coordination", status.coordination},
            {"epoch", status.epoch},
            {"incarnation", status.incarnation},
            {"round", status.round},
            {"steps", status.steps},
            {"coverage", status.coverage},
            {"mean_delay_rounds", status.mean_delay_rounds},
            {"gradient_norm", status.gradient_norm},
            {"step_size", status.step_size},
            {"memory_norm", status.memory_norm},
            {"items_waiting", status.items_waiting},
            {"rows_missed", status.rows_missed},
            {"warm_from", status.warm_from}};
  json["regret"] = status.regret ? Json(*status.regret) : Json(nullptr);
  json["regret_slope"] = status.regret_slope ? Json(*status.regret_slope) : Json(nullptr);
  json["sources"] = std::move(sources);
  json["edges"] = std::move(edges);
  json["drops"] = status.drops;
  return json;
}

Json ToJson(const client::RegretPoint& point) {
  return {{"round", point.round},
          {"loss", point.loss},
          {"best_loss", point.best_loss},
          {"regret", point.regret()}};
}

}  // namespace mneme::cli
