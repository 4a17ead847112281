// Queries a second against recall: the exact path beside graph indexes at several efforts.
#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/status.h"
#include "tests/bench/case.h"
#include "tests/bench/dataset.h"
#include "tests/bench/lists.h"
#include "tests/bench/our_graph.h"
#include "tests/bench/ours.h"
#include "tests/bench/peer_process.h"
#include "tests/bench/race.h"

namespace mneme::bench {
namespace {

constexpr size_t kListSize = 10;
constexpr int kEfforts[] = {16, 32, 64, 128, 256, 512, 1024, 2048};
const char* const kExact = "mneme's core, exact";
const char* const kGraph = "mneme's core, graph and rescoring";

// A graph at its efforts: a peer's, or ours.
struct Rival {
  std::string name;
  std::unique_ptr<PeerProcess> process;  // null: ours
  std::vector<double> recalls;           // one an effort
  std::string At(int effort) const { return absl::StrCat(name, ", efSearch ", effort); }
};

absl::StatusOr<Lists> Truth(const InProcess& core, MatrixView cues) {
  Lists out;
  for (size_t first = 0; first < cues.rows; first += 50) {
    MNEME_ASSIGN_OR_RETURN(
        Lists lists,
        core.Ask(cues.slice(first, std::min<size_t>(50, cues.rows - first)), kListSize));
    std::ranges::move(lists, std::back_inserter(out));
  }
  return out;
}

absl::StatusOr<std::vector<Rival>> Rivals(const Context& context, const VectorFiles& files,
                                          const Lists& truth, Report& report) {
  std::vector<Rival> out;
  for (const auto& [kind, name] :
       {std::pair("hnswlib", "hnswlib"), std::pair("faiss-hnsw", "Faiss HNSW"),
        std::pair("usearch", "USearch")}) {
    MNEME_ASSIGN_OR_RETURN(std::unique_ptr<PeerProcess> process,
                           PeerProcess::Start(context, files, {.kind = kind, .threads = 2}));
    if (!process) {
      report.skipped.push_back(
          absl::StrCat(name, ": not there when this was compiled ",
                       "(deploy/install-deps bench, tests/tools/fetch-peers)"));
      continue;
    }
    report.notes.push_back(
        absl::StrFormat("%s: M 16, efConstruction 200; built in %.0f s by two threads.", name,
                        process->build_seconds()));
    Rival& rival = out.emplace_back(Rival{.name = name, .process = std::move(process)});
    for (const int effort : kEfforts) {
      const SearchOptions all{.count = truth.size(), .k = kListSize, .effort = effort};
      MNEME_RETURN_IF_ERROR(rival.process->Search(all).status());
      MNEME_ASSIGN_OR_RETURN(const Lists found, rival.process->Found(all));
      rival.recalls.push_back(Recall(truth, found));
    }
  }
  return out;
}

// Our own graph index with exact rescoring, in this process on one thread.
absl::StatusOr<Rival> OurGraphAt(const OurGraph& graph, MatrixView cues, const Lists& truth,
                                 Report& report) {
  Rival out{.name = kGraph, .process = nullptr, .recalls = {}};
  for (const int effort : kEfforts) {
    Lists found;
    for (size_t i = 0; i < cues.rows; ++i) {
      MNEME_ASSIGN_OR_RETURN(Lists one,
                             graph.Ask(cues.slice(i, 1), kListSize, static_cast<size_t>(effort)));
      found.push_back(std::move(one[0]));
    }
    out.recalls.push_back(Recall(truth, found));
  }
  report.notes.push_back(
      absl::StrFormat("%s: links 16, construction width 200; built in %.0f s by one thread.",
                      kGraph, graph.build_seconds()));
  return out;
}

// The best rate of a rival among the efforts whose recall is enough; one value a round.
std::optional<std::vector<double>> BestAt(const Race& race, const Rival& rival, double recall) {
  std::optional<std::vector<double>> best;
  for (size_t i = 0; i < std::size(kEfforts); ++i) {
    if (rival.recalls[i] < recall) continue;
    const std::vector<double>& rates = race.Of(rival.At(kEfforts[i]));
    if (!best || Percentile(rates, 0.5) > Percentile(*best, 0.5)) best = rates;
  }
  return best;
}

void TellAt(const Race& race, const std::vector<Rival>& rivals, double recall, double goal,
            Report& report) {
  // Ours: the faster of exact and graph.
  std::vector<double> ours = race.Of(kExact);
  for (const Rival& rival : rivals) {
    const auto best = BestAt(race, rival, recall);
    if (rival.process == nullptr && best && Percentile(*best, 0.5) > Percentile(ours, 0.5)) {
      ours = *best;
    }
  }
  for (const Rival& rival : rivals) {
    const auto best = BestAt(race, rival, recall);
    if (rival.process == nullptr) continue;
    if (!best) {
      report.notes.push_back(absl::StrFormat("%s reaches no recall of %g with efSearch up to %d.",
                                             rival.name, recall,
                                             kEfforts[std::size(kEfforts) - 1]));
      continue;
    }
    report.verdicts.push_back({absl::StrFormat("mneme / %s at recall >= %g", rival.name, recall),
                               "", Quotient(ours, *best), AtLeast(goal)});
  }
}

// Cues a second of this thread.
Race::Run OneByOne(size_t cues, std::function<absl::Status(size_t)> ask) {
  return [cues, ask = std::move(ask)]() -> absl::StatusOr<double> {
    const double start = NowMicros();
    for (size_t i = 0; i < cues; ++i) MNEME_RETURN_IF_ERROR(ask(i));
    return static_cast<double>(cues) / (NowMicros() - start) * 1e6;
  };
}

Picture Draw(const Race& race, const std::vector<Rival>& rivals) {
  Picture out{.title = "Recall at 10 and speed on word vectors, one thread",
              .x_label = "recall at 10",
              .y_label = "cues/s",
              .curves = {{kExact, {1.0}, {Percentile(race.Of(kExact), 0.5)}}}};
  for (const Rival& rival : rivals) {
    Curve& curve = out.curves.emplace_back(Curve{.who = rival.name});
    for (size_t i = 0; i < std::size(kEfforts); ++i) {
      curve.x.push_back(rival.recalls[i]);
      curve.y.push_back(Percentile(race.Of(rival.At(kEfforts[i])), 0.5));
    }
  }
  return out;
}

}  // namespace

absl::Status RunRecallSpeed(const Context& context, Report& report) {
  const size_t cues = context.Size(400, 100);
  MNEME_ASSIGN_OR_RETURN(const Dataset words,
                         WordVectors(context.data, context.Size(341'000, 30'000), cues));
  MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<InProcess> core, InProcess::Make(words));
  MNEME_ASSIGN_OR_RETURN(const Lists truth, Truth(*core, words.cues));
  MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<VectorFiles> files, VectorFiles::Write(words));
  MNEME_ASSIGN_OR_RETURN(std::vector<Rival> rivals, Rivals(context, *files, truth, report));
  MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<OurGraph> graph, OurGraph::Make(words));
  MNEME_ASSIGN_OR_RETURN(Rival ours, OurGraphAt(*graph, words.cues, truth, report));
  rivals.push_back(std::move(ours));
  Race race;
  race.Add(kExact, "cues/s", OneByOne(std::min<size_t>(cues, 100), [&](size_t i) {
             return core->Ask(words.cues.view().slice(i, 1), kListSize).status();
           }));
  for (const Rival& rival : rivals) {
    for (const int effort : kEfforts) {
      if (rival.process) {
        race.Add(rival.At(effort), "cues/s", [&rival, effort, cues] {
          return rival.process->Search({.count = cues, .k = kListSize, .effort = effort});
        });
      } else {
        race.Add(rival.At(effort), "cues/s", OneByOne(cues, [&, effort](size_t i) {
                   return graph
                       ->Ask(words.cues.view().slice(i, 1), kListSize, static_cast<size_t>(effort))
                       .status();
                 }));
      }
    }
  }
  MNEME_RETURN_IF_ERROR(race.Go(context.repeats));
  race.Tell(report);
  for (const Rival& rival : rivals) {
    std::string recalls;
    for (const double recall : rival.recalls) absl::StrAppendFormat(&recalls, " %.4f", recall);
    report.notes.push_back(absl::StrCat("Recalls of ", rival.name, ", in that order:", recalls));
  }
  TellAt(race, rivals, 0.999, 1, report);
  TellAt(race, rivals, 0.95, 0.9, report);
  report.picture = Draw(race, rivals);
  return absl::OkStatus();
}

}  // namespace mneme::bench
