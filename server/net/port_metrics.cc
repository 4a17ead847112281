#include "server/net/port_metrics.h"

namespace mneme::server {
namespace {

constexpr const char* kRefusalNames[kRefusals] = {"full", "address_full", "penalty"};
constexpr const char* kBreachNames[kBreaches] = {"bytes", "calls"};

}  // namespace

void AddPortMetrics(const ClientPortCounters& counters, MetricFamilies& families) {
  AddSample(AddGauge(families, "mneme_connections", "Connections of the port for clients."),
            static_cast<double>(counters.connections));
  AddSample(AddGauge(families, "mneme_connections_owed_bytes",
                     "Bytes that came in on them and are no message yet."),
            static_cast<double>(counters.bytes_owed));
  AddSample(AddCounter(families, "mneme_connections_accepted_total", "Connections accepted."),
            static_cast<double>(counters.accepted));
  prometheus::MetricFamily& refused =
      AddCounter(families, "mneme_connections_refused_total", "Connections closed as they came.");
  for (size_t i = 0; i < kRefusals; ++i)
    AddSample(refused, static_cast<double>(counters.refused[i]), {{"reason", kRefusalNames[i]}});
  prometheus::MetricFamily& cut =
      AddCounter(families, "mneme_connections_cut_total",
                 "Connections cut off, for bytes or broken calls beyond what they may owe.");
  for (size_t i = 0; i < kBreaches; ++i)
    AddSample(cut, static_cast<double>(counters.cut[i]), {{"reason", kBreachNames[i]}});
}

}  // namespace mneme::server
