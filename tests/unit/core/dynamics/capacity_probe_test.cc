#include "core/dynamics/capacity_probe.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "core/base/status.h"
#include "core/dynamics/pattern_generator.h"

namespace mneme::dynamics {
namespace {

IsBadFn BadFrom(size_t first_bad) {
  return [first_bad](size_t load) -> absl::StatusOr<bool> { return load >= first_bad; };
}

TEST(SearchCapacity, BracketsEveryThreshold) {
  for (size_t first_bad = 1; first_bad < 700; ++first_bad) {
    const auto found = SearchCapacity(4096, BadFrom(first_bad));
    ASSERT_TRUE(found.ok());
    EXPECT_LT(found->low, first_bad);
    EXPECT_GE(found->high, first_bad);
    EXPECT_FALSE(found->at_limit);
    EXPECT_LE(found->high - found->low, std::max<size_t>(1, found->low / 16)) << first_bad;
    EXPECT_LE(found->evaluations, 17);
  }
}

TEST(SearchCapacity, SaysWhenTheLimitEndedIt) {
  for (const size_t limit : {1, 2, 3, 1000, 1024}) {
    const auto found = SearchCapacity(limit, BadFrom(limit + 1));
    ASSERT_TRUE(found.ok());
    EXPECT_TRUE(found->at_limit);
    EXPECT_EQ(found->low, limit);
    EXPECT_EQ(found->high, limit);
  }
  EXPECT_FALSE(SearchCapacity(1024, BadFrom(1024))->at_limit);
}

TEST(SearchCapacity, RefusesNoLoadAndStopsWhenTold) {
  EXPECT_EQ(SearchCapacity(0, BadFrom(1)).status().code(), absl::StatusCode::kInvalidArgument);
  int calls = 0;
  const auto stopped = SearchCapacity(1024, BadFrom(1000), [&](double) { return ++calls < 4; });
  EXPECT_EQ(stopped.status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(calls, 4);
  const auto failed =
      SearchCapacity(8, [](size_t) -> absl::StatusOr<bool> { return Internal("no memory"); });
  EXPECT_EQ(failed.status().code(), absl::StatusCode::kInternal);
}

// Errs exactly where it holds more than it can; notes what it was asked.
class FakeMemory final : public ProbedMemory {
 public:
  explicit FakeMemory(size_t capacity) : capacity_(capacity) {}
  absl::StatusOr<double> Error(MatrixViewD patterns, MatrixViewD cues,
                               std::span<const size_t> targets, Random&) const override {
    EXPECT_EQ(cues.rows, targets.size());
    EXPECT_EQ(targets.size(), std::min<size_t>(8, patterns.rows));
    EXPECT_EQ(std::set<size_t>(targets.begin(), targets.end()).size(), targets.size());
    for (size_t q = 0; q < targets.size(); ++q) {
      for (size_t i = 0; i < cues.cols; ++i) {
        turned += cues.row(q)[i] != patterns.row(targets[q])[i];
        seen += 1;
      }
    }
    return patterns.rows > capacity_ ? 1.0 : 0.0;
  }

  mutable double turned = 0, seen = 0;

 private:
  size_t capacity_;
};

absl::StatusOr<MatrixD> Draw(size_t load, Random& random) {
  return RandomPatterns(load, 32, random);
}

TEST(ProbeCapacity, FindsWhatAMemoryHoldsFromDamagedCues) {
  const FakeMemory memory(77);
  const auto found = ProbeCapacity(memory, Draw, {.probes = 8, .flip = 0.25, .load_max = 1024});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_LE(found->low, 77);
  EXPECT_GT(found->high, 77);
  EXPECT_NEAR(memory.turned / memory.seen, 0.25, 0.04);
}

TEST(ProbeCapacity, TheSameSeedGivesTheSameCues) {
  const FakeMemory once(20), again(20), other(20);
  ASSERT_TRUE(ProbeCapacity(once, Draw, {.probes = 8, .flip = 0.3, .load_max = 64}).ok());
  ASSERT_TRUE(ProbeCapacity(again, Draw, {.probes = 8, .flip = 0.3, .load_max = 64}).ok());
  ASSERT_TRUE(
      ProbeCapacity(other, Draw, {.probes = 8, .flip = 0.3, .load_max = 64, .seed = 2}).ok());
  EXPECT_EQ(once.turned, again.turned);
  EXPECT_NE(once.turned, other.turned);
}

TEST(ProbeCapacity, AnErrorThatIsNotANumberIsBad) {
  class Broken final : public ProbedMemory {
    absl::StatusOr<double> Error(MatrixViewD, MatrixViewD, std::span<const size_t>,
                                 Random&) const override {
      return std::nan("");
    }
  };
  EXPECT_EQ(ProbeCapacity(Broken(), Draw, {})->low, 0);
}

TEST(ProbeCapacity, RefusesOptionsOutOfRange) {
  const CapacityProbeOptions bad[] = {{.tolerance = -1},
                                      {.tolerance = std::nan("")},
                                      {.tolerance = 2},
                                      {.probes = 0},
                                      {.flip = 0.6},
                                      {.load_max = 0},
                                      {.load_max = size_t{1} << 40}};
  for (const CapacityProbeOptions& options : bad) {
    EXPECT_EQ(ProbeCapacity(FakeMemory(3), Draw, options).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace mneme::dynamics
