// Files that an administrator writes: configuration, policies, certificates.
#ifndef MNEME_SERVER_CONFIG_TEXT_FILE_H_
#define MNEME_SERVER_CONFIG_TEXT_FILE_H_

#include <chrono>
#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace mneme::server {

// How long a pipe may take to say more.
inline constexpr std::chrono::milliseconds kPipePatience{10'000};

// The whole text of a file, or of a pipe (`<(command)`), of at most `bytes_max` bytes. NOT_FOUND
// where it cannot be opened or read, or says nothing for so long; INVALID_ARGUMENT where it is
// longer; with the path as given. Reason and next step are the caller's to add.
absl::StatusOr<std::string> ReadTextFile(const std::string& path, size_t bytes_max,
                                         std::chrono::milliseconds patience = kPipePatience);

}  // namespace mneme::server

#endif  // MNEME_SERVER_CONFIG_TEXT_FILE_H_
