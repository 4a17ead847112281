#include "server/config/text_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "core/base/status.h"

namespace mneme::server {
namespace {

constexpr size_t kPieceBytes = 64u << 10;

absl::Status Unreadable(const std::string& path, int error) {
  return NotFound(absl::StrFormat("'%s' cannot be read: %s", path, std::strerror(error)),
                  {.given = path, .expected = "a readable file"});
}

}  // namespace

absl::StatusOr<std::string> ReadTextFile(const std::string& path, size_t bytes_max) {
  const std::unique_ptr<std::FILE, decltype(&std::fclose)> file(std::fopen(path.c_str(), "rb"),
                                                                std::fclose);
  if (file == nullptr) return Unreadable(path, errno);
  // A pipe has no size to ask for. One byte more than is allowed tells that there is more.
  std::string text;
  while (text.size() <= bytes_max) {
    const size_t before = text.size();
    text.resize(before + std::min(kPieceBytes, bytes_max + 1 - before));
    const size_t got = std::fread(text.data() + before, 1, text.size() - before, file.get());
    text.resize(before + got);
    if (std::ferror(file.get()) != 0) return Unreadable(path, errno);
    if (got == 0) return text;
  }
  return InvalidArgument(
      absl::StrFormat("'%s' has more than %d bytes", path, bytes_max),
      {.given = path, .expected = absl::StrFormat("a file of at most %d bytes", bytes_max)});
}

}  // namespace mneme::server
