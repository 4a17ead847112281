#include "client/cpp/src/status.h"

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"

namespace mneme::client {
namespace {

constexpr char kPayloadUrl[] = "type.googleapis.com/google.rpc.Status";
constexpr char kDomain[] = "mneme";
constexpr char kRowsDone[] = "rows_done";

google::rpc::Status GetDetails(const absl::Status& status) {
  google::rpc::Status details;
  if (const auto payload = status.GetPayload(kPayloadUrl)) {
    if (!details.ParseFromString(std::string(*payload))) details.Clear();
  }
  return details;
}

absl::Status Attach(absl::StatusCode code, std::string_view message,
                    const google::rpc::Status& details) {
  absl::Status status(code, AbslView(message));
  status.SetPayload(kPayloadUrl, absl::Cord(details.SerializeAsString()));
  return status;
}

void CopyDetails(const google::rpc::ErrorInfo& info, Error& error) {
  error.reason = info.reason();
  const auto& metadata = info.metadata();
  if (const auto it = metadata.find("given"); it != metadata.end()) error.given = it->second;
  if (const auto it = metadata.find("expected"); it != metadata.end()) error.expected = it->second;
  uint64_t rows_done = 0;
  if (const auto it = metadata.find(kRowsDone);
      it != metadata.end() && absl::SimpleAtoi(it->second, &rows_done)) {
    error.rows_done = rows_done;
  }
}

// How gRPC 1.51 words what keeps a connection from being made, and what that means.
struct Obstacle {
  std::string_view sign;
  const char* reason;
  const char* message;  // after the target
  const char* next_step;
};
constexpr Obstacle kObstacles[] = {
    {"certificate verify failed", "TLS",
     " shows a certificate that is not trusted: another authority signed it, or it is not valid "
     "now",
     "Check the authority (mnemectl --tls-ca), and the certificate's dates."},
    {"is not in peer certificate", "TLS", " shows a certificate that is not for this name",
     "Connect by a name that stands in it (subjectAltName), or give the server one for this name."},
    {"wrong version number", "TLS", " does not speak TLS",
     "Connect without it, or give the server a certificate (tls.certificate)."},
    {"empty address list", "TLS",
     ": no connection can be made with the certificates and key that were given",
     "Check that each file is what it is given as: an authority's certificate (mnemectl --tls-ca), "
     "and a certificate and key that are a pair (--tls-certificate, --tls-key)."},
    {"Socket closed", "REFUSED", " closed the connection at once",
     "If it wants TLS, name its authority (mnemectl --tls-ca); if it wants a certificate of yours, "
     "one that is valid and signed by its tls.client_ca (--tls-certificate, --tls-key)."},
};

// Null where the connection was there, or nobody listens.
const Obstacle* ObstacleOf(const grpc::Status& status) {
  const std::string message = status.error_message();
  if (!message.starts_with("failed to connect") && !message.starts_with("empty address list")) {
    return nullptr;
  }
  for (const Obstacle& obstacle : kObstacles) {
    if (message.find(obstacle.sign) != message.npos) return &obstacle;
  }
  return nullptr;
}

// What gRPC's own errors leave unsaid.
Error OwnWords(const grpc::Status& status, std::string_view target, bool asked_to_stop) {
  Error error{.code = static_cast<absl::StatusCode>(status.error_code()),
              .message = status.error_message()};
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
      if (const Obstacle* obstacle = ObstacleOf(status)) {
        error.reason = obstacle->reason;
        error.message = absl::StrCat(AbslView(target), obstacle->message);
        error.next_step = obstacle->next_step;
        break;
      }
      error.reason = "UNREACHABLE";
      error.message = absl::StrCat("no answer from ", AbslView(target), ": ", error.message);
      error.next_step =
          absl::StrCat("Check that mnemed runs and listens at ", AbslView(target), ".");
      break;
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      error.reason = "DEADLINE";
      error.message = absl::StrCat(AbslView(target), " did not answer in time");
      error.next_step = "Allow more time, or ask for less in one request.";
      break;
    case grpc::StatusCode::CANCELLED:
      if (!asked_to_stop) {
        error.code = absl::StatusCode::kUnavailable;
        error.reason = "CUT_OFF";
        error.message = absl::StrCat(AbslView(target), " ended the call without an answer");
        error.next_step = "It is probably stopping: try again once it is back.";
        break;
      }
      error.reason = "CANCELLED";
      error.message = absl::StrCat("stopped before ", AbslView(target), " answered");
      break;
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      error.reason = "MESSAGE_SIZE";
      error.next_step = "Send fewer rows in one request.";
      break;
    case grpc::StatusCode::UNIMPLEMENTED:
      // gRPC says as little of a request that it could not read.
      error.reason = "UNKNOWN_METHOD";
      if (error.message.empty()) {
        error.message = absl::StrCat(AbslView(target),
                                     " does not know this call, or could not read the request");
      }
      error.next_step = absl::StrCat("Check that a mneme server of this version is at ",
                                     AbslView(target), ", and that all text sent is UTF-8.");
      break;
    default:
      error.reason = "TRANSPORT";
  }
  return error;
}

}  // namespace

absl::Status FromGrpc(const grpc::Status& status, std::string_view target,
                      const std::stop_token& stop) {
  if (status.ok()) return absl::OkStatus();
  google::rpc::Status details;
  if (status.error_details().empty() || !details.ParseFromString(status.error_details()) ||
      details.details().empty()) {
    return MakeError(OwnWords(status, target, stop.stop_requested()));
  }
  return Attach(static_cast<absl::StatusCode>(status.error_code()), status.error_message(),
                details);
}

absl::Status FromProto(const google::rpc::Status& status) {
  if (status.code() == 0) return absl::OkStatus();
  return Attach(static_cast<absl::StatusCode>(status.code()), status.message(), status);
}

absl::Status MakeError(const Error& error) {
  google::rpc::ErrorInfo info;
  info.set_reason(error.reason);
  info.set_domain(kDomain);
  auto& metadata = *info.mutable_metadata();
  if (!error.given.empty()) metadata["given"] = error.given;
  if (!error.expected.empty()) metadata["expected"] = error.expected;
  if (error.rows_done) metadata[kRowsDone] = std::to_string(*error.rows_done);
  google::rpc::Status details;
  details.add_details()->PackFrom(info);
  if (!error.next_step.empty()) {
    google::rpc::Help help;
    help.add_links()->set_description(error.next_step);
    details.add_details()->PackFrom(help);
  }
  if (error.retry_after) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(error.retry_after->count() / 1000);
    retry.mutable_retry_delay()->set_nanos(
        static_cast<int32_t>(error.retry_after->count() % 1000 * 1'000'000));
    details.add_details()->PackFrom(retry);
  }
  return Attach(error.code, error.message, details);
}

absl::Status Annotate(const absl::Status& status, std::string_view context) {
  if (status.ok()) return status;
  Error error = GetError(status);
  error.message = absl::StrCat(AbslView(context), ": ", error.message);
  return MakeError(error);
}

absl::Status WithRowsDone(const absl::Status& status, uint64_t rows_done) {
  if (status.ok()) return status;
  Error error = GetError(status);
  error.rows_done = rows_done;
  return MakeError(error);
}

Error GetError(const absl::Status& status) {
  Error error{.code = status.code(), .message = std::string(status.message())};
  const google::rpc::Status details = GetDetails(status);
  for (const google::protobuf::Any& any : details.details()) {
    if (google::rpc::ErrorInfo info; any.UnpackTo(&info)) {
      CopyDetails(info, error);
    } else if (google::rpc::Help help; any.UnpackTo(&help)) {
      if (!help.links().empty()) error.next_step = help.links(0).description();
    } else if (google::rpc::RetryInfo retry; any.UnpackTo(&retry)) {
      error.retry_after = std::chrono::milliseconds(retry.retry_delay().seconds() * 1000 +
                                                    retry.retry_delay().nanos() / 1'000'000);
    }
  }
  return error;
}

}  // namespace mneme::client
