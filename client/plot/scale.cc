#include "client/plot/scale.h"

#include <algorithm>
#include <cmath>

namespace mneme::plot {
namespace {

constexpr double kXLogSpan = 8;
constexpr double kYLogSpan = 100;

double ErrorOf(const Series& series, size_t i) {
  return series.error.empty() ? 0 : series.error[i];
}

std::vector<double> AllX(const Panel& panel) {
  std::vector<double> values;
  for (const Series& series : panel.series) {
    values.insert(values.end(), series.x.begin(), series.x.end());
  }
  return values;
}

std::vector<double> AllY(const Panel& panel) {
  std::vector<double> values;
  for (const Series& series : panel.series) {
    for (size_t i = 0; i < series.y.size(); ++i) {
      values.push_back(series.y[i]);
      // A bar that reaches below 0 shall not forbid a logarithmic axis.
      if (series.y[i] - ErrorOf(series, i) > 0) values.push_back(series.y[i] - ErrorOf(series, i));
      values.push_back(series.y[i] + ErrorOf(series, i));
    }
  }
  return values;
}

double RoundStep(double raw) {
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double digit : {1.0, 2.0, 5.0}) {
    if (raw <= digit * power) return digit * power;
  }
  return 10 * power;
}

}  // namespace

Scale::Scale(std::vector<double> values, double from, double to, double log_span)
    : from_(from), to_(to) {
  std::erase_if(values, [](double v) { return !std::isfinite(v); });
  if (values.empty()) values = {0, 1};
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  log_ = *least > 0 && *most / *least >= log_span;
  low_ = Map(*least);
  high_ = Map(*most);
  if (low_ == high_) {
    low_ -= 0.5;
    high_ += 0.5;
  }
  const double margin = (high_ - low_) * 0.04;
  low_ -= margin;
  high_ += margin;
}

Scale::Scale(Range range, double from, double to)
    : from_(from), to_(to), low_(range.low), high_(range.high) {}

double Scale::At(double value) const {
  return from_ + (Map(value) - low_) / (high_ - low_) * (to_ - from_);
}

bool Scale::Holds(double value) const { return std::isfinite(value) && (!log_ || value > 0); }

std::vector<double> Scale::Ticks() const {
  std::vector<double> ticks;
  if (log_) {
    for (double decade = std::floor(low_); decade <= high_; ++decade) {
      for (const double digit : {1.0, 2.0, 5.0}) {
        if (digit != 1 && high_ - low_ > 2.5) continue;
        ticks.push_back(digit * std::pow(10.0, decade));
      }
    }
  } else {
    const double step = RoundStep((high_ - low_) / 5);
    for (double t = std::ceil(low_ / step) * step; t <= high_ + step / 1e6; t += step) {
      ticks.push_back(std::abs(t) < step / 2 ? 0 : t);
    }
  }
  const double slack = (high_ - low_) / 1e6;
  std::erase_if(ticks, [&](double t) { return Map(t) < low_ - slack || Map(t) > high_ + slack; });
  return ticks;
}

double Scale::Map(double value) const { return log_ ? std::log10(value) : value; }

Axes::Axes(const Panel& panel, double left, double right, double top, double bottom)
    : x(AllX(panel), left, right, kXLogSpan),
      y(panel.y ? Scale(*panel.y, bottom, top)
                : Scale(AllY(panel), bottom, top, panel.log_y ? 1 : kYLogSpan)) {}

}  // namespace mneme::plot
