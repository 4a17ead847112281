// A node that lies: what a hostile server may say to its neighbours in place of what its node says.
//
// The lies are those that one frame can tell: some are none that can be (a node refuses them),
// others are as good as the truth to whoever has no other word for it.
//
// Threads  not thread-safe.
#ifndef MNEME_TESTS_SIM_LIAR_H_
#define MNEME_TESTS_SIM_LIAR_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

#include "core/base/random.h"
#include "core/federation/frame.h"
#include "core/federation/names.h"
#include "core/federation/spec.h"

namespace mneme::sim {

enum class Lie {
  kWrongSizes,    // numbers, ranks, places and rows that are not those of the spec
  kNotFinite,     // NaN and infinities, in numbers and in books
  kLongSums,      // numbers of any size, with books that fit; memories at the edge of the ball
  kEpochsToCome,  // of plans that nobody made
  kRepeated,      // what it said before, once more, under its old number and under a new one
  kStale,         // starts and tags of the past, and of a future that could be
  kWrongCounts,   // items, evaluations, weights and acknowledgements, in books that fit
};
inline constexpr size_t kLies = 7;

}  // namespace mneme::sim

namespace mneme::federation {

template <>
inline constexpr std::array<std::string_view, sim::kLies> kNames<sim::Lie> = {
    "wrong_sizes", "not_finite", "long_sums",   "epochs_to_come",
    "repeated",    "stale",      "wrong_counts"};

}  // namespace mneme::federation

namespace mneme::sim {

// How much it lies: `share` of its frames, by one of `lies` each.
struct LiarOptions {
  size_t node = 0;
  double share = 0;
  std::vector<Lie> lies;
};

class Liar {
 public:
  Liar(LiarOptions options, const federation::Spec& spec, uint64_t seed);

  size_t node() const { return options_.node; }
  // What goes out in place of a frame of its node.
  std::vector<federation::Frame> Say(const federation::Frame& frame);

 private:
  void WrongSizes(federation::Frame& frame);
  void NotFinite(federation::Frame& frame);
  void LongSums(federation::Frame& frame);
  void Stale(federation::Frame& frame);
  void WrongCounts(federation::Frame& frame);
  void Lengthen(federation::Numbers& numbers, double factor);
  bool OneIn(uint64_t n) { return random_.Below(n) == 0; }
  // Of any size up to `most`, small ones as often as large ones.
  uint64_t Any(uint64_t most);

  static constexpr size_t kRemembered = 16;

  LiarOptions options_;
  federation::Spec spec_;
  Random random_;
  std::deque<federation::Frame> said_;
};

}  // namespace mneme::sim

#endif  // MNEME_TESTS_SIM_LIAR_H_
