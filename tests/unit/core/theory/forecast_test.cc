// Tests of core/theory/forecast.h: it says what the laws say, keeps its promises about targets and
// phases for every rule, and refuses what makes no sense.
#include "core/theory/forecast.h"

#include <cmath>
#include <limits>
#include <set>
#include <string>

#include "core/base/status.h"
#include "core/theory/capacity.h"
#include "core/theory/cmm.h"
#include "core/theory/ridge.h"
#include "core/theory/snr.h"
#include "core/theory/tail_average.h"
#include "gtest/gtest.h"

namespace mneme::theory {
namespace {

constexpr Rule kRules[] = {Rule::kCmm,   Rule::kRidge,      Rule::kDecayed,
                           Rule::kDelta, Rule::kGatedDelta, Rule::kTam};

ForecastQuestion Question(Rule rule, double n) {
  return {.rule = rule,
          .d_k = 64,
          .d_v = 64,
          .n = n,
          .lambda = rule == Rule::kTam ? 1e-3 : 0.1,
          .r = 0.1,
          .gamma = rule == Rule::kDecayed || rule == Rule::kGatedDelta ? 0.998 : 1,
          .list_sizes = {20, 1, 40},
          .error_target = 0.05};
}

Forecast Predicted(const ForecastQuestion& question) {
  absl::StatusOr<Forecast> forecast = Predict(question);
  EXPECT_TRUE(forecast.ok()) << forecast.status();
  return forecast.ok() ? *std::move(forecast) : Forecast();
}

double Value(const Forecast& forecast, const std::string& quantity) {
  const Prediction* prediction = Find(forecast, quantity);
  EXPECT_NE(prediction, nullptr) << quantity;
  return prediction == nullptr ? std::nan("") : prediction->value;
}

TEST(Forecast, SaysWhatTheLawsSay) {
  const CmmShape cmm{.d_k = 64, .d_v = 64, .n = 400};
  const Forecast plain = Predicted(Question(Rule::kCmm, 400));
  EXPECT_EQ(Value(plain, "top1"), CmmTop1(cmm));
  EXPECT_EQ(Value(plain, "hit@20"), CmmHit(cmm, 20));
  EXPECT_EQ(Value(plain, "all_top1"), CmmAllTop1(cmm));
  EXPECT_EQ(Value(plain, "inverse_snr"), CmmInverseSnr(cmm));
  EXPECT_EQ(plain.load, 400.0 / 4096);
  EXPECT_EQ(Find(plain, "top1")->formula, "CMM_FINITE_SIZE_TOP1");
  EXPECT_EQ(Find(plain, "hit@20")->formula, "CMM_FINITE_SIZE_LIST");

  const Forecast ridge = Predicted(Question(Rule::kRidge, 256));
  const RidgeLaw law = PredictRidge({.d_k = 64, .d_v = 64, .n = 256, .lambda = 0.1});
  EXPECT_NEAR(Value(ridge, "top1"), law.top1, 0.02);  // the limit, and the law of finite size
  EXPECT_EQ(Value(ridge, "gain"), law.gain);
  EXPECT_NEAR(Value(ridge, "inverse_snr"), law.inverse_snr, 1e-12);

  const Forecast tam = Predicted(Question(Rule::kTam, 1147));  // load 0.28
  EXPECT_NEAR(Value(tam, "certified"), 0.563, 5e-3);
  EXPECT_NEAR(Value(tam, "mean_percentile"), 0.0636, 5e-4);
  EXPECT_EQ(tam.phase, Phase::kUnsatisfiable);
  EXPECT_EQ(tam.critical_load, TamCriticalLoad(0.1));

  const Forecast delta = Predicted(Question(Rule::kDelta, 640));
  EXPECT_EQ(Value(delta, "gain@newest"), 1);
  EXPECT_EQ(Value(delta, "inverse_snr@oldest"), DeltaRecall({.d_k = 64}, 640, 639).inverse_snr());
  EXPECT_GT(Value(delta, "top1@newest"), 0.999);
  EXPECT_LT(Value(delta, "top1@oldest"), 0.01);
}

TEST(Forecast, EveryPredictionHasItsFormulaAndAssumptionOnce) {
  for (const Rule rule : kRules) {
    for (const double n : {0.0, 1.0, 2.0, 300.0, 5000.0}) {
      const Forecast forecast = Predicted(Question(rule, n));
      std::set<std::string> seen;
      EXPECT_EQ(forecast.predictions.at(0).quantity, "top1");
      EXPECT_EQ(forecast.predictions.at(1).quantity, "hit@20");
      EXPECT_EQ(forecast.predictions.at(2).quantity, "hit@40");
      for (const Prediction& prediction : forecast.predictions) {
        EXPECT_TRUE(seen.insert(prediction.quantity).second) << prediction.quantity;
        EXPECT_FALSE(prediction.formula.empty());
        EXPECT_EQ(prediction.assumption.back(), '.');
        EXPECT_TRUE(std::isfinite(prediction.value) || prediction.quantity == "inverse_snr@oldest")
            << prediction.quantity << " n=" << n << " rule " << static_cast<int>(rule);
      }
      EXPECT_FALSE(forecast.phase_formula.empty());
      EXPECT_FALSE(forecast.phase_assumption.empty());
    }
  }
}

TEST(Forecast, TheTargetIsKeptUpToTheCountItNames) {
  for (const Rule rule : kRules) {
    SCOPED_TRACE(static_cast<int>(rule));
    for (const double partitions : {1.0, 4.0}) {
      ForecastQuestion question = Question(rule, 100);
      question.partitions = partitions;
      const Forecast forecast = Predicted(question);
      EXPECT_GT(forecast.n_at_target, 20);
      EXPECT_EQ(forecast.items_left, std::max(0.0, forecast.n_at_target - 100));
      const auto hit_at = [&](double n) {
        question.n = n;
        return Value(Predicted(question), "hit@20");
      };
      const bool mean_over_ages = question.gamma < 1 || rule == Rule::kDelta;
      const double error = mean_over_ages ? 1e-4 : 1e-6;  // of the law
      EXPECT_GE(hit_at(forecast.n_at_target), 0.95 - error);
      EXPECT_LT(hit_at(forecast.n_at_target + 1), 0.95 + error);
    }
  }
}

TEST(Forecast, ThePhaseTurnsAtTheCriticalLoad) {
  for (const Rule rule : kRules) {
    SCOPED_TRACE(static_cast<int>(rule));
    const double critical = Predicted(Question(rule, 100)).critical_load * 64 * 64;
    EXPECT_EQ(Predicted(Question(rule, std::floor(critical * 0.99))).phase, Phase::kSatisfiable);
    EXPECT_EQ(Predicted(Question(rule, std::ceil(critical * 1.01))).phase, Phase::kUnsatisfiable);
  }
  // One expected list, of one item: the capacity by name.
  ForecastQuestion question = Question(Rule::kCmm, 50);
  question.list_sizes = {1};
  EXPECT_NEAR(Predicted(question).critical_load * 64 * 64,
              static_cast<double>(CmmCapacityAllTop1(64, 64, 0.5)), 1);
}

TEST(Forecast, PastTheCollapseTheUntrainedMemoryAnswers) {
  const double n = std::ceil(TamCollapseLoad(0.1) * 64 * 64) + 1;
  const Forecast collapsed = Predicted(Question(Rule::kTam, n));
  EXPECT_EQ(collapsed.phase, Phase::kCollapsed);
  EXPECT_EQ(Value(collapsed, "certified"), 0);
  EXPECT_EQ(Value(collapsed, "hit@20"), CmmHit({.d_k = 64, .d_v = 64, .n = n}, 20));
  EXPECT_EQ(Find(collapsed, "hit@20")->formula, "CMM_FINITE_SIZE_LIST");
}

TEST(Forecast, HitsFallWithItemsAndRiseWithListsDimensionsAndPartitions) {
  for (const Rule rule : kRules) {
    SCOPED_TRACE(static_cast<int>(rule));
    double last = 2;
    for (const double n : {10.0, 200.0, 500.0, 1200.0, 4000.0, 1e6}) {
      const double hit = Value(Predicted(Question(rule, n)), "hit@20");
      EXPECT_LE(hit, last) << n;
      last = hit;
    }
    const Forecast base = Predicted(Question(rule, 900));
    EXPECT_LE(Value(base, "top1"), Value(base, "hit@20"));
    EXPECT_LE(Value(base, "hit@20"), Value(base, "hit@40"));
    ForecastQuestion larger = Question(rule, 900);
    larger.d_k = 96;
    EXPECT_GT(Value(Predicted(larger), "hit@40"), Value(base, "hit@40"));
    ForecastQuestion divided = Question(rule, 900);
    divided.partitions = 4;
    EXPECT_GT(Value(Predicted(divided), "hit@40"), Value(base, "hit@40"));
    ForecastQuestion turned = Question(rule, 900);
    turned.cue_cosine = 0.7;
    EXPECT_LT(Value(Predicted(turned), "hit@40"), Value(base, "hit@40"));
  }
}

TEST(Forecast, RulesMeetInTheirLimits) {
  ForecastQuestion question = Question(Rule::kDecayed, 300);
  question.gamma = 1;
  const Forecast sum = Predicted(question);
  EXPECT_EQ(Value(sum, "top1"), Value(Predicted(Question(Rule::kCmm, 300)), "top1"));
  question = Question(Rule::kGatedDelta, 300);
  question.gamma = 1;
  EXPECT_EQ(Value(Predicted(question), "top1"),
            Value(Predicted(Question(Rule::kDelta, 300)), "top1"));
  // A strong penalty: a ridge memory has the gain and the noise of a sum.
  question = Question(Rule::kRidge, 640);
  question.lambda = 1e7;
  EXPECT_NEAR(Value(Predicted(question), "inverse_snr"), 10, 0.01);
  EXPECT_NEAR(Value(Predicted(question), "top1"),
              Value(Predicted(Question(Rule::kCmm, 640)), "top1"), 2e-3);
}

TEST(Forecast, CurvesAndProfilesAreItsOwnNumbers) {
  for (const Rule rule : kRules) {
    SCOPED_TRACE(static_cast<int>(rule));
    const ForecastQuestion question = Question(rule, 1024);
    const auto curve = HitCurve(question, 0.05, 0.45, 9);
    ASSERT_TRUE(curve.ok()) << curve.status();
    ASSERT_EQ(curve->size(), 9u);
    EXPECT_EQ(curve->front().load, 0.05);
    EXPECT_NEAR(curve->back().load, 0.45, 1e-15);
    EXPECT_NEAR((*curve)[4].n, 1024, 1e-9);
    ASSERT_EQ((*curve)[4].hits.size(), 3u);
    EXPECT_EQ((*curve)[4].hits[0], (*curve)[4].hit);
    EXPECT_NEAR((*curve)[4].hits[1], Value(Predicted(question), "top1"), 1e-6);
    EXPECT_NEAR((*curve)[4].hits[2], Value(Predicted(question), "hit@40"), 1e-6);
    EXPECT_NEAR((*curve)[4].hit, Value(Predicted(question), "hit@20"), 1e-6);
    if (rule != Rule::kTam) {  // training for a long list gives up the short one
      for (size_t i = 1; i < curve->size(); ++i) EXPECT_LE((*curve)[i].hit, (*curve)[i - 1].hit);
    }

    const auto profile = PercentileProfile(question, {0.001, 20.0 / 1024, 0.5, 1});
    ASSERT_TRUE(profile.ok()) << profile.status();
    EXPECT_EQ((*profile)[1].share, Value(Predicted(question), "hit@20"));
    EXPECT_EQ((*profile)[3].share, 1);
  }
}

TEST(Forecast, RefusesWhatMakesNoSense) {
  const auto refuses = [](auto&& change, const std::string& name) {
    ForecastQuestion question = Question(Rule::kGatedDelta, 100);
    change(question);
    const absl::Status status = Predict(question).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name;
    const auto detail = GetErrorDetail(status);
    ASSERT_TRUE(detail.has_value()) << name;
    EXPECT_EQ(detail->reason, "FORECAST");
    EXPECT_FALSE(detail->given.empty());
    EXPECT_FALSE(detail->expected.empty());
    EXPECT_FALSE(detail->next_step.empty());
    EXPECT_NE(status.message().find(name), std::string::npos) << status;
    EXPECT_EQ(HitCurve(question, 0.1, 0.2, 3).status(), status);
    EXPECT_EQ(PercentileProfile(question, {0.1}).status(), status);
  };
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  refuses([](auto& q) { q.d_k = 1.5; }, "d_k");
  refuses([](auto& q) { q.d_v = kNan; }, "d_v");
  refuses([](auto& q) { q.d_v = kInfinity; }, "d_v");
  refuses([](auto& q) { q.n = -1; }, "n is");
  refuses([](auto& q) { q.n = kNan; }, "n is");
  refuses([](auto& q) { q.partitions = 0; }, "partitions");
  refuses([](auto& q) { q.partitions = 2.5; }, "partitions");
  refuses([](auto& q) { q.lambda = -1e-9; }, "lambda");
  refuses([](auto& q) { q.lambda = kInfinity; }, "lambda");
  refuses([](auto& q) { q.r = 0; }, "r is");
  refuses([](auto& q) { q.r = 1; }, "r is");
  refuses([](auto& q) { q.gamma = 0; }, "gamma");
  refuses([](auto& q) { q.gamma = 1.01; }, "gamma");
  refuses([](auto& q) { q.beta = 2; }, "beta");
  refuses([](auto& q) { q.cue_cosine = 0; }, "cue_cosine");
  refuses([](auto& q) { q.cue_cosine = 1.1; }, "cue_cosine");
  refuses([](auto& q) { q.error_target = 1; }, "error_target");
  refuses([](auto& q) { q.list_sizes = {5, 0}; }, "list size");
  refuses([](auto& q) { q.list_sizes = {2.5}; }, "list size");
  const ForecastQuestion good = Question(Rule::kCmm, 100);
  EXPECT_FALSE(HitCurve(good, 0, 1, 5).ok());
  EXPECT_FALSE(HitCurve(good, 0.2, 0.2, 5).ok());
  EXPECT_FALSE(HitCurve(good, 0.1, 0.2, 1).ok());
  EXPECT_FALSE(PercentileProfile(good, {0.5, 0}).ok());
}

// Bounds of every field at once: answers stay numbers.
TEST(Forecast, AnswersAtTheEndsOfItsRanges) {
  for (const Rule rule : kRules) {
    SCOPED_TRACE(static_cast<int>(rule));
    for (const double d : {2.0, 7.5, 1e6}) {
      for (const double n : {3.0, 1e9}) {
        for (const double cosine : {1e-3, 1.0}) {
          for (const double lambda : {0.0, 1e6}) {
            ForecastQuestion question = Question(rule, n);
            question.d_k = question.d_v = d;
            question.cue_cosine = cosine;
            question.lambda = lambda;
            const Forecast forecast = Predicted(question);
            for (const std::string quantity : {"top1", "hit@20", "mean_percentile"}) {
              EXPECT_GE(Value(forecast, quantity), 0) << quantity << d << " " << n;
              EXPECT_LE(Value(forecast, quantity), 1) << quantity << d << " " << n;
            }
            EXPECT_GE(forecast.n_at_target, 1);
            EXPECT_GE(forecast.critical_load, 0);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace mneme::theory
