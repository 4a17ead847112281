#include "tests/lab/runner.h"

#include <atomic>
#include <cmath>
#include <optional>
#include <span>
#include <thread>

#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/base/status.h"

namespace mneme::lab {
namespace {

// Shares of all executions, added up from any thread.
class ProgressSum {
 public:
  ProgressSum(size_t executions, const std::function<void(double)>& report)
      : shares_(executions), report_(report) {}
  void Set(size_t execution, double share) {
    MutexLock lock(&mutex_);
    sum_ += share - shares_[execution];
    shares_[execution] = share;
    report_(sum_ / static_cast<double>(shares_.size()));
  }

 private:
  Mutex mutex_;
  std::vector<double> shares_ ABSL_GUARDED_BY(mutex_);
  double sum_ ABSL_GUARDED_BY(mutex_) = 0;
  const std::function<void(double)>& report_;
};

struct Execution {
  Quantities measured;
  Quantities used;
  absl::Status status;
};

// All executions, point by point and seed by seed within a point.
std::vector<Execution> Execute(const Command& command, const std::vector<Point>& points,
                               const std::function<void(double)>& report) {
  const size_t seeds = command.seeds();
  std::vector<Execution> executions(points.size() * seeds);
  ProgressSum progress(executions.size(), report);
  std::atomic<size_t> next = 0;
  std::atomic<bool> failed = false;
  const auto work = [&] {
    for (size_t i; !failed && (i = next++) < executions.size();) {
      Run run(command.seed_first + i % seeds, [&](double share) { progress.Set(i, share); });
      executions[i].status = command.experiment->run(points[i / seeds].parameters, run);
      if (!executions[i].status.ok()) failed = true;
      executions[i].measured = run.measured();
      executions[i].used = run.used();
      progress.Set(i, 1);
    }
  };
  std::vector<std::jthread> threads;
  for (size_t t = 1; t < std::min(command.threads, executions.size()); ++t)
    threads.emplace_back(work);
  work();
  threads.clear();
  return executions;
}

Summary Summarise(std::span<const double> values) {
  Summary out;
  for (const double x : values) out.mean += x;
  out.mean /= static_cast<double>(values.size());
  if (values.size() < 2) return out;
  double squares = 0;
  for (const double x : values) squares += (x - out.mean) * (x - out.mean);
  out.std = std::sqrt(squares / static_cast<double>(values.size() - 1));
  return out;
}

std::vector<double> ValuesOf(std::span<const Execution> seeds, std::string_view name) {
  std::vector<double> values;
  for (const Execution& execution : seeds) {
    if (const std::optional<double> value = execution.measured.Find(name)) values.push_back(*value);
  }
  return values;
}

PointResult SummarisePoint(const Command& command, const Point& point,
                           std::span<const Execution> seeds) {
  PointResult out{.label = point.label};
  Quantities means;
  for (const auto& [name, ignored] : seeds.front().measured.entries()) {
    out.measured.emplace_back(name, Summarise(ValuesOf(seeds, name)));
    means.Set(name, out.measured.back().second.mean);
  }
  for (const auto& [flag, ignored] : seeds.front().used.entries()) {
    double sum = 0;
    for (const Execution& execution : seeds) sum += execution.used.Find(flag).value_or(0);
    out.used.Set(flag, sum / static_cast<double>(seeds.size()));
  }
  if (command.experiment->predict != nullptr) {
    Parameters parameters = point.parameters;
    for (const auto& [flag, value] : out.used.entries()) {
      parameters.Set(flag, {.text = absl::StrCat(value), .number = value});
    }
    command.experiment->predict(parameters, means, out.predicted);
  }
  return out;
}

// Least-squares slope of ln y against x; NaN where a logarithm does not exist.
double LogSlope(std::span<const double> x, std::span<const double> y) {
  double mean_x = 0, mean_y = 0;
  const double n = static_cast<double>(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    if (!std::isfinite(x[i]) || !(y[i] > 0)) return std::nan("");
    mean_x += x[i] / n;
    mean_y += std::log(y[i]) / n;
  }
  double xy = 0, xx = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - mean_x) * (std::log(y[i]) - mean_y);
    xx += (x[i] - mean_x) * (x[i] - mean_x);
  }
  return xy / xx;
}

// Of ln y against ln x.
double LogLogSlope(std::span<const double> x, std::span<const double> y) {
  std::vector<double> logarithms;
  for (const double value : x) logarithms.push_back(std::log(value));
  return LogSlope(logarithms, y);
}

// One quantity of one seed, over the points of the list.
std::vector<double> OverPoints(std::string_view name, size_t points, size_t seeds, size_t seed,
                               std::span<const Execution> executions) {
  std::vector<double> y;
  for (size_t point = 0; point < points; ++point) {
    y.push_back(executions[point * seeds + seed].measured.Find(name).value_or(std::nan("")));
  }
  return y;
}

// Of one quantity over the list, seed by seed.
Summary SlopeOf(std::string_view name, std::span<const double> x, size_t seeds,
                std::span<const Execution> executions) {
  std::vector<double> slopes(seeds);
  for (size_t seed = 0; seed < seeds; ++seed) {
    slopes[seed] = LogLogSlope(x, OverPoints(name, x.size(), seeds, seed, executions));
  }
  return Summarise(slopes);
}

// Of the logarithm of the experiment's `slope_ln_of`.
Summary SlopeLnOf(const Experiment& experiment, std::span<const double> list, size_t seeds,
                  std::span<const Execution> executions) {
  std::vector<double> slopes(seeds);
  for (size_t seed = 0; seed < seeds; ++seed) {
    std::vector<double> x(list.begin(), list.end());
    if (!experiment.slope_ln_against.empty()) {
      x = OverPoints(experiment.slope_ln_against, list.size(), seeds, seed, executions);
    }
    slopes[seed] =
        LogSlope(x, OverPoints(experiment.slope_ln_of, list.size(), seeds, seed, executions));
  }
  return Summarise(slopes);
}

double PredictedSlopeOf(std::string_view name, std::span<const double> x,
                        std::span<const PointResult> points) {
  std::vector<double> y;
  for (const PointResult& point : points) {
    y.push_back(point.predicted.Find(name).value_or(std::nan("")));
  }
  return LogLogSlope(x, y);
}

// Over one list of numbers. The plain `slope` is there even if undefined; the others where they are
// defined.
void AddSlopes(const Command& command, std::span<const Execution> executions, Results* results) {
  if (command.axes.size() != 1 || !command.axes[0].numeric) return;
  std::vector<double> x;
  for (const Value& value : command.axes[0].values) x.push_back(value.number);
  const auto add = [&](std::string name, const Summary& measured, double predicted) {
    results->slopes.emplace_back(name, measured);
    if (std::isfinite(predicted)) results->predicted_slopes.Set(std::move(name), predicted);
  };
  for (const auto& [name, ignored] : results->points[0].measured) {
    const Summary measured = SlopeOf(name, x, command.seeds(), executions);
    const double predicted = PredictedSlopeOf(name, x, results->points);
    if (name == command.experiment->slope_of) add("slope", measured, predicted);
    if (!std::isnan(measured.mean)) add(absl::StrCat("slope@", name), measured, predicted);
  }
  if (executions[0].measured.Find(command.experiment->slope_ln_of)) {
    add("slope_ln", SlopeLnOf(*command.experiment, x, command.seeds(), executions), std::nan(""));
  }
}

}  // namespace

std::string NameAt(std::string_view name, std::string_view label) {
  if (label.empty()) return std::string(name);
  return absl::StrCat(AbslView(name), name.find('@') == name.npos ? "@" : ",", AbslView(label));
}

absl::StatusOr<Results> RunCommand(const Command& command,
                                   const std::function<void(double share)>& progress) {
  const int64_t start = Clock::Real().NowMonotonicNanos();
  const std::vector<Point> points = PointsOf(command);
  const std::vector<Execution> executions = Execute(command, points, progress);
  for (const Execution& execution : executions) MNEME_RETURN_IF_ERROR(execution.status);
  Results results;
  const std::span<const Execution> all(executions);
  for (size_t i = 0; i < points.size(); ++i) {
    results.points.push_back(
        SummarisePoint(command, points[i], all.subspan(i * command.seeds(), command.seeds())));
  }
  AddSlopes(command, all, &results);
  results.seconds = static_cast<double>(Clock::Real().NowMonotonicNanos() - start) * 1e-9;
  return results;
}

}  // namespace mneme::lab
