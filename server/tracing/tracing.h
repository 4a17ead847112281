// Tracing as the configuration has it: who decides, who sends, and the way to the collector.
// Nothing of it is there where tracing.otlp_endpoint is empty.
//
// Thread-safe once started. Outlives the calls that are traced.
#ifndef MNEME_SERVER_TRACING_TRACING_H_
#define MNEME_SERVER_TRACING_TRACING_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "server/config/config.h"
#include "server/observe/families.h"
#include "server/tracing/span_exporter.h"
#include "server/tracing/tracer.h"

namespace mneme::server {

class Tracing {
 public:
  // Connects when there is something to send. InvalidArgument (TLS_FILES): tracing.tls_ca.
  static absl::StatusOr<std::unique_ptr<Tracing>> Start(const Config& config,
                                                        const std::string& version,
                                                        const Clock& clock, uint64_t seed);

  Tracer* tracer() { return tracer_ ? &*tracer_ : nullptr; }  // null: nothing is traced
  // The keys that may change.
  void Reload(const Config& config);
  // Sends what waits, for a bounded time. After the last call.
  void Stop();
  // Series of mneme_tracing_*; all 0 where nothing is traced.
  void AddMetrics(MetricFamilies& families) const;

 private:
  Tracing() = default;

  std::unique_ptr<SpanExporter> exporter_;
  std::optional<Tracer> tracer_;
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_TRACING_TRACING_H_
