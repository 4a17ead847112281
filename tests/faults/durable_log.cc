#include "tests/faults/durable_log.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

#include "core/base/crc32c.h"
#include "core/base/status.h"

namespace mneme::test {
namespace {

using storage::MemoryUid;
using storage::Storage;

constexpr MemoryUid kFirst = 1;
constexpr MemoryUid kSecond = 2;
constexpr uint64_t kLogsWanted = 3;
constexpr uint64_t kCommitsMax = 2000;

class Digester {
 public:
  void Add(std::string_view bytes) { crc_ = Crc32c(bytes, crc_); }
  void Add(uint64_t number) { Add({reinterpret_cast<const char*>(&number), sizeof(number)}); }
  void Add(std::span<const float> floats) {
    Add(floats.size());
    Add({reinterpret_cast<const char*>(floats.data()), floats.size_bytes()});
  }
  absl::Status AddMemory(const Storage& storage, MemoryUid uid);
  uint32_t crc() const { return crc_; }

 private:
  uint32_t crc_ = 0;
};

absl::Status Digester::AddMemory(const Storage& storage, MemoryUid uid) {
  MNEME_ASSIGN_OR_RETURN(const uint64_t next_row, storage.NextRow(uid));
  MNEME_ASSIGN_OR_RETURN(const uint64_t position, storage.LastPosition(uid));
  Add(next_row);
  Add(position);
  std::vector<uint64_t> rows;
  std::vector<ItemId> ids;
  MNEME_RETURN_IF_ERROR(storage.ScanRows(uid, 0, ~0ull, [&](const storage::RowView& row) {
    rows.push_back(row.row);
    ids.push_back(row.id);
    Add(row.row);
    Add(row.flags);
    Add(row.id.Encode());
    Add(row.key);
    return absl::OkStatus();
  }));
  MNEME_ASSIGN_OR_RETURN(const auto found, storage.FindIds(uid, ids));
  for (const auto& row : found) Add(row.value_or(~0ull));
  MNEME_ASSIGN_OR_RETURN(const auto payloads, storage.ReadPayloads(uid, rows));
  for (const auto& payload : payloads) Add(payload.payload);
  MNEME_RETURN_IF_ERROR(storage.ReadLog(uid, 0, [&](const storage::LogRecord& record) {
    Add(record.position);
    Add(record.first_row);
    Add(record.row_count);
    return absl::OkStatus();
  }));
  MNEME_ASSIGN_OR_RETURN(const auto state, storage.ReadState(uid));
  Add(state.has_value() ? state->blob : "none");
  return absl::OkStatus();
}

}  // namespace

struct DurableLog::Disk {
  explicit Disk(const DiskImage& image) : files(std::make_shared<FaultFileSystem>(image)) {}
  absl::Status Open(bool little_memory) {
    auto opened =
        storage::OpenRocksDbStorage({.directory = "/data",
                                     .memory_bytes_max = little_memory ? 512u << 10 : 8u << 20,
                                     .log_bytes_max = 8u << 20},
                                    env.get());
    if (opened.ok()) storage = *std::move(opened);
    return opened.status();
  }

  std::shared_ptr<FaultFileSystem> files;
  std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(files);
  std::unique_ptr<Storage> storage;
};

DurableLog::DurableLog(uint64_t seed, LogShape shape) : shape_(shape) {
  Random random(seed);
  Disk disk{DiskImage()};
  MNEME_CHECK(disk.Open(shape.several_logs).ok());
  const auto remember = [&] {
    images_.push_back(disk.files->Image());
    path_ = image().FilesOfKind(FileKind::kLog).back();
    ends_.push_back(image().Read(path_).size());
  };
  const auto enough = [&] {
    MNEME_CHECK(ends_.size() < kCommitsMax);
    return shape.several_logs ? image().FilesOfKind(FileKind::kLog).size() >= kLogsWanted
                              : bytes() >= kTailBytes + kLogBlockBytes / 2;
  };
  remember();
  while (!enough()) {
    MNEME_CHECK(Commit(*disk.storage, random, PadToBlock(random).value_or(0)).ok());
    remember();
  }
  for (const DiskImage& prefix : images_) {
    Disk copy(prefix);
    MNEME_CHECK(copy.Open(/*little_memory=*/false).ok());
    digests_.push_back(*Digest(*copy.storage));
  }
}

uint64_t DurableLog::CommitsBefore(uint64_t byte) const {
  return static_cast<uint64_t>(std::upper_bound(ends_.begin(), ends_.end(), byte) - ends_.begin()) -
         1;
}

DurableLog::Verdict DurableLog::Judge(const DiskImage& damaged) const {
  Disk disk(damaged);
  // RocksDB keeps a copy of its options, which nothing reads; writing it is much of an open's time.
  disk.files->Inject({.call = Call::kCreate, .file = FileKind::kOptions, .from_then_on = true});
  if (absl::Status status = disk.Open(false); !status.ok()) return {.status = status};
  const absl::StatusOr<uint32_t> digest = Digest(*disk.storage);
  if (!digest.ok()) return {.status = digest.status()};
  const auto it = std::find(digests_.begin(), digests_.end(), *digest);
  if (it == digests_.end()) return {};
  return {.prefix = static_cast<uint64_t>(it - digests_.begin())};
}

absl::Status DurableLog::Commit(Storage& storage, Random& random, uint64_t pad_bytes) {
  const uint64_t n = ends_.size();
  const uint64_t rows = 1 + random.Below(12);
  std::unique_ptr<storage::CommitBatch> batch = storage.NewBatch();
  for (MemoryUid uid : {kFirst, kSecond}) {
    batch->PutMemory(uid, "after commit " + std::to_string(n));
    batch->AppendLog(uid, {.position = n, .first_row = next_row_, .row_count = rows});
    for (uint64_t row = next_row_; row < next_row_ + rows; ++row) {
      std::vector<float> key(1 + random.Below(48));
      random.FillGaussian(key);
      const std::string payload(random.Below(2) == 0 ? random.Below(300) : 0, 'p');
      batch->PutRow(uid, {.row = row, .id = ItemId(1000 + row), .key = key}, {.payload = payload},
                    /*keep_id=*/true);
    }
    if (shape_.with_states && n % 8 == 0) {
      batch->PutState(uid, n, std::string(20 * n, 's'));
      batch->TrimLog(uid, n);
    }
  }
  next_row_ += rows;
  batch->PutRequest(
      {.scope = "s", .request_id = std::to_string(n)},
      {.body_hash = n, .time_unix_nanos = 1, .reply = "reply" + std::string(pad_bytes, '.')});
  return storage.Commit(std::move(batch), storage::Sync::kDisk);
}

std::optional<uint64_t> DurableLog::PadToBlock(Random random) {
  constexpr uint64_t kTrialBytes = 1000;  // within a length that is encoded like the final one
  if (!shape_.block_aligned) return std::nullopt;
  Disk trial(image());
  MNEME_CHECK(trial.Open(false).ok());
  const uint64_t next_row = next_row_;
  MNEME_CHECK(Commit(*trial.storage, random, kTrialBytes).ok());
  next_row_ = next_row;
  // Opening began a new log: the commit's size is all there is of it.
  const DiskImage after = trial.files->Image();
  const uint64_t size = after.Read(after.FilesOfKind(FileKind::kLog).back()).size();
  const uint64_t room = kLogBlockBytes - bytes() % kLogBlockBytes;
  if (size > room || room - size > 10'000) return std::nullopt;
  return kTrialBytes + room - size;
}

absl::StatusOr<uint32_t> DurableLog::Digest(const Storage& storage) const {
  Digester digester;
  MNEME_ASSIGN_OR_RETURN(const auto catalogue, storage.ReadCatalogue());
  for (const Storage::CatalogueEntry& entry : catalogue) {
    digester.Add(entry.uid);
    digester.Add(entry.entry);
    MNEME_RETURN_IF_ERROR(digester.AddMemory(storage, entry.uid));
  }
  for (uint64_t n = 1; n <= commits(); ++n) {
    MNEME_ASSIGN_OR_RETURN(const auto outcome,
                           storage.FindRequest({.scope = "s", .request_id = std::to_string(n)}));
    digester.Add(outcome.has_value() ? outcome->reply : "none");
  }
  return digester.crc();
}

}  // namespace mneme::test
