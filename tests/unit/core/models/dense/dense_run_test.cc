// Properties of the passes and the dynamics, over plain rows.
#include "core/models/dense/dense_run.h"

#include <cmath>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/models/dense/dense_driver.h"
#include "gtest/gtest.h"
#include "tests/unit/core/models/dense/dense_test_util.h"

namespace mneme::models {
namespace {

struct Kernel {
  const char* name;
  DenseKernelSpec spec;
  StateSpace state = StateSpace::kFree;
};

// Convex, non-decreasing separations with the states for which the energy never rises.
const Kernel kConvex[] = {
    {"L2Exp", {.similarity = Similarity::kL2, .beta = 12}},
    {"DotExp", {.similarity = Similarity::kDot, .beta = 12}},
    {"CosineExp", {.similarity = Similarity::kCosine, .beta = 12}},
    {"L2Relu", {.similarity = Similarity::kL2, .separation = Separation::kRelu1, .beta = 1.8}},
    {"DotPowerOnSphere",
     {.similarity = Similarity::kDot, .separation = Separation::kRectifiedPower, .power = 5},
     StateSpace::kSphere},
    {"DotExpOnSphere", {.similarity = Similarity::kDot, .beta = 12}, StateSpace::kSphere},
};

class ConvexKernels : public testing::TestWithParam<Kernel> {};

TEST_P(ConvexKernels, EnergyNeverRises) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const auto keys = UnitRows<double>(300, 16, random);
    const auto cues = Noisy(keys, 20, 0.8, random);
    const auto result =
        RunDense<double>(GetParam().spec, {.keys = keys, .cues = cues},
                         {.steps_max = 30, .tolerance = 1e-12, .state = GetParam().state});
    ASSERT_TRUE(result.ok()) << result.status();
    for (const DenseCueResult& cue : result->cues) {
      for (size_t i = 1; i < cue.energies.size(); ++i) {
        EXPECT_LE(cue.energies[i], cue.energies[i - 1] + 1e-12 * (1 + std::abs(cue.energies[i])));
      }
    }
  }
}

TEST_P(ConvexKernels, AnyCutOfTheRowsGivesTheSameAnswer) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const auto keys = UnitRows<double>(500, 16, random);
    const auto cues = Noisy(keys, 9, 0.5, random);
    const DynamicsSpec dynamics{.steps_max = 5, .state = GetParam().state};
    const DenseInput<double> input{.keys = keys, .cues = cues};
    const auto whole = RunDense<double>(GetParam().spec, input, dynamics, {}, 6);
    ASSERT_TRUE(whole.ok()) << whole.status();
    for (const DenseLayout& layout :
         {DenseLayout{.tile_rows = 64, .shards = 7, .shuffle_seed = seed},
          DenseLayout{.tile_rows = 1, .shards = 1}, DenseLayout{.tile_rows = 17, .shards = 500},
          DenseLayout{.shards = 600}}) {
      const auto cut = RunDense<double>(GetParam().spec, input, dynamics, layout, 6);
      ASSERT_TRUE(cut.ok()) << cut.status();
      ExpectClose<double>(cut->recalls, whole->recalls, 1e-9);
      for (size_t i = 0; i < whole->cues.size(); ++i) {
        EXPECT_EQ(cut->cues[i].steps, whole->cues[i].steps);
        EXPECT_NEAR(cut->cues[i].energy, whole->cues[i].energy, 1e-9);
        EXPECT_NEAR(cut->cues[i].z_best, whole->cues[i].z_best, 1e-9);
        ASSERT_EQ(cut->cues[i].top.size(), whole->cues[i].top.size());
        for (size_t k = 0; k < whole->cues[i].top.size(); ++k) {
          EXPECT_EQ(cut->cues[i].top[k].row, whole->cues[i].top[k].row);
        }
      }
    }
  }
}

TEST_P(ConvexKernels, FloatAgreesWithDouble) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const auto keys = UnitRows<float>(1500, 64, random);
    for (const size_t batch : {1, 3, 9, 70}) {  // by rows, and by matrix product
      const auto cues = Noisy(keys, batch, 0.3, random);
      const auto keys_d = Widened(keys), cues_d = Widened(cues);
      const DynamicsSpec one{.steps_max = 1, .state = GetParam().state};
      const auto narrow = RunDense<float>(GetParam().spec, {.keys = keys, .cues = cues}, one);
      const auto wide = RunDense<double>(GetParam().spec, {.keys = keys_d, .cues = cues_d}, one);
      ASSERT_TRUE(narrow.ok() && wide.ok());
      ExpectClose<double>(Widened(narrow->recalls), wide->recalls, 1e-5);
      for (size_t i = 0; i < batch; ++i) {
        const double scale = 1 + std::abs(wide->cues[i].energy);
        EXPECT_NEAR(narrow->cues[i].energy, wide->cues[i].energy, 1e-5 * scale);
        EXPECT_NEAR(narrow->cues[i].p_max, wide->cues[i].p_max, 1e-5);
        EXPECT_EQ(narrow->cues[i].n_support, wide->cues[i].n_support);
        EXPECT_EQ(narrow->cues[i].top[0].row, wide->cues[i].top[0].row);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Dense, ConvexKernels, testing::ValuesIn(kConvex),
                         [](const auto& kernel) { return std::string(kernel.param.name); });

TEST(DenseRun, CancellationDoesNotReachTheWeights) {
  // Rows of length 100 that differ by 0.05: the product form of l2 alone would be off by whole
  // nats.
  RecordProperty("seed", 11);
  Random random(11);
  const size_t d = 64, n = 200;
  Matrix keys(n, d);
  std::vector<float> center(d);
  random.FillUnit(std::span<float>(center));
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < d; ++j) {
      keys.at(i, j) = 100 * center[j] + static_cast<float>(0.05 * random.Gaussian());
    }
  }
  const auto cues = Noisy(keys, 8, 0.2, random);
  const auto keys_d = Widened(keys), cues_d = Widened(cues);
  const DenseKernelSpec spec{.similarity = Similarity::kL2, .beta = 60};
  const auto narrow = RunDense<float>(spec, {.keys = keys, .cues = cues}, {.steps_max = 1});
  const auto wide = RunDense<double>(spec, {.keys = keys_d, .cues = cues_d}, {.steps_max = 1});
  ASSERT_TRUE(narrow.ok() && wide.ok());
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_NEAR(narrow->cues[i].p_max, wide->cues[i].p_max, 1e-3) << "cue " << i;
    EXPECT_NEAR(narrow->cues[i].energy, wide->cues[i].energy, 1e-4) << "cue " << i;
  }
}

TEST(DenseRun, LogWeightsAreCopies) {
  RecordProperty("seed", 12);
  Random random(12);
  const auto keys = UnitRows<double>(10, 5, random);
  const auto cues = Noisy(keys, 3, 0.3, random);
  MatrixD thrice(12, 5);  // row 4 three times
  std::copy(keys.flat().begin(), keys.flat().end(), thrice.data());
  std::copy_n(keys.row(4).begin(), 5, thrice.row(10).begin());
  std::copy_n(keys.row(4).begin(), 5, thrice.row(11).begin());
  std::vector<double> log_weights(10);
  log_weights[4] = std::log(3.0);
  for (const Separation separation : {Separation::kExp, Separation::kRelu1}) {
    const DenseKernelSpec spec{.separation = separation, .beta = 1};
    const auto weighted =
        RunDense<double>(spec, {.keys = keys, .cues = cues, .log_weights = log_weights});
    const auto copied = RunDense<double>(spec, {.keys = thrice, .cues = cues});
    ASSERT_TRUE(weighted.ok() && copied.ok());
    ExpectClose<double>(weighted->recalls, copied->recalls, 1e-12);
    EXPECT_NEAR(weighted->cues[0].energy, copied->cues[0].energy, 1e-12);
  }
}

TEST(DenseRun, ReluStopsWhenTheSupportStaysAndGivesTheRowVerbatim) {
  RecordProperty("seed", 13);
  Random random(13);
  const auto keys = UnitRows<float>(500, 64, random);
  const auto cues = Noisy(keys, 6, 0.3, random);
  const auto result =
      RunDense<float>({.separation = Separation::kRelu1, .beta = 3}, {.keys = keys, .cues = cues});
  ASSERT_TRUE(result.ok());
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(result->cues[i].status, AnswerStatus::kConverged);
    EXPECT_EQ(result->cues[i].n_support, 1u);
    EXPECT_EQ(result->cues[i].steps, 2);
    for (size_t j = 0; j < 64; ++j) EXPECT_EQ(result->recalls.at(i, j), keys.at(i, j));
  }
}

TEST(DenseRun, ReluFarFromEverythingHasNoSupport) {
  RecordProperty("seed", 14);
  Random random(14);
  const auto keys = UnitRows<double>(50, 8, random);
  MatrixD cue(1, 8);
  cue.at(0, 0) = 100;
  const auto result =
      RunDense<double>({.separation = Separation::kRelu1, .beta = 2}, {.keys = keys, .cues = cue});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->cues[0].status, AnswerStatus::kNoSupport);
  EXPECT_EQ(result->cues[0].energy, std::numeric_limits<double>::infinity());
  EXPECT_EQ(result->recalls.at(0, 0), 100);  // nothing pulled
}

TEST(DenseRun, ArgMaxGivesTheValueOfTheBestRowAndTiesGoToTheSmallerId) {
  MatrixD keys(3, 2), values(3, 1), cue(1, 2);
  keys.at(0, 1) = -1;
  keys.at(1, 0) = 1;
  keys.at(2, 0) = 1;
  for (size_t i = 0; i < 3; ++i) values.at(i, 0) = 10.0 * static_cast<double>(i);
  cue.at(0, 0) = 0.9;
  for (const size_t shards : {1, 3}) {
    const auto result = RunDense<double>({.separation = Separation::kArgMax},
                                         {.keys = keys, .values = values, .cues = cue}, {},
                                         {.shards = shards, .shuffle_seed = 5});
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result->recalls.at(0, 0), 10);
    EXPECT_EQ(result->cues[0].top[0].row, 1u);
    EXPECT_EQ(result->cues[0].p_max, 1);
    EXPECT_EQ(result->cues[0].status, AnswerStatus::kConverged);
  }
}

TEST(DenseRun, AMaskOfAllOnesIsNoMask) {
  RecordProperty("seed", 15);
  Random random(15);
  const auto keys = UnitRows<float>(2000, 40, random);
  const auto cues = Noisy(keys, 7, 0.4, random);
  const auto mask = MaskRows(7, 40, [](size_t, size_t) { return true; });
  for (const Similarity similarity : {Similarity::kDot, Similarity::kCosine, Similarity::kL2}) {
    const DenseKernelSpec spec{.similarity = similarity, .beta = 20};
    const auto plain = RunDense<float>(spec, {.keys = keys, .cues = cues});
    const auto masked = RunDense<float>(spec, {.keys = keys, .cues = cues, .mask = mask});
    ASSERT_TRUE(plain.ok() && masked.ok());
    for (size_t i = 0; i < plain->recalls.flat().size(); ++i) {
      ASSERT_EQ(plain->recalls.data()[i], masked->recalls.data()[i]);
    }
    EXPECT_EQ(plain->cues[3].energy, masked->cues[3].energy);
  }
}

TEST(DenseRun, UnknownCoordinatesAreNotLookedAt) {
  RecordProperty("seed", 16);
  Random random(16);
  const auto keys = GaussianRows<double>(300, 30, random);
  auto cues = Noisy(keys, 6, 0.2, random);
  const auto mask = MaskRows(6, 30, [](size_t i, size_t j) { return (i + j) % 3 != 0; });
  for (const Similarity similarity : {Similarity::kDot, Similarity::kCosine, Similarity::kL2}) {
    const DenseKernelSpec spec{.similarity = similarity, .beta = 2};
    const auto before = RunDense<double>(spec, {.keys = keys, .cues = cues, .mask = mask});
    auto garbled = cues.Clone();
    for (size_t i = 0; i < 6; ++i) {
      for (size_t j = 0; j < 30; ++j) {
        if ((i + j) % 3 == 0) garbled.at(i, j) = 1e3 * random.Gaussian();
      }
    }
    const auto after = RunDense<double>(spec, {.keys = keys, .cues = garbled, .mask = mask});
    ASSERT_TRUE(before.ok() && after.ok());
    ExpectClose<double>(before->recalls, after->recalls, 0);
  }
}

TEST(DenseRun, MaskedScoresAreThoseOfTheKnownCoordinatesScaledUp) {
  RecordProperty("seed", 17);
  Random random(17);
  const size_t d = 24, known = 15;
  const auto keys = GaussianRows<float>(400, d, random);
  const auto cues = GaussianRows<float>(9, d, random);
  const auto mask = MaskRows(9, d, [](size_t, size_t j) { return j < known; });
  MatrixD short_keys(400, known), short_cues(9, known);
  for (size_t j = 0; j < known; ++j) {
    for (size_t i = 0; i < 400; ++i) short_keys.at(i, j) = keys.at(i, j);
    for (size_t i = 0; i < 9; ++i) short_cues.at(i, j) = cues.at(i, j);
  }
  for (const Similarity similarity : {Similarity::kDot, Similarity::kCosine, Similarity::kL2}) {
    for (const size_t batch : {1, 9}) {
      SCOPED_TRACE(testing::Message() << Name(similarity) << ", batch of " << batch);
      const double scale = similarity == Similarity::kCosine ? 1 : 24.0 / 15;
      const auto masked = RunDense<float>({.similarity = similarity},
                                          {.keys = keys,
                                           .cues = cues.view().slice(0, batch),
                                           .mask = std::span(mask).first(batch * 3)},
                                          {.steps_max = 1}, {}, 5);
      const auto direct = RunDense<double>(
          {.similarity = similarity, .beta = scale},
          {.keys = short_keys, .cues = short_cues.view().slice(0, batch)}, {.steps_max = 1}, {}, 5);
      ASSERT_TRUE(masked.ok() && direct.ok());
      for (size_t i = 0; i < batch; ++i) {
        for (size_t k = 0; k < 5; ++k) {
          EXPECT_EQ(masked->cues[i].top[k].row, direct->cues[i].top[k].row);
          EXPECT_NEAR(masked->cues[i].top[k].score, scale * direct->cues[i].top[k].score, 1e-4);
          EXPECT_NEAR(masked->cues[i].top[k].share, direct->cues[i].top[k].share, 1e-5);
        }
      }
    }
  }
}

TEST(DenseRun, HalvesAreCompletedFromDamagedCues) {
  RecordProperty("seed", 18);
  Random random(18);
  const size_t d = 64, n = 2000, batch = 50;
  const auto keys = UnitRows<float>(n, d, random);
  const auto cues = Noisy(keys, batch, 0.1, random);
  const auto mask = MaskRows(batch, d, [](size_t, size_t j) { return j < 32; });
  for (const Similarity similarity : {Similarity::kCosine, Similarity::kL2}) {
    const auto result = RunDense<float>({.similarity = similarity, .beta = 60},
                                        {.keys = keys, .cues = cues, .mask = mask});
    ASSERT_TRUE(result.ok());
    for (size_t i = 0; i < batch; ++i) {
      SCOPED_TRACE(testing::Message() << Name(similarity) << ", cue " << i);
      EXPECT_EQ(result->cues[i].status, AnswerStatus::kConverged);
      EXPECT_EQ(result->cues[i].top[0].row, i);
      for (size_t j = 0; j < d; ++j) EXPECT_NEAR(result->recalls.at(i, j), keys.at(i, j), 1e-3);
    }
  }
}

TEST(DenseRun, AFifthOfTheCoordinatesIsEnough) {
  RecordProperty("seed", 20);
  Random random(20);
  const auto keys = GaussianRows<float>(1000, 64, random);
  const auto cues = Noisy(keys, 100, 0, random);
  const auto mask = MaskRows(100, 64, [](size_t, size_t j) { return j < 13; });
  for (const Similarity similarity : {Similarity::kCosine, Similarity::kL2}) {
    const DenseKernelSpec spec{.similarity = similarity,
                               .beta = similarity == Similarity::kL2 ? 0.48 : 25};
    const auto result = RunDense<float>(spec, {.keys = keys, .cues = cues, .mask = mask});
    ASSERT_TRUE(result.ok());
    size_t right = 0;
    for (size_t i = 0; i < 100; ++i) right += result->cues[i].top[0].row == i;
    EXPECT_GE(right, 99u) << Name(similarity);
  }
}

TEST(DenseRun, TheSecondPassComparesTheCueCompletedByTheFirst) {
  RecordProperty("seed", 32);
  Random random(32);
  const size_t d = 16, batch = 6;
  const auto is_known = [](size_t, size_t j) { return j % 3 == 0; };
  const auto keys = GaussianRows<double>(200, d, random);
  const auto cues = Noisy(keys, batch, 1.5, random);
  const auto mask = MaskRows(batch, d, is_known);
  for (const Similarity similarity : {Similarity::kDot, Similarity::kCosine, Similarity::kL2}) {
    SCOPED_TRACE(Name(similarity));
    const DenseKernelSpec spec{.similarity = similarity, .beta = 0.5};
    const DenseInput<double> input{.keys = keys, .cues = cues, .mask = mask};
    const auto first = RunDense<double>(spec, input, {.steps_max = 1});
    const auto second = RunDense<double>(spec, input, {.steps_max = 2});
    ASSERT_TRUE(first.ok() && second.ok());
    auto completed = first->recalls.Clone();
    for (size_t i = 0; i < batch; ++i) {
      double given = 0, read = 0;
      for (size_t j = 0; j < d; j += 3) {
        given += cues.at(i, j) * cues.at(i, j);
        read += completed.at(i, j) * completed.at(i, j);
      }
      const double scale = similarity == Similarity::kCosine ? std::sqrt(read / given) : 1;
      for (size_t j = 0; j < d; j += 3) completed.at(i, j) = scale * cues.at(i, j);
    }
    const auto direct = RunDense<double>(spec, {.keys = keys, .cues = completed}, {.steps_max = 1});
    ASSERT_TRUE(direct.ok());
    ExpectClose<double>(second->recalls, direct->recalls, 1e-9);
    for (size_t i = 0; i < batch; ++i) {
      EXPECT_NEAR(second->cues[i].energy, direct->cues[i].energy, 1e-9);
    }
  }
}

TEST(DenseRun, WithHeldCoordinatesTheEnergyDoesNotRiseFromTheSecondPassOn) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const auto keys = UnitRows<double>(300, 16, random);
    const auto cues = Noisy(keys, 20, 0.4, random);
    const auto mask = MaskRows(20, 16, [](size_t, size_t j) { return j % 2 == 0; });
    for (const Similarity similarity : {Similarity::kDot, Similarity::kL2}) {
      const auto result = RunDense<double>({.similarity = similarity, .beta = 10},
                                           {.keys = keys, .cues = cues, .mask = mask},
                                           {.steps_max = 30, .tolerance = 1e-12});
      ASSERT_TRUE(result.ok());
      for (const DenseCueResult& cue : result->cues) {
        for (size_t i = 2; i < cue.energies.size(); ++i) {
          EXPECT_LE(cue.energies[i], cue.energies[i - 1] + 1e-12);
        }
      }
    }
  }
}

TEST(DenseRun, TheBestRowsOfEachShardAnswerWithinTheirBound) {
  RecordProperty("seed", 19);
  Random random(19);
  const auto keys = UnitRows<double>(2000, 64, random);
  const auto cues = Noisy(keys, 20, 0.4, random);
  const DenseKernelSpec spec{.beta = 32};
  const DenseInput<double> input{.keys = keys, .cues = cues};
  const auto exact = RunDense<double>(spec, input);
  const auto local = RunDense<double>(spec, input, {}, {.shards = 8, .local_top = 4});
  const auto all = RunDense<double>(spec, input, {}, {.shards = 8, .local_top = 250});
  ASSERT_TRUE(exact.ok() && local.ok() && all.ok());
  ExpectClose<double>(all->recalls, exact->recalls, 1e-9);
  for (size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(all->cues[i].truncation_bound, 0);
    EXPECT_GT(local->cues[i].truncation_bound, 0);
    EXPECT_LT(local->cues[i].truncation_bound, 1e-2);
  }
  ExpectClose<double>(local->recalls, exact->recalls, 1e-2);
}

TEST(DenseRun, BadInputIsRefusedInWords) {
  MatrixD keys(2, 3), cues(1, 2), right(1, 3);
  const auto shape = RunDense<double>({}, {.keys = keys, .cues = cues});
  EXPECT_EQ(GetErrorDetail(shape.status())->reason, "SHAPE");
  for (const DenseKernelSpec& spec :
       {DenseKernelSpec{.beta = 0}, DenseKernelSpec{.beta = std::nan("")},
        DenseKernelSpec{
            .similarity = Similarity::kDot, .separation = Separation::kPower, .power = 1},
        DenseKernelSpec{.similarity = Similarity::kL2, .separation = Separation::kPower}}) {
    const auto bad = RunDense<double>(spec, {.keys = keys, .cues = right});
    EXPECT_EQ(bad.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(GetErrorDetail(bad.status())->reason, "SPEC");
  }
  right.at(0, 1) = std::nan("");
  const auto nan = RunDense<double>({}, {.keys = keys, .cues = right});
  EXPECT_EQ(GetErrorDetail(nan.status())->reason, "NOT_FINITE");
}

}  // namespace
}  // namespace mneme::models
