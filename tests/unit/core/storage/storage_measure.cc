// Rates of storage on this machine: rows stored in synced batches, a cold scan, opening, one row by
// id, backups (into DIRECTORY-backups), a copy, a check. Not a test: built only when asked for,
// prints and asserts nothing.
//
//   storage_measure DIRECTORY [ROWS]     an empty or absent directory; 1,000,000 rows of 128 floats
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/random.h"
#include "core/base/status.h"
#include "core/storage/backup.h"
#include "core/storage/storage.h"

namespace mneme::storage {
namespace {

constexpr MemoryUid kUid = 1;
constexpr uint64_t kRowsPerBatch = 1000;
constexpr size_t kColumns = 128;

double Seconds(int64_t since) {
  return static_cast<double>(Clock::Real().NowMonotonicNanos() - since) * 1e-9;
}

uint64_t ResidentBytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  unsigned long pages = 0;
  if (file == nullptr || std::fscanf(file, "%*u %lu", &pages) != 1) pages = 0;
  if (file != nullptr) std::fclose(file);
  return pages * 4096ull;
}

absl::Status StoreRows(Storage& storage, uint64_t rows) {
  Random random(1);
  std::vector<float> vectors(kRowsPerBatch * kColumns);
  random.FillGaussian(std::span<float>(vectors));
  const int64_t start = Clock::Real().NowMonotonicNanos();
  for (uint64_t first = 0, position = 1; first < rows; first += kRowsPerBatch, ++position) {
    std::unique_ptr<CommitBatch> batch = storage.NewBatch();
    batch->AppendLog(kUid, {.position = position, .first_row = first, .row_count = kRowsPerBatch});
    for (uint64_t i = 0; i < kRowsPerBatch; ++i) {
      const std::span<const float> key(&vectors[i * kColumns], kColumns);
      batch->PutRow(kUid, {.row = first + i, .id = ItemId(first + i), .key = key}, {},
                    /*keep_id=*/true);
    }
    MNEME_RETURN_IF_ERROR(storage.Commit(std::move(batch), Sync::kDisk));
  }
  const double seconds = Seconds(start);
  std::printf("store   %8.0f rows/s, synced batches of %llu (%.2f ms a batch)\n",
              static_cast<double>(rows) / seconds, static_cast<unsigned long long>(kRowsPerBatch),
              1e3 * seconds / static_cast<double>(rows / kRowsPerBatch));
  return absl::OkStatus();
}

absl::Status ReadRows(const Storage& storage, uint64_t rows) {
  int64_t start = Clock::Real().NowMonotonicNanos();
  uint64_t floats = 0;
  MNEME_RETURN_IF_ERROR(storage.ScanRows(kUid, 0, rows, [&](const RowView& row) {
    floats += row.key.size();
    return absl::OkStatus();
  }));
  double seconds = Seconds(start);
  std::printf("scan    %8.0f rows/s, %.2f GB/s, %.2f s in all\n",
              static_cast<double>(rows) / seconds, static_cast<double>(floats) * 4e-9 / seconds,
              seconds);
  constexpr int kReads = 10'000;
  Random random(2);
  start = Clock::Real().NowMonotonicNanos();
  for (int i = 0; i < kReads; ++i) {
    const std::vector<ItemId> id = {ItemId(random.Below(rows))};
    MNEME_ASSIGN_OR_RETURN(const auto found, storage.FindIds(kUid, id));
    MNEME_RETURN_IF_ERROR(storage.ReadRow(kUid, found[0].value_or(0),
                                          [](const RowView&) { return absl::OkStatus(); }));
  }
  std::printf("one row %8.1f us, id to vectors\n", 1e6 * Seconds(start) / kReads);
  return absl::OkStatus();
}

// A first backup and one more, a copy of the memory, a check of everything.
absl::Status Care(Storage& storage, const std::string& directory, uint64_t rows) {
  MNEME_ASSIGN_OR_RETURN(std::unique_ptr<BackupStore> store,
                         OpenBackupStore(directory + "-backups", Clock::Real(), 0));
  for (int i = 0; i < 2; ++i) {
    const int64_t start = Clock::Real().NowMonotonicNanos();
    MNEME_ASSIGN_OR_RETURN(const uint32_t id, store->Create(storage, nullptr));
    const double seconds = Seconds(start);
    MNEME_RETURN_IF_ERROR(store->PutManifest(id, "measure"));
    MNEME_ASSIGN_OR_RETURN(const BackupEntry entry, store->Get(id));
    std::printf("backup  %8.0f MB/s, %.1f MB new of %.1f MB, %.2f s\n",
                static_cast<double>(entry.new_bytes) * 1e-6 / seconds,
                static_cast<double>(entry.new_bytes) * 1e-6,
                static_cast<double>(entry.bytes) * 1e-6, seconds);
  }
  int64_t start = Clock::Real().NowMonotonicNanos();
  MNEME_RETURN_IF_ERROR(storage.CopyMemory(storage, kUid, kUid + 1, "", nullptr));
  std::printf("copy    %8.0f rows/s\n", static_cast<double>(rows) / Seconds(start));
  start = Clock::Real().NowMonotonicNanos();
  uint64_t bytes = 0;
  MNEME_RETURN_IF_ERROR(
      storage.Verify([](const Damage& damage) { std::printf("damage: %s\n", damage.what.c_str()); },
                     [&](uint64_t, uint64_t total) {
                       bytes = total / 2;  // each file counts twice
                       return true;
                     }));
  std::printf("verify  %8.0f MB/s of table files\n",
              static_cast<double>(bytes) * 1e-6 / Seconds(start));
  return absl::OkStatus();
}

absl::Status Measure(const std::string& directory, uint64_t rows) {
  const StorageOptions options{.directory = directory};
  {
    MNEME_ASSIGN_OR_RETURN(std::unique_ptr<Storage> storage, OpenRocksDbStorage(options));
    MNEME_RETURN_IF_ERROR(StoreRows(*storage, rows));
    std::printf("held    %8.0f MB resident after storing\n",
                static_cast<double>(ResidentBytes()) * 1e-6);
  }
  const int64_t start = Clock::Real().NowMonotonicNanos();
  MNEME_ASSIGN_OR_RETURN(std::unique_ptr<Storage> storage, OpenRocksDbStorage(options));
  std::printf("open    %8.2f s\n", Seconds(start));
  MNEME_RETURN_IF_ERROR(ReadRows(*storage, rows));
  return Care(*storage, directory, rows);
}

}  // namespace
}  // namespace mneme::storage

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: storage_measure DIRECTORY [ROWS]\n");
    return 2;
  }
  const uint64_t rows = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1'000'000;
  const absl::Status status = mneme::storage::Measure(argv[1], rows);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
