#include "server/auth/page_rate.h"

namespace mneme::server {
namespace {

const Identity* LimitedIn(const absl::StatusOr<Caller>& caller) {
  if (!caller.ok() || caller->identity() == nullptr) return nullptr;
  return caller->identity()->limiter == nullptr ? nullptr : caller->identity();
}

}  // namespace

absl::Status PageRate::Take(std::string_view authorization, uint64_t bytes) const {
  const absl::StatusOr<Caller> caller = authenticator_.Identify(authorization);
  const Identity* const limited = LimitedIn(caller);
  if (limited == nullptr) return absl::OkStatus();
  return limited->limiter->TryTake(limited->name, 1, bytes, clock_.NowMonotonicNanos());
}

void PageRate::Charge(std::string_view authorization, uint64_t bytes) const {
  const absl::StatusOr<Caller> caller = authenticator_.Identify(authorization);
  const Identity* const limited = LimitedIn(caller);
  if (limited != nullptr) limited->limiter->TakeBytes(bytes, clock_.NowMonotonicNanos());
}

}  // namespace mneme::server
