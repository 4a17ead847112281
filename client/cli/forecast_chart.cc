#include "client/cli/forecast_chart.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/cli/text.h"

namespace mneme::cli {
namespace {

using client::ForecastResult;
using client::Prediction;

// The figure of a list of this size: a list of 1 is also called top1.
const Prediction* Find(const ForecastResult& forecast, uint32_t list_size) {
  const std::string name = absl::StrCat("hit@", list_size);
  const auto found = std::ranges::find_if(forecast.predictions, [&](const Prediction& prediction) {
    return prediction.quantity == name || (list_size == 1 && prediction.quantity == "top1");
  });
  return found == forecast.predictions.end() ? nullptr : &*found;
}

// What is known at the load of the forecast itself: the measurement, or else the theory.
plot::Series PointAt(const ForecastResult& forecast, const Prediction& prediction, size_t color) {
  return {.x = {forecast.load},
          .y = {prediction.measured.value_or(prediction.value)},
          .error = {prediction.measured ? prediction.measured_error : 0},
          .look = plot::Look::kPoints,
          .color = color};
}

plot::Panel CurvePanel(const ForecastResult& forecast) {
  plot::Panel panel{.title = "hit rate against load",
                    .x_label = "load = items / (key dim × response dim × partitions)",
                    .y = plot::Range{0, 1}};
  for (size_t i = 0; i < forecast.list_sizes.size(); ++i) {
    plot::Series curve{.legend = absl::StrCat("list of ", FormatCount(forecast.list_sizes[i])),
                       .color = i};
    for (const client::CurvePoint& point : forecast.curve) {
      if (i >= point.hits.size()) continue;
      curve.x.push_back(point.load);
      curve.y.push_back(point.hits[i]);
    }
    panel.series.push_back(std::move(curve));
    if (const Prediction* here = Find(forecast, forecast.list_sizes[i]); here != nullptr) {
      panel.series.push_back(PointAt(forecast, *here, i));
    }
  }
  return panel;
}

plot::Panel ProfilePanel(const ForecastResult& forecast) {
  plot::Panel panel{.title = "percentile profile: share of the items within",
                    .x_label = "this share of the list",
                    .y = plot::Range{0, 1}};
  plot::Series theory{.legend = "theory", .color = 0};
  plot::Series measured{.legend = "measured", .look = plot::Look::kMeasured, .color = 1};
  for (const client::ProfilePoint& point : forecast.profile) {
    theory.x.push_back(point.percentile);
    theory.y.push_back(point.theory);
    if (!point.measured) continue;
    measured.x.push_back(point.percentile);
    measured.y.push_back(*point.measured);
  }
  panel.series.push_back(std::move(theory));
  if (!measured.x.empty()) panel.series.push_back(std::move(measured));
  return panel;
}

std::string Caption(const ForecastResult& forecast) {
  if (!forecast.probe) {
    return absl::StrCat("line: theory; point: ", FormatCount(forecast.items), " items");
  }
  return absl::StrCat("line: theory; point: probe of ", FormatCount(forecast.probe->items), " of ",
                      FormatCount(forecast.items), " items; bar: one standard error");
}

}  // namespace

plot::Figure ForecastFigure(const ForecastResult& forecast, const std::string& subject) {
  plot::Figure figure{.title = subject, .caption = Caption(forecast)};
  if (!forecast.curve.empty()) figure.panels.push_back(CurvePanel(forecast));
  if (!forecast.profile.empty()) figure.panels.push_back(ProfilePanel(forecast));
  return figure;
}

}  // namespace mneme::cli
