// How long a daemon that was killed takes until it answers from a large memory again.
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "tests/bench/case.h"
#include "tests/bench/dataset.h"
#include "tests/bench/floors.h"
#include "tests/bench/ours.h"
#include "tests/bench/race.h"

namespace mneme::bench {
namespace {

// Seconds from the kill to the first list.
absl::StatusOr<double> KillAndAsk(Server& server, const Dataset& dataset) {
  const double start = NowMicros();
  MNEME_RETURN_IF_ERROR(server.KillAndRestart());
  const Matrix& cues = dataset.cues;
  while (true) {
    // The client tries again while the daemon reads its memories (UNAVAILABLE, STARTING).
    const auto answer = server.client().ListwiseQuery(
        "keys", {.data = cues.data(), .rows = 1, .cols = cues.cols()}, {});
    if (answer.ok()) {
      if (answer->items_scored != dataset.rows.rows()) {
        return Internal(absl::StrCat(answer->items_scored, " of ", dataset.rows.rows(),
                                     " items were there after the restart"));
      }
      return (NowMicros() - start) / 1e6;
    }
    if (!absl::IsUnavailable(answer.status()) || NowMicros() - start > 120e6) {
      return answer.status();
    }
  }
}

}  // namespace

absl::Status RunRestart(const Context& context, Report& report) {
  const Dataset dataset = GaussianUnits(context.Size(1'000'000, 100'000), 1, 128);
  MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<Server> server, Server::Start(context));
  MNEME_RETURN_IF_ERROR(MakeDense(server->client(), "keys", 128, models::Similarity::kDot));
  MNEME_RETURN_IF_ERROR(StoreAll(server->client(), "keys", dataset.rows).status());
  const double bytes = static_cast<double>(dataset.rows.bytes());
  const char* const start = "from kill -9 to the first list";
  const char* const reading = "reading the vectors' bytes at the disk's rate";
  Race race;
  race.Add(start, "s", [&] { return KillAndAsk(*server, dataset); });
  race.Add(reading, "s", [&]() -> absl::StatusOr<double> {
    MNEME_ASSIGN_OR_RETURN(const double rate, DiskReadRate(server->folder(), size_t{256} << 20));
    return bytes / rate;
  });
  MNEME_RETURN_IF_ERROR(race.Go(context.repeats));
  race.Tell(report);
  std::vector<double> beyond;
  for (size_t i = 0; i < race.Of(start).size(); ++i) {
    beyond.push_back(race.Of(start)[i] - race.Of(reading)[i]);
  }
  report.verdicts.push_back(
      {absl::StrCat("start with ", dataset.rows.rows(), " rows, less the reading time"), "s",
       SpreadOf(beyond), AtMost(3)});
  report.notes.emplace_back(
      "The page cache is as it was before the kill: the daemon dies, the machine does not.");
  return absl::OkStatus();
}

}  // namespace mneme::bench
