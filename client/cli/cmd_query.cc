// mnemectl query
#include <CLI/CLI.hpp>
#include <memory>

#include "client/cli/commands.h"
#include "client/cli/cues.h"
#include "client/cli/json.h"
#include "client/cli/rows.h"
#include "client/cli/text.h"

namespace mneme::cli {
namespace {

struct QueryFlags {
  CueFlags cues;
  uint32_t k = 10;
  std::optional<double> fraction;
  std::vector<std::string> candidates;
};

class Printer {
 public:
  Printer(const QueryFlags& flags, Context& context)
      : flags_(flags),
        context_(context),
        table_({{"CUE", Table::Align::kRight},
                {"RANK", Table::Align::kRight},
                {"ID"},
                {"SCORE", Table::Align::kRight},
                {"SHARE", Table::Align::kRight},
                {"PAYLOAD"}}) {}

  void Add(uint64_t first, const client::QueryResult& answer) {
    items_scored_ = answer.items_scored;
    for (size_t i = 0; i < answer.lists.size(); ++i) {
      ++cues_;
      if (context_.json) {
        Json json{{"cue", first + i}};
        json.update(ToJson(answer.lists[i]));
        json["exactness"] = Name(answer.exactness);
        json["items_scored"] = answer.items_scored;
        context_.io.out << Dump(json) << "\n";
      } else if (first + i < flags_.cues.shown_max) {
        AddRows(std::to_string(first + i), answer.lists[i]);
      }
    }
  }

  void Finish() {
    if (context_.json) return;
    table_.Print(context_.io.out);
    context_.io.out << FormatCount(cues_) << (cues_ == 1 ? " cue, " : " cues, ")
                    << FormatCount(items_scored_) << " items ranked\n";
  }

 private:
  void AddRows(const std::string& cue, const client::CueList& list) {
    if (!list.error.ok()) {
      table_.Add({cue, "", "ERROR", "", "", client::GetError(list.error).message});
      return;
    }
    if (list.items.empty()) table_.Add({cue, "", Name(list.status), "", "", ""});
    for (const client::ScoredItem& item : list.items) {
      if (item.found) {
        table_.Add({cue, std::to_string(item.rank), FormatId(item.id), FormatNumber(item.score),
                    FormatNumber(item.share),
                    item.payload.empty() ? "" : Dump(Json(item.payload))});
      } else {
        table_.Add({cue, "", FormatId(item.id), "not held", "", ""});
      }
    }
  }

  const QueryFlags& flags_;
  Context& context_;
  Table table_;
  uint64_t cues_ = 0;
  uint64_t items_scored_ = 0;
};

absl::Status Run(const QueryFlags& flags, Context& context) {
  auto client = MakeClient(context, Patience::kLong);
  if (!client.ok()) return client.status();
  std::vector<client::ItemId> candidates;
  for (const std::string& text : flags.candidates) candidates.push_back(ParseId(text));
  Printer printer(flags, context);
  const absl::Status status =
      ForCues(flags.cues, context, "ranking", [&](const CueBatch& batch) -> absl::Status {
        client::QueryOptions options{.mask = batch.mask,
                                     .size = flags.k,
                                     .candidates = candidates,
                                     .beta = flags.cues.beta,
                                     .include_payloads = flags.cues.payloads,
                                     .progress = batch.progress,
                                     .call = context.call()};
        if (flags.fraction) options.size = *flags.fraction;
        const auto answer = client->ListwiseQuery(flags.cues.memory, batch.cues, options);
        if (!answer.ok()) return answer.status();
        printer.Add(batch.first, *answer);
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  printer.Finish();
  return absl::OkStatus();
}

}  // namespace

void AddQueryCommand(CLI::App& app, Context& context) {
  CLI::App* query = app.add_subcommand("query", "Rank items by their score for each cue");
  query->footer(
      "--json prints a line for each cue.\n"
      "Example:\n"
      "  mnemectl query faces cues.npy --k 10\n"
      "  mnemectl query faces --cue 1,0,0 --fraction 0.01\n"
      "  mnemectl query faces --cue 1,0,0 --candidates anna,17");
  auto flags = std::make_shared<QueryFlags>();
  AddCueFlags(*query, flags->cues);
  CLI::Option* k = query->add_option("--k,-k", flags->k, "Length of a list");
  query->add_option("--fraction", flags->fraction, "Length of a list as a share of all items")
      ->excludes(k);
  query->add_option("--candidates", flags->candidates, "Rank only these ids, commas between")
      ->delimiter(',');
  query->callback(
      [&context, flags] { context.action = [&context, flags] { return Run(*flags, context); }; });
}

}  // namespace mneme::cli
