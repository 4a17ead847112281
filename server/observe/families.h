// Short hands for families of metrics, as prometheus-cpp's serializer takes them.
#ifndef MNEME_SERVER_OBSERVE_FAMILIES_H_
#define MNEME_SERVER_OBSERVE_FAMILIES_H_

#include <prometheus/metric_family.h>

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mneme::server {

using MetricFamilies = std::vector<prometheus::MetricFamily>;
using MetricLabels = std::vector<std::pair<std::string_view, std::string>>;

// A new family at the end of `families`, without a sample yet. The reference is good until the next
// one is made.
prometheus::MetricFamily& AddCounter(MetricFamilies& families, std::string_view name,
                                     std::string_view help);
prometheus::MetricFamily& AddGauge(MetricFamilies& families, std::string_view name,
                                   std::string_view help);
prometheus::MetricFamily& AddHistogram(MetricFamilies& families, std::string_view name,
                                       std::string_view help);

// A sample of a counter or a gauge.
void AddSample(prometheus::MetricFamily& family, double value, const MetricLabels& labels = {});
// A sample of a histogram: `counts` has a count for each bound (not cumulative), and one for what
// is above all of them.
void AddSample(prometheus::MetricFamily& family, std::span<const double> bounds,
               std::span<const uint64_t> counts, double sum, const MetricLabels& labels = {});

}  // namespace mneme::server

#endif  // MNEME_SERVER_OBSERVE_FAMILIES_H_
