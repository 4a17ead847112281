// The marker of a data directory as it may lie on a disk: any bytes.
#include "core/storage/data_directory.h"

#include <memory>

#include "core/base/status.h"
#include "rocksdb/env.h"
#include "rocksdb/file_system.h"
#include "tests/fuzz/fuzz.h"

namespace mneme::fuzz {
namespace {

using absl::StatusCode;
using rocksdb::FileSystem;
using rocksdb::IOOptions;

const std::string kDirectory = "/data";
const std::string kMarker = "/data/MNEME";

void WriteMarker(FileSystem& files, std::string_view bytes) {
  std::unique_ptr<rocksdb::FSWritableFile> file;
  MNEME_CHECK(files.CreateDirIfMissing(kDirectory, IOOptions(), nullptr).ok());
  MNEME_CHECK(files.NewWritableFile(kMarker, rocksdb::FileOptions(), &file, nullptr).ok());
  MNEME_CHECK(file->Append({bytes.data(), bytes.size()}, IOOptions(), nullptr).ok());
  MNEME_CHECK(file->Close(IOOptions(), nullptr).ok());
}

std::string ReadMarker(FileSystem& files) {
  constexpr size_t kBytesMax = 1 << 16;
  std::unique_ptr<rocksdb::FSSequentialFile> file;
  MNEME_CHECK(files.NewSequentialFile(kMarker, rocksdb::FileOptions(), &file, nullptr).ok());
  std::string text(kBytesMax, '\0');
  rocksdb::Slice read;
  MNEME_CHECK(file->Read(kBytesMax, IOOptions(), &read, text.data(), nullptr).ok());
  return read.ToString();
}

}  // namespace

void TestOne(std::string_view bytes) {
  const std::unique_ptr<rocksdb::Env> memory(rocksdb::NewMemEnv(rocksdb::Env::Default()));
  FileSystem& files = *memory->GetFileSystem();
  WriteMarker(files, bytes);
  const auto state = storage::ClaimDirectory(files, kDirectory);
  MNEME_CHECK(ReadMarker(files) == bytes);  // looked at, not touched
  if (!state.ok()) {
    return CheckError(state.status(), {StatusCode::kDataLoss, StatusCode::kFailedPrecondition});
  }
  MNEME_CHECK(storage::MarkDirectoryReady(files, kDirectory).ok());
  const auto ready = storage::ClaimDirectory(files, kDirectory);
  MNEME_CHECK(ready.ok() && *ready == storage::DirectoryState::kReady);
}

std::vector<Seed> Seeds() {
  const std::unique_ptr<rocksdb::Env> memory(rocksdb::NewMemEnv(rocksdb::Env::Default()));
  FileSystem& files = *memory->GetFileSystem();
  MNEME_CHECK(files.CreateDirIfMissing(kDirectory, IOOptions(), nullptr).ok());
  MNEME_CHECK(storage::ClaimDirectory(files, kDirectory).ok());
  const std::string creating = ReadMarker(files);
  MNEME_CHECK(storage::MarkDirectoryReady(files, kDirectory).ok());
  return {{"creating", creating},
          {"ready", ReadMarker(files)},
          {"newer", "mneme data directory\nformat 99\nstate ready\n"},
          {"no_state", "mneme data directory\nformat 1\n"},
          {"empty", ""}};
}

}  // namespace mneme::fuzz
