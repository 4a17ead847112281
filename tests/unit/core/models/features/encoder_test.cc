// Encoders: statistics that merge, whitening, the two losses, and the training.
#include <cmath>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/models/features/encoder_losses.h"
#include "core/models/features/encoder_training.h"
#include "core/models/features/linear_encoder.h"
#include "gtest/gtest.h"
#include "tests/unit/core/models/dense/dense_test_util.h"

namespace mneme::models {
namespace {

// Keys with a common mean, three strong directions, and a small part of their own.
MatrixD FactorKeys(size_t n, size_t d, Random& random) {
  const auto mean = GaussianRows<double>(1, d, random),
             directions = GaussianRows<double>(3, d, random);
  MatrixD keys = GaussianRows<double>(n, d, random);
  for (size_t i = 0; i < n; ++i) {
    const double c[] = {random.Gaussian(), random.Gaussian(), random.Gaussian()};
    for (size_t j = 0; j < d; ++j) {
      keys.at(i, j) = mean.at(0, j) + 0.3 * keys.at(i, j);
      for (size_t f = 0; f < 3; ++f) keys.at(i, j) += 0.5 * c[f] * directions.at(f, j);
    }
  }
  return keys;
}

Matrix Narrowed(const MatrixD& from) {
  Matrix out(from.rows(), from.cols());
  std::copy(from.flat().begin(), from.flat().end(), out.flat().begin());
  return out;
}

absl::Status Train(EncoderTraining& training, const MatrixD& keys,
                   const TrainProgressFn& progress = {}) {
  const Matrix narrow = Narrowed(keys);
  const auto numbers = Numbers(0, keys.rows());
  const absl::Status taken = training.Take({.keys = narrow, .row_numbers = numbers});
  return taken.ok() ? training.Run(progress) : taken;
}

TEST(KeyStatistics, MergeInAnyGroupingAsOfAllAtOnce) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    MatrixD keys = FactorKeys(60, 7, random);
    for (double& x : keys.flat()) x += 1000;  // a mean far from 0 takes no digits of the scatter
    KeyStatistics all(7), a(7), b(7), c(7), empty(7);
    all.Add(keys);
    a.Add(keys.view().slice(0, 1));
    b.Add(keys.view().slice(1, 20));
    c.Add(keys.view().slice(21, 39));
    c.Merge(empty);
    c.Merge(a);
    empty.Merge(b);
    empty.Merge(c);
    EXPECT_EQ(empty.count(), 60u);
    for (size_t j = 0; j < 7; ++j) EXPECT_NEAR(empty.mean()[j], all.mean()[j], 1e-10);
    ExpectClose<double>(empty.scatter(), all.scatter(), 1e-8);
  }
}

TEST(WhiteningEncoder, MakesEveryDirectionOfOneSize) {
  RecordProperty("seed", 2);
  Random random(2);
  const MatrixD keys = GaussianRows<double>(2000, 6, random);
  MatrixD stretched = keys.Clone();
  for (size_t i = 0; i < keys.rows(); ++i) stretched.at(i, 0) *= 5;
  KeyStatistics statistics(6);
  statistics.Add(stretched);
  auto encoder = WhiteningEncoder(statistics, 6);
  ASSERT_TRUE(encoder.ok());
  encoder->normalise = false;
  KeyStatistics after(6);
  after.Add(encoder->Encode(stretched));
  for (size_t i = 0; i < 6; ++i) {
    for (size_t j = 0; j < 6; ++j) {
      EXPECT_NEAR(after.scatter().at(i, j) / 1999, i == j ? 1 : 0, 0.03);
    }
  }
  EXPECT_EQ(GetErrorDetail(WhiteningEncoder(statistics, 7).status())->reason, "ENCODER");
  EXPECT_EQ(GetErrorDetail(WhiteningEncoder(statistics, 0).status())->reason, "ENCODER");
  EXPECT_EQ(GetErrorDetail(WhiteningEncoder(KeyStatistics(6), 6).status())->reason, "ENCODER_DATA");
}

TEST(LinearEncoder, SavedAndLoadedItIsTheSame) {
  RecordProperty("seed", 3);
  Random random(3);
  const LinearEncoder encoder{.mean = {1, 2, 3}, .weights = GaussianRows<double>(2, 3, random)};
  const std::string bytes = encoder.Save();
  const auto loaded = LinearEncoder::Load(bytes);
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(loaded->Save(), bytes);
  const auto keys = GaussianRows<double>(4, 3, random);
  ExpectClose<double>(loaded->Encode(keys), encoder.Encode(keys), 0);
  for (const std::string& bad : {std::string(), bytes.substr(1), bytes + "x"}) {
    EXPECT_EQ(LinearEncoder::Load(bad).status().code(), absl::StatusCode::kDataLoss);
  }
}

TEST(EncoderLosses, GradientsAreThoseOfFiniteDifferences) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const auto keys = GaussianRows<double>(9, 6, random);
    const auto cues = Noisy(keys, 9, 0.5, random);
    MatrixD weights = GaussianRows<double>(4, 6, random);
    const auto check = [&](const auto& loss) {
      const MatrixD gradient = loss().gradient.Clone();
      for (size_t at = 0; at < weights.flat().size(); ++at) {
        const double step = 1e-5, kept = weights.data()[at];
        weights.data()[at] = kept + step;
        const double above = loss().value;
        weights.data()[at] = kept - step;
        const double below = loss().value;
        weights.data()[at] = kept;
        EXPECT_NEAR(gradient.data()[at], (above - below) / (2 * step), 1e-8);
      }
    };
    check([&] { return SeparationLoss(keys, weights, 0.2); });
    check([&] { return RetrievalLoss(keys, cues, weights, 0.2); });
  }
}

TEST(EncoderLosses, SeparationTendsToTheLargestCosine) {
  RecordProperty("seed", 4);
  Random random(4);
  const auto keys = GaussianRows<double>(8, 5, random),
             weights = GaussianRows<double>(5, 5, random);
  const LinearEncoder encoder{.mean = std::vector<double>(5), .weights = weights.Clone()};
  EXPECT_NEAR(SeparationLoss(keys, weights, 1e-6).value, LargestPairProduct(encoder.Encode(keys)),
              1e-4);
}

TEST(EncoderTraining, NoiseAwareFindsMoreThanItsStart) {
  RecordProperty("seed", 5);
  Random random(5);
  const MatrixD keys = FactorKeys(60, 16, random);
  EncoderTraining training({.noise = 0.3}, 16);
  ASSERT_TRUE(Train(training, keys).ok());
  EXPECT_GE(training.report().kept.top1, training.report().start.top1);
  EXPECT_GT(training.report().kept.margin, training.report().start.margin);
  EXPECT_EQ(training.report().warning, "");
}

TEST(EncoderTraining, SeparationPushesKeysApartAndWarnsWhereThatCostsRecall) {
  RecordProperty("seed", 6);
  Random random(6);
  const MatrixD keys = FactorKeys(50, 32, random);
  EncoderTraining training({.objective = EncoderObjective::kSeparation,
                            .noise = 0.3,
                            .keep = EncoderTrainSpec::Keep::kSmallestCosine},
                           32);
  ASSERT_TRUE(Train(training, keys).ok());
  const EncoderReport& report = training.report();
  EXPECT_LT(report.kept.largest_cosine, report.start.largest_cosine);
  EXPECT_LT(report.kept.top1, report.start.top1);
  EXPECT_NE(report.warning, "");
  const LinearEncoder encoder = training.TakeEncoder();
  EXPECT_NEAR(LargestPairProduct(encoder.Encode(Widened(Narrowed(keys)))),
              report.kept.largest_cosine, 1e-6);
}

TEST(EncoderTraining, TheUnitOfTheKeysDoesNotMatter) {
  RecordProperty("seed", 7);
  Random random(7);
  const MatrixD keys = FactorKeys(40, 8, random);
  double top1[3], margin[3];
  int i = 0;
  for (const double unit : {1.0, 0x1p-60, 0x1p60}) {
    MatrixD scaled = keys.Clone();
    for (double& x : scaled.flat()) x *= unit;
    EncoderTraining training({.noise = 0.3 * unit, .steps = 50}, 8);
    ASSERT_TRUE(Train(training, scaled).ok());
    top1[i] = training.report().kept.top1;
    margin[i++] = training.report().kept.margin;
  }
  EXPECT_EQ(top1[0], top1[1]);
  EXPECT_EQ(top1[0], top1[2]);
  EXPECT_NEAR(margin[0], margin[1], 1e-6);
  EXPECT_NEAR(margin[0], margin[2], 1e-6);
}

TEST(EncoderTraining, IsStoppedByItsProgressAndSaysHowFarItCame) {
  RecordProperty("seed", 8);
  Random random(8);
  const MatrixD keys = FactorKeys(20, 8, random);
  EncoderTraining training({.noise = 0.1, .steps = 100}, 8);
  int calls = 0;
  double share = 0;
  const absl::Status stopped = Train(training, keys, [&](const TrainProgress& progress) {
    EXPECT_GT(progress.share, share);
    share = progress.share;
    return ++calls < 7;
  });
  EXPECT_EQ(stopped.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(calls, 7);
}

TEST(EncoderTraining, BadInputIsRefusedInWords) {
  for (const EncoderTrainSpec& spec :
       {EncoderTrainSpec{.feature_dim = 9}, EncoderTrainSpec{.noise = -1},
        EncoderTrainSpec{.noise = std::nan("")}, EncoderTrainSpec{.steps = -1},
        EncoderTrainSpec{.learning_rate = 0}, EncoderTrainSpec{.tau_begin = 1},
        EncoderTrainSpec{.batch = 1}}) {
    EXPECT_EQ(GetErrorDetail(EncoderTraining::CheckSpec(spec, 8))->reason, "TRAIN_SPEC");
  }
  for (const size_t keys : {0, 1, 3}) {  // three that are the same
    EncoderTraining training({}, 8);
    EXPECT_EQ(GetErrorDetail(Train(training, MatrixD(keys, 8)))->reason, "TRAINING_SET_EMPTY");
  }
  EncoderTraining training({}, 8);
  EXPECT_EQ(GetErrorDetail(Train(training, MatrixD(3, 7)))->reason, "VECTORS_NEEDED");
}

}  // namespace
}  // namespace mneme::models
