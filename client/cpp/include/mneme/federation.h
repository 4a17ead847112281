// Federations: nodes that learn from each other, and how this server's node does.
#ifndef MNEME_CLIENT_CPP_INCLUDE_MNEME_FEDERATION_H_
#define MNEME_CLIENT_CPP_INCLUDE_MNEME_FEDERATION_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace mneme::client {

// Names as in the configuration: "gradient", "sqrt", "bfloat16", ... What is empty is the server's
// default.
struct FederationSpec {
  uint32_t key_dim = 0;
  uint32_t response_dim = 0;
  std::string loss;
  std::optional<double> huber_delta;
  std::optional<double> decay;
  std::optional<double> radius;  // of the ball that a memory stays in
  std::string transport;
  std::string combine;
  std::string schedule;
  std::optional<double> step_scale;
  std::optional<double> step_size;
  std::optional<double> step_size_max;
  std::optional<uint64_t> horizon;
  std::optional<double> gradient_bound;
  std::optional<bool> stability_cap;
  std::optional<uint32_t> min_contributors;
  std::optional<uint32_t> min_items;
  std::optional<uint32_t> max_hold_rounds;
  std::optional<bool> share_items;
  std::string wire_type;
  std::string compression;
  std::optional<double> topk_share;
  std::optional<bool> error_feedback;
  std::optional<uint32_t> batch_max;
  std::optional<uint32_t> lag_max;
  std::optional<uint32_t> max_delay;
  std::string loss_correction;
  std::optional<double> staleness_damping;
  std::optional<double> clip;
  std::optional<double> dp_clip;
  std::optional<double> dp_sigma;
  std::string warm_start;
  std::string dead_interest;
  std::optional<uint32_t> checkpoint_rounds;
  std::optional<uint32_t> probe_rounds;
};

// Calls `visit(key, field, help)` for each setting behind the dimensions; keys as in the
// configuration. The one table of them on this side of the wire.
template <typename Spec, typename Visit>  // FederationSpec, or const
void VisitSettings(Spec& spec, Visit&& visit) {
  visit("loss", spec.loss, "What a recall costs: least_squares, inner_product or huber");
  visit("huber_delta", spec.huber_delta, "Of huber; 1");
  visit("decay", spec.decay, "Of the memories, a step; 0");
  visit("radius", spec.radius, "Of the ball that memories stay in; 2 sqrt(response_dim)");
  visit("transport", spec.transport, "What travels: gradient, factor, statistic or auto");
  visit("combine", spec.combine, "pipelined, or barrier: for experiments");
  visit("schedule", spec.schedule, "Step sizes: sqrt, horizon, adaptive, constant or strong");
  visit("step_scale", spec.step_scale, "Of sqrt (2) and adaptive (0.25)");
  visit("step_size", spec.step_size, "Of constant; 0.1");
  visit("step_size_max", spec.step_size_max, "Largest step; 2");
  visit("horizon", spec.horizon, "Of horizon, in rounds");
  visit("gradient_bound", spec.gradient_bound, "Of horizon: norm of a pair's gradient at most; 1");
  visit("stability_cap", spec.stability_cap, "Keep steps below what delays make stable; true");
  visit("min_contributors", spec.min_contributors,
        "Nodes that a sum must hold before a root sees it; 3");
  visit("min_items", spec.min_items, "Items likewise; 16");
  visit("max_hold_rounds", spec.max_hold_rounds, "Rounds that a sum waits for as many; 8");
  visit("share_items", spec.share_items, "Other nodes may see items; false");
  visit("wire_type", spec.wire_type, "How numbers travel: bfloat16 or float32");
  visit("compression", spec.compression,
        "none; topk: the largest numbers of a gradient alone; low_rank: factors while smaller");
  visit("topk_share", spec.topk_share, "Of topk: the share of numbers that is sent; 0.1");
  visit("error_feedback", spec.error_feedback, "Of topk: the rest is added to the next; true");
  visit("batch_max", spec.batch_max, "Items that a node evaluates in a round; 256");
  visit("lag_max", spec.lag_max, "Items that may wait; beyond, they are sampled; 4096");
  visit("max_delay", spec.max_delay, "Rounds until a sum is too old; 64");
  visit("loss_correction", spec.loss_correction, "Make up for lost sums: auto, on or off");
  visit("staleness_damping", spec.staleness_damping,
        "Sums late by d rounds count 1 / (1 + d / this); 0: in full");
  visit("clip", spec.clip, "Refuse sums longer than this times their weight; 0: none");
  visit("dp_clip", spec.dp_clip, "Shorten contributions to this norm; 0: do not");
  visit("dp_sigma", spec.dp_sigma, "Noise on them, in units of dp_clip; 0");
  visit("warm_start", spec.warm_start,
        "What a node begins with: zero, or neighbour: a neighbour's memory");
  visit("dead_interest", spec.dead_interest,
        "The weight of nodes that are away: keep, or renormalise: the others have it");
  visit("checkpoint_rounds", spec.checkpoint_rounds, "Rounds between two saved states; 200");
  visit("probe_rounds", spec.probe_rounds, "Rounds between two measurements of regret; 100");
}

// The words that a setting may have; empty: it has none.
std::vector<std::string> ChoicesOf(const std::string& key);

// What a federation is made of. Zeros and empty names: the server's defaults.
struct NewFederation {
  std::string name;
  FederationSpec spec;
  double round_millis = 0;
  std::string planner;  // "per_root", "congestion", "shared", "bytes"
  double interest_floor = 0;
  double items_per_round = 0;
};

struct FederationNode {
  std::string name;
  std::string address;
  bool away = false;                          // the coordinator has not heard of it for a while
  std::map<std::string, double> interest;     // whose items it wants, and how much
  std::map<std::string, double> link_millis;  // to the nodes that it may talk to
};

struct Federation {
  std::string name;
  FederationSpec spec;
  std::vector<FederationNode> nodes;  // by name
  std::string node;                   // this server's; empty: it takes no part
  std::string memory;                 // of that node
  std::string coordinator;            // where the federation is kept: "file", "etcd"
  uint64_t plan_epoch = 0;
};

struct FederationTreeNode {
  std::string node;
  std::string parent;  // empty: the root
  uint32_t depth = 0;  // hops
  double weight = 0;   // how much the root wants its items; 0: it only passes on
};
struct FederationTree {
  std::string root;
  std::vector<FederationTreeNode> nodes;  // the root first, each behind its parent
  double mean_delay_rounds = 0;           // interest-weighted
};
// An interest that no tree serves.
struct FederationLeftOut {
  std::string root;
  std::string node;
  std::string reason;
  double weight = 0;
};
struct FederationPlan {
  uint64_t epoch = 0;
  std::string created_by;
  std::vector<FederationTree> trees;
  std::vector<FederationLeftOut> left_out;
  uint64_t edge_bytes_down = 0;  // over each tree edge in each round, framing apart
  uint64_t edge_bytes_up = 0;
};

// A node whose items this one wants.
struct FederationSource {
  std::string node;
  double weight = 0;
  uint32_t depth = 0;
  bool heard = false;  // in this epoch
  uint64_t rounds_behind = 0;
  double seconds_behind = 0;
  double delay_rounds = 0;
  double arrival_share = 1;  // of what it sent
  uint64_t items = 0;
};
struct FederationEdge {
  std::string node;
  bool up = false;
  uint64_t frames_sent = 0;
  uint64_t frames_received = 0;
  uint64_t payload_bytes_sent = 0;  // of numbers
  uint64_t payload_bytes_received = 0;
  uint64_t wire_bytes_sent = 0;  // of whole frames
  uint64_t frames_resent = 0;
  double round_trip_millis = 0;
  std::string closed_reason;  // of the last stream that ended; empty: none has
};
struct FederationStatus {
  std::string node;
  std::string waiting_for;   // empty: at work
  std::string coordination;  // what is wrong with the coordinator; empty: nothing
  uint64_t epoch = 0;
  uint64_t incarnation = 0;
  uint64_t round = 0;
  uint64_t steps = 0;
  double coverage = 0;  // share of its interest that it has heard of lately
  double mean_delay_rounds = 0;
  double gradient_norm = 0;
  double step_size = 0;
  double memory_norm = 0;
  uint64_t items_waiting = 0;
  uint64_t rows_missed = 0;
  std::optional<double> regret;
  std::optional<double> regret_slope;  // log-log, over the last decade; near 1: biased
  std::vector<FederationSource> sources;
  std::vector<FederationEdge> edges;
  std::map<std::string, uint64_t> drops;  // by reason
  std::string warm_from;                  // whose memory it began with; empty: nobody's
};

// Losses up to a round.
struct RegretPoint {
  uint64_t round = 0;
  double loss = 0;
  double best_loss = 0;  // of the best fixed memory on the same items
  double regret() const { return loss - best_loss; }
};

}  // namespace mneme::client

#endif  // MNEME_CLIENT_CPP_INCLUDE_MNEME_FEDERATION_H_
