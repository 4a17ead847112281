#include "server/auth/grpc_log.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>
#include <spdlog/spdlog.h>

#include "core/base/clock.h"
#include "server/auth/rate_limiter.h"

namespace mneme::server {
namespace {

// They take functions without any state of ours.
void Log(bool is_error, const char* library, const char* message) {
  if (spdlog::default_logger_raw() == nullptr) return;  // at the very end
  static TokenBucket bucket(kGrpcLinesPerSecond);
  if (bucket.TryTake(1, Clock::Real().NowMonotonicNanos()) > 0) return;
  spdlog::log(is_error ? spdlog::level::warn : spdlog::level::debug, "{}: {}", library, message);
}

void LogGrpc(gpr_log_func_args* line) {
  Log(line->severity == GPR_LOG_SEVERITY_ERROR, "gRPC", line->message);
}

// Of text that a client sends and that is no UTF-8, among others.
void LogProtobuf(google::protobuf::LogLevel level, const char*, int, const std::string& message) {
  Log(level == google::protobuf::LOGLEVEL_FATAL, "protobuf", message.c_str());
}

}  // namespace

void TakeOverGrpcLog() {
  gpr_set_log_function(LogGrpc);
  google::protobuf::SetLogHandler(LogProtobuf);
}

}  // namespace mneme::server
