// What the process is and what it takes of the machine, as families of metrics.
#ifndef MNEME_SERVER_OBSERVE_PROCESS_METRICS_H_
#define MNEME_SERVER_OBSERVE_PROCESS_METRICS_H_

#include <cstdint>
#include <string>

#include "server/observe/families.h"

namespace mneme::server {

struct ProcessFacts {
  std::string version;
  int64_t start_unix_nanos = 0;
};

void AddProcessMetrics(const ProcessFacts& facts, MetricFamilies& families);

}  // namespace mneme::server

#endif  // MNEME_SERVER_OBSERVE_PROCESS_METRICS_H_
