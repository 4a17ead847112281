#include "server/auth/grpc_log.h"

#include <grpc/support/log.h>
#include <spdlog/spdlog.h>

#include "core/base/clock.h"
#include "server/auth/rate_limiter.h"

namespace mneme::server {
namespace {

// gRPC takes a function without any state of ours.
void Log(gpr_log_func_args* line) {
  if (spdlog::default_logger_raw() == nullptr) return;  // at the very end
  static TokenBucket bucket(kGrpcLinesPerSecond);
  if (bucket.TryTake(1, Clock::Real().NowMonotonicNanos()) > 0) return;
  const bool is_error = line->severity == GPR_LOG_SEVERITY_ERROR;
  spdlog::log(is_error ? spdlog::level::warn : spdlog::level::debug, "gRPC: {}", line->message);
}

}  // namespace

void TakeOverGrpcLog() { gpr_set_log_function(Log); }

}  // namespace mneme::server
