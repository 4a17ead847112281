// The one table of what is where: fixed pages, and a path for each RPC that has one in its rule
// (proto/mneme/v1/method.proto).
//
// Immutable once made; thread-safe.
#ifndef MNEME_SERVER_HTTP_ROUTES_H_
#define MNEME_SERVER_HTTP_ROUTES_H_

#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "server/rpc/rpc_table.h"

namespace mneme::server {

// Pages that are asked for with GET.
enum class Page { kHealth, kReady, kMetrics, kOpenApi };

// An RPC's path: "/v1/memories:list", or with a resource name in it.
struct RpcPath {
  const Rpc* method = nullptr;
  std::string field;       // of the request: "memory", "memory.name"; empty: no resource name
  std::string collection;  // "memories"
  std::string verb;        // "retrieve"; empty: none
};

struct RpcTarget {
  const RpcPath* path = nullptr;
  std::string resource;  // "memories/faces"; empty without RpcPath::field
};

class Routes {
 public:
  Routes();

  // What is at this path. NotFound (HTTP_PATH) with the nearest path; Unimplemented (HTTP_VERB): it
  // is asked for with another verb.
  absl::StatusOr<std::variant<Page, RpcTarget>> Find(std::string_view verb,
                                                     std::string_view path) const;

  // All RPCs' paths, as their rules write them: "/v1/{memory=memories/*}:retrieve".
  const std::map<std::string, RpcPath>& rpcs() const { return rpcs_; }
  static const std::map<std::string, Page, std::less<>>& pages();

 private:
  std::map<std::string, RpcPath> rpcs_;  // by rule
  // By path, where a resource name stands as COLLECTION/*.
  std::map<std::string, const RpcPath*, std::less<>> by_path_;
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_HTTP_ROUTES_H_
