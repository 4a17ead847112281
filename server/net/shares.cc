#include "server/net/shares.h"

#include <sys/resource.h>

#include <algorithm>

namespace mneme::server {
namespace {

// Where the process is not told.
constexpr uint64_t kFilesAtLeast = 1'024;
// Of each connection: gRPC's, and ours.
constexpr uint64_t kFilesPerConnection = 2;
// Of what the ports have, other nodes may have so much: they are few.
constexpr uint64_t kPeerShare = 4;

}  // namespace

PortShares SharePorts(uint64_t files, uint64_t other_files, uint64_t buffer_bytes, bool peers) {
  const uint64_t others = other_files + kProcessFilesMax;
  const uint64_t ours = std::max(files / 2, files > others ? files - others : 0);
  const uint64_t connections = std::max<uint64_t>(1, ours / kFilesPerConnection);
  const uint64_t of_peers =
      peers ? std::min(kPeerConnectionsMax, std::max<uint64_t>(1, connections / kPeerShare)) : 0;
  const uint64_t all_bytes = 2 * buffer_bytes;
  const uint64_t bytes_of_peers = peers ? all_bytes / kPeerShare : 0;
  return {.clients = {.connections = std::max<uint64_t>(1, connections - of_peers),
                      .connection_bytes = buffer_bytes,
                      .all_bytes = all_bytes - bytes_of_peers},
          .peers = {.connections = of_peers,
                    .connection_bytes = std::min(buffer_bytes, bytes_of_peers),
                    .all_bytes = bytes_of_peers},
          .files_short = others > files - ours ? others - (files - ours) : 0};
}

uint64_t RaiseFileLimit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return kFilesAtLeast;
  if (limit.rlim_cur < limit.rlim_max) {
    const rlimit raised{.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  return limit.rlim_cur;
}

}  // namespace mneme::server
