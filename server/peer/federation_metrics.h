// How this server's nodes of federations stand, as families of metrics.
#ifndef MNEME_SERVER_PEER_FEDERATION_METRICS_H_
#define MNEME_SERVER_PEER_FEDERATION_METRICS_H_

#include "server/observe/families.h"
#include "server/peer/federation_host.h"

namespace mneme::server {

// `host` null: this server takes part in none, and the families are empty.
void AddFederationMetrics(const FederationHost* host, MetricFamilies& families);

}  // namespace mneme::server

#endif  // MNEME_SERVER_PEER_FEDERATION_METRICS_H_
