#include "server/rpc/status.h"

#include <string>

#include "core/base/status.h"
#include "google/rpc/error_details.pb.h"

namespace mneme::server {

namespace {

// At most `most` bytes, cut between characters: protobuf's strings are UTF-8.
std::string Cut(std::string_view text, size_t most) {
  if (text.size() <= most) return std::string(text);
  size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return std::string(text.substr(0, end));
}

}  // namespace

void ToProto(const absl::Status& status, google::rpc::Status* out) {
  out->set_code(static_cast<int>(status.code()));
  out->set_message(Cut(StdView(status.message()), kMessageBytesMax));
  const std::optional<ErrorDetail> detail = GetErrorDetail(status);
  if (!detail.has_value()) return;
  google::rpc::ErrorInfo info;
  info.set_reason(detail->reason);
  info.set_domain("mneme");
  if (!detail->given.empty())
    (*info.mutable_metadata())["given"] = Cut(detail->given, kDetailBytesMax);
  if (!detail->expected.empty())
    (*info.mutable_metadata())["expected"] = Cut(detail->expected, kDetailBytesMax);
  out->add_details()->PackFrom(info);
  if (!detail->next_step.empty()) {
    google::rpc::Help help;
    help.add_links()->set_description(Cut(detail->next_step, kDetailBytesMax));
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
