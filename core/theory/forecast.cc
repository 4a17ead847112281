#include "core/theory/forecast.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <string_view>

#include "core/base/status.h"
#include "core/theory/roots.h"
#include "core/theory/rule_law.h"
#include "core/theory/tail_average.h"

namespace mneme::theory {
namespace {

constexpr double kItemsMost = 1e12;
constexpr int kSearchPoints = 48;  // half points of tam.h where only hits are wanted

absl::Status Bad(std::string_view name, double value, std::string_view expected) {
  const std::string given = absl::StrFormat("%.15g", value);
  return InvalidArgument(
      absl::StrCat("forecast: ", AbslView(name), " is ", given, ", expected ", AbslView(expected)),
      {.reason = "FORECAST",
       .given = given,
       .expected = std::string(expected),
       .next_step = absl::StrCat("Give another ", AbslView(name), ".")});
}

struct Bound {
  std::string_view name;
  double value;
  bool good;  // false for NaN too, as every comparison with it is
  std::string_view expected;
};

absl::Status Validate(const ForecastQuestion& q) {
  const bool delta = q.rule == Rule::kDelta || q.rule == Rule::kGatedDelta;
  const double dimension_least = delta ? 2 : std::nextafter(1.0, 2.0);
  const std::string_view dimensions =
      delta ? "a number of dimensions of at least 2" : "a number of dimensions above 1";
  const auto is_dimension = [&](double d) { return d >= dimension_least && d <= 1e9; };
  const auto is_share = [](double x) { return x > 0 && x <= 1; };
  const auto is_penalty = [](double x) { return x >= 0 && std::isfinite(x); };
  const auto is_inside = [](double x) { return x > 0 && x < 1; };
  const auto is_count = [](double x) { return x >= 1 && x <= kItemsMost && x == std::floor(x); };
  for (const Bound& bound :
       {Bound{"d_k", q.d_k, is_dimension(q.d_k), dimensions},
        Bound{"d_v", q.d_v, is_dimension(q.d_v), dimensions},
        Bound{"n", q.n, q.n >= 0 && q.n <= kItemsMost, "a number of items from 0 to 1e12"},
        Bound{"partitions", q.partitions, is_count(q.partitions), "a whole number of at least 1"},
        Bound{"lambda", q.lambda, is_penalty(q.lambda), "a number of at least 0"},
        Bound{"r", q.r, is_inside(q.r), "a fraction above 0 and below 1"},
        Bound{"gamma", q.gamma, is_share(q.gamma), "a number above 0, up to 1"},
        Bound{"beta", q.beta, is_share(q.beta), "a number above 0, up to 1"},
        Bound{"cue_cosine", q.cue_cosine, is_share(q.cue_cosine), "a cosine above 0, up to 1"},
        Bound{"error_target", q.error_target, is_inside(q.error_target),
              "a fraction above 0 and below 1"}}) {
    if (!bound.good) return Bad(bound.name, bound.value, bound.expected);
  }
  for (const double list : q.list_sizes) {
    if (!is_count(list)) return Bad("list size", list, "a whole number of at least 1");
  }
  return absl::OkStatus();
}

double FirstList(const ForecastQuestion& question) {
  return question.list_sizes.empty() ? 1 : question.list_sizes.front();
}

double HitAt(const ForecastQuestion& question, double n, double list) {
  return RuleLaw(question, n, kSearchPoints).Hit(list);
}

// How far apart a search looks for the first n that is too many. A ridge memory's misses have a
// narrow peak at n = d_k when cues are turned and the penalty is small; a trained one's lie between
// short lists' loss to the equalised scores and the collapse, where training ends.
double Growth(Rule rule) {
  switch (rule) {
    case Rule::kRidge:
      return 1.1;
    case Rule::kTam:
      return 1.5;
    case Rule::kCmm:
    case Rule::kDecayed:
    case Rule::kDelta:
    case Rule::kGatedDelta:
      return 2;
  }
  CheckFailed(__FILE__, __LINE__, "rule");
}

// The last n before `rises` is first positive; it is not at `least`. The search begins at `from`.
template <typename F>
double LastGood(const ForecastQuestion& question, double least, double from, F&& rises) {
  const double growth = Growth(question.rule);
  double low = std::max(least, from), at_low = rises(low), high = low, at_high = at_low;
  while (at_low > 0 && low > least) {
    high = low, at_high = at_low;
    low = std::max(least, low / growth);
    at_low = rises(low);
  }
  while (at_high <= 0 && high < kItemsMost) {
    low = high, at_low = at_high;
    high = low * growth + 1;
    at_high = rises(high);
  }
  if (at_high <= 0) return kItemsMost;
  const double tolerance = question.rule == Rule::kTam ? 1e-5 : 1e-7;  // relative
  const double root = FindRoot(std::log(low), at_low, std::log(high), at_high, tolerance,
                               [&](double x) { return rises(std::exp(x)); });
  return std::floor(std::exp(root) * (1 + tolerance));
}

double CountAtTarget(const ForecastQuestion& question) {
  const double list = FirstList(question);
  double from = list;
  if (question.rule == Rule::kTam) {  // dear: begin where the untrained memory ends
    ForecastQuestion untrained = question;
    untrained.rule = Rule::kCmm;
    from = CountAtTarget(untrained);
  }
  return LastGood(question, list, from,
                  [&](double n) { return 1 - HitAt(question, n, list) - question.error_target; });
}

// The load from which on an item is expected outside the list more likely than not.
double LoadOfFirstMiss(const ForecastQuestion& question) {
  const double list = FirstList(question);
  const double n = LastGood(question, list, list, [&](double count) {
    return count * (1 - HitAt(question, count, list)) - std::numbers::ln2;
  });
  return n / (question.partitions * question.d_k * question.d_v);
}

// Collects predictions of one law, with the stem of its formulas and its assumption.
class Collector {
 public:
  Collector(const RuleLaw& law, std::vector<Prediction>* out)
      : stem_(law.formula()), assumption_(law.assumption()), out_(out) {}

  void Add(std::string quantity, double value, std::string_view suffix,
           std::string_view addition = "") {
    out_->push_back({.quantity = std::move(quantity),
                     .value = value,
                     .formula = absl::StrCat(stem_, "_", AbslView(suffix)),
                     .assumption = absl::StrCat(assumption_, AbslView(addition))});
  }
  void AddHit(double list, double value, std::string_view at = "", std::string_view addition = "") {
    if (list == 1) {
      Add(absl::StrCat("top1", AbslView(at)), value, "TOP1", addition);
    } else {
      Add(absl::StrFormat("hit@%.0f%s", list, at), value, "LIST", addition);
    }
  }

 private:
  std::string stem_, assumption_;
  std::vector<Prediction>* out_;
};

// Lists asked for, top-1 first, each once.
std::vector<double> ListsOf(const ForecastQuestion& question) {
  std::vector<double> lists = {1};
  for (const double list : question.list_sizes) {
    if (std::find(lists.begin(), lists.end(), list) == lists.end()) lists.push_back(list);
  }
  return lists;
}

void AddRecall(const Recall& recall, std::string_view at, Collector& collect) {
  collect.Add(absl::StrCat("gain", AbslView(at)), recall.gain, "GAIN");
  collect.Add(absl::StrCat("inverse_snr", AbslView(at)), recall.inverse_snr(), "INVERSE_SNR");
}

void AddAges(const ForecastQuestion& question, const OrderedShape& shape, Collector& collect) {
  const double oldest = std::max(0.0, std::floor(shape.writes()) - 1);
  struct Age {
    std::string_view at;
    double writes;
  };
  for (const Age& age :
       {Age{"@newest", 0}, Age{"@median_age", std::floor(oldest / 2)}, Age{"@oldest", oldest}}) {
    const std::string addition =
        absl::StrFormat(" This is of an item with %.0f later writes to its matrix.", age.writes);
    for (const double list : ListsOf(question)) {
      collect.AddHit(list, OrderedHitAtAge(shape, age.writes, list), age.at, addition);
    }
    AddRecall(OrderedRecall(shape, age.writes), age.at, collect);
  }
}

void AddTrained(const ForecastQuestion& question, const RuleLaw& law, Collector& collect) {
  const TamLaw& tam = law.tam();
  collect.Add("certified", tam.Certified(question.cue_cosine), "CERTIFIED",
              question.partitions == 1 ? "" : " A certificate speaks of the item's own partition.");
  collect.Add("worst_percentile", tam.WorstPercentile(question.n), "WORST_PERCENTILE",
              " This is the median of the worst item's, at its own key.");
  collect.Add("z_mean", tam.ScoreMean(), "Z_MEAN");
  collect.Add("z_std", tam.ScoreStd(), "Z_STD");
  collect.Add("loss", law.solution().loss, "LOSS");
}

std::vector<Prediction> PredictionsOf(const ForecastQuestion& question, const RuleLaw& law) {
  std::vector<Prediction> out;
  Collector collect(law, &out);
  for (const double list : ListsOf(question)) collect.AddHit(list, law.Hit(list));
  const double top1 = out.front().value;
  collect.Add("all_top1", std::exp(-question.n * (1 - top1)), "ALL_TOP1",
              " Misses are taken as independent.");
  collect.Add("mean_percentile", law.MeanPercentile(), "MEAN_PERCENTILE");
  if (law.ordered()) {
    AddAges(question, law.ordered_shape(), collect);
  } else if (law.trained()) {
    AddTrained(question, law, collect);
  } else {
    AddRecall(law.recall(), "", collect);
    if (question.rule == Rule::kTam && question.n >= 2) {
      collect.Add("certified", 0, "CERTIFIED", " Without training nothing is certified.");
    }
  }
  return out;
}

void SetPhase(const ForecastQuestion& question, const RuleLaw& law, Forecast* forecast) {
  if (question.rule == Rule::kTam) {
    forecast->critical_load = TamCriticalLoad(question.r);
    forecast->phase = question.n < 2 ? Phase::kSatisfiable : law.solution().phase;
    forecast->phase_formula = "TAM_CRITICAL_LOAD";
    forecast->phase_assumption =
        "In the limit of large dimensions some matrix certifies every item below the critical "
        "load, and from 1 / kappa_r^2 on the training's best matrix is zero.";
    return;
  }
  forecast->critical_load = LoadOfFirstMiss(question);
  forecast->phase =
      forecast->load <= forecast->critical_load ? Phase::kSatisfiable : Phase::kUnsatisfiable;
  forecast->phase_formula = "EXPECTED_MISSES";
  forecast->phase_assumption = absl::StrFormat(
      "Misses are independent; up to the critical load all items are among their first %.0f with "
      "a chance of one half or more.",
      FirstList(question));
}

}  // namespace

const Prediction* Find(const Forecast& forecast, const std::string& quantity) {
  for (const Prediction& prediction : forecast.predictions) {
    if (prediction.quantity == quantity) return &prediction;
  }
  return nullptr;
}

absl::StatusOr<Forecast> Predict(const ForecastQuestion& question) {
  MNEME_RETURN_IF_ERROR(Validate(question));
  const RuleLaw law(question, question.n);
  Forecast forecast;
  forecast.load = question.n / (question.partitions * question.d_k * question.d_v);
  SetPhase(question, law, &forecast);
  forecast.predictions = PredictionsOf(question, law);
  forecast.n_at_target = CountAtTarget(question);
  forecast.items_left = std::max(0.0, forecast.n_at_target - question.n);
  return forecast;
}

absl::StatusOr<std::vector<CurvePoint>> HitCurve(const ForecastQuestion& question, double load_from,
                                                 double load_to, int points) {
  MNEME_RETURN_IF_ERROR(Validate(question));
  if (!(load_from > 0)) return Bad("load_from", load_from, "a load above 0");
  if (!(load_to > load_from && std::isfinite(load_to))) {
    return Bad("load_to", load_to, "a load above load_from");
  }
  constexpr int kPointsMost = 10000;
  if (points < 2 || points > kPointsMost) return Bad("points", points, "a number from 2 to 10000");
  const double matrix = question.partitions * question.d_k * question.d_v;
  std::vector<CurvePoint> curve;
  for (int i = 0; i < points; ++i) {
    const double load = load_from + (load_to - load_from) * i / (points - 1);
    const double n = load * matrix;
    const RuleLaw law(question, n, kSearchPoints);
    CurvePoint& point = curve.emplace_back(CurvePoint{.load = load, .n = n});
    if (question.list_sizes.empty()) point.hits.push_back(law.Hit(1));
    for (const double list : question.list_sizes) point.hits.push_back(law.Hit(list));
    point.hit = point.hits.front();
  }
  return curve;
}

absl::StatusOr<std::vector<ProfilePoint>> PercentileProfile(const ForecastQuestion& question,
                                                            const std::vector<double>& fractions) {
  MNEME_RETURN_IF_ERROR(Validate(question));
  for (const double t : fractions) {
    if (!(t > 0 && t <= 1)) return Bad("fraction", t, "a fraction above 0, up to 1");
  }
  const RuleLaw law(question, question.n);
  std::vector<ProfilePoint> profile;
  for (const double t : fractions) {
    profile.push_back({.t = t, .share = law.Hit(ListSize(t, question.n))});
  }
  return profile;
}

}  // namespace mneme::theory
