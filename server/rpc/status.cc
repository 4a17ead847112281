#include "server/rpc/status.h"

#include <algorithm>
#include <string>

#include "core/base/status.h"
#include "google/rpc/error_details.pb.h"

namespace mneme::server {
namespace {

// Length of the UTF-8 character that `text` begins with; 0 where it begins with none.
size_t CharacterBytes(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t n = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < n) return 0;
  for (size_t i = 1; i < n; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and what is beyond the last code point.
  if ((lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xed && byte(1) > 0x9f) ||
      (lead == 0xf0 && byte(1) < 0x90) || (lead == 0xf4 && byte(1) > 0x8f)) {
    return 0;
  }
  return n;
}

// Protobuf's strings are UTF-8: of what a caller sent, other bytes become '?', so that the rest of
// the message is not lost with them. At most `most` bytes, cut between characters.
std::string Text(std::string_view text, size_t most) {
  std::string out;
  out.reserve(std::min(text.size(), most));
  while (!text.empty()) {
    const size_t n = CharacterBytes(text);
    if (out.size() + std::max<size_t>(n, 1) > most) break;
    if (n == 0) {
      out += '?';
    } else {
      out += text.substr(0, n);
    }
    text.remove_prefix(std::max<size_t>(n, 1));
  }
  return out;
}

}  // namespace

void ToProto(const absl::Status& status, google::rpc::Status* out) {
  out->set_code(static_cast<int>(status.code()));
  out->set_message(Text(StdView(status.message()), kMessageBytesMax));
  const std::optional<ErrorDetail> detail = GetErrorDetail(status);
  if (!detail.has_value()) return;
  google::rpc::ErrorInfo info;
  info.set_reason(detail->reason);
  info.set_domain("mneme");
  if (!detail->given.empty())
    (*info.mutable_metadata())["given"] = Text(detail->given, kDetailBytesMax);
  if (!detail->expected.empty())
    (*info.mutable_metadata())["expected"] = Text(detail->expected, kDetailBytesMax);
  out->add_details()->PackFrom(info);
  if (!detail->next_step.empty()) {
    google::rpc::Help help;
    help.add_links()->set_description(Text(detail->next_step, kDetailBytesMax));
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
