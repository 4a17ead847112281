// Federations: nodes that learn from each other, and how this server's node does.
#ifndef MNEME_CLIENT_CPP_INCLUDE_MNEME_FEDERATION_H_
#define MNEME_CLIENT_CPP_INCLUDE_MNEME_FEDERATION_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace mneme::client {

// Names as in the configuration: "gradient", "sqrt", "bfloat16", ...
struct FederationSpec {
  uint32_t key_dim = 0;
  uint32_t response_dim = 0;
  std::string loss;
  std::string transport;
  std::string combine;
  std::string schedule;
  std::string wire_type;
  double radius = 0;  // of the ball that a memory stays in
  std::optional<uint32_t> min_contributors;
  std::optional<uint32_t> min_items;
  bool share_items = false;
  double huber_delta = 0;
  double decay = 0;
  double step_scale = 0;
  double step_size = 0;
  double step_size_max = 0;
  uint64_t horizon = 0;
  bool stability_cap_off = false;
  double topk_share = 0;
  double clip = 0;
};

// What a federation is made of. Zeros and empty names: the server's defaults.
struct NewFederation {
  std::string name;
  FederationSpec spec;
  double round_millis = 0;
  std::string planner;  // "per_root", "congestion", "shared", "bytes"
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
