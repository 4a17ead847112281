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

}  // namespace

HttpResponse ErrorResponse(const google::rpc::Status& status) {
  HttpResponse out{.code = HttpCodeOf(status.code())};
  if (!google::protobuf::util::MessageToJsonString(status, &out.body).ok()) {
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
