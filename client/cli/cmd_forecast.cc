// mnemectl forecast
#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/commands.h"
#include "client/cli/describe.h"
#include "client/cli/forecast_chart.h"
#include "client/cli/json.h"
#include "client/cli/plot_file.h"
#include "client/cli/spec_flags.h"
#include "client/cli/text.h"

namespace mneme::cli {
namespace {

using client::ForecastResult;
using client::Prediction;

constexpr uint32_t kCurvePoints = 100;

struct ForecastFlags {
  std::string memory;
  bool is_planned = false;
  client::PlannedMemory planned;
  SpecFlags model{Models::kForecast};
  std::string probe = "newest";
  std::string plot_file;
  client::ForecastOptions options;
};

const std::map<std::string, client::ProbeMode> kProbes = {{"newest", client::ProbeMode::kNewest},
                                                          {"now", client::ProbeMode::kNow},
                                                          {"none", client::ProbeMode::kNone}};

std::string Subject(const ForecastFlags& flags) {
  if (!flags.is_planned) return flags.memory;
  const client::MemorySpec& spec = flags.planned.spec;
  if (const auto* feature = std::get_if<client::FeatureSpec>(&spec.model)) {
    return absl::StrCat("planned: feature memory of ", spec.key_dim, " numbers, ",
                        Name(feature->kind));
  }
  return absl::StrCat("planned: ", spec.key_dim, " -> ", spec.response_dim, ", rule ",
                      Name(std::get<client::LinearSpec>(spec.model).rule));
}

std::string Measured(const Prediction& prediction) {
  if (!prediction.measured) return "";
  return absl::StrCat(FormatNumber(*prediction.measured), " ± ",
                      FormatNumber(prediction.measured_error));
}

void PrintPredictions(const ForecastResult& forecast, std::ostream& out) {
  Table table({{"QUANTITY"},
               {"VALUE", Table::Align::kRight},
               {"THEORY", Table::Align::kRight},
               {"MEASURED", Table::Align::kRight},
               {"FORMULA"},
               {""}});
  for (const Prediction& prediction : forecast.predictions) {
    table.Add({prediction.quantity, FormatNumber(prediction.value),
               prediction.theory ? FormatNumber(*prediction.theory) : "", Measured(prediction),
               prediction.formula, prediction.probe_disagrees ? "the probe disagrees" : ""});
  }
  table.Print(out);
}

// Where theory must not be relied upon.
void PrintDisagreement(const ForecastResult& forecast, std::ostream& out) {
  std::string quantities;
  for (const Prediction& prediction : forecast.predictions) {
    if (!prediction.probe_disagrees) continue;
    absl::StrAppend(&quantities, quantities.empty() ? "" : ", ", prediction.quantity);
  }
  if (quantities.empty()) return;
  out << "The probe disagrees with theory by more than 20 % on " << quantities
      << ": the value is the measured one.\n";
}

// "One. Two." as "One." and "Two."
std::vector<std::string> Sentences(const std::string& text) {
  std::vector<std::string> sentences;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(". ", begin), text.size());
    sentences.push_back(text.substr(begin, end + 1 - begin));
    begin = end + 2;
  }
  return sentences;
}

// Each sentence of the assumptions once, with the quantities that rest on it unless all do.
void AddAssumptions(const ForecastResult& forecast, Fields& fields) {
  struct Assumption {
    std::string sentence;
    std::vector<std::string> quantities;
  };
  std::vector<Assumption> assumptions;
  size_t with_any = 0;
  for (const Prediction& prediction : forecast.predictions) {
    if (!prediction.assumption.empty()) ++with_any;
    for (const std::string& sentence : Sentences(prediction.assumption)) {
      auto known = std::ranges::find(assumptions, sentence, &Assumption::sentence);
      if (known == assumptions.end()) {
        known = assumptions.insert(known, Assumption{.sentence = sentence});
      }
      known->quantities.push_back(prediction.quantity);
    }
  }
  std::string_view name = "assumes";
  for (const Assumption& assumption : assumptions) {
    const bool is_of_all = assumption.quantities.size() == with_any;
    fields.Add(name, is_of_all ? assumption.sentence
                               : absl::StrCat(assumption.sentence, " (",
                                              absl::StrJoin(assumption.quantities, ", "), ")"));
    name = "";
  }
}

std::string ProbeText(const client::Probe& probe) {
  std::string text = absl::StrCat(FormatCount(probe.items), " items at cue cosine ",
                                  FormatNumber(probe.cue_cosine), ", ", FormatSeconds(probe.time));
  if (probe.score_std_ratio > 0) {
    absl::StrAppend(&text, "; scores spread ", FormatNumber(probe.score_std_ratio),
                    " times as wide as expected");
  }
  if (probe.score_std_ratio > 1.3) {
    absl::StrAppend(&text, " (keys not isotropic, or duplicates)");
  }
  return text;
}

void PrintForecast(const ForecastResult& forecast, const ForecastFlags& flags, std::ostream& out) {
  out << Subject(flags) << "\n";
  Fields fields(out);
  fields.Add("items", FormatCount(forecast.items));
  if (forecast.load > 0) fields.Add("load", FormatNumber(forecast.load));
  if (forecast.load_effective > 0) {
    fields.Add("effective", absl::StrCat("load ", FormatNumber(forecast.load_effective),
                                         ", dimensions ", FormatNumber(forecast.key_dim_effective),
                                         " -> ", FormatNumber(forecast.response_dim_effective)));
  }
  fields.Add("phase", ForPeople(forecast.phase));
  if (!forecast.capacity_formula.empty()) {
    fields.Add("capacity", absl::StrCat(FormatCount(forecast.capacity_items), " items by ",
                                        forecast.capacity_formula, "; ",
                                        FormatCount(forecast.items_left), " left"));
  }
  AddBytes(forecast.bytes, forecast.memory_bytes, fields);
  if (forecast.probe) fields.Add("probe", ProbeText(*forecast.probe));
  AddAssumptions(forecast, fields);
  PrintPredictions(forecast, out);
  PrintDisagreement(forecast, out);
}

absl::Status CheckFlags(const ForecastFlags& flags) {
  if (flags.is_planned == flags.memory.empty()) return absl::OkStatus();
  return UsageError("there must be one thing to forecast",
                    flags.is_planned ? "a memory and --planned" : "none",
                    "a memory, or --planned with its dimensions", "Give one of them.");
}

absl::Status Run(ForecastFlags& flags, const Context& context) {
  if (absl::Status status = CheckFlags(flags); !status.ok()) return status;
  if (flags.is_planned) {
    if (absl::Status status = flags.model.Fill(flags.planned.spec); !status.ok()) return status;
  }
  flags.options.probe = kProbes.at(flags.probe);
  flags.options.call = context.call();
  if (!flags.plot_file.empty()) flags.options.curve_points = kCurvePoints;
  auto client = MakeClient(context);
  if (!client.ok()) return client.status();
  const auto forecast = flags.is_planned ? client->Forecast(flags.planned, flags.options)
                                         : client->Forecast(flags.memory, flags.options);
  if (!forecast.ok()) return forecast.status();
  std::ostream& out = context.io.out;
  if (context.json) {
    out << Dump(ToJson(*forecast)) << "\n";
  } else {
    PrintForecast(*forecast, flags, out);
    PrintWarnings(forecast->warnings, context.io.err);
  }
  if (flags.plot_file.empty()) return absl::OkStatus();
  return DrawFigure(ForecastFigure(*forecast, Subject(flags)), flags.plot_file,
                    "the server sent neither a curve nor a profile",
                    context.json ? context.io.err : out);
}

void AddPlanFlags(CLI::App& forecast, ForecastFlags& flags) {
  CLI::Option* planned =
      forecast.add_flag("--planned", flags.is_planned, "A memory that is not there yet");
  client::PlannedMemory& plan = flags.planned;
  CLI::Option* key_dim =
      forecast.add_option("--key-dim,--dim", plan.spec.key_dim, "Planned: numbers in a key");
  CLI::Option* response_dim = forecast.add_option(
      "--response-dim", plan.spec.response_dim, "Planned: numbers in a response (linear: needed)");
  CLI::Option* items = forecast.add_option("--items", plan.items, "Planned: items it is to hold");
  planned->needs(key_dim)->needs(items);
  for (CLI::Option* option : {key_dim, response_dim, items}) option->needs(planned);
  forecast
      .add_option("--key-dim-effective", plan.key_dim_effective,
                  "Planned: of keys that are not isotropic (0: key dim)")
      ->needs(planned);
  forecast
      .add_option("--response-dim-effective", plan.response_dim_effective,
                  "Planned: of responses that are not isotropic (0: response dim)")
      ->needs(planned);
  flags.model.AddTo(forecast, planned);
}

void AddQuestionFlags(CLI::App& forecast, ForecastFlags& flags) {
  client::ForecastOptions& options = flags.options;
  forecast
      .add_option("--list", options.list_sizes, "List sizes, commas between (default: 1,10,100)")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->default_str("");
  forecast.add_option("--cue-cosine", options.cue_cosine,
                      "Cosine of cues with stored keys, in (0, 1] (0: 1, exact keys)");
  forecast.add_option("--error-target", options.error_target,
                      "Share of items that may miss the first list (0: 0.05)");
  forecast.add_option("--probe", flags.probe, "Measure a memory that exists")
      ->transform(CLI::IsMember(&kProbes));
  forecast.add_option("--probe-items", options.probe_items, "Items to measure (0: 500)");
  forecast.add_option("--seed", options.seed, "Of the probe's random choices (0: 1)");
  forecast.add_option("--plot", flags.plot_file,
                      "Draw hit rates and percentiles into this .svg; -: as text");
}

}  // namespace

void AddForecastCommand(CLI::App& app, Context& context) {
  CLI::App* forecast = app.add_subcommand(
      "forecast", "What a linear or feature memory, existing or planned, can hold and recall");
  forecast->footer(
      "Theory, and for a linear memory that exists a probe: some stored items are recalled and "
      "ranked.\n"
      "Where the two differ by more than 20 %, the value is the measured one.\n"
      "Example:\n"
      "  mnemectl forecast words --list 1,20 --cue-cosine 0.9\n"
      "  mnemectl forecast --planned --key-dim 256 --response-dim 256 --items 5000 --rule tam \\\n"
      "      --list-size 20 --plot load.svg\n"
      "  mnemectl forecast --planned --model feature --dim 64 --items 20 --beta 30 "
      "--cue-noise 0.32");
  auto flags = std::make_shared<ForecastFlags>();
  forecast->add_option("MEMORY", flags->memory, "Which memory");
  AddPlanFlags(*forecast, *flags);
  AddQuestionFlags(*forecast, *flags);
  forecast->callback(
      [&context, flags] { context.action = [&context, flags] { return Run(*flags, context); }; });
}

}  // namespace mneme::cli
