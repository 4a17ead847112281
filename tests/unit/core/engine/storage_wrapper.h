// A storage that hands everything on to another one, so that a test can override what it is about.
#ifndef MNEME_TESTS_UNIT_CORE_ENGINE_STORAGE_WRAPPER_H_
#define MNEME_TESTS_UNIT_CORE_ENGINE_STORAGE_WRAPPER_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/storage/storage.h"

namespace mneme::engine {

class StorageWrapper : public storage::Storage {
 public:
  using Uid = storage::MemoryUid;
  using RowVisit = std::function<absl::Status(const storage::RowView&)>;

  explicit StorageWrapper(std::unique_ptr<storage::Storage> inner) : inner_(std::move(inner)) {}
  storage::Storage& inner() const { return *inner_; }

  std::unique_ptr<storage::CommitBatch> NewBatch() const override { return inner_->NewBatch(); }
  absl::Status Commit(std::unique_ptr<storage::CommitBatch> batch, storage::Sync sync) override {
    return inner_->Commit(std::move(batch), sync);
  }
  absl::Status Flush() override { return inner_->Flush(); }
  absl::Status FlushTables() override { return inner_->FlushTables(); }
  absl::StatusOr<std::vector<CatalogueEntry>> ReadCatalogue() const override {
    return inner_->ReadCatalogue();
  }
  absl::StatusOr<std::vector<storage::AliasEntry>> ReadAliases() const override {
    return inner_->ReadAliases();
  }
  absl::StatusOr<std::vector<Uid>> FindOrphans() const override { return inner_->FindOrphans(); }
  absl::StatusOr<bool> IsUsed(Uid uid) const override { return inner_->IsUsed(uid); }
  absl::Status ReadLog(
      Uid uid, uint64_t after,
      const std::function<absl::Status(const storage::LogRecord&)>& visit) const override {
    return inner_->ReadLog(uid, after, visit);
  }
  absl::StatusOr<uint64_t> LastPosition(Uid uid) const override {
    return inner_->LastPosition(uid);
  }
  absl::Status ScanRows(Uid uid, uint64_t first, uint64_t last,
                        const RowVisit& visit) const override {
    return inner_->ScanRows(uid, first, last, visit);
  }
  absl::StatusOr<uint64_t> NextRow(Uid uid) const override { return inner_->NextRow(uid); }
  absl::StatusOr<std::vector<std::optional<uint64_t>>> FindIds(
      Uid uid, std::span<const ItemId> ids) const override {
    return inner_->FindIds(uid, ids);
  }
  absl::Status ReadRow(Uid uid, uint64_t row, const RowVisit& visit) const override {
    return inner_->ReadRow(uid, row, visit);
  }
  absl::StatusOr<std::vector<storage::OwnedPayload>> ReadPayloads(
      Uid uid, std::span<const uint64_t> rows) const override {
    return inner_->ReadPayloads(uid, rows);
  }
  absl::Status ScanAttributes(
      Uid uid,
      const std::function<absl::Status(uint64_t, std::string_view)>& visit) const override {
    return inner_->ScanAttributes(uid, visit);
  }
  absl::StatusOr<std::optional<storage::StateBlob>> ReadState(Uid uid) const override {
    return inner_->ReadState(uid);
  }
  absl::StatusOr<std::optional<storage::RequestOutcome>> FindRequest(
      const storage::RequestKey& key) const override {
    return inner_->FindRequest(key);
  }
  absl::StatusOr<uint64_t> ExpireRequests(int64_t before, uint64_t most) override {
    return inner_->ExpireRequests(before, most);
  }
  absl::Status CopyMemory(const storage::Storage& source, Uid source_uid, Uid uid,
                          std::string_view scope, const storage::ProgressFn& progress) override {
    const auto* wrapped = dynamic_cast<const StorageWrapper*>(&source);
    return inner_->CopyMemory(wrapped == nullptr ? source : wrapped->inner(), source_uid, uid,
                              scope, progress);
  }
  std::vector<storage::DiskBytes> MemoryDiskBytes(Uid uid) const override {
    return inner_->MemoryDiskBytes(uid);
  }
  uint64_t disk_bytes() const override { return inner_->disk_bytes(); }
  absl::StatusOr<uint64_t> FreeDiskBytes() const override { return inner_->FreeDiskBytes(); }
  absl::Status Verify(const std::function<void(const storage::Damage&)>& report,
                      const storage::ProgressFn& progress) const override {
    return inner_->Verify(report, progress);
  }
  storage::StorageCounters counters() const override { return inner_->counters(); }

 private:
  const std::unique_ptr<storage::Storage> inner_;
};

// Says of the disk what a test wants.
class DiskGauge final : public StorageWrapper {
 public:
  DiskGauge(std::unique_ptr<storage::Storage> inner, std::function<uint64_t()> free)
      : StorageWrapper(std::move(inner)), free_(std::move(free)) {}
  absl::StatusOr<uint64_t> FreeDiskBytes() const override { return free_(); }

 private:
  const std::function<uint64_t()> free_;
};

}  // namespace mneme::engine

#endif  // MNEME_TESTS_UNIT_CORE_ENGINE_STORAGE_WRAPPER_H_
