#include "server/http/door.h"

#include <prometheus/text_serializer.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "server/http/error.h"
#include "server/http/open_api.h"

namespace mneme::server {
namespace {

bool IsOpenToAll(Page page) { return page == Page::kHealth || page == Page::kReady; }

// Pages are for strangers too, and so must not hold what they send.
absl::Status PageTakesNoBody() {
  return InvalidArgument("this page takes no body",
                         {.reason = "LIMIT",
                          .given = "a body of unknown size or of many bytes",
                          .expected = absl::StrFormat("at most %d bytes, which nobody reads",
                                                      kHttpDroppedBodyBytesMax),
                          .next_step = "Ask for it without a body."});
}

std::string_view PhaseOf(const engine::Startup& startup, bool draining) {
  if (draining) return "draining";
  if (startup.recovery_mode) return "recovery";
  return startup.done ? "serving" : "starting";
}

void AddHttpMetrics(const HttpCounters& counters, MetricFamilies& out) {
  AddSample(AddGauge(out, "mneme_http_connections", "Connections of the HTTP port."),
            static_cast<double>(counters.connections));
  AddSample(AddGauge(out, "mneme_http_in_flight", "HTTP requests under way."),
            static_cast<double>(counters.under_way));
  prometheus::MetricFamily& responses =
      AddCounter(out, "mneme_http_responses_total", "HTTP answers, by class of code.");
  for (size_t i = 1; i < std::size(counters.responses); ++i) {
    AddSample(responses, static_cast<double>(counters.responses[i]),
              {{"class", std::to_string(i + 1) + "xx"}});
  }
  AddSample(AddCounter(out, "mneme_http_received_bytes_total", "Bytes of HTTP bodies received."),
            static_cast<double>(counters.body_bytes_in));
  AddSample(AddCounter(out, "mneme_http_sent_bytes_total", "Bytes of HTTP bodies sent."),
            static_cast<double>(counters.body_bytes_out));
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpDoor>> HttpDoor::Start(DoorOptions options, const Clock& clock,
                                                          ByteBudget& budget,
                                                          const engine::Engine& engine,
                                                          grpc::Server& server) {
  std::unique_ptr<HttpDoor> door(new HttpDoor(std::move(options), engine, server));
  HttpDoor& self = *door;
  HttpHandler handler{
      .refuse = [&self](const HttpRequest& request) -> std::optional<HttpResponse> {
        const auto found = self.routes_.Find(request.verb, request.path);
        if (found.ok()) {
          const RpcTarget* const rpc = std::get_if<RpcTarget>(&*found);
          if (!request.body_is_large) return std::nullopt;
          if (rpc == nullptr) return ErrorResponse(PageTakesNoBody());
          const absl::Status known =
              self.options_.know(request.authorization, rpc->path->method->descriptor->name());
          return known.ok() ? std::nullopt : std::optional(ErrorResponse(known));
        }
        HttpResponse refusal = ErrorResponse(found.status());
        if (absl::IsUnimplemented(found.status())) {
          refusal.code = 405;
          refusal.headers.emplace_back("Allow", request.verb == "POST" ? "GET" : "POST");
        }
        return refusal;
      },
      .handle = [&self](HttpRequest& request,
                        HttpRespond respond) { self.Handle(request, std::move(respond)); }};
  MNEME_ASSIGN_OR_RETURN(self.http_,
                         HttpServer::Start(self.options_.http, clock, budget, std::move(handler)));
  return door;
}

HttpDoor::HttpDoor(DoorOptions options, const engine::Engine& engine, grpc::Server& server)
    : options_(std::move(options)),
      engine_(engine),
      open_api_(MakeOpenApi(routes_)),
      json_(server, options_.call_time, options_.take) {}

void HttpDoor::Handle(HttpRequest& request, HttpRespond respond) {
  const auto target = routes_.Find(request.verb, request.path);
  if (!target.ok()) return respond(ErrorResponse(target.status()));
  if (const RpcTarget* rpc = std::get_if<RpcTarget>(&*target)) {
    return json_.Call(*rpc, request, std::move(respond));
  }
  const Page page = std::get<Page>(*target);
  if (IsOpenToAll(page)) return respond(Show(page));
  const absl::Status submitted = json_.pool().Submit([this, page, &request, respond] {
    absl::Status allowed = options_.allow(request.authorization);
    if (allowed.ok()) allowed = options_.take(request.authorization, 0);
    if (!allowed.ok()) return respond(ErrorResponse(allowed));
    HttpResponse shown = Show(page);
    options_.charge(request.authorization, shown.body.size());
    respond(std::move(shown));
  });
  if (!submitted.ok()) respond(ErrorResponse(submitted));
}

HttpResponse HttpDoor::Show(Page page) const {
  switch (page) {
    case Page::kHealth:
      return {.content_type = "text/plain; charset=utf-8", .body = "ok\n"};
    case Page::kReady:
      return Readiness(options_.allow({}).ok());
    case Page::kMetrics:
      return Metrics();
    case Page::kOpenApi:
      return {.body = open_api_};
  }
  return {.code = 500};
}

HttpResponse HttpDoor::Readiness(bool tells_all) const {
  const engine::Startup startup = engine_.startup();
  const std::string_view phase = PhaseOf(startup, draining_.load(std::memory_order_acquire));
  nlohmann::ordered_json out;
  out["phase"] = phase;
  if (tells_all) {
    out["memories_done"] = startup.memories_done;
    out["memories"] = startup.memories_total;
  }
  const double all = static_cast<double>(startup.rows_total);
  const double share = all > 0 ? static_cast<double>(startup.rows_done) / all : 0;
  out["progress"] = startup.done ? 1.0 : share;
  if (tells_all && !startup.memory.empty() && !startup.done) out["memory"] = startup.memory;
  return {.code = phase == "serving" ? 200 : 503, .body = out.dump() + "\n"};
}

HttpResponse HttpDoor::Metrics() const {
  MetricFamilies families;
  options_.collect(families);
  AddHttpMetrics(http_->counters(), families);
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, families);
  return {.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = text.str()};
}

}  // namespace mneme::server
