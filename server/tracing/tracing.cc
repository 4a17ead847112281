#include "server/tracing/tracing.h"

#include <unistd.h>

#include <utility>

#include "core/base/status.h"
#include "server/auth/tls_files.h"

namespace mneme::server {
namespace {

constexpr int kReconnectLeastMs = 200;
constexpr int kReconnectMostMs = 10'000;

absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(const Config& config) {
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (config.tracing_tls) {
    grpc::SslCredentialsOptions options;
    if (!config.tracing_tls_ca.empty()) {
      MNEME_ASSIGN_OR_RETURN(options.pem_root_certs,
                             ReadAuthorities("tracing.tls_ca", config.tracing_tls_ca,
                                             "those who sign the collector's certificate"));
    }
    credentials = grpc::SslCredentials(options);
  }
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectLeastMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectMostMs);
  return grpc::CreateCustomChannel(config.tracing_endpoint, credentials, arguments);
}

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "unknown";
}

// Two servers of one machine differ in where they listen.
TraceResource ResourceOf(const Config& config, const std::string& version) {
  const std::string host = HostName();
  return {{"service.name", "mneme"},
          {"service.version", version},
          {"service.instance.id", absl::StrCat(host, "/", config.listen)},
          {"host.name", host}};
}

}  // namespace

absl::StatusOr<std::unique_ptr<Tracing>> Tracing::Start(const Config& config,
                                                        const std::string& version,
                                                        const Clock& clock, uint64_t seed) {
  std::unique_ptr<Tracing> out(new Tracing());
  if (config.tracing_endpoint.empty()) return out;
  MNEME_ASSIGN_OR_RETURN(std::shared_ptr<grpc::Channel> channel, MakeChannel(config));
  out->exporter_ = std::make_unique<SpanExporter>(
      std::move(channel), SpanExporterOptions{.endpoint = config.tracing_endpoint,
                                              .resource = ResourceOf(config, version),
                                              .version = version,
                                              .seed = seed + 1});
  out->tracer_.emplace(*out->exporter_, clock, config.tracing_sample_ratio, seed);
  return out;
}

void Tracing::Reload(const Config& config) {
  if (tracer_) tracer_->SetSampleRatio(config.tracing_sample_ratio);
}

void Tracing::Stop() {
  if (exporter_ != nullptr) exporter_->Stop();
}

void Tracing::AddMetrics(MetricFamilies& families) const {
  const SpanCounts counts = exporter_ == nullptr ? SpanCounts() : exporter_->counts();
  const auto number = [](uint64_t value) { return static_cast<double>(value); };
  AddSample(
      AddCounter(families, "mneme_tracing_spans_exported_total", "Spans that the collector took."),
      number(counts.exported));
  prometheus::MetricFamily& dropped =
      AddCounter(families, "mneme_tracing_spans_dropped_total",
                 "Spans that were lost: the queue was full, or the collector refused them or did "
                 "not answer.");
  AddSample(dropped, number(counts.dropped_full), {{"reason", "full"}});
  AddSample(dropped, number(counts.dropped_refused), {{"reason", "refused"}});
  AddSample(dropped, number(counts.dropped_unreachable), {{"reason", "unreachable"}});
  prometheus::MetricFamily& exports =
      AddCounter(families, "mneme_tracing_exports_total", "Requests to the collector.");
  AddSample(exports, number(counts.exports), {{"end", "taken"}});
  AddSample(exports, number(counts.failures), {{"end", "failed"}});
  AddSample(AddGauge(families, "mneme_tracing_spans_waiting", "Spans that wait to be sent."),
            number(counts.waiting));
}

}  // namespace mneme::server
