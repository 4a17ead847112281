// The HTTP port: connections, bounds, and one handler that is given whole requests.
//
// A thread of libmicrohttpd's for each address takes and sends bytes for all its connections. A
// request is handed over once its body is there; its connection is then suspended until the handler
// responds, from whatever thread, so nobody waits. Bodies and answers are charged to the byte
// budget that gRPC's calls are charged to, for as long as they are held; answers to half of it at
// most, so that those who read slowly leave room for the others.
//
// A request that has an Origin header comes from a page in a browser, and is refused: a page that
// its reader happens to visit must not reach a server on his loopback address. What has none may
// still come from a page, of a name that was made to point here: hosts.h.
//
// Thread-safe.
#ifndef MNEME_SERVER_HTTP_HTTP_SERVER_H_
#define MNEME_SERVER_HTTP_HTTP_SERVER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "server/http/hosts.h"
#include "server/http/patience.h"
#include "server/net/socket.h"
#include "server/rpc/budget.h"

struct MHD_Connection;
struct MHD_Daemon;

namespace mneme::server {

// Bytes of a request's line and headers; also what a connection holds while it is idle.
inline constexpr size_t kHttpHeaderBytesMax = 32 * 1024;
// A request that is refused before its body came in: a body that is announced with no more than
// this is read and dropped, so that the client is there to read why; with any other it is answered
// at once, and the connection is closed. One that is refused within its body is read on for as much
// beyond body_bytes_max; libmicrohttpd takes no answer before the end, so that one that goes on is
// closed without.
inline constexpr uint64_t kHttpDroppedBodyBytesMax = 64 * 1024;
// Answers beyond this size may together hold half of the byte budget.
inline constexpr uint64_t kHttpLargeAnswerBytes = 1024 * 1024;
// Certificates in use at once: of the port, and of connections that began before it was renewed.
inline constexpr size_t kHttpRenewalsMax = 8;

struct HttpRequest {
  std::string verb;  // "GET"
  std::string path;  // "/v1/memories/faces:retrieve", without a query
  std::string body;
  // Headers that are used; empty where there is none.
  std::string authorization;
  std::string traceparent;
  std::string tracestate;
  std::string grpc_timeout;
  // More than kHttpDroppedBodyBytesMax are announced, or it is not said how many.
  bool body_is_large = false;
};

struct HttpResponse {
  int code = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers = {};
};

// Takes the answer to a request; called once.
using HttpRespond = std::function<void(HttpResponse)>;

// PEM; both empty: plain HTTP.
struct HttpCertificate {
  std::string certificate;  // its chain follows it
  std::string key;
};

struct HttpOptions {
  std::string listen;  // host:port
  uint64_t connections_max = 0;
  uint64_t connections_per_address_max = 0;
  uint64_t idle_seconds = 0;     // without a byte either way
  uint64_t request_seconds = 0;  // for a request to come in, from the connection or the last answer
  uint64_t answer_seconds = 0;   // for an answer to be taken
  uint64_t body_bytes_max = 0;
  HttpCertificate tls;
  // Requests for names that these are not are refused.
  Hosts hosts = {};
};

struct HttpHandler {
  // By path and headers alone, before the body: an answer where there is nothing to read it for.
  std::function<std::optional<HttpResponse>(const HttpRequest&)> refuse;
  // The request lives until `respond` is called. Must not block.
  std::function<void(HttpRequest& request, HttpRespond respond)> handle;
};

struct HttpCounters {
  uint64_t connections = 0;                        // now
  uint64_t under_way = 0;                          // requests that are handled now
  uint64_t responses[5] = {};                      // 1xx, 2xx, ... since the start
  uint64_t body_bytes_in = 0, body_bytes_out = 0;  // since the start
};

class HttpServer {
 public:
  // Unavailable (LISTEN): the address is in use, or not ours, or the certificate is none.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const HttpOptions& options,
                                                           const Clock& clock, ByteBudget& budget,
                                                           HttpHandler handler);
  ~HttpServer();  // Stop()

  // New requests are refused; returns when those under way were answered: the handler must see to
  // it that they are.
  void Stop();
  // Connections that begin from now on see this certificate; those that are open go on. Only where
  // there is TLS already. Unavailable (LISTEN): it is none; FailedPrecondition (RENEWALS): clients
  // of the last kHttpRenewalsMax certificates are still connected. Then all stays as it is.
  absl::Status Renew(const HttpCertificate& tls);
  // For answers that begin from now on.
  void SetAnswerSeconds(uint64_t seconds) {
    answer_nanos_.store(static_cast<int64_t>(seconds) * kNanosPerSecond, std::memory_order_relaxed);
  }
  int port() const { return port_; }
  HttpCounters counters() const;

 private:
  struct Exchange;
  struct Callbacks;

  HttpServer(const HttpOptions& options, const Clock& clock, ByteBudget& budget,
             HttpHandler handler)
      : options_(options),
        clock_(clock),
        budget_(budget),
        handler_(std::move(handler)),
        patience_(clock, static_cast<int64_t>(options.request_seconds) * kNanosPerSecond),
        answer_nanos_(static_cast<int64_t>(options.answer_seconds) * kNanosPerSecond) {}

  static constexpr int64_t kNanosPerSecond = 1'000'000'000;

  // Takes the bytes of an answer from the budget, or makes it a refusal.
  void ChargeAnswer(Exchange& exchange, HttpResponse& response);
  // Reactions of libmicrohttpd's thread; false closes the connection.
  std::unique_ptr<Exchange> Begin(MHD_Connection* connection, const char* path, const char* verb);
  bool TakeBody(Exchange& exchange, const char* data, size_t size);
  bool Handle(Exchange& exchange);
  bool Send(Exchange& exchange);
  // One for each socket that listens; none where one of them cannot be.
  std::vector<MHD_Daemon*> StartDaemons(const HttpCertificate& tls, std::vector<Socket> sockets);
  MHD_Daemon* StartDaemon(const HttpCertificate& tls, int socket);

  const HttpOptions options_;
  const Clock& clock_;
  ByteBudget& budget_;
  const HttpHandler handler_;
  Patience patience_;
  std::atomic<int64_t> answer_nanos_;
  std::atomic<uint64_t> answer_bytes_{0};  // of answers that are held
  int port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> connections_{0};
  std::atomic<uint64_t> responses_[5] = {};
  std::atomic<uint64_t> body_bytes_in_{0};
  std::atomic<uint64_t> body_bytes_out_{0};

  mutable Mutex mutex_;  // a leaf
  CondVar idle_;         // nothing is under way any more
  uint64_t under_way_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t listening_ ABSL_GUARDED_BY(mutex_) = 0;  // addresses
  // The last `listening_` listen; those before them have connections of earlier certificates.
  std::vector<MHD_Daemon*> daemons_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_HTTP_HTTP_SERVER_H_
