// Federations as a file describes them: the same file on every node, and every node makes the same
// plan of it. For a fixed handful of nodes, where no coordinator has to run.
//
//   federations:
//     - name: digits
//       memory: digits            # of each node; the federation's name if left out
//       round_ms: 50              # 50 if left out
//       planner: per_root         # or congestion, shared, bytes
//       spec:
//         key_dim: 784
//         response_dim: 10
//         transport: gradient     # and loss, combine, schedule, wire_type, min_contributors, ...
//       nodes:
//         - name: north
//           address: 10.0.0.1:7413
//           interest: {north: 0.5, south: 0.5}   # itself alone if left out
//       links:                    # all may talk to all if left out
//         - {between: [north, south], delay_ms: 2}
//
// Pure functions. Thread-safe.
#ifndef MNEME_SERVER_CONFIG_FEDERATION_FILE_H_
#define MNEME_SERVER_CONFIG_FEDERATION_FILE_H_

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/federation/planner.h"

namespace mneme::server {

inline constexpr size_t kFederationsMax = 64;
inline constexpr size_t kFederationFileBytesMax = 4u << 20;

struct StaticFederation {
  std::string name;
  std::string memory;
  std::chrono::milliseconds round{50};
  federation::PlanInput input;
  federation::PlanOptions plan;
};

// InvalidArgument (FEDERATION_FILE) with the line: no YAML, unknown keys, bad values, names given
// twice. Plans are checked too: what it returns can be planned.
absl::StatusOr<std::vector<StaticFederation>> ParseFederations(const std::string& yaml,
                                                               const std::string& where);
// The same of a file. NotFound (FEDERATION_FILE).
absl::StatusOr<std::vector<StaticFederation>> ReadFederationFile(const std::string& path);

}  // namespace mneme::server

#endif  // MNEME_SERVER_CONFIG_FEDERATION_FILE_H_
