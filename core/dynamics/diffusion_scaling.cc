#include "core/dynamics/diffusion_scaling.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace mneme::dynamics {
namespace {

constexpr size_t kWindowMin = 16;
constexpr size_t kEntropyWindowMax = 500;

// Least-squares slope of y against ln x; NaN with fewer than two points or one that is not finite.
double SlopeAgainstLog(std::span<const double> x, std::span<const double> y) {
  const double n = static_cast<double>(x.size());
  double mean_x = 0, mean_y = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    mean_x += std::log(x[i]) / n;
    mean_y += y[i] / n;
  }
  double xy = 0, xx = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double centred = std::log(x[i]) - mean_x;
    xy += centred * (y[i] - mean_y);
    xx += centred * centred;
  }
  return x.size() < 2 || !std::isfinite(xy / xx) ? std::nan("") : xy / xx;
}

// The squared distances of `profile` from its best straight line, summed.
double DetrendedSum(std::span<const double> profile) {
  const double n = static_cast<double>(profile.size());
  const double middle = (n - 1) / 2;
  double mean = 0, along = 0;
  for (const double y : profile) mean += y / n;
  for (size_t i = 0; i < profile.size(); ++i) {
    along += (static_cast<double>(i) - middle) * (profile[i] - mean);
  }
  const double slope = along / (n * (n * n - 1) / 12);
  double sum = 0;
  for (size_t i = 0; i < profile.size(); ++i) {
    const double rest = profile[i] - mean - slope * (static_cast<double>(i) - middle);
    sum += rest * rest;
  }
  return sum;
}

}  // namespace

std::vector<size_t> LogSpacedWindows(size_t least, size_t most, size_t count) {
  std::vector<size_t> out;
  if (least == 0 || most < least || count == 0) return out;
  const double ratio = std::log(static_cast<double>(most) / static_cast<double>(least));
  for (size_t i = 0; i < count; ++i) {
    const double share = count == 1 ? 0 : static_cast<double>(i) / static_cast<double>(count - 1);
    const auto window =
        static_cast<size_t>(std::llround(static_cast<double>(least) * std::exp(ratio * share)));
    if (out.empty() || window > out.back()) out.push_back(window);
  }
  return out;
}

std::vector<size_t> FluctuationWindows(size_t steps) {
  return LogSpacedWindows(kWindowMin, steps / 10, 16);
}

std::vector<size_t> EntropyWindows(size_t steps) {
  return LogSpacedWindows(kWindowMin, std::min(kEntropyWindowMax, steps / 40), 12);
}

Scaling FluctuationScaling(std::span<const double> series, std::span<const size_t> windows) {
  const double mean = std::accumulate(series.begin(), series.end(), 0.0) /
                      static_cast<double>(std::max<size_t>(series.size(), 1));
  std::vector<double> profile;
  profile.reserve(series.size());
  double sum = 0;
  for (const double x : series) profile.push_back(sum += x - mean);

  Scaling out;
  std::vector<double> logs;
  const std::span<const double> whole(profile);
  for (const size_t window : windows) {
    const size_t count = window < 3 ? 0 : profile.size() / window;
    if (count == 0) continue;
    double squares = 0;
    for (size_t i = 0; i < count; ++i) squares += DetrendedSum(whole.subspan(i * window, window));
    out.windows.push_back(static_cast<double>(window));
    out.values.push_back(std::sqrt(squares / static_cast<double>(count * window)));
    logs.push_back(std::log(out.values.back()));
  }
  out.exponent = SlopeAgainstLog(out.windows, logs);
  return out;
}

Scaling EntropyScaling(std::span<const double> events, std::span<const size_t> windows) {
  std::vector<double> walk(events.size() + 1);
  std::partial_sum(events.begin(), events.end(), walk.begin() + 1);
  Scaling out;
  for (const size_t window : windows) {
    if (window == 0 || window > events.size()) continue;
    std::map<int64_t, double> histogram;
    const size_t count = events.size() - window + 1;
    for (size_t t = 0; t < count; ++t) ++histogram[std::llround(walk[t + window] - walk[t])];
    double entropy = 0;
    for (const auto& [displacement, times] : histogram) {
      const double p = times / static_cast<double>(count);
      entropy -= p * std::log(p);
    }
    out.windows.push_back(static_cast<double>(window));
    out.values.push_back(entropy);
  }
  const bool moves = std::ranges::any_of(out.values, [](double s) { return s > 0; });
  out.exponent = moves ? SlopeAgainstLog(out.windows, out.values) : std::nan("");
  return out;
}

}  // namespace mneme::dynamics
