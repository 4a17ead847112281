#include "server/config/text_file.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "core/base/status.h"

namespace mneme::server {
namespace {

constexpr size_t kPieceBytes = 64u << 10;

absl::Status Unreadable(const std::string& path, std::string_view why) {
  return NotFound(absl::StrFormat("'%s' cannot be read: %s", path, AbslView(why)),
                  {.given = path, .expected = "a readable file"});
}

}  // namespace

absl::StatusOr<std::string> ReadTextFile(const std::string& path, size_t bytes_max,
                                         std::chrono::milliseconds patience) {
  // Nothing is waited for but what poll waits for: a pipe may have nobody at its other end.
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return Unreadable(path, std::strerror(errno));
  const std::unique_ptr<std::FILE, decltype(&std::fclose)> closes(fdopen(file, "rb"), std::fclose);
  // A pipe has no size to ask for. One byte more than is allowed tells that there is more.
  std::string text;
  while (text.size() <= bytes_max) {
    pollfd ready{.fd = file, .events = POLLIN, .revents = 0};
    const int there = poll(&ready, 1, static_cast<int>(patience.count()));
    if (there == 0) return Unreadable(path, "nobody writes into this pipe");
    const size_t before = text.size();
    text.resize(before + std::min(kPieceBytes, bytes_max + 1 - before));
    const ssize_t got = there < 0 ? -1 : read(file, text.data() + before, text.size() - before);
    text.resize(before + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) return text;
    if (got < 0 && errno != EINTR && errno != EAGAIN) return Unreadable(path, std::strerror(errno));
  }
  return InvalidArgument(
      absl::StrFormat("'%s' has more than %d bytes", path, bytes_max),
      {.given = path, .expected = absl::StrFormat("a file of at most %d bytes", bytes_max)});
}

}  // namespace mneme::server
