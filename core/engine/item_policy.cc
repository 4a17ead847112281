#include "core/engine/item_policy.h"

#include <algorithm>

#include "core/base/status.h"
#include "core/engine/limits.h"
#include "core/engine/row_bytes.h"

namespace mneme::engine {
namespace {

absl::Status BadPolicy(std::string_view message, std::string given, std::string expected,
                       std::string_view next_step) {
  return InvalidArgument(message, {.reason = "ITEM_POLICY",
                                   .given = std::move(given),
                                   .expected = std::move(expected),
                                   .next_step = std::string(next_step)});
}

bool Evicts(FullPolicy policy) { return policy != FullPolicy::kRefuse; }

}  // namespace

bool CanForgetById(const models::MemorySpec& spec) {
  return std::holds_alternative<models::DenseSpec>(spec.model) ||
         spec.retain == models::Retain::kAll;
}

absl::Status ValidateItemPolicy(const ItemPolicy& policy, const models::MemorySpec& spec) {
  if (policy.ttl_nanos < 0 || policy.ttl_nanos > kTtlNanosMax) {
    return BadPolicy("the ttl is out of range", absl::StrCat(policy.ttl_nanos / 1e9, " s"),
                     absl::StrCat("0 (for ever) to ", kTtlNanosMax / 1'000'000'000, " s"),
                     "Give a lifetime above zero, or leave the ttl out.");
  }
  if (policy.full_policy > FullPolicy::kEvictLeastUsed) {
    return BadPolicy("the full_policy is unknown",
                     absl::StrCat(static_cast<int>(policy.full_policy)),
                     "REFUSE, EVICT_OLDEST or EVICT_LEAST_USED", "Choose one of these.");
  }
  if (policy.bytes_max > 0 && FixedBytes(spec) > policy.bytes_max) {
    return BadPolicy("the matrices of the memory alone take more than its bytes_max",
                     absl::StrCat("bytes_max ", policy.bytes_max),
                     absl::StrCat("at least ", FixedBytes(spec)),
                     "Raise bytes_max, or use smaller vectors or fewer partitions.");
  }
  if (CanForgetById(spec)) return absl::OkStatus();
  constexpr std::string_view kKeepsAll = "a dense memory, or another with retain ALL";
  if (policy.ttl_nanos > 0) {
    return BadPolicy("items of this memory cannot expire: it keeps no vectors to forget them by",
                     "a ttl", std::string(kKeepsAll),
                     "Leave the ttl out, or create the memory with retain ALL.");
  }
  if (Evicts(policy.full_policy)) {
    return BadPolicy(
        "items of this memory cannot be evicted: it keeps no vectors to forget them by",
        "a full_policy that evicts", std::string(kKeepsAll),
        "Use full_policy REFUSE, or create the memory with retain ALL.");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<int64_t>> ExpiryOfRows(const StoreCommand& command,
                                                  const ItemPolicy& policy,
                                                  int64_t now_unix_nanos) {
  const int64_t ttl = command.ttl_nanos.value_or(policy.ttl_nanos);
  const int64_t by_ttl = ttl > 0 ? now_unix_nanos + ttl : 0;
  if (by_ttl == 0 && command.expire_unix_nanos.empty()) return std::vector<int64_t>();
  std::vector<int64_t> out(command.keys.rows, by_ttl);
  for (size_t i = 0; i < command.expire_unix_nanos.size(); ++i) {
    const int64_t own = command.expire_unix_nanos[i];
    if (own == 0) continue;
    if (own <= now_unix_nanos) {
      return InvalidArgument(
          absl::StrFormat("row %d expired %.3f s ago", i,
                          static_cast<double>(now_unix_nanos - own) / 1e9),
          {.reason = "EXPIRED",
           .given = absl::StrCat(own, " ns since 1970"),
           .expected = absl::StrCat("after ", now_unix_nanos, " ns since 1970"),
           .next_step = "Leave the row out, or give a later time. Nothing of the batch was "
                        "stored."});
    }
    out[i] = own;
  }
  if (std::all_of(out.begin(), out.end(), [](int64_t time) { return time == 0; })) out.clear();
  return out;
}

}  // namespace mneme::engine
