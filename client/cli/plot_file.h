// Where a picture goes: a file, or the terminal.
//
// Threads: plain functions.
#ifndef MNEME_CLIENT_CLI_PLOT_FILE_H_
#define MNEME_CLIENT_CLI_PLOT_FILE_H_

#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "client/plot/figure.h"

namespace mneme::cli {

// An SVG file, whole or not at all; "-": as text on `out`. A figure without panels:
// FailedPrecondition (NOTHING_TO_DRAW) with `why_empty`.
absl::Status DrawFigure(const plot::Figure& figure, const std::string& where,
                        const std::string& why_empty, std::ostream& out);

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_PLOT_FILE_H_
