// Regret of a node's memory against the best fixed one in hindsight: what its own interest lost so
// far, and the sums from which the least possible loss follows.
//
// Loss and sums come together, item by item, so that what got lost is missing in both.
//
// Shapes   S [d_k, d_k] symmetric as a triangle, P [d_v, d_k], in double.
// Errors   none: without sums, or where the loss has no closed form, there is no regret.
// Cost     Point: d_k^3 / 3 + d_v d_k^2 multiply-adds.
// Threads  not thread-safe.
// Source   distributed online gradient descent notes, section 8: U = P (S + 1e-9 I)^-1,
//          loss(U) = (tr(U S U^T) - 2 tr(U P^T) + vv) / 2.
#ifndef MNEME_CORE_FEDERATION_REGRET_METER_H_
#define MNEME_CORE_FEDERATION_REGRET_METER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/federation/spec.h"
#include "core/federation/stat_sum.h"

namespace mneme::federation {

// Above this d_k the solution would hold up a round for too long.
inline constexpr uint32_t kRegretKeyDimensionMax = 1024;
// Points that are kept; beyond it every other one goes.
inline constexpr size_t kRegretReadingsMax = 512;

struct RegretReading {
  uint64_t round = 0;
  double loss = 0;       // of the memory, summed over rounds
  double best_loss = 0;  // of the best fixed memory on the same items
  double regret() const { return loss - best_loss; }

  friend bool operator==(const RegretReading&, const RegretReading&) = default;
};

class RegretMeter {
 public:
  // All that a checkpoint must keep.
  struct State {
    double loss = 0;
    double weight = 0;
    double energy = 0;
    std::vector<double> squares;
    std::vector<double> products;
    std::vector<RegretReading> readings;

    friend bool operator==(const State&, const State&) = default;
  };

  explicit RegretMeter(const Spec& spec);

  // Whether this spec has a regret: the loss has a closed best memory, the size is bounded.
  bool measures() const { return measures_; }
  // Sums over items, what they lost when they came, and the weight of their evaluations.
  void Add(const StatSum& sums, double loss, double weight);
  // Appends the point of this round, where there is one.
  void TakeReading(uint64_t round);

  // Newest last.
  const std::vector<RegretReading>& readings() const { return state_.readings; }
  double loss() const { return state_.loss; }
  const State& state() const { return state_; }
  // False where its shapes are not those of the spec.
  bool SetState(State state);

 private:
  std::optional<double> BestLoss() const;
  std::optional<double> LeastSquaresBest() const;

  Spec spec_;
  bool measures_;
  State state_;
};

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_REGRET_METER_H_
