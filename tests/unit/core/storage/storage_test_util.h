// What the tests of storage share: a directory that goes away, rows that own their vectors,
// everything that can be read.
#ifndef MNEME_TESTS_UNIT_CORE_STORAGE_STORAGE_TEST_UTIL_H_
#define MNEME_TESTS_UNIT_CORE_STORAGE_STORAGE_TEST_UTIL_H_

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/storage/rocksdb_storage.h"
#include "core/storage/storage.h"
#include "gtest/gtest.h"
#include "rocksdb/env.h"

namespace mneme::storage {

class TempDirectory {
 public:
  TempDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "mneme-storage-XXXXXX").string();
    MNEME_CHECK(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TempDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline std::string Reason(const absl::Status& status) {
  const std::optional<ErrorDetail> detail = GetErrorDetail(status);
  return detail.has_value() ? detail->reason : "";
}

inline StorageOptions SmallOptions(const std::string& directory) {
  return {.directory = directory, .memory_bytes_max = 16u << 20, .log_bytes_max = 8u << 20};
}

inline std::unique_ptr<Storage> OpenOrDie(const std::string& directory) {
  absl::StatusOr<std::unique_ptr<Storage>> storage = OpenRocksDbStorage(SmallOptions(directory));
  if (!storage.ok()) ADD_FAILURE() << storage.status();
  return storage.ok() ? *std::move(storage) : nullptr;
}

// A row that owns what its view shows.
struct TestRow {
  uint64_t row = 0;
  uint8_t flags = 0;
  ItemId id;
  float weight = 1;
  std::vector<float> key;
  std::vector<float> response;
  friend bool operator==(const TestRow&, const TestRow&) = default;

  RowView view() const {
    return {
        .row = row, .flags = flags, .id = id, .weight = weight, .key = key, .response = response};
  }
  static TestRow Of(const RowView& view) {
    return {.row = view.row,
            .flags = view.flags,
            .id = view.id,
            .weight = view.weight,
            .key = {view.key.begin(), view.key.end()},
            .response = {view.response.begin(), view.response.end()}};
  }
};

// A row told by its number: any two differ in every field.
inline TestRow NumberedRow(uint64_t row, size_t columns = 4) {
  TestRow out{.row = row, .id = ItemId(1000 + row), .weight = 1.0f + static_cast<float>(row)};
  for (size_t c = 0; c < columns; ++c)
    out.key.push_back(static_cast<float>(row) + 0.25f * static_cast<float>(c));
  return out;
}

inline std::vector<TestRow> AllRows(const Storage& storage, MemoryUid uid, uint64_t first = 0,
                                    uint64_t last = UINT64_MAX) {
  std::vector<TestRow> out;
  const absl::Status status = storage.ScanRows(uid, first, last, [&](const RowView& row) {
    out.push_back(TestRow::Of(row));
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
  return out;
}

inline std::vector<LogRecord> AllRecords(const Storage& storage, MemoryUid uid,
                                         uint64_t after = 0) {
  std::vector<LogRecord> out;
  const absl::Status status = storage.ReadLog(uid, after, [&](const LogRecord& record) {
    out.push_back(record);
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
  return out;
}

inline absl::Status CommitStore(Storage& storage, MemoryUid uid, uint64_t position,
                                uint64_t first_row, uint64_t row_count, Sync sync = Sync::kOs,
                                size_t columns = 4) {
  std::unique_ptr<CommitBatch> batch = storage.NewBatch();
  batch->AppendLog(uid, {.position = position, .first_row = first_row, .row_count = row_count});
  for (uint64_t i = 0; i < row_count; ++i) {
    batch->PutRow(uid, NumberedRow(first_row + i, columns).view(), {}, /*keep_id=*/true);
  }
  return storage.Commit(std::move(batch), sync);
}

}  // namespace mneme::storage

#endif  // MNEME_TESTS_UNIT_CORE_STORAGE_STORAGE_TEST_UTIL_H_
