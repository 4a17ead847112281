// The server's log: lines for people, or one JSON object a line.
#ifndef MNEME_SERVER_OBSERVE_LOG_H_
#define MNEME_SERVER_OBSERVE_LOG_H_

#include <string>

namespace mneme::server {

// Sets up spdlog's default logger on standard error. `level`, `format` as in Config (already
// checked).
void InitLog(const std::string& level, const std::string& format);

// A line of level warning.
void LogWarning(const std::string& line);
// As InitLog's, from now on.
void SetLogLevel(const std::string& level);

}  // namespace mneme::server

#endif  // MNEME_SERVER_OBSERVE_LOG_H_
