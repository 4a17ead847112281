#include "core/engine/eviction.h"

#include <algorithm>

#include "core/base/status.h"
#include "core/engine/limits.h"
#include "core/engine/row_bytes.h"

namespace mneme::engine {

Cap CapOf(const ItemPolicy& policy, const models::MemorySpec& spec) {
  Cap cap;
  if (policy.items_max > 0) cap.items = policy.items_max;
  if (policy.bytes_max == 0) return cap;
  const uint64_t fixed = std::min(FixedBytes(spec), policy.bytes_max);
  const uint64_t row = RowBytes(spec);
  const uint64_t room = policy.bytes_max - fixed;
  // Where rows cost nothing the matrices must fit, that is all.
  if (row == 0) return cap;
  const uint64_t items = room / row;
  if (items < cap.items) cap = {.items = items, .by_bytes = true};
  return cap;
}

absl::Status FullOfItems(const Memory& memory, const ItemPolicy& policy, const Cap& cap,
                         uint64_t items) {
  std::string given = absl::StrFormat("%d items", items);
  std::string expected = absl::StrFormat("items_max: at most %d", policy.items_max);
  if (cap.by_bytes) {
    const uint64_t bytes = FixedBytes(memory.spec()) + items * RowBytes(memory.spec());
    given = absl::StrFormat("%d bytes (%d items)", bytes, items);
    expected =
        absl::StrFormat("bytes_max: at most %d bytes (%d items)", policy.bytes_max, cap.items);
  }
  const std::string message =
      absl::StrFormat("memory '%s' would hold %s; its cap is %d items by %s", memory.name(), given,
                      cap.items, cap.by_bytes ? "bytes_max" : "items_max");
  return ResourceExhausted(
      message, {.reason = "FULL",
                .given = std::move(given),
                .expected = std::move(expected),
                .next_step = "Delete items, raise the cap, or let the memory evict (UpdateMemory, "
                             "item_policy.full_policy). Nothing of the batch was stored."});
}

absl::StatusOr<uint64_t> Evictor::Find(FullPolicy policy, uint64_t count, const Take& take) {
  const bool by_use = policy == FullPolicy::kEvictLeastUsed;
  UsageClock& usage = memory_.usage();
  if (by_use) {
    memory_.evict_from = std::min(memory_.evict_from, usage.TakeLowestForgotten());
    used_ = usage.LeastUsed(count + kUsageSlack);
    next_used_ = 0;
  }
  MNEME_RETURN_IF_ERROR(Scan(by_use, count, take));
  MNEME_RETURN_IF_ERROR(OfferUsedBefore(~uint64_t{0}, count, take));
  return taken_;
}

void Evictor::Restart() { memory_.evict_from = 0; }

void Evictor::Commit() { memory_.evict_from = std::max(memory_.evict_from, scanned_to_); }

absl::Status Evictor::Scan(bool skip_used, uint64_t count, const Take& take) {
  const absl::Status enough = absl::CancelledError("enough");
  absl::Status status =
      storage_.ScanRows(memory_.uid(), memory_.evict_from, memory_.next_row,
                        [&](const storage::RowView& row) -> absl::Status {
                          if (taken_ == count) return enough;
                          if ((row.flags & storage::kRowRemoved) == 0 &&
                              !(skip_used && memory_.usage().Contains(row.row))) {
                            MNEME_RETURN_IF_ERROR(OfferUsedBefore(row.row, count, take));
                            if (taken_ == count) return enough;
                            if (take(row)) ++taken_;
                          }
                          scanned_to_ = row.row + 1;
                          return absl::OkStatus();
                        });
  return status == enough ? absl::OkStatus() : status;
}

// Those that were used before the row of that number was stored.
absl::Status Evictor::OfferUsedBefore(uint64_t time, uint64_t count, const Take& take) {
  while (taken_ < count && next_used_ < used_.size() && used_[next_used_].time <= time) {
    MNEME_RETURN_IF_ERROR(OfferUsed(used_[next_used_++].row, take));
  }
  return absl::OkStatus();
}

absl::Status Evictor::OfferUsed(uint64_t row, const Take& take) {
  bool live = false;
  absl::Status status =
      storage_.ReadRow(memory_.uid(), row, [&](const storage::RowView& view) -> absl::Status {
        live = (view.flags & storage::kRowRemoved) == 0;
        if (live && take(view)) ++taken_;
        return absl::OkStatus();
      });
  if (!status.ok() && !absl::IsNotFound(status)) return status;
  // An answer from an older view named it after it had gone.
  if (!live) memory_.usage().Remove({&row, 1});
  return absl::OkStatus();
}

}  // namespace mneme::engine
