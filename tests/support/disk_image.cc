#include "tests/support/disk_image.h"

#include <algorithm>
#include <utility>

#include "core/base/status.h"

namespace mneme::test {

std::string NormalPath(const std::string& path) {
  std::string out;
  for (char c : path) {
    if (c != '/' || out.empty() || out.back() != '/') out.push_back(c);
  }
  if (out.size() > 1 && out.back() == '/') out.pop_back();
  return out;
}

std::string ParentPath(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

std::string FileName(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

FileKind KindOfFile(std::string_view path) {
  const std::string_view name = path.substr(path.find_last_of('/') + 1);
  if (name.ends_with(".log")) return FileKind::kLog;
  if (name.ends_with(".sst")) return FileKind::kTable;
  if (name.starts_with("MANIFEST-")) return FileKind::kManifest;
  if (name == "CURRENT") return FileKind::kCurrent;
  if (name.starts_with("OPTIONS-")) return FileKind::kOptions;
  if (name == "IDENTITY") return FileKind::kIdentity;
  if (name == "MNEME") return FileKind::kMarker;
  return FileKind::kOther;
}

const char* FileKindName(FileKind kind) {
  switch (kind) {
    case FileKind::kLog:
      return "log";
    case FileKind::kTable:
      return "table";
    case FileKind::kManifest:
      return "manifest";
    case FileKind::kCurrent:
      return "current";
    case FileKind::kOptions:
      return "options";
    case FileKind::kIdentity:
      return "identity";
    case FileKind::kMarker:
      return "marker";
    case FileKind::kOther:
      return "other";
  }
  return "";
}

std::vector<std::string> DiskImage::FilesOfKind(FileKind kind) const {
  std::vector<std::string> out;
  for (const auto& [path, bytes] : files_) {
    if (KindOfFile(path) == kind) out.push_back(path);
  }
  return out;
}

const std::string& DiskImage::Read(const std::string& path) const {
  const auto it = files_.find(path);
  MNEME_CHECK(it != files_.end());
  return *it->second;
}

void DiskImage::Replace(const std::string& path, std::string bytes) {
  files_[path] = std::make_shared<const std::string>(std::move(bytes));
}

void DiskImage::FlipBit(const std::string& path, uint64_t bit) {
  std::string bytes = Copy(path);
  bytes.at(bit / 8) = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
  Replace(path, std::move(bytes));
}

void DiskImage::Truncate(const std::string& path, uint64_t bytes) {
  MNEME_CHECK(bytes <= Read(path).size());
  Replace(path, Read(path).substr(0, bytes));
}

void DiskImage::Zero(const std::string& path, uint64_t first, uint64_t bytes) {
  std::string copy = Copy(path);
  MNEME_CHECK(first + bytes <= copy.size());
  std::fill_n(copy.begin() + static_cast<ptrdiff_t>(first), bytes, '\0');
  Replace(path, std::move(copy));
}

void DiskImage::Repeat(const std::string& path, uint64_t from, uint64_t to, uint64_t bytes) {
  std::string copy = Copy(path);
  MNEME_CHECK(from + bytes <= copy.size() && to + bytes <= copy.size());
  copy.replace(to, bytes, Read(path), from, bytes);
  Replace(path, std::move(copy));
}

void DiskImage::Swap(const std::string& path, uint64_t a, uint64_t b, uint64_t bytes) {
  std::string copy = Copy(path);
  MNEME_CHECK(a + bytes <= copy.size() && b + bytes <= copy.size());
  copy.replace(a, bytes, Read(path), b, bytes);
  copy.replace(b, bytes, Read(path), a, bytes);
  Replace(path, std::move(copy));
}

}  // namespace mneme::test
