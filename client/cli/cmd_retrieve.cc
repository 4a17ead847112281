// mnemectl retrieve
#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/cues.h"
#include "client/cli/dtype_flag.h"
#include "client/cli/json.h"
#include "client/cli/matrix_file.h"
#include "client/cli/rows.h"
#include "client/cli/text.h"

namespace mneme::cli {
namespace {

constexpr uint32_t kTop = 3;
constexpr size_t kEnergyColumn = 5;

struct RetrieveFlags {
  CueFlags cues;
  std::optional<uint32_t> top;  // absent: kTop where the memory can name items
  uint32_t steps_max = 0;
  std::string out_file;
  client::Dtype recall_dtype = client::Dtype::kFloat32;
};

std::string TopIds(const client::CueResult& result) {
  std::string text;
  for (const client::ScoredItem& item : result.top) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", FormatId(item.id));
    if (item.share > 0) absl::StrAppend(&text, " (", FormatNumber(item.share), ")");
  }
  if (result.shortfall == client::Shortfall::kFilter && !result.top.empty())
    absl::StrAppend(&text, " (no more match)");
  return text;
}

// Nothing to recall, as all that there is was filtered out: the API's EMPTY_STORE, which a reader
// would take for an empty memory.
bool IsFilteredEmpty(const client::CueResult& result) {
  return result.status == client::AnswerStatus::kEmptyStore &&
         result.shortfall == client::Shortfall::kFilter;
}

// "NO_SUPPORT", or how it was answered all the same, as in "CONVERGED (no support: NEAREST)".
std::string StatusText(const client::CueResult& result) {
  if (IsFilteredEmpty(result)) return "nothing matches the filter";
  if (result.answered_by == client::NoSupportPolicy::kDefault) return Name(result.status);
  return absl::StrCat(Name(result.status), " (no support: ", Name(result.answered_by), ")");
}

// 0 is what a model has that knows no such figure.
std::string OrBlank(double figure) { return figure == 0 ? "" : FormatNumber(figure); }

// Prints answers as they come: JSON lines, or a table of the first few and a count of the rest.
class Printer {
 public:
  Printer(const RetrieveFlags& flags, Context& context)
      : flags_(flags),
        context_(context),
        table_({{"CUE", Table::Align::kRight},
                {"STATUS"},
                {"CONFIDENCE", Table::Align::kRight},
                {"N_EFF", Table::Align::kRight},
                {"STEPS", Table::Align::kRight},
                {"ENERGY", Table::Align::kRight, /*only_if_filled=*/true},
                {"Z", Table::Align::kRight},
                {"TOP (SHARE)"},
                {"RECALL"}}) {}

  void Add(uint64_t first, const client::RetrieveResult& answer) {
    for (size_t i = 0; i < answer.results.size(); ++i) {
      const auto recall = answer.recalls.row(i);
      if (context_.json) {
        AddJson(first + i, answer.results[i], recall, answer);
      } else {
        AddRow(first + i, answer.results[i], recall);
      }
    }
  }

  void Finish() {
    std::ostream& out = context_.io.out;
    if (context_.json) return;
    PrintTable(out);
    uint64_t cues = 0;
    std::string counts;
    for (const auto& [status, count] : counts_) {
      cues += count;
      absl::StrAppend(&counts, counts.empty() ? "" : ", ", FormatCount(count), " ", status);
    }
    if (cues > 1) out << FormatCount(cues) << " cues: " << counts << "\n";
    if (!flags_.out_file.empty()) out << "recalls written to " << flags_.out_file << "\n";
  }

 private:
  void AddJson(uint64_t cue, const client::CueResult& result, std::span<const float> recall,
               const client::RetrieveResult& answer) {
    Json json{{"cue", cue}};
    json.update(ToJson(result));
    if (result.error.ok()) {
      json["exactness"] = Name(answer.exactness);
      json["proof"] = Name(answer.proof);
      if (flags_.out_file.empty()) json["recall"] = ToJson(recall);
    }
    context_.io.out << Dump(json) << "\n";
  }

  void PrintTable(std::ostream& out) {
    for (std::vector<std::string>& row : rows_) {
      if (!has_energies_) row[kEnergyColumn].clear();
      table_.Add(std::move(row));
    }
    table_.Print(out);
  }

  void AddRow(uint64_t cue, const client::CueResult& result, std::span<const float> recall) {
    ++counts_[result.error.ok() ? StatusText(result) : "ERROR"];
    if (cue >= flags_.cues.shown_max) return;
    has_energies_ |= result.energy != 0;
    if (!result.error.ok()) {
      rows_.push_back({std::to_string(cue), "ERROR", "", "", "", "", "",
                       client::GetError(result.error).message, ""});
      return;
    }
    rows_.push_back({std::to_string(cue), StatusText(result), OrBlank(result.confidence),
                     OrBlank(result.n_eff), std::to_string(result.steps),
                     FormatNumber(result.energy), OrBlank(result.z_best), TopIds(result),
                     FormatVector(recall)});
  }

  const RetrieveFlags& flags_;
  Context& context_;
  Table table_;
  std::vector<std::vector<std::string>> rows_;  // of the table
  bool has_energies_ = false;                   // a model without has 0 everywhere
  std::map<std::string, uint64_t> counts_;
};

// Asks for the best items too, unless the user did not and the memory keeps none to name.
absl::StatusOr<client::RetrieveResult> Ask(client::Client& client, const RetrieveFlags& flags,
                                           const CueBatch& batch, const Context& context,
                                           uint32_t& top) {
  client::RetrieveOptions options{.mask = batch.mask,
                                  .top = top,
                                  .beta = flags.cues.beta,
                                  .steps_max = flags.steps_max,
                                  .filter = flags.cues.filter,
                                  .include_payloads = flags.cues.payloads,
                                  .dtype = flags.cues.dtype,
                                  .recall_dtype = flags.recall_dtype,
                                  .progress = batch.progress,
                                  .call = context.call()};
  auto answer = client.Retrieve(flags.cues.memory, batch.cues, options);
  if (flags.top || top == 0 || client::GetError(answer.status()).reason != "CODEBOOK_NOT_KEPT") {
    return answer;
  }
  options.top = top = 0;
  return client.Retrieve(flags.cues.memory, batch.cues, options);
}

absl::Status Run(const RetrieveFlags& flags, Context& context) {
  auto client = MakeClient(context, Patience::kLong);
  if (!client.ok()) return client.status();
  std::unique_ptr<NpyWriter> writer;
  if (!flags.out_file.empty()) {
    auto created = NpyWriter::Create(flags.out_file);
    if (!created.ok()) return created.status();
    writer = *std::move(created);
  }
  Printer printer(flags, context);
  uint32_t top = flags.top.value_or(kTop);
  const absl::Status status =
      ForCues(flags.cues, context, "recalling", [&](const CueBatch& batch) -> absl::Status {
        auto answer = Ask(*client, flags, batch, context, top);
        if (!answer.ok()) return answer.status();
        for (client::CueResult& result : answer->results)
          result.error = CountCuesFrom(batch.first, result.error);
        printer.Add(batch.first, *answer);
        return writer ? writer->Write(answer->recalls.ref()) : absl::OkStatus();
      });
  if (!status.ok()) return status;
  if (writer) {
    if (absl::Status finished = writer->Finish(); !finished.ok()) return finished;
  }
  printer.Finish();
  return absl::OkStatus();
}

}  // namespace

void AddRetrieveCommand(CLI::App& app, Context& context) {
  CLI::App* retrieve = app.add_subcommand("retrieve", "Recall the response to each cue");
  retrieve->footer(
      "--json prints a line for each cue, with its recall unless --out takes them.\n"
      "Z: standard deviations of the best score above the mean of all; the best of n strangers\n"
      "stands at about sqrt(2 ln n), so a real match stands well above that.\n"
      "ENERGY (dense, feature): of the recall; of a feature memory what was never stored stands "
      "high.\n"
      "NO_SUPPORT (separation relu): no item is within the radius of the cue: none of these. With "
      "a\n"
      "policy of the memory, the status says what answered: (no support: NEAREST).\n"
      "Example:\n"
      "  mnemectl retrieve faces cues.npy --mask 0-391 --top 3 --out recalls.npy\n"
      "  mnemectl retrieve faces --cue 1,0,0\n"
      "  echo '[1, 0, 0]' | mnemectl retrieve faces - --json");
  auto flags = std::make_shared<RetrieveFlags>();
  AddCueFlags(*retrieve, flags->cues);
  retrieve->add_option("--top,-k", flags->top,
                       "Name this many of the best items (default: 3 where the memory keeps them)");
  retrieve->add_option("--steps-max", flags->steps_max,
                       "Most steps for this request (dense; 0: as in the spec)");
  AddDtypeFlag(*retrieve, "--recall-dtype",
               "Have recalls sent as fp32, bf16, fp16 or int8: rounded", flags->recall_dtype);
  retrieve->add_option("--out,-o", flags->out_file, "Write the recalls to this .npy file");
  retrieve->callback(
      [&context, flags] { context.action = [&context, flags] { return Run(*flags, context); }; });
}

}  // namespace mneme::cli
