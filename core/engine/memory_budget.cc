#include "core/engine/memory_budget.h"

#include <algorithm>
#include <utility>

#include "core/base/status.h"
#include "core/engine/limits.h"

namespace mneme::engine {

MemoryBudget::Account::Account(Account&& other) noexcept
    : budget_(std::exchange(other.budget_, nullptr)), bytes_(other.bytes_), peak_(other.peak_) {}

MemoryBudget::Account& MemoryBudget::Account::operator=(Account&& other) noexcept {
  std::swap(budget_, other.budget_);
  std::swap(bytes_, other.bytes_);
  std::swap(peak_, other.peak_);
  return *this;
}

MemoryBudget::Account::~Account() { Set(0, 0); }

void MemoryBudget::Account::Set(uint64_t bytes, uint64_t peak) {
  if (budget_ == nullptr) return;
  MutexLock lock(&budget_->mutex_);
  budget_->held_ += bytes - bytes_;
  if (peak != peak_) {
    if (peak_ > 0) budget_->peaks_.erase(budget_->peaks_.find(peak_));
    if (peak > 0) budget_->peaks_.insert(peak);
  }
  bytes_ = bytes;
  peak_ = peak;
}

MemoryBudget::Reservation::Reservation(Reservation&& other) noexcept
    : budget_(std::exchange(other.budget_, nullptr)), bytes_(other.bytes_) {}

MemoryBudget::Reservation& MemoryBudget::Reservation::operator=(Reservation&& other) noexcept {
  std::swap(budget_, other.budget_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

void MemoryBudget::Reservation::Release() {
  if (budget_ == nullptr) return;
  MutexLock lock(&budget_->mutex_);
  budget_->promised_ -= bytes_;
  budget_ = nullptr;
}

uint64_t MemoryBudget::peak() const { return peaks_.empty() ? 0 : *peaks_.rbegin(); }

uint64_t MemoryBudget::used() const {
  MutexLock lock(&mutex_);
  return held_ + promised_;
}

absl::StatusOr<MemoryBudget::Reservation> MemoryBudget::Reserve(std::string_view what,
                                                                uint64_t bytes, uint64_t peak) {
  uint64_t held, promised;
  {
    MutexLock lock(&mutex_);
    held = held_ + std::max(peak, this->peak());
    promised = promised_;
    if (limit_ == 0 || held + promised + bytes <= limit_) {
      promised_ += bytes;
      return Reservation(*this, bytes);
    }
  }
  const bool busy = held + bytes <= limit_;
  return ResourceExhausted(
      absl::StrFormat("%s needs %d bytes of main memory; of the server's %d, %d are in use and %d "
                      "promised to writes on their way",
                      AbslView(what), bytes, limit_, held, promised),
      {.reason = busy ? "BUSY" : "FULL",
       .given = absl::StrFormat("%d bytes", bytes),
       .expected = absl::StrFormat("at most %d bytes", limit_ > held ? limit_ - held : 0),
       .next_step = busy ? "Wait and retry; send smaller batches."
                         : "Delete items or memories, or raise engine.memory_bytes_max in the "
                           "server's configuration.",
       .retry_after_ms = busy ? kBusyRetryMs : -1});
}

}  // namespace mneme::engine
