// Short hands for tests that talk to a live daemon through the generated stubs.
#ifndef MNEME_TESTS_INTEGRATION_LIVE_H_
#define MNEME_TESTS_INTEGRATION_LIVE_H_

#include <grpcpp/grpcpp.h>
#include <signal.h>

#include <memory>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "mneme/v1/memory_service.grpc.pb.h"
#include "tests/support/daemon.h"

namespace mneme::test {

// What an error says, unpacked.
struct ErrorParts {
  grpc::StatusCode code = grpc::StatusCode::OK;
  std::string message, reason, domain, given, expected, next_step;
  bool retry = false;
};

inline ErrorParts Unpack(int code, const std::string& message, const google::rpc::Status& details) {
  ErrorParts out{.code = static_cast<grpc::StatusCode>(code), .message = message};
  for (const google::protobuf::Any& any : details.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::Help help;
    google::rpc::RetryInfo retry;
    if (any.UnpackTo(&info)) {
      out.reason = info.reason();
      out.domain = info.domain();
      if (info.metadata().contains("given")) out.given = info.metadata().at("given");
      if (info.metadata().contains("expected")) out.expected = info.metadata().at("expected");
    } else if (any.UnpackTo(&help) && help.links_size() > 0) {
      out.next_step = help.links(0).description();
    } else if (any.UnpackTo(&retry)) {
      out.retry = true;
    }
  }
  return out;
}

inline ErrorParts Unpack(const grpc::Status& status) {
  google::rpc::Status details;
  details.ParseFromString(status.error_details());
  return Unpack(status.error_code(), status.error_message(), details);
}

inline void SetMatrix(const std::vector<float>& values, int cols, v1::Matrix* to) {
  to->set_dtype(v1::DTYPE_FLOAT32);
  to->set_rows(static_cast<uint32_t>(values.size() / cols));
  to->set_cols(static_cast<uint32_t>(cols));
  to->set_data(values.data(), values.size() * sizeof(float));
}

inline std::vector<float> UnitRows(uint64_t seed, int rows, int cols) {
  Random random(seed);
  std::vector<float> out(static_cast<size_t>(rows) * cols);
  for (int i = 0; i < rows; ++i)
    random.FillUnit(std::span<float>(out).subspan(static_cast<size_t>(i) * cols, cols));
  return out;
}

// One call with a context of its own.
#define MNEME_CALL(stub, method, request, response)          \
  [&] {                                                      \
    grpc::ClientContext call_context;                        \
    return (stub)->method(&call_context, request, response); \
  }()

}  // namespace mneme::test

#endif  // MNEME_TESTS_INTEGRATION_LIVE_H_
