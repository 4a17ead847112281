// What an analysis found, for people.
//
// Threads: plain functions.
#ifndef MNEME_CLIENT_CLI_ANALYSIS_TEXT_H_
#define MNEME_CLIENT_CLI_ANALYSIS_TEXT_H_

#include <ostream>

#include "mneme/analysis.h"

namespace mneme::cli {

// Figures with what they mean, the items that stand out, advice. Tables are for pictures and
// programs.
void PrintReport(const client::AnalysisReport& report, std::ostream& out);

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_ANALYSIS_TEXT_H_
