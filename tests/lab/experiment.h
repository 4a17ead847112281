// What an experiment of mneme-lab is: a name, a table of flags, a function that measures with one
// seed, and a function that says what theory predicts.
//
// An experiment knows no expected figures: reference values live in tests/papers.
//
// Threads     run() is called from several threads at once, each with its own Run.
// Invariants  1. What run() measures depends on (parameters, seed) alone.
//             2. predict() draws nothing at random: it may look at the parameters and at the
//             measured means
//                (an effective dimension, say), and names what it predicts as run() names it.
#ifndef MNEME_TESTS_LAB_EXPERIMENT_H_
#define MNEME_TESTS_LAB_EXPERIMENT_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/plot/figure.h"
#include "core/base/random.h"
#include "tests/lab/parameters.h"
#include "tests/lab/quantities.h"

namespace mneme::lab {

// One execution: a point of the sweep with one seed.
class Run {
 public:
  Run(uint64_t seed, std::function<void(double share)> progress)
      : seed_(seed), progress_(std::move(progress)) {}

  // Independent random numbers for each purpose, so that adding a use of one changes no other.
  Random Stream(uint64_t purpose) const { return Random(seed_, purpose); }
  uint64_t seed() const { return seed_; }
  void Measure(std::string name, double value) { measured_.Set(std::move(name), value); }
  // The value that a flag given as "auto" came to.
  void Used(std::string flag, double value) { used_.Set(std::move(flag), value); }
  // Share of this run that is done, in [0, 1].
  void Progress(double share) { progress_(share); }

  const Quantities& measured() const { return measured_; }
  const Quantities& used() const { return used_; }

 private:
  uint64_t seed_;
  std::function<void(double)> progress_;
  Quantities measured_;
  Quantities used_;
};

struct Experiment {
  std::string_view name;
  std::string_view summary;  // one line
  std::string_view source;   // paper or section of the design notes
  std::string_view
      slope_of;  // the quantity whose log-log slope over a list is called plain `slope`
  std::vector<Flag> flags;
  // What no flag's own range can say: relations between flags. InvalidArgument. May be null.
  absl::Status (*check)(const Parameters& parameters) = nullptr;
  absl::Status (*run)(const Parameters& parameters, Run& run) = nullptr;
  // May be null.
  void (*predict)(const Parameters& parameters, const Quantities& measured,
                  Quantities& predicted) = nullptr;
  // The picture of one run, which --plot draws where no flag has a list. May be null.
  absl::StatusOr<plot::Figure> (*draw)(const Parameters& parameters, Run& run) = nullptr;
  // A quantity whose logarithm over a list is a line: its slope is called `slope_ln`. Against the
  // list's numbers, or against another quantity that is measured. Empty: none is.
  std::string_view slope_ln_of = "";
  std::string_view slope_ln_against = "";
};

// The flags d_k and d_v, which most experiments on linear memories have.
inline constexpr double kDimensionMax = 16384;
inline constexpr double kSquaresMax = 4096;  // of keys, where d_k x d_k matrices are factored
Flag KeyDimension(double most = kDimensionMax);
Flag ResponseDimension();

// All experiments, by name.
const std::vector<Experiment>& Experiments();

}  // namespace mneme::lab

#endif  // MNEME_TESTS_LAB_EXPERIMENT_H_
