// mnemectl explain
#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/commands.h"
#include "client/cli/cues.h"
#include "client/cli/describe.h"
#include "client/cli/index_flags.h"
#include "client/cli/json.h"
#include "client/cli/rows.h"
#include "client/cli/text.h"

namespace mneme::cli {
namespace {

constexpr uint32_t kListSize = 10;

struct ExplainFlags {
  CueFlags cues;
  bool list = false;
  bool certified = false;
  bool exact = false;
  std::optional<uint32_t> size;
  uint32_t steps_max = 0;
};

std::string FormatMillis(std::chrono::nanoseconds time) {
  return absl::StrFormat("%.3f ms", std::chrono::duration<double, std::milli>(time).count());
}

std::string CountOf(uint64_t count, std::string_view one, std::string_view many) {
  return absl::StrCat(FormatCount(count), " ",
                      count == 1 ? absl::string_view(one.data(), one.size())
                                 : absl::string_view(many.data(), many.size()));
}

std::string PathText(const client::Explanation& told) {
  std::string text = absl::StrCat(Name(told.path), ", ", Name(told.exactness));
  if (told.proof != client::ExactnessProof::kUnspecified) {
    absl::StrAppend(&text, " (", Name(told.proof), ")");
  }
  return text;
}

std::string ReadText(const client::Explanation& told) {
  if (told.tiles == 0) return "";
  return absl::StrCat(CountOf(told.rows, "row", "rows"), " in ",
                      CountOf(told.tiles, "tile", "tiles"), "; ",
                      CountOf(told.items_scored, "item", "items"), " scored");
}

std::string BatchText(const client::Explanation& told) {
  std::string text = CountOf(told.cues, "cue", "cues");
  if (told.batch_requests > 1) {
    absl::StrAppend(&text, ", in a batch of ", CountOf(told.batch_cues, "cue", "cues"), " of ",
                    FormatCount(told.batch_requests), " requests");
  }
  if (told.estimate.count() > 0) {
    absl::StrAppend(&text, "; guessed at ", FormatMillis(told.estimate), " on one thread");
  }
  return text;
}

void PrintStages(const client::Explanation& told, std::ostream& out) {
  Table table({{"STAGE"},
               {"START", Table::Align::kRight},
               {"TIME", Table::Align::kRight},
               {"SHARE", Table::Align::kRight},
               {"PARTS", Table::Align::kRight, true},
               {"BYTES", Table::Align::kRight, true},
               {"THREADS", Table::Align::kRight, true}});
  for (const client::ExplainStage& stage : told.stages) {
    const double share = told.elapsed.count() == 0 ? 0
                                                   : static_cast<double>(stage.elapsed.count()) /
                                                         static_cast<double>(told.elapsed.count());
    const bool reads = stage.parts > 0;
    table.Add({stage.name, FormatMillis(stage.start), FormatMillis(stage.elapsed),
               FormatPercent(share), reads ? FormatCount(stage.parts) : "",
               reads ? FormatBytes(stage.bytes) : "", reads ? FormatCount(stage.threads) : ""});
  }
  table.Add({"all", "", FormatMillis(told.elapsed), "", "", "", ""});
  table.Print(out);
}

void PrintAnswers(const client::Explanation& told, size_t shown_max, std::ostream& out) {
  Table table({{"CUE", Table::Align::kRight},
               {"STATUS"},
               {"STEPS", Table::Align::kRight, true},
               {"LISTED", Table::Align::kRight},
               {"BEST", Table::Align::kLeft, true},
               {"SCORE", Table::Align::kRight, true},
               {"SURVIVED", Table::Align::kRight, true},
               {"RESCORED", Table::Align::kRight, true}});
  const auto some = [](uint64_t count) { return count == 0 ? "" : FormatCount(count); };
  for (size_t i = 0; i < std::min(shown_max, told.answers.size()); ++i) {
    const client::ExplainCue& cue = told.answers[i];
    const bool best = cue.best.has_value() && cue.best->found;
    table.Add({FormatCount(i),
               cue.error.ok() ? Name(cue.status) : client::GetError(cue.error).message,
               some(cue.steps), FormatCount(cue.listed), best ? FormatId(cue.best->id) : "",
               best ? FormatNumber(cue.best->score) : "", some(cue.rows_survived),
               some(cue.rows_rescored)});
  }
  table.Print(out);
}

void PrintWhy(const client::Explanation& told, std::ostream& out) {
  Table table({{"CHOICE"}, {"REASON"}, {"WHY"}});
  for (const client::ExplainChoice& choice : told.choices) {
    table.Add({choice.subject, choice.reason, choice.message});
    if (!choice.next_step.empty()) table.Add({"", "", "-> " + choice.next_step});
  }
  for (const client::Warning& advice : told.advice) {
    table.Add({"faster", advice.reason, advice.message});
    table.Add({"", "", "-> " + advice.next_step});
  }
  table.Print(out);
}

void Print(const client::Explanation& told, size_t shown_max, std::ostream& out) {
  Fields fields(out);
  fields.Add("memory", told.memory);
  fields.Add("model", absl::StrCat(told.model, ": ", told.kernel));
  fields.Add("items", FormatCount(told.items));
  fields.Add("path", PathText(told));
  fields.Add("read", ReadText(told));
  fields.Add("asked", BatchText(told));
  if (told.index) fields.Add("index", IndexReportText(*told.index));
  fields.Add("kernels", absl::StrCat(told.instruction_set, ", BLAS ", told.blas_core, ", ",
                                     CountOf(told.scan_threads, "scan thread", "scan threads")));
  fields.Add("answer", FormatBytes(told.answer_bytes));
  out << "\n";
  PrintStages(told, out);
  out << "\n";
  PrintAnswers(told, shown_max, out);
  if (told.choices.empty() && told.advice.empty()) return;
  out << "\n";
  PrintWhy(told, out);
}

absl::StatusOr<client::Explanation> Ask(client::Client& client, const ExplainFlags& flags,
                                        const CueBatch& batch, const Context& context) {
  const CueFlags& cues = flags.cues;
  if (!flags.list) {
    return client.ExplainRetrieve(cues.memory, batch.cues,
                                  {.mask = batch.mask,
                                   .top = flags.size.value_or(0),
                                   .beta = cues.beta,
                                   .steps_max = flags.steps_max,
                                   .filter = cues.filter,
                                   .include_payloads = cues.payloads,
                                   .dtype = cues.dtype,
                                   .call = context.call()});
  }
  client::QueryOptions options{.mask = batch.mask,
                               .size = flags.size.value_or(kListSize),
                               .exact = flags.exact,
                               .beta = cues.beta,
                               .filter = cues.filter,
                               .include_payloads = cues.payloads,
                               .dtype = cues.dtype,
                               .call = context.call()};
  if (flags.certified) options.size = client::CertifiedList();
  return client.ExplainQuery(cues.memory, batch.cues, options);
}

absl::Status Run(const ExplainFlags& flags, Context& context) {
  auto client = MakeClient(context);
  if (!client.ok()) return client.status();
  return ForCues(flags.cues, context, "explaining", [&](const CueBatch& batch) -> absl::Status {
    const auto told = Ask(*client, flags, batch, context);
    if (!told.ok()) return told.status();
    if (context.json) {
      context.io.out << Dump(ToJson(*told)) << "\n";
    } else {
      Print(*told, flags.cues.shown_max, context.io.out);
    }
    return absl::OkStatus();
  });
}

}  // namespace

void AddExplainCommand(CLI::App& app, Context& context) {
  CLI::App* explain =
      app.add_subcommand("explain", "Answer a recall or a list for real, and tell how it was done");
  explain->footer(
      "STAGE follow one another: their times add up to what the server took. SURVIVED are items "
      "that\n"
      "the bounds of small codes did not rule out, RESCORED the keys that were read for them, or\n"
      "the items that an index named. The last table says why it went this way, and what would "
      "make\n"
      "it faster where that can be told. All cues go in one request.\n"
      "Examples:\n"
      "  mnemectl explain faces cue.npy\n"
      "  mnemectl explain faces cue.npy --list --size 10\n"
      "  mnemectl explain words --cue 1,0,0 --list --certified --json");
  auto flags = std::make_shared<ExplainFlags>();
  AddCueFlags(*explain, flags->cues);
  CLI::Option* list = explain->add_flag("--list", flags->list, "Explain a list, not a recall");
  CLI::Option* size = explain->add_option("--size,--top,-k", flags->size,
                                          "Items to name (a list: 10; a recall: none)");
  explain->add_flag("--certified", flags->certified, "The certified list of a trained memory")
      ->needs(list)
      ->excludes(size);
  explain->add_flag("--exact", flags->exact, "Score every item, whatever index there is")
      ->needs(list);
  explain->add_option("--steps-max", flags->steps_max, "Most steps of a recall (0: as in the spec)")
      ->excludes(list);
  explain->callback(
      [&context, flags] { context.action = [&context, flags] { return Run(*flags, context); }; });
}

}  // namespace mneme::cli
