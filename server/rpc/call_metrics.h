// What calls add up to (server/observe/call_counters.h), as families of metrics.
#ifndef MNEME_SERVER_RPC_CALL_METRICS_H_
#define MNEME_SERVER_RPC_CALL_METRICS_H_

#include "server/observe/call_counters.h"
#include "server/observe/families.h"
#include "server/rpc/budget.h"

namespace mneme::server {

// `counters`: of AllRpcs.
void AddCallMetrics(const CallCounters& counters, const ByteBudget& budget,
                    MetricFamilies& families);

}  // namespace mneme::server

#endif  // MNEME_SERVER_RPC_CALL_METRICS_H_
