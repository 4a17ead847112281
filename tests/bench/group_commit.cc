// Many clients store one item each, over and over, at durability DISK: how many fsyncs did it take?
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/random.h"
#include "core/base/status.h"
#include "tests/bench/case.h"
#include "tests/bench/load.h"
#include "tests/bench/ours.h"
#include "tests/bench/stores.h"

namespace mneme::bench {
namespace {

struct Group {
  double stores_per_second = 0;
  double mean = 0;  // Stores a fsync
};

absl::StatusOr<Group> StoreInGroups(Server& server, size_t in_flight, size_t stores) {
  MNEME_ASSIGN_OR_RETURN(const client::ServerInfo before, server.client().GetServerInfo());
  MNEME_ASSIGN_OR_RETURN(const LoadResult load,
                         ClosedLoop(in_flight, stores, SingleStores(server, "keys")));
  MNEME_ASSIGN_OR_RETURN(const client::ServerInfo after, server.client().GetServerInfo());
  return Group{.stores_per_second = load.per_second(),
               .mean = static_cast<double>(stores) /
                       static_cast<double>(after.counters.syncs - before.counters.syncs)};
}

}  // namespace

absl::Status RunGroupCommit(const Context& context, Report& report) {
  MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<Server> server, Server::Start(context));
  MNEME_RETURN_IF_ERROR(MakeDense(server->client(), "keys", kStoredDim, models::Similarity::kDot));
  for (const size_t in_flight : {size_t{1}, size_t{8}, size_t{64}}) {
    std::vector<double> rates, groups;
    for (int round = -1; round < context.repeats; ++round) {
      MNEME_ASSIGN_OR_RETURN(const Group group,
                             StoreInGroups(*server, in_flight, in_flight * context.Size(200, 50)));
      if (round < 0) continue;
      rates.push_back(group.stores_per_second);
      groups.push_back(group.mean);
    }
    report.measures.push_back({.who = absl::StrCat(in_flight, " in flight"),
                               .unit = "Stores/s",
                               .value = SpreadOf(rates)});
    report.measures.push_back({.who = absl::StrCat(in_flight, " in flight: mean group"),
                               .unit = "Stores a fsync",
                               .value = SpreadOf(groups)});
  }
  return absl::OkStatus();
}

}  // namespace mneme::bench
