#include "server/http/http_server.h"

#include <fcntl.h>
#include <microhttpd.h>
#include <string.h>

#include <charconv>
#include <string_view>

#include "core/base/status.h"
#include "core/engine/limits.h"
#include "server/http/error.h"

namespace mneme::server {
namespace {

// A body and what converting it takes, for each of its bytes.
constexpr uint64_t kBodyCopies = 4;
// TLS 1.2 and 1.3, as on the port of gRPC.
constexpr char kTlsPriorities[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";

absl::Status FromBrowser(std::string_view origin) {
  return MakeError(absl::StatusCode::kPermissionDenied,
                   "requests of pages in a browser are not served",
                   {.reason = "ORIGIN",
                    .given = absl::StrCat("Origin: ", AbslView(origin)),
                    .expected = "a request without an Origin header",
                    .next_step = "Have the page's own server ask mneme."});
}

absl::Status BodyTooLarge(uint64_t most) {
  return ResourceExhausted(
      absl::StrFormat("the body is larger than %d bytes", most),
      {.reason = "LIMIT",
       .given = "a larger body",
       .expected = absl::StrFormat("at most %d bytes", most),
       .next_step = "Split the batch into several requests, or send Matrix.data "
                    "in place of values."});
}

absl::Status AmbiguousBody() {
  return InvalidArgument("the headers do not say where the body ends",
                         {.reason = "HEADERS",
                          .expected = "one Content-Length, or Transfer-Encoding: chunked, and no "
                                      "blanks in the names of headers",
                          .next_step = "Correct the client, or the proxy before this server."});
}

absl::Status AnswersWait(uint64_t held, uint64_t most) {
  return ResourceExhausted("answers that wait to be taken hold too much memory",
                           {.reason = "BUSY",
                            .given = absl::StrFormat("%d bytes with this one", held),
                            .expected = absl::StrFormat("at most %d bytes", most),
                            .next_step = "Read answers sooner, ask for less at once, or retry.",
                            .retry_after_ms = engine::kBusyRetryMs});
}

absl::Status ServerStopping() {
  return Unavailable("the server is stopping",
                     {.reason = "STOPPING", .next_step = "Retry once it is back."});
}

std::string Header(MHD_Connection* connection, const char* name) {
  const char* value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
  return value == nullptr ? std::string() : std::string(value);
}

// Of Content-Length; 0 where it is not said.
uint64_t AnnouncedBytes(MHD_Connection* connection) {
  const std::string text = Header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
  uint64_t bytes = 0;
  std::from_chars(text.data(), text.data() + text.size(), bytes);
  return bytes;
}

// Where the body ends must be said once: a proxy that takes the other word would hand us a part of
// the body as the next request.
bool BodyIsAmbiguous(MHD_Connection* connection) {
  size_t lengths = 0;
  const auto count = [](void* to, MHD_ValueKind, const char* key, const char*) -> MHD_Result {
    std::string_view name(key);
    const bool odd = name.find_first_of(" \t") != std::string_view::npos;
    const bool length = strcasecmp(key, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0 ||
                        strcasecmp(key, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0;
    *static_cast<size_t*>(to) += odd ? 2 : length;
    return MHD_YES;
  };
  MHD_get_connection_values(connection, MHD_HEADER_KIND, count, &lengths);
  return lengths > 1;
}

uint64_t ConnectionsOf(MHD_Daemon* daemon) {
  const MHD_DaemonInfo* info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
  return info == nullptr ? 0 : info->num_connections;
}

absl::Status CannotListen(const std::string& why) {
  return Unavailable(
      why, {.reason = "LISTEN",
            .next_step = "Is another mnemed running there? Choose another --http.listen, or none: "
                         "--http.listen=none."});
}

}  // namespace

// One request and its answer. Belongs to libmicrohttpd's thread, but while it is handled.
struct HttpServer::Exchange {
  explicit Exchange(HttpServer& s, MHD_Connection* c) : server(s), connection(c) {}
  ~Exchange() {
    server.budget_.Give(charged_bytes);
    server.answer_bytes_.fetch_sub(answer_bytes, std::memory_order_relaxed);
  }

  HttpServer& server;
  MHD_Connection* const connection;
  HttpRequest request;
  std::optional<HttpResponse> response;
  uint64_t body_bytes = 0;  // that came, kept or not
  uint64_t charged_bytes = 0;
  uint64_t answer_bytes = 0;  // of them
  bool handled = false;
};

struct HttpServer::Callbacks {
  static MHD_Result Access(void* self, MHD_Connection* connection, const char* path,
                           const char* verb, const char*, const char* data, size_t* size,
                           void** state) {
    HttpServer& server = *static_cast<HttpServer*>(self);
    if (*state == nullptr) {
      std::unique_ptr<Exchange> exchange = server.Begin(connection, path, verb);
      Exchange& begun = *exchange;
      *state = exchange.release();  // Completed takes it
      const bool now = begun.response.has_value() && begun.request.body_is_large;
      return !now || server.Send(begun) ? MHD_YES : MHD_NO;
    }
    Exchange& exchange = *static_cast<Exchange*>(*state);
    if (*size > 0) {
      const bool taken = server.TakeBody(exchange, data, *size);
      *size = 0;
      return taken ? MHD_YES : MHD_NO;
    }
    if (exchange.response.has_value()) return server.Send(exchange) ? MHD_YES : MHD_NO;
    return server.Handle(exchange) ? MHD_YES : MHD_NO;
  }

  static void Completed(void* self, MHD_Connection* connection, void** state,
                        MHD_RequestTerminationCode) {
    delete static_cast<Exchange*>(*state);
    *state = nullptr;
    static_cast<HttpServer*>(self)->patience_.Answered(*TicketOf(connection));
  }

  // Over all daemons; libmicrohttpd bounds each.
  static MHD_Result Accept(void* self, const sockaddr*, socklen_t) {
    HttpServer& server = *static_cast<HttpServer*>(self);
    const uint64_t open = server.connections_.load(std::memory_order_relaxed);
    return open < server.options_.connections_max ? MHD_YES : MHD_NO;
  }

  static void Notify(void* self, MHD_Connection* connection, void** ticket,
                     MHD_ConnectionNotificationCode what) {
    HttpServer& server = *static_cast<HttpServer*>(self);
    Patience& patience = server.patience_;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
      server.connections_.fetch_add(1, std::memory_order_relaxed);
      const int socket =
          MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
      *ticket = new Patience::Ticket(patience.Open(socket));
    } else {
      auto* const taken = static_cast<Patience::Ticket*>(*ticket);
      server.connections_.fetch_sub(1, std::memory_order_relaxed);
      patience.Close(*taken);
      delete taken;
      *ticket = nullptr;
    }
  }

  static Patience::Ticket* TicketOf(MHD_Connection* connection) {
    const MHD_ConnectionInfo* info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return static_cast<Patience::Ticket*>(info->socket_context);
  }
};

std::unique_ptr<HttpServer::Exchange> HttpServer::Begin(MHD_Connection* connection,
                                                        const char* path, const char* verb) {
  auto exchange = std::make_unique<Exchange>(*this, connection);
  HttpRequest& request = exchange->request;
  request.verb = verb;
  request.path = path;
  request.authorization = Header(connection, MHD_HTTP_HEADER_AUTHORIZATION);
  request.traceparent = Header(connection, "traceparent");
  request.tracestate = Header(connection, "tracestate");
  request.grpc_timeout = Header(connection, "grpc-timeout");
  request.body_is_large = AnnouncedBytes(connection) > kHttpDroppedBodyBytesMax ||
                          !Header(connection, MHD_HTTP_HEADER_TRANSFER_ENCODING).empty();
  if (stopping_.load(std::memory_order_acquire)) {
    exchange->response = ErrorResponse(ServerStopping());
  } else if (const std::string origin = Header(connection, MHD_HTTP_HEADER_ORIGIN);
             !origin.empty()) {
    exchange->response = ErrorResponse(FromBrowser(origin));
  } else if (const absl::Status ours =
                 options_.hosts.Check(Header(connection, MHD_HTTP_HEADER_HOST));
             !ours.ok()) {
    exchange->response = ErrorResponse(ours);
    exchange->response->code = MHD_HTTP_MISDIRECTED_REQUEST;
  } else if (BodyIsAmbiguous(connection)) {
    exchange->response = ErrorResponse(AmbiguousBody());
    // Nothing that follows is a request for certain.
    exchange->response->headers.emplace_back(MHD_HTTP_HEADER_CONNECTION, "close");
  } else if (AnnouncedBytes(connection) > options_.body_bytes_max) {
    exchange->response = ErrorResponse(BodyTooLarge(options_.body_bytes_max));
    exchange->response->code = 413;
  } else {
    exchange->response = handler_.refuse(request);
  }
  return exchange;
}

bool HttpServer::TakeBody(Exchange& exchange, const char* data, size_t size) {
  body_bytes_in_.fetch_add(size, std::memory_order_relaxed);
  exchange.body_bytes += size;
  std::string& body = exchange.request.body;
  if (exchange.response.has_value()) {  // read to be dropped
    return exchange.body_bytes <= options_.body_bytes_max + kHttpDroppedBodyBytesMax;
  }
  absl::Status taken;
  if (exchange.body_bytes > options_.body_bytes_max) {
    exchange.response = ErrorResponse(BodyTooLarge(options_.body_bytes_max));
    exchange.response->code = 413;
  } else if (taken = budget_.TryTake(kBodyCopies * size); !taken.ok()) {
    exchange.response = ErrorResponse(taken);
  } else {
    exchange.charged_bytes += kBodyCopies * size;
    body.append(data, size);
    return true;
  }
  body = std::string();
  budget_.Give(std::exchange(exchange.charged_bytes, 0));
  return true;
}

bool HttpServer::Handle(Exchange& exchange) {
  if (exchange.handled) return true;  // woken with nothing to do yet
  exchange.handled = true;
  patience_.Came(*Callbacks::TicketOf(exchange.connection));
  {
    MutexLock lock(&mutex_);
    ++under_way_;
  }
  MHD_suspend_connection(exchange.connection);
  handler_.handle(exchange.request, [this, &exchange](HttpResponse response) {
    ChargeAnswer(exchange, response);
    exchange.response = std::move(response);
    MHD_resume_connection(exchange.connection);  // from here on the exchange may be gone
    MutexLock lock(&mutex_);
    if (--under_way_ == 0) idle_.NotifyAll();
  });
  return true;
}

void HttpServer::ChargeAnswer(Exchange& exchange, HttpResponse& response) {
  const uint64_t bytes = response.body.size();
  const bool large = bytes > kHttpLargeAnswerBytes;
  absl::Status taken = budget_.TryTake(bytes);
  if (taken.ok() && large) {
    const uint64_t held = answer_bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    if (held > budget_.bytes_max() / 2) {
      taken = AnswersWait(held, budget_.bytes_max() / 2);
      // Given back here and now, not when the client has read that it gets none.
      answer_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
      budget_.Give(bytes);
    }
  }
  if (!taken.ok()) {
    response = ErrorResponse(taken);
    return;
  }
  exchange.charged_bytes += bytes;
  if (large) exchange.answer_bytes = bytes;
}

bool HttpServer::Send(Exchange& exchange) {
  HttpResponse& from = *exchange.response;
  patience_.Answering(*Callbacks::TicketOf(exchange.connection),
                      answer_nanos_.load(std::memory_order_relaxed));
  // The exchange holds the bytes until libmicrohttpd is done with them.
  MHD_Response* to =
      MHD_create_response_from_buffer(from.body.size(), from.body.data(), MHD_RESPMEM_PERSISTENT);
  if (to == nullptr) return false;
  MHD_add_response_header(to, MHD_HTTP_HEADER_CONTENT_TYPE, from.content_type.c_str());
  for (const auto& [name, value] : from.headers)
    MHD_add_response_header(to, name.c_str(), value.c_str());
  const MHD_Result queued =
      MHD_queue_response(exchange.connection, static_cast<unsigned>(from.code), to);
  MHD_destroy_response(to);
  body_bytes_out_.fetch_add(from.body.size(), std::memory_order_relaxed);
  responses_[from.code / 100 - 1].fetch_add(1, std::memory_order_relaxed);
  return queued == MHD_YES;
}

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const HttpOptions& options,
                                                              const Clock& clock,
                                                              ByteBudget& budget,
                                                              HttpHandler handler) {
  absl::StatusOr<std::vector<Socket>> sockets = ListenOn(options.listen);
  if (!sockets.ok()) return CannotListen(std::string(sockets.status().message()));
  std::unique_ptr<HttpServer> server(new HttpServer(options, clock, budget, std::move(handler)));
  server->port_ = PortOf(sockets->front());
  MutexLock lock(&server->mutex_);
  server->listening_ = sockets->size();
  server->daemons_ = server->StartDaemons(options.tls, *std::move(sockets));
  if (server->daemons_.empty()) {
    return CannotListen(absl::StrFormat("cannot serve on %s", options.listen));
  }
  return server;
}

std::vector<MHD_Daemon*> HttpServer::StartDaemons(const HttpCertificate& tls,
                                                  std::vector<Socket> sockets) {
  std::vector<MHD_Daemon*> out;
  for (Socket& socket : sockets) {
    // libmicrohttpd closes the socket, even where the daemon does not start.
    MHD_Daemon* const daemon = socket ? StartDaemon(tls, socket.Release()) : nullptr;
    if (daemon == nullptr) {
      for (MHD_Daemon* started : out) MHD_stop_daemon(started);
      return {};
    }
    out.push_back(daemon);
  }
  return out;
}

MHD_Daemon* HttpServer::StartDaemon(const HttpCertificate& tls, int socket) {
  std::vector<MHD_OptionItem> more = {{MHD_OPTION_LISTEN_SOCKET, socket, nullptr}};
  unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
  if (!tls.certificate.empty()) {
    flags |= MHD_USE_TLS;
    more.push_back({MHD_OPTION_HTTPS_MEM_CERT, 0, const_cast<char*>(tls.certificate.c_str())});
    more.push_back({MHD_OPTION_HTTPS_MEM_KEY, 0, const_cast<char*>(tls.key.c_str())});
    more.push_back({MHD_OPTION_HTTPS_PRIORITIES, 0, const_cast<char*>(kTlsPriorities)});
  }
  more.push_back({MHD_OPTION_END, 0, nullptr});
  return MHD_start_daemon(
      flags, 0, &Callbacks::Accept, this, &Callbacks::Access, this, MHD_OPTION_NOTIFY_COMPLETED,
      &Callbacks::Completed, this, MHD_OPTION_NOTIFY_CONNECTION, &Callbacks::Notify, this,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, kHttpHeaderBytesMax, MHD_OPTION_CONNECTION_LIMIT,
      static_cast<unsigned>(options_.connections_max), MHD_OPTION_PER_IP_CONNECTION_LIMIT,
      static_cast<unsigned>(options_.connections_per_address_max), MHD_OPTION_CONNECTION_TIMEOUT,
      static_cast<unsigned>(options_.idle_seconds), MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
      MHD_OPTION_ARRAY, more.data(), MHD_OPTION_END);
}

absl::Status HttpServer::Renew(const HttpCertificate& tls) {
  MutexLock lock(&mutex_);
  // Those that nobody is connected to any more.
  for (size_t i = 0; i + listening_ < daemons_.size();) {
    if (ConnectionsOf(daemons_[i]) > 0) {
      ++i;
      continue;
    }
    MHD_stop_daemon(daemons_[i]);
    daemons_.erase(daemons_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  if (daemons_.size() >= kHttpRenewalsMax * listening_) {
    return FailedPrecondition(
        "connections of too many earlier certificates are open",
        {.reason = "RENEWALS",
         .given = absl::StrCat(daemons_.size() / listening_, " certificates in use"),
         .expected = absl::StrCat("fewer than ", kHttpRenewalsMax),
         .next_step = "Wait until their clients have left."});
  }
  const std::vector<MHD_Daemon*> before(daemons_.end() - static_cast<std::ptrdiff_t>(listening_),
                                        daemons_.end());
  std::vector<Socket> sockets;
  for (MHD_Daemon* daemon : before) {
    const int socket = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_LISTEN_FD)->listen_fd;
    sockets.emplace_back(fcntl(socket, F_DUPFD_CLOEXEC, 0));
  }
  const std::vector<MHD_Daemon*> renewed = StartDaemons(tls, std::move(sockets));
  if (renewed.empty()) {
    return Unavailable("the HTTP port does not take the certificate",
                       {.reason = "LISTEN", .next_step = "Correct tls.certificate and tls.key."});
  }
  for (MHD_Daemon* daemon : before) Socket(MHD_quiesce_daemon(daemon)).Close();
  daemons_.insert(daemons_.end(), renewed.begin(), renewed.end());
  return absl::OkStatus();
}

HttpServer::~HttpServer() { Stop(); }

void HttpServer::Stop() {
  stopping_.store(true, std::memory_order_release);
  std::vector<MHD_Daemon*> daemons;
  {
    MutexLock lock(&mutex_);
    while (under_way_ > 0) idle_.Wait(&mutex_);
    daemons.swap(daemons_);
  }
  for (MHD_Daemon* daemon : daemons) MHD_stop_daemon(daemon);
}

HttpCounters HttpServer::counters() const {
  HttpCounters out;
  {
    MutexLock lock(&mutex_);
    out.under_way = under_way_;
  }
  for (size_t i = 0; i < 5; ++i) out.responses[i] = responses_[i].load(std::memory_order_relaxed);
  out.connections = connections_.load(std::memory_order_relaxed);
  out.body_bytes_in = body_bytes_in_.load(std::memory_order_relaxed);
  out.body_bytes_out = body_bytes_out_.load(std::memory_order_relaxed);
  return out;
}

}  // namespace mneme::server
