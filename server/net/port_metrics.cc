#include "server/net/port_metrics.h"

#include <iterator>

namespace mneme::server {
namespace {

constexpr const char* kRefusalNames[kRefusals] = {"full", "address_full", "penalty"};
constexpr const char* kBreachNames[kBreaches] = {"bytes", "calls", "together"};

}  // namespace

void AddPortMetrics(const ClientPortCounters& clients, const ClientPortCounters& peers,
                    MetricFamilies& families) {
  const auto of_each = [&](const auto& add) {
    add("clients", clients);
    add("peers", peers);
  };
  const auto add_one = [&](prometheus::MetricFamily& family, auto number) {
    of_each([&](const char* port, const ClientPortCounters& counters) {
      AddSample(family, static_cast<double>(counters.*number), {{"port", port}});
    });
  };
  const auto add_reasons = [&](prometheus::MetricFamily& family, auto numbers, const auto& names) {
    of_each([&](const char* port, const ClientPortCounters& counters) {
      for (size_t i = 0; i < std::size(names); ++i) {
        AddSample(family, static_cast<double>((counters.*numbers)[i]),
                  {{"port", port}, {"reason", names[i]}});
      }
    });
  };
  add_one(AddGauge(families, "mneme_connections",
                   "Connections of the ports for clients and for other nodes."),
          &ClientPortCounters::connections);
  add_one(AddGauge(families, "mneme_connections_owed_bytes",
                   "Bytes that came in on them and are no message yet."),
          &ClientPortCounters::bytes_owed);
  add_one(AddCounter(families, "mneme_connections_accepted_total", "Connections accepted."),
          &ClientPortCounters::accepted);
  add_reasons(
      AddCounter(families, "mneme_connections_refused_total", "Connections closed as they came."),
      &ClientPortCounters::refused, kRefusalNames);
  add_reasons(
      AddCounter(families, "mneme_connections_cut_total",
                 "Connections cut off, for bytes or broken calls beyond what they may owe."),
      &ClientPortCounters::cut, kBreachNames);
}

}  // namespace mneme::server
