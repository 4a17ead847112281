#include "core/engine/forecast.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "core/base/status.h"
#include "core/theory/forecast.h"
#include "core/theory/tail_average.h"

namespace mneme::engine {
namespace {

using models::LinearRule;
using models::LinearSpec;

constexpr double kMeterList = 10;
constexpr double kMeterErrors = 0.05;
// Above this the spread of scores says that keys are not isotropic, or duplicated.
constexpr double kStdRatioMax = 1.3;
constexpr double kTailFractionDefault = 0.05;

double Partitions(const models::MemorySpec& spec, const models::ModelStats& stats) {
  return std::max(stats.partitions, std::get<LinearSpec>(spec.model).partitions);
}

// The tail fraction that a TAM memory is trained for at n items.
double TailFractionOf(const LinearSpec& spec, double items_per_partition) {
  if (spec.list_size > 0) {
    return std::clamp(spec.list_size / std::max(items_per_partition - 1, 2.0), 1e-12, 0.999);
  }
  return spec.tail_fraction.value_or(kTailFractionDefault);
}

struct RuleOf {
  theory::Rule rule;
  bool known = true;
};

// Rows of rule -> law. A recursive ridge without forgetting is ridge; with forgetting there is no
// law, nor is there for a trained memory before its first training, which is a correlation matrix.
RuleOf LawOf(const LinearSpec& spec, bool trained) {
  switch (spec.rule) {
    case LinearRule::kCmm:
      return {theory::Rule::kCmm};
    case LinearRule::kRidge:
      return {theory::Rule::kRidge};
    case LinearRule::kDecayed:
      return {theory::Rule::kDecayed};
    case LinearRule::kDelta:
      return {theory::Rule::kDelta};
    case LinearRule::kGatedDelta:
      return {theory::Rule::kGatedDelta};
    case LinearRule::kRls:
      return {.rule = theory::Rule::kRidge, .known = spec.gamma == 1};
    case LinearRule::kTam:
      return {trained ? theory::Rule::kTam : theory::Rule::kCmm};
    case LinearRule::kFederated:
      return {.rule = theory::Rule::kCmm, .known = false};
  }
  return {theory::Rule::kCmm};
}

double LambdaOf(const models::MemorySpec& spec, double items) {
  const LinearSpec& linear = std::get<LinearSpec>(spec.model);
  if (linear.lambda.has_value()) return *linear.lambda;
  if (linear.rule != LinearRule::kRidge) return 1e-3;
  const uint64_t per_partition =
      static_cast<uint64_t>(std::max(1.0, items / static_cast<double>(linear.partitions)));
  return 1e-3 * static_cast<double>(std::bit_floor(per_partition)) /
         static_cast<double>(spec.key_dim);
}

theory::ForecastQuestion Question(const models::MemorySpec& spec, double items, double partitions,
                                  theory::Rule rule) {
  const LinearSpec& linear = std::get<LinearSpec>(spec.model);
  return {.rule = rule,
          .d_k = static_cast<double>(spec.key_dim),
          .d_v = static_cast<double>(spec.response_dim),
          .n = items,
          .partitions = partitions,
          .lambda = LambdaOf(spec, items),
          .r = TailFractionOf(linear, items / partitions),
          .gamma = linear.gamma,
          .beta = linear.beta};
}

// The largest n with n <= alpha_c(k / (n - 1)) d_k d_v P: what a fixed list still certifies.
double TamCapacity(const LinearSpec& spec, double cells, double partitions) {
  const auto fits = [&](double n) {
    return n <= theory::TamCriticalLoad(TailFractionOf(spec, n / partitions)) * cells * partitions;
  };
  double low = 1, high = 2 * cells * partitions + 2;
  while (high - low > 1) {
    const double middle = std::floor((low + high) / 2);
    (fits(middle) ? low : high) = middle;
  }
  return low;
}

std::optional<double> MeasuredHit(const Probe& probe, double list) {
  if (probe.ranks.empty()) return std::nullopt;
  const auto within =
      std::upper_bound(probe.ranks.begin(), probe.ranks.end(), static_cast<uint64_t>(list));
  return static_cast<double>(within - probe.ranks.begin()) /
         static_cast<double>(probe.ranks.size());
}

double ShareError(double share, size_t count) {
  // Wilson's centre, so that 0 and 1 of a small sample do not claim to be exact.
  const double n = static_cast<double>(count);
  const double p = (share * n + 2) / (n + 4);
  return std::sqrt(p * (1 - p) / (n + 4));
}

double MeanPercentile(const Probe& probe) {
  double sum = 0;
  for (const uint64_t rank : probe.ranks) sum += static_cast<double>(rank - 1);
  const double competitors = std::max<double>(1, static_cast<double>(probe.competitors));
  return sum / static_cast<double>(probe.ranks.size()) / competitors;
}

// What the probe says of a quantity; nullopt where it does not speak of it.
std::optional<double> Measured(const Probe& probe, std::string_view quantity) {
  if (probe.ranks.empty()) return std::nullopt;
  if (quantity == "top1") return MeasuredHit(probe, 1);
  if (quantity == "mean_percentile") return MeanPercentile(probe);
  if (!quantity.starts_with("hit@")) return std::nullopt;
  const std::string number(quantity.substr(4));
  char* end = nullptr;
  const double list = std::strtod(number.c_str(), &end);
  return *end == '\0' ? MeasuredHit(probe, list) : std::nullopt;
}

void SetMeasured(ForecastQuantity& to, double measured, double error) {
  to.measured = measured;
  to.measured_error = error;
  if (!to.theory.has_value()) {
    to.value = measured;
    return;
  }
  const double difference = std::abs(measured - *to.theory);
  to.probe_disagrees =
      difference > kProbeDisagrees * std::abs(*to.theory) && difference > kProbeErrors * error;
  if (to.probe_disagrees) to.value = measured;
}

std::string QuantityOfList(uint32_t list) { return absl::StrCat("hit@", list); }

class ForecastMaker {
 public:
  ForecastMaker(const ForecastCommand& command, const models::MemorySpec& spec,
                const models::ModelStats& stats, const Probe* probe)
      : command_(command),
        spec_(spec),
        linear_(std::get<LinearSpec>(spec.model)),
        stats_(stats),
        probe_(probe),
        partitions_(Partitions(spec, stats)),
        law_(LawOf(linear_, command.memory.empty() || stats.trained.has_value())) {}

  absl::StatusOr<ForecastReply> Make() {
    reply_.items = command_.memory.empty() ? command_.planned_items : stats_.items;
    reply_.list_sizes = command_.list_sizes;
    if (reply_.list_sizes.empty()) reply_.list_sizes = {1, 10, 100};
    reply_.load = *LoadOf(spec_, reply_.items, static_cast<uint32_t>(partitions_));
    ChooseDimensions();
    reply_.bytes = stats_.bytes;
    if (law_.known) {
      MNEME_RETURN_IF_ERROR(AskTheory());
    } else {
      reply_.warnings.push_back(
          {.reason = "NO_LAW",
           .message = "there is no law for recursive ridge with a forgetting factor",
           .next_step = "Rely on the measured figures."});
    }
    AddMeasured();
    AddWarnings();
    if (probe_ != nullptr) reply_.probe = *probe_;
    return std::move(reply_);
  }

 private:
  void ChooseDimensions() {
    double d_k = command_.key_dim_effective, d_v = command_.response_dim_effective;
    if (probe_ != nullptr) {
      d_k = probe_->key_dim_effective;
      d_v = probe_->response_dim_effective;
    }
    // Above the raw dimension is sampling error.
    const double raw_k = static_cast<double>(spec_.key_dim);
    const double raw_v = static_cast<double>(spec_.response_dim);
    reply_.key_dim_effective = d_k > 1 ? std::min(d_k, raw_k) : raw_k;
    reply_.response_dim_effective = d_v > 1 ? std::min(d_v, raw_v) : raw_v;
    reply_.load_effective =
        static_cast<double>(reply_.items) /
        (reply_.key_dim_effective * reply_.response_dim_effective * partitions_);
  }

  theory::ForecastQuestion MakeQuestion() const {
    theory::ForecastQuestion question =
        Question(spec_, static_cast<double>(reply_.items), partitions_, law_.rule);
    question.d_k = reply_.key_dim_effective;
    question.d_v = reply_.response_dim_effective;
    if (stats_.lambda > 0 && law_.rule == theory::Rule::kRidge) question.lambda = stats_.lambda;
    if (stats_.trained.has_value() && stats_.trained->items > 1) {
      question.r = std::clamp(static_cast<double>(stats_.trained->list_size) /
                                  static_cast<double>(stats_.trained->items),
                              1e-12, 0.999);
    }
    question.cue_cosine = command_.cue_cosine;
    question.error_target = command_.error_target;
    for (const uint32_t list : reply_.list_sizes) question.list_sizes.push_back(list);
    return question;
  }

  absl::Status AskTheory() {
    const theory::ForecastQuestion question = MakeQuestion();
    MNEME_ASSIGN_OR_RETURN(const theory::Forecast forecast, theory::Predict(question));
    reply_.phase = forecast.phase;
    for (const theory::Prediction& prediction : forecast.predictions) {
      reply_.quantities.push_back({.quantity = prediction.quantity,
                                   .value = prediction.value,
                                   .theory = prediction.value,
                                   .formula = prediction.formula,
                                   .assumption = prediction.assumption});
    }
    reply_.capacity_items = static_cast<uint64_t>(std::max(0.0, forecast.n_at_target));
    reply_.items_left =
        reply_.capacity_items > reply_.items ? reply_.capacity_items - reply_.items : 0;
    reply_.capacity_formula = absl::StrFormat("largest n with hit@%d >= %g",
                                              reply_.list_sizes.front(), 1 - command_.error_target);
    MNEME_RETURN_IF_ERROR(AddCurve(question));
    return AddProfile(question);
  }

  // From a tenth of the present load, or of the capacity, to twice the larger of the two.
  absl::Status AddCurve(const theory::ForecastQuestion& question) {
    if (command_.curve_points == 0) return absl::OkStatus();
    const double cells = question.d_k * question.d_v * partitions_;
    const double high = 2 * std::max({reply_.load_effective,
                                      static_cast<double>(reply_.capacity_items) / cells, 1e-6});
    const int points = static_cast<int>(std::max<size_t>(2, command_.curve_points));
    MNEME_ASSIGN_OR_RETURN(const std::vector<theory::CurvePoint> curve,
                           theory::HitCurve(question, high / points, high, points));
    for (const theory::CurvePoint& point : curve) {
      reply_.curve.push_back({.load = point.load, .items = point.n, .hits = point.hits});
    }
    return absl::OkStatus();
  }

  absl::Status AddProfile(const theory::ForecastQuestion& question) {
    if (reply_.items < 2) return absl::OkStatus();
    std::vector<double> fractions;
    for (int i = 0; i <= 40; ++i) fractions.push_back(std::pow(10.0, -4 + i * 0.1));
    MNEME_ASSIGN_OR_RETURN(const std::vector<theory::ProfilePoint> profile,
                           theory::PercentileProfile(question, fractions));
    for (const theory::ProfilePoint& point : profile) {
      ForecastProfilePoint& to = reply_.profile.emplace_back(
          ForecastProfilePoint{.percentile = point.t, .theory = point.share});
      if (probe_ == nullptr) continue;
      const double list =
          std::max(1.0, std::ceil(point.t * static_cast<double>(probe_->competitors + 1)));
      to.measured = MeasuredHit(*probe_, list);
    }
    return absl::OkStatus();
  }

  ForecastQuantity& QuantityNamed(const std::string& name) {
    for (ForecastQuantity& quantity : reply_.quantities) {
      if (quantity.quantity == name) return quantity;
    }
    return reply_.quantities.emplace_back(ForecastQuantity{.quantity = name});
  }

  void AddMeasured() {
    if (stats_.trained.has_value() && stats_.trained->items > 0 && command_.cue_cosine == 1) {
      // Not a sample: every item was checked when the epoch was sealed.
      const double share = static_cast<double>(stats_.trained->certified) /
                           static_cast<double>(stats_.trained->items);
      SetMeasured(QuantityNamed("certified"), share, 0);
    }
    if (probe_ == nullptr || probe_->ranks.empty()) return;
    QuantityNamed("top1");
    for (const uint32_t list : reply_.list_sizes) {
      if (list > 1) QuantityNamed(QuantityOfList(list));  // 1 is top1
    }
    QuantityNamed("mean_percentile");
    for (ForecastQuantity& quantity : reply_.quantities) {
      const std::optional<double> measured = Measured(*probe_, quantity.quantity);
      if (!measured.has_value()) continue;
      const double error = quantity.quantity == "mean_percentile"
                               ? PercentileError()
                               : ShareError(*measured, probe_->ranks.size());
      SetMeasured(quantity, *measured, error);
    }
    // Both are of one partition's matrix: n / P items and the own key's leak.
    const double cells = static_cast<double>(spec_.key_dim * spec_.response_dim);
    const double expected = std::sqrt(
        static_cast<double>(probe_->competitors) / partitions_ / cells +
        1.0 / static_cast<double>(spec_.key_dim) + 1.0 / static_cast<double>(spec_.response_dim));
    if (law_.rule == theory::Rule::kCmm) reply_.score_std_ratio = probe_->score_std / expected;
  }

  double PercentileError() const {
    const double mean = MeanPercentile(*probe_);
    const double competitors = std::max<double>(1, static_cast<double>(probe_->competitors));
    // As if two more had come second, so that a sample that came first throughout does not claim
    // to be exact (as ShareError's).
    double squares = 2 / (competitors * competitors);
    for (const uint64_t rank : probe_->ranks) {
      const double percentile = static_cast<double>(rank - 1) / competitors;
      squares += (percentile - mean) * (percentile - mean);
    }
    return std::sqrt(squares) / static_cast<double>(probe_->ranks.size());
  }

  void AddWarnings() {
    for (const ForecastQuantity& quantity : reply_.quantities) {
      if (!quantity.probe_disagrees) continue;
      reply_.warnings.push_back(
          {.reason = "PROBE_DISAGREES",
           .message =
               absl::StrFormat("%s was measured as %.3g, theory says %.3g: rely on the measurement",
                               quantity.quantity, *quantity.measured, *quantity.theory),
           .next_step = "Theory takes keys and responses for independent; look at duplicates and "
                        "at the effective dimensions."});
    }
    if (reply_.score_std_ratio > kStdRatioMax) {
      reply_.warnings.push_back(
          {.reason = "ANISOTROPIC",
           .message = absl::StrFormat("scores spread %.2f times as far as isotropic keys would",
                                      reply_.score_std_ratio),
           .next_step = "Centre the keys (key_mean in the spec), or whiten them, before storing."});
    }
    if (reply_.phase == theory::Phase::kCollapsed) {
      reply_.warnings.push_back(
          {.reason = "LOAD_PAST_COLLAPSE",
           .message = "a training for this tail would erase the memory",
           .next_step = absl::StrFormat("Use a tail fraction above %.3g, or more partitions.",
                                        theory::SmallestTailFraction(reply_.load_effective))});
    }
    if (linear_.rule == LinearRule::kTam && !command_.memory.empty()) {
      if (!stats_.trained.has_value()) {
        reply_.warnings.push_back({.reason = "UNTRAINED",
                                   .message = "not trained yet: the figures are those of the "
                                              "correlation matrix that serves until then",
                                   .next_step = "Train the memory."});
      } else if (stats_.trained->delta_items > 0) {
        reply_.warnings.push_back(
            {.reason = "DELTA",
             .message = absl::StrFormat("%d items were stored since the training",
                                        stats_.trained->delta_items),
             .next_step = "Train again to certify them."});
      }
    }
    if (!command_.memory.empty() && probe_ == nullptr) {
      reply_.warnings.push_back(
          {.reason = "NOT_PROBED",
           .message = "nothing was measured: the figures are theory for isotropic keys",
           .next_step = "Ask for a probe; it needs a memory that keeps its keys (retain ALL)."});
    }
  }

  const ForecastCommand& command_;
  const models::MemorySpec& spec_;
  const LinearSpec& linear_;
  const models::ModelStats& stats_;
  const Probe* const probe_;
  const double partitions_;
  const RuleOf law_;
  ForecastReply reply_;
};

}  // namespace

std::optional<double> LoadOf(const models::MemorySpec& spec, uint64_t items, uint32_t partitions) {
  if (!std::holds_alternative<LinearSpec>(spec.model)) return std::nullopt;
  const double cells = static_cast<double>(spec.key_dim) * static_cast<double>(spec.response_dim);
  return static_cast<double>(items) / (cells * std::max<uint32_t>(1, partitions));
}

std::optional<Capacity> CapacityOf(const models::MemorySpec& spec, uint32_t partitions) {
  const auto* linear = std::get_if<LinearSpec>(&spec.model);
  if (linear == nullptr) return std::nullopt;
  const double cells = static_cast<double>(spec.key_dim) * static_cast<double>(spec.response_dim);
  if (linear->rule == LinearRule::kTam) {
    const double items = TamCapacity(*linear, cells, partitions);
    return Capacity{
        .partitions = partitions,
        .items = static_cast<uint64_t>(items),
        .criterion = linear->list_size > 0
                         ? absl::StrFormat("TAM_CERTIFIED(k=%d)", linear->list_size)
                         : absl::StrFormat("TAM_CERTIFIED(r=%g)", TailFractionOf(*linear, items)),
        .critical_load = items / (cells * partitions)};
  }
  const RuleOf law = LawOf(*linear, /*trained=*/false);
  // A lambda that follows the number of items is taken at n = d_k.
  theory::ForecastQuestion question =
      Question(spec, static_cast<double>(spec.key_dim), partitions, law.rule);
  question.list_sizes = {kMeterList};
  question.error_target = kMeterErrors;
  const absl::StatusOr<theory::Forecast> forecast = theory::Predict(question);
  if (!law.known || !forecast.ok()) return std::nullopt;
  return Capacity{.partitions = partitions,
                  .items = static_cast<uint64_t>(std::max(0.0, forecast->n_at_target)),
                  .criterion = absl::StrFormat("hit@%g >= %g", kMeterList, 1 - kMeterErrors),
                  .critical_load = forecast->critical_load};
}

LoadMeter MeterOf(const models::MemorySpec& spec, const Capacity& capacity, uint64_t items) {
  const LinearSpec& linear = std::get<LinearSpec>(spec.model);
  LoadMeter meter{.load = *LoadOf(spec, items, capacity.partitions),
                  .capacity_items = capacity.items,
                  .criterion = capacity.criterion};
  if (capacity.items > 0) {
    meter.used = static_cast<double>(items) / static_cast<double>(capacity.items);
  }
  if (meter.load > capacity.critical_load) meter.phase = theory::Phase::kUnsatisfiable;
  const double per_partition = static_cast<double>(items) / capacity.partitions;
  if (linear.rule == LinearRule::kTam &&
      meter.load >= theory::TamCollapseLoad(TailFractionOf(linear, per_partition))) {
    meter.phase = theory::Phase::kCollapsed;
  }
  return meter;
}

absl::StatusOr<ForecastReply> MakeForecast(const ForecastCommand& command,
                                           const models::MemorySpec& spec,
                                           const models::ModelStats& stats, const Probe* probe) {
  return ForecastMaker(command, spec, stats, probe).Make();
}

}  // namespace mneme::engine
