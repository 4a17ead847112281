// What the ports for clients and for other nodes count, as families of metrics.
#ifndef MNEME_SERVER_NET_PORT_METRICS_H_
#define MNEME_SERVER_NET_PORT_METRICS_H_

#include "server/net/client_port.h"
#include "server/observe/families.h"

namespace mneme::server {

void AddPortMetrics(const ClientPortCounters& clients, const ClientPortCounters& peers,
                    MetricFamilies& families);

}  // namespace mneme::server

#endif  // MNEME_SERVER_NET_PORT_METRICS_H_
