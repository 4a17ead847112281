#include "server/http/error.h"

#include <google/protobuf/util/json_util.h>

#include "core/base/status.h"
#include "google/rpc/error_details.pb.h"
#include "server/rpc/status.h"

namespace mneme::server {
namespace {

// google.rpc.Code says which HTTP code belongs to which.
int HttpCodeOf(int code) {
  switch (static_cast<absl::StatusCode>(code)) {
    case absl::StatusCode::kOk:
      return 200;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
      return 400;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kAborted:
      return 409;
    case absl::StatusCode::kResourceExhausted:
      return 429;
    case absl::StatusCode::kCancelled:
      return 499;
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kUnavailable:
      return 503;
    case absl::StatusCode::kDeadlineExceeded:
      return 504;
    default:  // kUnknown, kInternal, kDataLoss, and what no code stands for
      return 500;
  }
}

// A limit is not lifted by waiting, which is what clients do at 429.
bool IsLimit(const google::rpc::Status& status) {
  if (static_cast<absl::StatusCode>(status.code()) != absl::StatusCode::kResourceExhausted)
    return false;
  for (const google::protobuf::Any& detail : status.details()) {
    google::rpc::ErrorInfo info;
    if (detail.UnpackTo(&info)) return info.reason() == "LIMIT";
  }
  return false;
}

// Advice without the commands of mnemectl that stand in it behind what they do, "(mnemectl memory
// list)": who asks over HTTP has the RPC before them.
google::rpc::Status WithoutCommands(google::rpc::Status status) {
  constexpr std::string_view kBegin = " (mnemectl ";
  for (google::protobuf::Any& detail : *status.mutable_details()) {
    google::rpc::Help help;
    if (!detail.UnpackTo(&help)) continue;
    for (google::rpc::Help::Link& link : *help.mutable_links()) {
      std::string& text = *link.mutable_description();
      for (size_t begin; (begin = text.find(kBegin)) != std::string::npos;) {
        const size_t end = text.find(')', begin);
        if (end == std::string::npos) break;
        text.erase(begin, end + 1 - begin);
      }
    }
    detail.PackFrom(help);
  }
  return status;
}

}  // namespace

HttpResponse ErrorResponse(const google::rpc::Status& status) {
  HttpResponse out{.code = IsLimit(status) ? 400 : HttpCodeOf(status.code())};
  if (!google::protobuf::util::MessageToJsonString(WithoutCommands(status), &out.body).ok()) {
    // A detail of a type that is not ours: the rest is said without it.
    google::rpc::Status plain;
    plain.set_code(status.code());
    plain.set_message(status.message());
    static_cast<void>(google::protobuf::util::MessageToJsonString(plain, &out.body));
  }
  out.body += '\n';
  if (out.code == 401) out.headers.emplace_back("WWW-Authenticate", "Bearer");
  for (const google::protobuf::Any& detail : status.details()) {
    google::rpc::RetryInfo retry;
    if (!detail.UnpackTo(&retry)) continue;
    const int64_t seconds = retry.retry_delay().seconds() + (retry.retry_delay().nanos() > 0);
    out.headers.emplace_back("Retry-After", absl::StrCat(seconds));
  }
  return out;
}

HttpResponse ErrorResponse(const absl::Status& status) {
  google::rpc::Status message;
  ToProto(status, &message);
  return ErrorResponse(message);
}

HttpResponse ErrorResponse(const grpc::Status& status) {
  google::rpc::Status message;
  const bool detailed = message.ParseFromString(status.error_details()) &&
                        message.code() == static_cast<int>(status.error_code());
  if (!detailed) {
    message.Clear();
    message.set_code(static_cast<int>(status.error_code()));
    message.set_message(status.error_message());
  }
  return ErrorResponse(message);
}

}  // namespace mneme::server
