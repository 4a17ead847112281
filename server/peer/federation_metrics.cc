#include "server/peer/federation_metrics.h"

#include <algorithm>
#include <utility>

#include "core/federation/drops.h"

namespace mneme::server {
namespace {

struct Standing {
  std::string federation;
  RunnerStatus status;
};

// Of every federation in which this server has a node.
std::vector<Standing> Standings(const FederationHost* host) {
  std::vector<Standing> out;
  if (host == nullptr) return out;
  for (const std::string& name : host->Joined()) {
    absl::StatusOr<RunnerStatus> status = host->StatusOf(name);
    if (status.ok()) out.push_back({name, *std::move(status)});
  }
  return out;
}

template <typename Value>
void AddFor(const std::vector<Standing>& standings, prometheus::MetricFamily& family, Value value) {
  for (const Standing& standing : standings) {
    AddSample(family, static_cast<double>(value(standing.status)),
              {{"federation", standing.federation}});
  }
}

}  // namespace

void AddFederationMetrics(const FederationHost* host, MetricFamilies& families) {
  const std::vector<Standing> all = Standings(host);
  using Status = RunnerStatus;
  AddFor(all, AddGauge(families, "mneme_federation_up", "1: the node is at work; 0: it waits."),
         [](const Status& s) { return s.waiting_for.empty() ? 1 : 0; });
  AddFor(
      all,
      AddGauge(families, "mneme_federation_coordinated",
               "1: where federations are kept answers; 0: learning goes on by the plan in hand."),
      [](const Status& s) { return s.coordination.empty() ? 1 : 0; });
  AddFor(all, AddCounter(families, "mneme_federation_rounds_total", "Rounds of this node."),
         [](const Status& s) { return s.node.round; });
  AddFor(all, AddCounter(families, "mneme_federation_steps_total", "Rounds that changed weights."),
         [](const Status& s) { return s.node.steps; });
  AddFor(all,
         AddGauge(families, "mneme_federation_coverage_ratio",
                  "Share of the node's interest that it has heard of in time."),
         [](const Status& s) { return s.node.coverage; });
  AddFor(all,
         AddGauge(families, "mneme_federation_staleness_seconds",
                  "Since the source that is furthest behind was heard of."),
         [](const Status& s) {
           double most = 0;
           for (const federation::SourceStatus& source : s.node.sources)
             most = std::max(most, source.seconds_behind);
           return most;
         });
  AddFor(all,
         AddGauge(families, "mneme_federation_regret",
                  "Loss of this node less that of the best fixed weights; 0 while not measured."),
         [](const Status& s) { return s.node.regret.has_value() ? s.node.regret->regret() : 0; });
  AddFor(all, AddGauge(families, "mneme_federation_gradient_norm", "Norm of the last step's sum."),
         [](const Status& s) { return s.node.gradient_norm; });
  AddFor(all,
         AddGauge(families, "mneme_federation_items_waiting",
                  "Own items that some other node has not been told of."),
         [](const Status& s) { return s.node.items_waiting; });
  AddFor(all,
         AddCounter(families, "mneme_federation_rows_missed_total",
                    "Stored rows that were never learned: too many at once."),
         [](const Status& s) { return s.rows_missed; });
  AddFor(all, AddGauge(families, "mneme_federation_links", "Neighbours of this node."),
         [](const Status& s) { return s.node.edges.size(); });
  AddFor(all, AddGauge(families, "mneme_federation_links_up", "Neighbours that it is linked to."),
         [](const Status& s) {
           return std::count_if(s.node.edges.begin(), s.node.edges.end(),
                                [](const federation::EdgeStatus& edge) { return edge.up; });
         });
  AddFor(all,
         AddCounter(families, "mneme_federation_sent_bytes_total", "Bytes sent to neighbours."),
         [](const Status& s) {
           uint64_t sum = s.wire_bytes_gone;
           for (const auto& [peer, link] : s.links) sum += link.wire_bytes_sent;
           return sum;
         });
  prometheus::MetricFamily& drops = AddCounter(families, "mneme_federation_drops_total",
                                               "Frames, sums or plans that were left out, by why.");
  for (const Standing& standing : all) {
    for (size_t reason = 0; reason < federation::kDropReasons; ++reason) {
      AddSample(drops, static_cast<double>(standing.status.node.drops[reason]),
                {{"federation", standing.federation},
                 {"reason", std::string(federation::kNames<federation::Drop>[reason])}});
    }
  }
}

}  // namespace mneme::server
