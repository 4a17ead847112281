#include "server/rpc/budget.h"

#include "core/base/status.h"
#include "core/engine/limits.h"

namespace mneme::server {

absl::Status ByteBudget::TryTake(uint64_t bytes) {
  const uint64_t most = bytes <= kSmallBytes ? bytes_max_ + bytes_max_ / 8 : bytes_max_;
  if (bytes > most) {
    return ResourceExhausted(
        absl::StrFormat("a message of %d bytes is more than all calls together may hold", bytes),
        {.reason = "LIMIT",
         .given = absl::StrCat(bytes, " bytes"),
         .expected = absl::StrCat("at most ", most),
         .next_step =
             "Send less, or ask for less, in one request; or give the server more memory."});
  }
  uint64_t held = held_.load(std::memory_order_relaxed);
  while (held <= most && bytes <= most - held) {
    if (held_.compare_exchange_weak(held, held + bytes, std::memory_order_relaxed)) {
      return absl::OkStatus();
    }
  }
  return ResourceExhausted(
      absl::StrFormat("the calls under way hold %d bytes already, of at most %d", held, most),
      {.reason = "BUSY",
       .given = absl::StrCat(bytes, " bytes"),
       .expected = absl::StrCat("at most ", most > held ? most - held : 0, " bytes now"),
       .next_step = "Wait and retry; send smaller requests, or ask for less at a time.",
       .retry_after_ms = engine::kBusyRetryMs});
}

}  // namespace mneme::server
