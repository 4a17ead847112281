#include "server/observe/families.h"

#include <limits>

namespace mneme::server {
namespace {

prometheus::MetricFamily& AddFamily(MetricFamilies& families, std::string_view name,
                                    std::string_view help, prometheus::MetricType type) {
  prometheus::MetricFamily& family = families.emplace_back();
  family.name = name;
  family.help = help;
  family.type = type;
  return family;
}

prometheus::ClientMetric& AddMetric(prometheus::MetricFamily& family, const MetricLabels& labels) {
  prometheus::ClientMetric& metric = family.metric.emplace_back();
  for (const auto& [name, value] : labels) metric.label.push_back({std::string(name), value});
  return metric;
}

}  // namespace

prometheus::MetricFamily& AddCounter(MetricFamilies& families, std::string_view name,
                                     std::string_view help) {
  return AddFamily(families, name, help, prometheus::MetricType::Counter);
}

prometheus::MetricFamily& AddGauge(MetricFamilies& families, std::string_view name,
                                   std::string_view help) {
  return AddFamily(families, name, help, prometheus::MetricType::Gauge);
}

prometheus::MetricFamily& AddHistogram(MetricFamilies& families, std::string_view name,
                                       std::string_view help) {
  return AddFamily(families, name, help, prometheus::MetricType::Histogram);
}

void AddSample(prometheus::MetricFamily& family, double value, const MetricLabels& labels) {
  prometheus::ClientMetric& metric = AddMetric(family, labels);
  if (family.type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
}

void AddSample(prometheus::MetricFamily& family, std::span<const double> bounds,
               std::span<const uint64_t> counts, double sum, const MetricLabels& labels) {
  prometheus::ClientMetric& metric = AddMetric(family, labels);
  uint64_t cumulative = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    cumulative += counts[i];
    metric.histogram.bucket.push_back(
        {.cumulative_count = cumulative,
         .upper_bound = i < bounds.size() ? bounds[i] : std::numeric_limits<double>::infinity()});
  }
  metric.histogram.sample_count = cumulative;
  metric.histogram.sample_sum = sum;
}

}  // namespace mneme::server
