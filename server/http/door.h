// The HTTP port with all that is behind it: /healthz, /readyz, /metrics, /openapi.json, and every
// RPC as JSON.
//
// Thread-safe. Its end: StopCalls, then the gRPC server's, which answers the calls under way, then
// Stop, and only then the engine's.
#ifndef MNEME_SERVER_HTTP_DOOR_H_
#define MNEME_SERVER_HTTP_DOOR_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "core/engine/engine.h"
#include "server/http/http_server.h"
#include "server/http/json_door.h"
#include "server/http/routes.h"
#include "server/observe/families.h"

namespace mneme::server {

struct DoorOptions {
  HttpOptions http;
  std::chrono::nanoseconds call_time{};  // of a call whose client does not say
  // OK: whoever sent this header (empty: none) may read metrics and the description of the API.
  std::function<absl::Status(const std::string& authorization)> allow = [](const std::string&) {
    return absl::OkStatus();
  };
  // OK: whoever sent this header is known, and may have a large body of a call read.
  std::function<absl::Status(const std::string& authorization, const std::string& verb)> know =
      [](const std::string&, const std::string&) { return absl::OkStatus(); };
  // Counts a page, or a body that cannot be read, against the sender's limits; RATE.
  JsonDoor::Take take = [](const std::string&, uint64_t) { return absl::OkStatus(); };
  // Likewise the bytes of a page.
  std::function<void(const std::string& authorization, uint64_t bytes)> charge =
      [](const std::string&, uint64_t) {};
  // What to show at /metrics besides the door's own.
  std::function<void(MetricFamilies&)> collect = [](MetricFamilies&) {};
};

class HttpDoor {
 public:
  // `engine` and `server` must outlive it.
  static absl::StatusOr<std::unique_ptr<HttpDoor>> Start(DoorOptions options, const Clock& clock,
                                                         ByteBudget& budget,
                                                         const engine::Engine& engine,
                                                         grpc::Server& server);
  // From now on /readyz says that the server takes no new work.
  void SetDraining() { draining_.store(true, std::memory_order_release); }
  // From now on RPCs are refused: call it before the gRPC server shuts down.
  void StopCalls() { json_.StopCalls(); }
  void SetAnswerSeconds(uint64_t seconds) { http_->SetAnswerSeconds(seconds); }
  // See HttpServer::Renew.
  absl::Status Renew(const HttpCertificate& tls) { return http_->Renew(tls); }
  // Returns when all requests under way were answered.
  void Stop() { http_->Stop(); }
  int port() const { return http_->port(); }

 private:
  HttpDoor(DoorOptions options, const engine::Engine& engine, grpc::Server& server);

  void Handle(HttpRequest& request, HttpRespond respond);
  HttpResponse Show(Page page) const;
  // `tells_all`: of which memories there are, too.
  HttpResponse Readiness(bool tells_all) const;
  HttpResponse Metrics() const;

  const DoorOptions options_;
  const engine::Engine& engine_;
  const Routes routes_;
  const std::string open_api_;
  std::atomic<bool> draining_{false};
  JsonDoor json_;
  std::unique_ptr<HttpServer> http_;  // last: uses the others
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_HTTP_DOOR_H_
