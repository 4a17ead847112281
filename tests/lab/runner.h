// Executes a command: every point with every seed, on some threads, and puts the results together.
//
// Threads     RunCommand starts and joins its own; results do not depend on their number, because
// each
//             execution draws from its own seed and writes to its own place.
#ifndef MNEME_TESTS_LAB_RUNNER_H_
#define MNEME_TESTS_LAB_RUNNER_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/lab/command_line.h"
#include "tests/lab/quantities.h"

namespace mneme::lab {

struct Summary {
  double mean = 0;
  double std = 0;  // over seeds, with n - 1; 0 for one seed
};

struct PointResult {
  std::string label;
  std::vector<std::pair<std::string, Summary>> measured;
  Quantities predicted;
  Quantities used;  // means over seeds of what "auto" came to
};

struct Results {
  std::vector<PointResult> points;
  std::vector<std::pair<std::string, Summary>>
      slopes;  // `slope`, `slope@NAME`: over one list of numbers
  Quantities predicted_slopes;
  double seconds = 0;
};

// NAME, NAME@LABEL, or NAME@VARIANT,LABEL where the name has an @ already.
std::string NameAt(std::string_view name, std::string_view label);

// `progress` is told the share done and called from any thread, one at a time.
absl::StatusOr<Results> RunCommand(const Command& command,
                                   const std::function<void(double share)>& progress);

}  // namespace mneme::lab

#endif  // MNEME_TESTS_LAB_RUNNER_H_
