// What the ports share: the files that the process may open, and main memory for what is on its
// way.
#ifndef MNEME_SERVER_NET_SHARES_H_
#define MNEME_SERVER_NET_SHARES_H_

#include <cstdint>

namespace mneme::server {

// Connections of other nodes: a plan has 1,024 of them at most.
inline constexpr uint64_t kPeerConnectionsMax = 1'024;
// Files of the process itself: logs, events, a backup that is written.
inline constexpr uint64_t kProcessFilesMax = 256;

struct PortShare {
  uint64_t connections = 0;       // as many as there may be files for
  uint64_t connection_bytes = 0;  // half messages and the like, of one connection
  uint64_t all_bytes = 0;         // and of all of them
};

struct PortShares {
  PortShare clients;
  PortShare peers;           // nothing, where there is no port for them
  uint64_t files_short = 0;  // more that would be needed for none to be short of them
};

// `files`: that the process may open; `other_files`: of them not for the ports (storage, HTTP);
// where that leaves less than half, half is for the ports. `buffer_bytes`: a quarter of the main
// memory; both ports together may hold twice that. `peers`: there is a port for other nodes.
PortShares SharePorts(uint64_t files, uint64_t other_files, uint64_t buffer_bytes, bool peers);

// Lets the process open as many files as its hard limit says; how many that is.
uint64_t RaiseFileLimit();

}  // namespace mneme::server

#endif  // MNEME_SERVER_NET_SHARES_H_
