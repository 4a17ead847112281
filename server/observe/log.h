// The server's log: lines for people, or one JSON object a line.
#ifndef MNEME_SERVER_OBSERVE_LOG_H_
#define MNEME_SERVER_OBSERVE_LOG_H_

#include <string>

#include "absl/status/status.h"

namespace mneme::server {

// Sets up spdlog's default logger on standard error. `level`, `format` as in Config (already
// checked).
void InitLog(const std::string& level, const std::string& format);

// A status as a person reads it: its message, and its next step on a line of its own.
std::string Explain(const absl::Status& status);

// A line of level warning.
void LogWarning(const std::string& line);
// As InitLog's, from now on.
void SetLogLevel(const std::string& level);

}  // namespace mneme::server

#endif  // MNEME_SERVER_OBSERVE_LOG_H_
