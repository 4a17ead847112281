// The table of separations: what every row of it must be.
#include "core/models/dense/separation.h"

#include <cmath>
#include <string>
#include <type_traits>

#include "gtest/gtest.h"

namespace mneme::models {
namespace {

class EachSeparation : public testing::TestWithParam<size_t> {
 protected:
  DenseKernelSpec Spec(int power = 3) const {
    return {.similarity = Similarity::kDot,
            .separation = static_cast<Separation>(GetParam()),
            .power = power,
            .beta = 0.7};
  }
};

// act(f) for the rows whose sums are plain: they have a value and a slope.
template <typename Act>
void WithPlain(const DenseKernelSpec& spec, const Act& act) {
  VisitSeparation(spec, [&](const auto& f) {
    if constexpr (std::decay_t<decltype(f)>::kTraits.sums == SumKind::kPlain) act(f);
  });
}

TEST_P(EachSeparation, HasANameThatFindsIt) {
  const SeparationTraits& traits = TraitsOf(Spec().separation);
  EXPECT_FALSE(traits.name.empty());
  EXPECT_EQ(SeparationNamed(traits.name), Spec().separation);
}

TEST_P(EachSeparation, SlopeIsTheDerivativeOfTheValue) {
  for (const int power : {2, 3, 16}) {
    WithPlain(Spec(power), [&](const auto& f) {
      for (const double u : {-1.7, -0.3, 0.2, 0.9, 1.5}) {
        const double step = 1e-6;
        const double difference = (f.Value(u + step) - f.Value(u - step)) / (2 * step);
        EXPECT_NEAR(f.Slope(u), difference, 1e-7 * (1 + std::abs(difference))) << u;
      }
    });
  }
}

TEST_P(EachSeparation, IsConvexAndDoesNotFallWhereItSaysSo) {
  if (!TraitsOf(Spec().separation).convex) return;
  WithPlain(Spec(), [&](const auto& f) {
    for (double u = -3; u < 3; u += 0.125) {
      EXPECT_GE(f.Slope(u), 0) << u;
      EXPECT_GE(f.Value(u + 0.125) + f.Value(u - 0.125), 2 * f.Value(u) - 1e-12) << u;
    }
  });
}

TEST_P(EachSeparation, IsZeroBelowMinusOneWhereItsSupportIsFinite) {
  if (!TraitsOf(Spec().separation).finite_support) return;
  WithPlain(Spec(), [&](const auto& f) {
    EXPECT_EQ(f.Value(-1.0), 0);  // the edge itself is outside
    EXPECT_EQ(f.Slope(-1.0), 0);
    EXPECT_EQ(f.Slope(-1e30), 0);
    EXPECT_GT(f.Slope(std::nextafter(-1.0, 0.0)), 0);
  });
}

TEST_P(EachSeparation, BinaryDifferenceIsThatOfTheTwoValuesOfANeuron) {
  const DenseKernelSpec spec = Spec();
  WithPlain(spec, [&](const auto& f) {
    using F = std::decay_t<decltype(f)>;
    const BinaryDifference<F> binary{f, spec.beta};
    for (int overlap = -6; overlap <= 6; ++overlap) {
      for (const int x : {-1, 1}) {  // what the pattern and the state say of the neuron, multiplied
        const double without = overlap - x;
        const double wanted =
            f.Value(spec.beta * (without + 1)) - f.Value(spec.beta * (without - 1));
        const double u = spec.beta * overlap;
        EXPECT_NEAR(2 * spec.beta * (binary.Slope(u) + x * binary.Turn(u)), wanted, 1e-12)
            << overlap << " " << x;
      }
    }
  });
}

TEST_P(EachSeparation, WeightOfTheBestRowIsItsPartOfTheSums) {
  const DenseKernelSpec spec = Spec();
  const double score = 1.25, log_weight = -0.5;
  const double weight = WeightOf(spec, spec.beta * score, score, log_weight);
  EXPECT_GT(weight, 0);
  WithPlain(spec, [&](const auto& f) {
    EXPECT_DOUBLE_EQ(weight, std::exp(log_weight) * f.Slope(spec.beta * score));
  });
}

INSTANTIATE_TEST_SUITE_P(Dense, EachSeparation, testing::Range(size_t{0}, kSeparations),
                         [](const auto& row) {
                           return std::string(TraitsOf(static_cast<Separation>(row.param)).name);
                         });

TEST(Separation, ANameThatNoRowHasIsNone) { EXPECT_EQ(SeparationNamed("softmax"), std::nullopt); }

}  // namespace
}  // namespace mneme::models
