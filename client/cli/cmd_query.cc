// mnemectl query
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <memory>

#include "client/cli/commands.h"
#include "client/cli/cone.h"
#include "client/cli/cues.h"
#include "client/cli/index_flags.h"
#include "client/cli/json.h"
#include "client/cli/matrix_file.h"
#include "client/cli/rows.h"
#include "client/cli/text.h"

namespace mneme::cli {
namespace {

constexpr uint32_t kListSize = 10;  // where nothing else says how long

struct QueryFlags {
  CueFlags cues;
  std::optional<uint32_t> k;
  std::optional<double> fraction;
  std::vector<std::string> candidates;
  std::string candidate_responses;
  bool check_radius = false;
  bool exact = false;
  bool cone = false;
};

// Why the items carry no certificates, and what would change that; empty where a memory of this
// model never has any.
std::string WhyNone(client::CertificateState state) {
  switch (state) {
    case client::CertificateState::kUnspecified:
    case client::CertificateState::kSealed:
      return "";
    case client::CertificateState::kUntrained:
      return "no certificates: the memory has not been trained yet; run `mnemectl train`";
    case client::CertificateState::kUncertifiedDelta:
      return "no certificates: items were stored since the training; run `mnemectl train` again";
    case client::CertificateState::kUncertifiedShort:
      return "no certificates: the list asked for is shorter than the certified one; leave out -k "
             "and --fraction";
    case client::CertificateState::kUncertifiedPartitions:
      return "no certificates: this list merges those of the partitions; leave out -k and "
             "--fraction";
    case client::CertificateState::kUncertifiedCandidates:
      return "no certificates: only candidates were ranked";
  }
  return "no certificates: " + Name(state);
}

std::string YesNo(bool value) { return value ? "yes" : "no"; }

class Printer {
 public:
  Printer(const QueryFlags& flags, Context& context) : flags_(flags), context_(context) {}

  void Add(uint64_t first, client::QueryResult answer) {
    for (size_t i = 0; i < answer.lists.size(); ++i) {
      ++cues_;
      if (flags_.cone) cone_.Add(answer.lists[i]);
      if (context_.json) {
        PrintJson(first + i, answer.lists[i], answer);
      } else if (first + i < flags_.cues.shown_max) {
        shown_.emplace_back(first + i, std::move(answer.lists[i]));
      }
    }
    answer.lists.clear();
    answer_ = std::move(answer);
  }

  void Finish() {
    if (context_.json) {
      if (flags_.cone) PrintConeJson();
      return;
    }
    std::ostream& out = context_.io.out;
    Table table(Columns());
    for (const auto& [cue, list] : shown_) AddRows(std::to_string(cue), list, table);
    table.Print(out);
    out << FormatCount(cues_) << (cues_ == 1 ? " cue, " : " cues, ")
        << FormatCount(answer_.items_scored) << " items ranked\n";
    if (answer_.index) out << IndexReportText(*answer_.index) << "\n";
    PrintShareError();
    if (cues_ == 1 && !shown_.empty()) PrintZ(shown_.front().second);
    if (is_certified()) {
      out << "certified for lists of the " << FormatCount(answer_.list_size)
          << " best: a cue within the radius of an item's key has that item in its list\n";
    }
    if (const std::string why = WhyNone(answer_.certificates); !why.empty()) out << why << "\n";
    if (flags_.cone && is_certified()) PrintCone();
  }

 private:
  bool is_certified() const { return answer_.certificates == client::CertificateState::kSealed; }
  // Said where a reader of percentages would see it.
  void PrintShareError() const {
    constexpr double kVisible = 0.005;
    double worst = 0;
    for (const auto& [cue, list] : shown_) worst = std::max(worst, list.share_error);
    if (!has_shares() || worst < kVisible) return;
    context_.io.out << "the items are exact, their shares within " << FormatPercent(worst)
                    << " of themselves\n";
  }
  bool has_shares() const {
    return std::ranges::any_of(shown_, [](const auto& shown) {
      return std::ranges::any_of(shown.second.items,
                                 [](const client::ScoredItem& item) { return item.share > 0; });
    });
  }

  void PrintJson(uint64_t cue, const client::CueList& list, const client::QueryResult& answer) {
    Json json{{"cue", cue}};
    json.update(ToJson(list));
    json["exactness"] = Name(answer.exactness);
    if (answer.proof != client::ExactnessProof::kUnspecified) json["proof"] = Name(answer.proof);
    if (answer.index) json["index"] = ToJson(*answer.index);
    json["items_scored"] = answer.items_scored;
    json["certificates"] = Name(answer.certificates);
    if (answer.list_size > 0) {
      json["list_size"] = answer.list_size;
      json["weights_epoch"] = ToJson(answer.weights_epoch);
    }
    context_.io.out << Dump(json) << "\n";
  }

  std::vector<Table::Column> Columns() const {
    std::vector<Table::Column> columns{{"CUE", Table::Align::kRight},
                                       {"RANK", Table::Align::kRight},
                                       {"ID"},
                                       {"SCORE", Table::Align::kRight}};
    if (has_shares()) columns.push_back({"SHARE", Table::Align::kRight});
    if (is_certified()) {
      columns.push_back({"CERTIFIED"});
      columns.push_back({"RADIUS", Table::Align::kRight});
    }
    if (is_certified() && flags_.check_radius) {
      columns.push_back({"DISTANCE", Table::Align::kRight});
      columns.push_back({"INSIDE"});
    }
    columns.push_back({"PAYLOAD"});
    return columns;
  }

  // A row with something in its first columns and in the last.
  std::vector<std::string> Row(std::vector<std::string> first, std::string last) const {
    first.resize(Columns().size() - 1);
    first.push_back(std::move(last));
    return first;
  }

  void AddRows(const std::string& cue, const client::CueList& list, Table& table) const {
    if (!list.error.ok()) {
      table.Add(Row({cue, "", "ERROR"}, client::GetError(list.error).message));
      return;
    }
    const bool filtered = list.shortfall == client::Shortfall::kFilter;
    if (list.items.empty()) {
      table.Add(Row({cue, "", filtered ? "nothing matches the filter" : Name(list.status)}, ""));
      return;
    }
    for (const client::ScoredItem& item : list.items) {
      if (!item.found) {
        table.Add(Row({cue, "", FormatId(item.id), "not held"}, ""));
        continue;
      }
      std::vector<std::string> cells{cue, std::to_string(item.rank), FormatId(item.id),
                                     FormatNumber(item.score)};
      if (has_shares()) cells.push_back(FormatNumber(item.share));
      if (is_certified()) AddCertificate(item.certificate.value_or(client::Certificate()), cells);
      table.Add(Row(std::move(cells), item.payload.empty() ? "" : Dump(Json(item.payload))));
    }
    if (filtered) {
      table.Add(Row({cue, "", "no more match"}, ""));
    }
  }

  void AddCertificate(const client::Certificate& certificate,
                      std::vector<std::string>& cells) const {
    cells.push_back(YesNo(certificate.certified));
    cells.push_back(certificate.certified ? FormatNumber(certificate.radius) : "");
    if (!flags_.check_radius) return;
    cells.push_back(certificate.distance ? FormatNumber(*certificate.distance) : "");
    cells.push_back(certificate.distance ? YesNo(certificate.inside_radius) : "");
  }

  void PrintCone() const {
    const std::vector<client::ItemId> items = cone_.items();
    context_.io.out << FormatCount(items.size()) << (items.size() == 1 ? " item is" : " items are")
                    << " proved to be in the list of every sum of these cues with weights >= 0";
    for (size_t i = 0; i < items.size(); ++i) {
      context_.io.out << (i == 0 ? ": " : ", ") << FormatId(items[i]);
    }
    context_.io.out << "\n";
  }

  void PrintConeJson() const {
    Json ids = Json::array();
    if (is_certified()) {
      for (const client::ItemId& id : cone_.items()) ids.push_back(ToJson(id));
    }
    context_.io.out << Dump(Json{{"cone", ids}}) << "\n";
  }

  void PrintZ(const client::CueList& list) const {
    if (list.z_best <= 0 || answer_.items_scored < 2) return;
    const double strangers = std::sqrt(2 * std::log(static_cast<double>(answer_.items_scored)));
    context_.io.out << "the best stands " << FormatNumber(list.z_best)
                    << " standard deviations above the mean (the best of "
                    << FormatCount(answer_.items_scored) << " strangers: about "
                    << FormatNumber(strangers) << "), " << FormatNumber(list.z_gap)
                    << " above the second\n";
  }

  const QueryFlags& flags_;
  Context& context_;
  std::vector<std::pair<uint64_t, client::CueList>> shown_;
  client::QueryResult answer_;  // the last one, without its lists
  Cone cone_;
  uint64_t cues_ = 0;
};

// The length that was asked for; else the certified list of a memory that was trained.
absl::StatusOr<client::QueryOptions> SizeOf(client::Client& client, const QueryFlags& flags,
                                            const Context& context) {
  if (flags.fraction) return client::QueryOptions{.size = *flags.fraction};
  if (flags.k) return client::QueryOptions{.size = *flags.k};
  if (!flags.candidates.empty() || !flags.candidate_responses.empty()) {
    return client::QueryOptions{.size = kListSize};
  }
  const auto memory = client.GetMemory(flags.cues.memory, context.call());
  if (!memory.ok()) return memory.status();
  if (flags.cone && (!memory->state.trained || memory->state.partitions > 1)) {
    return UsageError("--cone needs a trained memory of one partition", "--cone",
                      "a linear memory of rule tam that was trained",
                      "Train it first, or leave --cone out.");
  }
  if (memory->state.trained) return client::QueryOptions{.size = client::CertifiedList()};
  return client::QueryOptions{.size = kListSize};
}

absl::StatusOr<client::Matrix> ReadResponses(const std::string& path) {
  if (path.empty()) return client::Matrix();
  auto file = OpenMatrix(path);
  if (!file.ok()) return file.status();
  return (*file)->Read((*file)->rows());
}

absl::Status Run(const QueryFlags& flags, Context& context) {
  const auto responses = ReadResponses(flags.candidate_responses);
  if (!responses.ok()) return responses.status();
  auto client = MakeClient(context, Patience::kLong);
  if (!client.ok()) return client.status();
  auto options = SizeOf(*client, flags, context);
  if (!options.ok()) return options.status();
  std::vector<client::ItemId> candidates;
  for (const std::string& text : flags.candidates) candidates.push_back(ParseId(text));
  options->candidates = candidates;
  if (responses->rows > 0) options->candidate_responses = responses->ref();
  options->check_radius = flags.check_radius;
  options->exact = flags.exact;
  options->beta = flags.cues.beta;
  options->filter = flags.cues.filter;
  options->dtype = flags.cues.dtype;
  options->include_payloads = flags.cues.payloads;
  options->call = context.call();
  Printer printer(flags, context);
  const absl::Status status =
      ForCues(flags.cues, context, "ranking", [&](const CueBatch& batch) -> absl::Status {
        options->mask = batch.mask;
        options->progress = batch.progress;
        auto answer = client->ListwiseQuery(flags.cues.memory, batch.cues, *options);
        if (!answer.ok()) return answer.status();
        for (client::CueList& list : answer->lists)
          list.error = CountCuesFrom(batch.first, list.error);
        printer.Add(batch.first, *std::move(answer));
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
      "With no length, a trained memory gives its certified list, with what was proved of each\n"
      "item; any other memory its best 10. --json prints a line for each cue.\n"
      "z: standard deviations of the best score above the mean of all; the best of n strangers\n"
      "stands at about sqrt(2 ln n), so a real match stands well above that.\n"
      "Example:\n"
      "  mnemectl query faces cues.npy --k 10\n"
      "  mnemectl query faces --cue 1,0,0 --fraction 0.01\n"
      "  mnemectl query faces --cue 1,0,0 --candidates anna,17\n"
      "  mnemectl query words --cue 1,0,0 --check-radius");
  auto flags = std::make_shared<QueryFlags>();
  AddCueFlags(*query, flags->cues);
  CLI::Option* k = query->add_option("--k,-k", flags->k, "Length of a list");
  CLI::Option* fraction =
      query->add_option("--fraction", flags->fraction, "Length of a list as a share of all items");
  fraction->excludes(k);
  CLI::Option* candidates =
      query->add_option("--candidates", flags->candidates, "Rank only these ids, commas between")
          ->delimiter(',')
          ->allow_extra_args(false);
  CLI::Option* responses =
      query->add_option("--candidate-responses", flags->candidate_responses,
                        "Rank the responses in this .npy or .fvecs, named by row from 0 (linear)");
  responses->excludes(candidates);
  query->add_flag("--check-radius", flags->check_radius,
                  "Also say whether each cue is within the radius of an item's key");
  query->add_flag("--exact", flags->exact,
                  "Score every item, even where the memory's index would name a few");
  query
      ->add_flag("--cone", flags->cone,
                 "Also name the items proved to be in the list of every sum of the cues with "
                 "weights >= 0")
      ->excludes(k)
      ->excludes(fraction)
      ->excludes(candidates)
      ->excludes(responses);
  query->callback(
      [&context, flags] { context.action = [&context, flags] { return Run(*flags, context); }; });
}

}  // namespace mneme::cli
