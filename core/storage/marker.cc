#include "core/storage/marker.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "core/base/status.h"
#include "core/storage/files.h"
#include "core/storage/keys.h"
#include "core/storage/rocksdb_status.h"
#include "rocksdb/file_system.h"

namespace mneme::storage {
namespace {

using rocksdb::FileSystem;
using rocksdb::IOOptions;

constexpr size_t kMarkerBytesMax = 4096;

// The value of the line `name value`; empty when there is none.
std::string_view Field(const std::vector<absl::string_view>& lines, std::string_view name) {
  for (absl::string_view line : lines) {
    std::string_view text = StdView(line);
    if (text.size() > name.size() && text.starts_with(name) && text[name.size()] == ' ') {
      return text.substr(name.size() + 1);
    }
  }
  return {};
}

}  // namespace

bool HasMarker(FileSystem& files, const std::string& directory, const MarkerKind& kind) {
  return files.FileExists(JoinPath(directory, kind.file), IOOptions(), nullptr).ok();
}

absl::Status WriteMarker(FileSystem& files, const std::string& directory, const MarkerKind& kind,
                         std::string_view state) {
  return WriteWhole(files, JoinPath(directory, kind.file),
                    absl::StrCat(AbslView(kind.magic), "\nformat ", kind.format, "\ncreated_by ",
                                 MNEME_VERSION, "\nstate ", AbslView(state), "\n"));
}

absl::StatusOr<std::string> ReadMarker(FileSystem& files, const std::string& directory,
                                       const MarkerKind& kind) {
  const std::string path = JoinPath(directory, kind.file);
  MNEME_ASSIGN_OR_RETURN(const std::string text, ReadWhole(files, path, kMarkerBytesMax));
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  uint32_t format = 0;
  if (StdView(lines[0]) != kind.magic ||
      !absl::SimpleAtoi(AbslView(Field(lines, "format")), &format)) {
    return Corrupt(absl::StrCat("marker '", path, "'"),
                   "it does not say which format the directory has");
  }
  MNEME_RETURN_IF_ERROR(CheckMarkedFormat(format, directory, kind));
  return std::string(Field(lines, "state"));
}

absl::Status CheckEmpty(FileSystem& files, const std::string& directory, const MarkerKind& kind) {
  std::vector<std::string> entries;
  MNEME_RETURN_IF_ERROR(FromRocksDb(files.GetChildren(directory, IOOptions(), &entries, nullptr),
                                    absl::StrCat("listing directory '", directory, "'")));
  const std::string draft = absl::StrCat(AbslView(kind.file), AbslView(kDraftSuffix));
  for (const std::string& entry : entries) {
    const bool ours = entry == "." || entry == ".." || entry == "lost+found" || entry == draft;
    if (ours) continue;
    return FailedPrecondition(absl::StrCat("directory '", directory, "' holds '", entry,
                                           "' and is no mneme ", AbslView(kind.what)),
                              {.reason = std::string(kind.foreign_reason),
                               .given = directory,
                               .expected = "an empty or absent directory, or one made by mneme",
                               .next_step = absl::StrCat("Name another ", AbslView(kind.what),
                                                         ", or move the files away.")});
  }
  return absl::OkStatus();
}

absl::Status CheckMarkedFormat(uint32_t format, const std::string& directory,
                               const MarkerKind& kind) {
  if (format == kind.format) return absl::OkStatus();
  return FailedPrecondition(absl::StrCat(AbslView(kind.what), " '", directory, "' has format ",
                                         format, ", this mneme reads format ", kind.format),
                            {.reason = "FORMAT_VERSION",
                             .given = absl::StrCat("format ", format),
                             .expected = absl::StrCat("format ", kind.format),
                             .next_step = "Use the mneme that wrote it, or a newer one."});
}

}  // namespace mneme::storage
