#include "core/dynamics/capacity_probe.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/dynamics/checks.h"
#include "core/dynamics/pattern_generator.h"

namespace mneme::dynamics {
namespace {

constexpr double kLoadMax = 1 << 24;
constexpr double kBracketShare = 16;  // low over the width at which the halving ends
constexpr int kHalvings = 4;          // it takes, from twice low to that

// `count` different numbers below `bound`, in random order.
std::vector<size_t> DrawTargets(size_t count, size_t bound, Random& random) {
  std::vector<size_t> all(bound);
  std::iota(all.begin(), all.end(), size_t{0});
  for (size_t i = 0; i < count; ++i) std::swap(all[i], all[i + random.Below(bound - i)]);
  all.resize(count);
  return all;
}

absl::Status CheckOptions(const CapacityProbeOptions& options) {
  MNEME_RETURN_IF_ERROR(CheckRange("tolerance", options.tolerance, 0, 1));
  MNEME_RETURN_IF_ERROR(CheckRange("flip", options.flip, 0, 0.5));
  return CheckRange("number of probes", static_cast<double>(options.probes), 1, kLoadMax);
}

}  // namespace

absl::StatusOr<Capacity> SearchCapacity(size_t load_max, const IsBadFn& is_bad,
                                        const KeepGoingFn& keep_going) {
  MNEME_RETURN_IF_ERROR(CheckRange("largest load", static_cast<double>(load_max), 1, kLoadMax));
  Capacity out;
  const double calls_most = std::log2(static_cast<double>(load_max)) + 2 + kHalvings;
  const auto bad = [&](size_t load) -> absl::StatusOr<bool> {
    MNEME_RETURN_IF_ERROR(CheckGoing(keep_going, std::min(1.0, out.evaluations / calls_most)));
    ++out.evaluations;
    return is_bad(load);
  };
  for (size_t load = 1;; load = std::min(2 * load, load_max)) {
    MNEME_ASSIGN_OR_RETURN(const bool is_wrong, bad(load));
    out.high = load;
    if (is_wrong) break;
    out.low = load;
    if (load == load_max) {
      out.at_limit = true;
      return out;
    }
  }
  while (out.high - out.low > 1 &&
         static_cast<double>(out.high - out.low) > static_cast<double>(out.low) / kBracketShare) {
    const size_t middle = out.low + (out.high - out.low) / 2;
    MNEME_ASSIGN_OR_RETURN(const bool is_wrong, bad(middle));
    (is_wrong ? out.high : out.low) = middle;
  }
  return out;
}

absl::StatusOr<Capacity> ProbeCapacity(const ProbedMemory& memory, const DrawPatternsFn& draw,
                                       const CapacityProbeOptions& options,
                                       const KeepGoingFn& keep_going) {
  MNEME_RETURN_IF_ERROR(CheckOptions(options));
  const auto is_bad = [&](size_t load) -> absl::StatusOr<bool> {
    Random random(options.seed, load);
    MNEME_ASSIGN_OR_RETURN(const MatrixD patterns, draw(load, random));
    const std::vector<size_t> targets = DrawTargets(std::min(options.probes, load), load, random);
    const MatrixD cues = FlippedRows(patterns, targets, options.flip, random);
    MNEME_ASSIGN_OR_RETURN(const double error, memory.Error(patterns, cues, targets, random));
    return !(error <= options.tolerance);
  };
  return SearchCapacity(options.load_max, is_bad, keep_going);
}

}  // namespace mneme::dynamics
