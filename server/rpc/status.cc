#include "server/rpc/status.h"

#include <string>

#include "core/base/status.h"
#include "google/rpc/error_details.pb.h"

namespace mneme::server {

void ToProto(const absl::Status& status, google::rpc::Status* out) {
  out->set_code(static_cast<int>(status.code()));
  out->set_message(std::string(status.message().substr(0, kMessageBytesMax)));
  const std::optional<ErrorDetail> detail = GetErrorDetail(status);
  if (!detail.has_value()) return;
  google::rpc::ErrorInfo info;
  info.set_reason(detail->reason);
  info.set_domain("mneme");
  if (!detail->given.empty()) (*info.mutable_metadata())["given"] = detail->given;
  if (!detail->expected.empty()) (*info.mutable_metadata())["expected"] = detail->expected;
  out->add_details()->PackFrom(info);
  if (!detail->next_step.empty()) {
    google::rpc::Help help;
    help.add_links()->set_description(detail->next_step);
    out->add_details()->PackFrom(help);
  }
  if (detail->retry_after_ms >= 0) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(detail->retry_after_ms / 1000);
    retry.mutable_retry_delay()->set_nanos(
        static_cast<int>(detail->retry_after_ms % 1000 * 1'000'000));
    out->add_details()->PackFrom(retry);
  }
}

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  google::rpc::Status details;
  ToProto(status, &details);
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), details.message(),
                      details.SerializeAsString());
}

}  // namespace mneme::server
