#include "server/rpc/call_metrics.h"

#include <algorithm>

#include "absl/status/status.h"
#include "server/rpc/rpc_table.h"

namespace mneme::server {
namespace {

void AddUnder(const std::vector<CallTotals>& totals, MetricFamilies& out, std::string_view name,
              std::string_view help, uint64_t CallTotals::*figure) {
  prometheus::MetricFamily& family = AddCounter(out, name, help);
  for (size_t i = 0; i < totals.size(); ++i)
    AddSample(family, static_cast<double>(totals[i].*figure), {{"method", AllRpcs()[i].name()}});
}

}  // namespace

void AddCallMetrics(const CallCounters& counters, const ByteBudget& budget,
                    MetricFamilies& families) {
  std::vector<CallTotals> totals;
  for (size_t i = 0; i < counters.methods(); ++i) totals.push_back(counters.Totals(i));

  prometheus::MetricFamily& ended =
      AddCounter(families, "mneme_rpc_total", "Calls that were answered, by how they ended.");
  for (size_t i = 0; i < totals.size(); ++i) {
    for (size_t code = 0; code < kCallCodes; ++code) {
      AddSample(ended, static_cast<double>(totals[i].ended[code]),
                {{"method", AllRpcs()[i].name()},
                 {"code", absl::StatusCodeToString(static_cast<absl::StatusCode>(code))}});
    }
  }
  prometheus::MetricFamily& times =
      AddHistogram(families, "mneme_rpc_seconds",
                   "Time from when a request was decoded to when its answer was handed to gRPC; of "
                   "a stream, its whole life.");
  std::vector<double> bounds;
  for (const int64_t nanos : kCallNanos) bounds.push_back(static_cast<double>(nanos) / 1e9);
  for (size_t i = 0; i < totals.size(); ++i) {
    AddSample(times, bounds, totals[i].times, static_cast<double>(totals[i].nanos) / 1e9,
              {{"method", AllRpcs()[i].name()}});
  }
  prometheus::MetricFamily& under_way =
      AddGauge(families, "mneme_rpc_in_flight", "Calls under way.");
  for (size_t i = 0; i < totals.size(); ++i) {
    AddSample(under_way, static_cast<double>(totals[i].under_way()),
              {{"method", AllRpcs()[i].name()}});
  }
  AddUnder(totals, families, "mneme_rpc_received_bytes_total",
           "Bytes of requests, of calls that were answered.", &CallTotals::bytes_in);
  AddUnder(totals, families, "mneme_rpc_sent_bytes_total", "Bytes of answers.",
           &CallTotals::bytes_out);
  AddSample(AddGauge(families, "mneme_call_budget_held_bytes",
                     "Bytes of requests and answers that calls under way hold."),
            static_cast<double>(budget.held()));
  AddSample(AddGauge(families, "mneme_call_budget_limit_bytes", "The most that they may hold."),
            static_cast<double>(budget.bytes_max()));
}

}  // namespace mneme::server
