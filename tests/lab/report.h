// Results as one JSON object, as a table for people, and the help texts.
#ifndef MNEME_TESTS_LAB_REPORT_H_
#define MNEME_TESTS_LAB_REPORT_H_

#include <string>
#include <vector>

#include "tests/lab/command_line.h"
#include "tests/lab/runner.h"

namespace mneme::lab {

// {"experiment", "parameters", "seeds", "measured", "predicted", "source", "seconds"}; with --seed
// also "seed". A number that is undefined is null.
std::string JsonReport(const Command& command, const Results& results);

// Aligned columns, measured beside predicted.
std::string TextReport(const Command& command, const Results& results);

// `mneme-lab list`, `mneme-lab help`, `mneme-lab help EXPERIMENT`.
std::string ListText(const std::vector<Experiment>& experiments);
std::string UsageText();
std::string HelpText(const Experiment& experiment);

}  // namespace mneme::lab

#endif  // MNEME_TESTS_LAB_REPORT_H_
