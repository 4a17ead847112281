// What a disk holds, as a value: files by path and the directories around them. Copies share the
// bytes, so that a data directory can be cloned for each of 100,000 damages; damaging a file copies
// that file alone.
//
// Not thread-safe. Paths are absolute and normal ("/data/db/000004.log"). Naming a file that is not
// there, or bytes outside it, is a mistake of the test and ends the process.
#ifndef MNEME_TESTS_SUPPORT_DISK_IMAGE_H_
#define MNEME_TESTS_SUPPORT_DISK_IMAGE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace mneme::test {

std::string NormalPath(const std::string& path);  // no double slash, none at the end
std::string ParentPath(const std::string& path);  // of a normal path
std::string FileName(const std::string& path);

// What a file of a data directory is for, told by its name.
enum class FileKind {
  kLog,       // db/*.log: RocksDB's write-ahead log
  kTable,     // db/*.sst
  kManifest,  // db/MANIFEST-*
  kCurrent,   // db/CURRENT
  kOptions,   // db/OPTIONS-*
  kIdentity,  // db/IDENTITY
  kMarker,    // MNEME
  kOther,
};
inline constexpr int kFileKinds = 8;
FileKind KindOfFile(std::string_view path);
const char* FileKindName(FileKind kind);

class DiskImage {
 public:
  using Bytes = std::shared_ptr<const std::string>;

  const std::map<std::string, Bytes>& files() const { return files_; }
  const std::set<std::string>& directories() const { return directories_; }
  std::vector<std::string> FilesOfKind(FileKind kind) const;
  const std::string& Read(const std::string& path) const;

  void PutFile(const std::string& path, Bytes bytes) { files_[path] = std::move(bytes); }
  void PutDirectory(const std::string& path) { directories_.insert(path); }

  // Damage. `bit` counts from the lowest bit of the first byte.
  void FlipBit(const std::string& path, uint64_t bit);
  void Truncate(const std::string& path, uint64_t bytes);
  void Zero(const std::string& path, uint64_t first, uint64_t bytes);
  // What is at `from` appears at `to` as well, as after a write that went to the wrong place.
  void Repeat(const std::string& path, uint64_t from, uint64_t to, uint64_t bytes);
  void Swap(const std::string& path, uint64_t a, uint64_t b, uint64_t bytes);

 private:
  std::string Copy(const std::string& path) const { return Read(path); }
  void Replace(const std::string& path, std::string bytes);

  std::map<std::string, Bytes> files_;
  std::set<std::string> directories_;
};

}  // namespace mneme::test

#endif  // MNEME_TESTS_SUPPORT_DISK_IMAGE_H_
