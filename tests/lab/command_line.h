// From the words of a command line to the runs it asks for.
#ifndef MNEME_TESTS_LAB_COMMAND_LINE_H_
#define MNEME_TESTS_LAB_COMMAND_LINE_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/lab/experiment.h"
#include "tests/lab/parameters.h"

namespace mneme::lab {

inline constexpr uint64_t kSeedsMax = 100'000;
inline constexpr size_t kPointsMax = 10'000;
inline constexpr size_t kThreadsMax = 256;

// A flag that was given a list: `d` moves d_k and d_v together where an experiment has both.
struct Axis {
  std::string name;                // as typed
  std::vector<std::string> flags;  // those it sets
  std::vector<std::string> labels;
  std::vector<Value> values;
  bool numeric = false;
};

// One point of the sweep; `label` is what comes after the @, empty without a list.
struct Point {
  Parameters parameters;
  std::string label;
};

struct Command {
  const Experiment* experiment = nullptr;
  Parameters parameters;  // of flags that no axis moves; an axis' flags hold its first value
  std::vector<Axis> axes;
  uint64_t seed_first = 1;
  uint64_t seed_last = 1;
  size_t threads = 1;
  bool json = false;
  std::string plot;  // file name, empty for none

  uint64_t seeds() const { return seed_last - seed_first + 1; }
};

// InvalidArgument, with a suggestion where a name is unknown. `words` begin with the experiment's
// name; `threads_default` serves when --threads is absent.
absl::StatusOr<Command> ParseCommand(std::span<const std::string> words,
                                     const std::vector<Experiment>& experiments,
                                     size_t threads_default);

// NotFound-like InvalidArgument for a name that is none of an experiment's.
absl::StatusOr<const Experiment*> FindExperiment(std::string_view name,
                                                 const std::vector<Experiment>& experiments);

// Every combination of the lists' values, the last list fastest; one point without lists.
std::vector<Point> PointsOf(const Command& command);

// The `known` name that `given` was probably meant to be; empty when none is near.
std::string Nearest(std::string_view given, std::span<const std::string> known);

}  // namespace mneme::lab

#endif  // MNEME_TESTS_LAB_COMMAND_LINE_H_
