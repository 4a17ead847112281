#include "core/models/dense/binary_sweep.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <type_traits>

#include "core/base/status.h"
#include "core/models/dense/binary_state.h"
#include "core/models/dense/separation.h"

namespace mneme::models {

template <typename T>
BinaryPatterns::BinaryPatterns(BasicMatrixView<T> rows, std::span<const T> log_weights)
    : count_(rows.rows), neurons_(rows.cols), by_neuron_(rows.rows * rows.cols) {
  for (size_t mu = 0; mu < count_; ++mu) {
    MNEME_CHECK(IsBinary(rows.row(mu)));
    for (size_t i = 0; i < neurons_; ++i) {
      by_neuron_[i * count_ + mu] = rows.row(mu)[i] > 0 ? int8_t{1} : int8_t{-1};
    }
  }
  for (const T a : log_weights) weights_.push_back(std::exp(static_cast<double>(a)));
}

template BinaryPatterns::BinaryPatterns(BasicMatrixView<float>, std::span<const float>);
template BinaryPatterns::BinaryPatterns(BasicMatrixView<double>, std::span<const double>);

namespace {

// One run: the overlaps of the state with all patterns, and tables of what each value of an overlap
// is worth.
class SweepRun {
 public:
  SweepRun(const DenseKernelSpec& spec, const BinaryPatterns& patterns, std::span<int8_t> state)
      : spec_(spec),
        patterns_(patterns),
        state_(state),
        reach_(static_cast<int>(patterns.neurons()) + 1),
        overlaps_(patterns.count()),
        differences_(2 * static_cast<size_t>(reach_) + 1) {
    for (size_t i = 0; i < state.size(); ++i) {
      const int8_t* xi = patterns.neuron(i);
      for (size_t mu = 0; mu < overlaps_.size(); ++mu) overlaps_[mu] += xi[mu] * state[i];
    }
    FillTable();
  }

  double Energy() const {
    const int best = Best();
    return VisitSeparation(spec_, [&](const auto& f) -> double {
      using F = std::decay_t<decltype(f)>;
      double sum = 0, scale = 0;
      if constexpr (F::kTraits.sums == SumKind::kExponential) scale = spec_.beta * best;
      for (size_t mu = 0; mu < overlaps_.size(); ++mu) {
        const double u = spec_.beta * overlaps_[mu];
        if constexpr (F::kTraits.sums == SumKind::kExponential) {
          sum += patterns_.weight(mu) * std::exp(u - scale);
        } else if constexpr (F::kTraits.sums == SumKind::kPlain) {
          sum += patterns_.weight(mu) * f.Value(u);
        }
      }
      return EnergyOf(spec_, scale, sum, 0);
    });
  }

  // True when the neuron turned.
  bool Ask(size_t i) {
    const int8_t* xi = patterns_.neuron(i);
    const int s = state_[i] > 0 ? 1 : -1;
    const double* table = differences_.data() + reach_;
    double field = 0;
    if (patterns_.weighted()) {
      for (size_t mu = 0; mu < overlaps_.size(); ++mu) {
        field += patterns_.weight(mu) * xi[mu] * table[overlaps_[mu] - xi[mu] * s];
      }
    } else {
      for (size_t mu = 0; mu < overlaps_.size(); ++mu) {
        field += xi[mu] * table[overlaps_[mu] - xi[mu] * s];
      }
    }
    const int8_t value = field >= 0 ? int8_t{1} : int8_t{-1};
    if (value == s) return false;
    state_[i] = value;
    for (size_t mu = 0; mu < overlaps_.size(); ++mu) overlaps_[mu] += 2 * value * xi[mu];
    if (exponential_ && std::abs(spec_.beta * (Best() - top_)) > kNatsOfTable) FillTable();
    return true;
  }

 private:
  static constexpr double kNatsOfTable = 32;

  int Best() const { return *std::max_element(overlaps_.begin(), overlaps_.end()); }

  // differences_[o' + reach_] = F(β(o' + 1)) - F(β(o' - 1)); for exp up to a factor that all share,
  // relative to the largest overlap of now.
  void FillTable() {
    top_ = Best();
    VisitSeparation(spec_, [&](const auto& f) {
      using F = std::decay_t<decltype(f)>;
      for (int o = -reach_; o <= reach_; ++o) {
        double& out = *(differences_.data() + reach_ + o);
        if constexpr (F::kTraits.sums == SumKind::kExponential) {
          exponential_ = true;
          out = std::exp(std::min(spec_.beta * (o - top_), 4 * kNatsOfTable));
        } else if constexpr (F::kTraits.sums == SumKind::kPlain) {
          out = f.Value(spec_.beta * (o + 1)) - f.Value(spec_.beta * (o - 1));
        }
      }
    });
  }

  const DenseKernelSpec& spec_;
  const BinaryPatterns& patterns_;
  std::span<int8_t> state_;
  int reach_;
  std::vector<int> overlaps_;
  std::vector<double> differences_;
  int top_ = 0;
  bool exponential_ = false;
};

}  // namespace

SweepOutcome Sweep(const DenseKernelSpec& spec, const BinaryPatterns& patterns, int sweeps_max,
                   Random& order, std::span<int8_t> state) {
  MNEME_CHECK(patterns.count() > 0 && state.size() == patterns.neurons() &&
              IsBinary(std::span<const int8_t>(state)) &&
              TraitsOf(spec.separation).sums != SumKind::kNone);
  SweepRun run(spec, patterns, state);
  SweepOutcome outcome;
  outcome.energies.push_back(run.Energy());
  std::vector<size_t> neurons(state.size());
  std::iota(neurons.begin(), neurons.end(), size_t{0});
  while (outcome.sweeps < sweeps_max && !outcome.settled) {
    order.Shuffle(std::span<size_t>(neurons));
    size_t flips = 0;
    for (const size_t i : neurons) flips += run.Ask(i);
    ++outcome.sweeps;
    outcome.flips += flips;
    outcome.settled = flips == 0;
    outcome.energies.push_back(run.Energy());
  }
  return outcome;
}

}  // namespace mneme::models
