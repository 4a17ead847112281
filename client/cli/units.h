// Times to live and amounts of bytes, as people type and read them.
//
// Threads: plain functions.
#ifndef MNEME_CLIENT_CLI_UNITS_H_
#define MNEME_CLIENT_CLI_UNITS_H_

#include <chrono>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "mneme/memory.h"

namespace mneme::cli {

// "30d", "12h", "90s", "1h30m"; a positive time of at most a hundred years.
absl::StatusOr<std::chrono::nanoseconds> ParseLifetime(const std::string& text);
std::string FormatLifetime(std::chrono::nanoseconds lifetime);  // "30d", "1h30m0s"

// "1000", "64k", "64M", "2G" (powers of 1024).
absl::StatusOr<uint64_t> ParseBytes(const std::string& text);

// RFC 3339: "2026-05-01T12:00:00Z".
absl::StatusOr<client::Timestamp> ParseTime(const std::string& text);

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_UNITS_H_
