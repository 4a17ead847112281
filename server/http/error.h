// Errors over HTTP: google.rpc.Status in JSON, details and all, with the HTTP code that belongs to
// its code, and a Retry-After header where waiting helps.
#ifndef MNEME_SERVER_HTTP_ERROR_H_
#define MNEME_SERVER_HTTP_ERROR_H_

#include <grpcpp/grpcpp.h>

#include "absl/status/status.h"
#include "google/rpc/status.pb.h"
#include "server/http/http_server.h"

namespace mneme::server {

HttpResponse ErrorResponse(const google::rpc::Status& status);
HttpResponse ErrorResponse(const absl::Status& status);
HttpResponse ErrorResponse(const grpc::Status& status);

}  // namespace mneme::server

#endif  // MNEME_SERVER_HTTP_ERROR_H_
