// A sweep over one list of numbers as an SVG picture: one panel for each quantity (variants share
// one), what was measured with its spread as a line with bars, what is predicted as a dashed line.
// Or one run, as its experiment draws it.
#ifndef MNEME_TESTS_LAB_PLOT_H_
#define MNEME_TESTS_LAB_PLOT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/lab/command_line.h"
#include "tests/lab/runner.h"

namespace mneme::lab {

// The command has exactly one axis, and it is numeric; or none, and its experiment draws: then its
// picture of a run with the first seed.
absl::StatusOr<std::string> SvgPlot(const Command& command, const Results& results);

// Whole or not at all. FailedPrecondition when the file cannot be written.
absl::Status WriteFile(const std::string& name, const std::string& content);

}  // namespace mneme::lab

#endif  // MNEME_TESTS_LAB_PLOT_H_
