// mnemectl analyze basins|recall|capacity|sedam|oscillators|energy-graph|confidence|watch
#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/analysis_charts.h"
#include "client/cli/commands.h"
#include "client/cli/cues.h"
#include "client/cli/json.h"
#include "client/cli/operations.h"
#include "client/cli/plot_file.h"
#include "client/cli/rows.h"
#include "client/cli/text.h"

namespace mneme::cli {
namespace {

constexpr size_t kTracedCuesMax = 16;

// What all analyses have.
struct CommonFlags {
  std::string memory;
  std::string plot_file;
  bool wait = true;
};

void AddCommonFlags(CLI::App& command, CommonFlags& flags) {
  command.add_option("MEMORY", flags.memory, "Which memory")->required();
  command.add_option("--plot", flags.plot_file, "Draw what was found into this .svg; -: as text");
  command.add_flag("--wait,!--no-wait", flags.wait, "Wait for the end (default), or only begin");
}

absl::Status CheckCommon(const CommonFlags& flags) {
  if (flags.wait || flags.plot_file.empty()) return absl::OkStatus();
  return UsageError("--plot needs the end", "--plot with --no-wait", "one of the two",
                    "Leave out --no-wait.");
}

absl::Status Run(const CommonFlags& flags, const client::AnalysisSpec& spec,
                 const Context& context) {
  if (absl::Status status = CheckCommon(flags); !status.ok()) return status;
  auto client = MakeClient(context, Patience::kLong);
  if (!client.ok()) return client.status();
  const auto begun = client->Analyze(flags.memory, spec, context.call());
  if (absl::Status status = Follow(*client, begun, flags.wait, context); !status.ok()) {
    return status;
  }
  if (flags.plot_file.empty()) return absl::OkStatus();
  const auto ended = client->GetOperation(begun->name, context.call());
  if (!ended.ok()) return ended.status();
  const plot::Figure figure = ended->report ? FigureOf(*ended->report) : plot::Figure{};
  return DrawFigure(figure, flags.plot_file, "the report holds nothing to draw",
                    context.json ? context.io.err : context.io.out);
}

// A subcommand whose flags are those of `Spec` and the common ones.
template <typename Spec>
struct Flags {
  CommonFlags common;
  Spec spec;
};

template <typename Spec>
std::shared_ptr<Flags<Spec>> AddAnalysis(CLI::App& analyze, Context& context,
                                         const std::string& name, const std::string& description,
                                         const std::string& footer, CLI::App** command) {
  *command = analyze.add_subcommand(name, description);
  (*command)->footer(footer);
  auto flags = std::make_shared<Flags<Spec>>();
  AddCommonFlags(**command, flags->common);
  (*command)->callback([&context, flags] {
    context.action = [&context, flags] { return Run(flags->common, flags->spec, context); };
  });
  return flags;
}

void AddBasins(CLI::App& analyze, Context& context) {
  CLI::App* basins = nullptr;
  auto flags = AddAnalysis<client::BasinsAnalysis>(
      analyze, context, "basins",
      "Which items are swallowed by a neighbour or a blend (dense memories)",
      "Items are recalled by their own keys; recalls begun between items look for what nobody "
      "stored.\n"
      "Example:\n"
      "  mnemectl analyze basins faces --plot margins.svg\n"
      "  mnemectl analyze basins faces --items 5000 --beta 40 --json",
      &basins);
  client::BasinsAnalysis& spec = flags->spec;
  basins->add_option("--items", spec.items, "Items to recall, drawn at random (0: 1,024)");
  basins->add_option("--probes", spec.probes, "Recalls begun between items (default: 256)");
  basins->add_option("--steps", spec.steps_max, "Most steps of a recall (0: 64)");
  basins->add_option("--beta", spec.beta, "Inverse temperature (default: the memory's)");
  basins->add_option("--seed", spec.seed, "Of the random choices (0: 1)");
}

struct RecallFlags {
  CommonFlags common;
  CueFlags cues;
  client::RecallAnalysis spec;
};

absl::Status RunRecall(RecallFlags& flags, Context& context) {
  client::Matrix& cues = flags.spec.cues;
  absl::Status status =
      ForCues(flags.cues, context, "reading", [&](const CueBatch& batch) -> absl::Status {
        if (cues.rows + batch.cues.rows > kTracedCuesMax) {
          return UsageError("too many cues to trace", absl::StrCat("more than ", kTracedCuesMax),
                            absl::StrCat("at most ", kTracedCuesMax), "Give fewer cues.");
        }
        cues.cols = batch.cues.cols;
        cues.rows += batch.cues.rows;
        cues.data.insert(cues.data.end(), batch.cues.data,
                         batch.cues.data + batch.cues.rows * batch.cues.cols);
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  return Run(flags.common, std::move(flags.spec), context);
}

void AddRecall(CLI::App& analyze, Context& context) {
  CLI::App* recall = analyze.add_subcommand(
      "recall", "The energy of each step of the recalls of some cues (dense memories)");
  recall->footer(
      "Example:\n"
      "  mnemectl analyze recall faces cues.npy --plot -\n"
      "  mnemectl analyze recall faces --cue 0.1,0.2,0.3 --steps 50");
  auto flags = std::make_shared<RecallFlags>();
  AddCommonFlags(*recall, flags->common);
  recall->add_option("FILE", flags->cues.file,
                     "Cues, at most 16: .npy, .fvecs, .jsonl, or - for JSON on stdin");
  recall
      ->add_option("--cue", flags->cues.numbers, "A cue as numbers with commas; may be given again")
      ->allow_extra_args(false);
  recall->add_option("--steps", flags->spec.steps_max, "Most steps (0: 16)");
  recall->add_option("--beta", flags->spec.beta, "Inverse temperature (default: the memory's)");
  recall->callback([&context, flags] {
    context.action = [&context, flags] { return RunRecall(*flags, context); };
  });
}

void AddCapacity(CLI::App& analyze, Context& context) {
  CLI::App* capacity = nullptr;
  auto flags = AddAnalysis<client::CapacityAnalysis>(
      analyze, context, "capacity",
      "How many patterns a memory of this kernel and dimension holds (dense, feature)",
      "Memories of the same kernel are filled with fresh patterns until they fail.\n"
      "Example:\n"
      "  mnemectl analyze capacity faces --correlation 0.5 --flip 0.1",
      &capacity);
  client::CapacityAnalysis& spec = flags->spec;
  capacity->add_option("--correlation", spec.correlation, "Of bits within a block, 0 to 1");
  capacity->add_option("--block", spec.block, "Bits of a block (0: 8)");
  capacity->add_option("--share-positive", spec.share_positive,
                       "Share of bits that are +1 (0: 0.5)");
  capacity->add_option("--min-hamming", spec.min_hamming, "Least distance between two patterns");
  capacity->add_option("--flip", spec.flip, "Share of a cue's bits turned, 0 to 0.5");
  capacity->add_option("--tolerance", spec.tolerance,
                       "A larger mean error is failure (default: 0.02)");
  capacity->add_option("--probes", spec.probes, "Cues at each load (0: 64)");
  capacity->add_option("--load-max", spec.load_max,
                       "Largest load tried (0: 8,192, or as many as may be held)");
  capacity->add_option("--seeds", spec.seeds, "Repeats, 4 to 32 (0: 4)");
  capacity->add_option("--seed", spec.seed, "The first of them (0: 1)");
}

// The patterns of a simulation.
void AddSource(CLI::App& command, client::PatternSource& source) {
  CLI::Option* generated = command.add_option(
      "--generate", source.generated, "So many random patterns instead of the memory's keys");
  command
      .add_option_function<std::string>(
          "--start", [&source](const std::string& text) { source.start = ParseId(text); },
          "Id of the item at which it begins (default: the first)")
      ->excludes(generated);
}

void AddSedam(CLI::App& analyze, Context& context) {
  CLI::App* sedam = nullptr;
  auto flags = AddAnalysis<client::SedamAnalysis>(
      analyze, context, "sedam",
      "Simulate noise and recall in turn over the memory's patterns of +1 and -1",
      "What it observes while it runs is shown by `mnemectl analyze watch OPERATION`.\n"
      "Example:\n"
      "  mnemectl analyze sedam spins --p 0.2 --steps 20000 --plot sedam.svg",
      &sedam);
  client::SedamAnalysis& spec = flags->spec;
  AddSource(*sedam, spec.patterns);
  sedam->add_option("-p,--p", spec.flip, "Chance that noise turns a neuron (default: 0.25)");
  sedam->add_option("--beta", spec.beta, "Inverse temperature of recall (0: 1)");
  sedam->add_option("--steps", spec.steps, "Steps (0: 20,000)");
  sedam->add_option("--burn-in", spec.burn_in, "Steps left out at the start");
  sedam->add_option("--coincidence", spec.coincidence,
                    "Share of neurons that turn at once in a coincidence (0: 0.05)");
  sedam->add_option("--seed", spec.seed, "Of the noise (0: 1)");
}

void AddOscillators(CLI::App& analyze, Context& context) {
  CLI::App* oscillators = nullptr;
  auto flags = AddAnalysis<client::OscillatorsAnalysis>(
      analyze, context, "oscillators",
      "Simulate phases that lock to the memory's patterns of +1 and -1",
      "Example:\n"
      "  mnemectl analyze oscillators spins --start 7 --flip 0.2\n"
      "  mnemectl analyze oscillators spins --k4 6 --temperature 1 --loop 24 --plot loop.svg",
      &oscillators);
  client::OscillatorsAnalysis& spec = flags->spec;
  AddSource(*oscillators, spec.patterns);
  oscillators->add_option("--k2", spec.k2, "Pairwise coupling");
  oscillators->add_option("--k4", spec.k4, "Quartic coupling (default: 1)");
  oscillators->add_option("--temperature", spec.temperature, "Of the noise");
  oscillators->add_option("--flip", spec.flip,
                          "Share of the start's bits turned, 0 to 0.5 (default: 0.1)");
  oscillators->add_option("--jitter", spec.jitter,
                          "Noise of the start's angles, radians (default: 0.1)");
  oscillators->add_option("--dt", spec.dt, "Time of a step (0: automatic)");
  oscillators->add_option("--steps", spec.steps, "Steps (0: 600)");
  oscillators->add_option("--loop", spec.loop_points,
                          "Couplings of a hysteresis loop, each way (0: none)");
  oscillators->add_option("--loop-k2", spec.loop_k2, "The largest of them (0: 3 (k2 + 1))");
  oscillators->add_option("--loop-steps", spec.loop_steps, "Steps at each (0: 300)");
  oscillators->add_option("--seed", spec.seed, "Of noise and damage (0: 1)");
}

const std::map<std::string, client::Lagrangian> kLagrangians = {
    {"identity", client::Lagrangian::kIdentity},
    {"relu", client::Lagrangian::kRelu},
    {"tanh", client::Lagrangian::kTanh},
    {"softmax", client::Lagrangian::kSoftmax},
    {"layer-norm", client::Lagrangian::kLayerNorm},
    {"spherical", client::Lagrangian::kSpherical}};

void AddLagrangian(CLI::App& command, const std::string& flag, const std::string& description,
                   client::Lagrangian& lagrangian) {
  command
      .add_option_function<std::string>(
          flag, [&lagrangian](const std::string& name) { lagrangian = kLagrangians.at(name); },
          description)
      ->check(CLI::IsMember(&kLagrangians));
}

void AddEnergyGraph(CLI::App& analyze, Context& context) {
  CLI::App* graph = nullptr;
  auto flags = AddAnalysis<client::EnergyGraphAnalysis>(
      analyze, context, "energy-graph",
      "The memory's keys as layers of neurons that descend one energy (dense memories)",
      "A visible layer begins near an item, a hidden one has a neuron for each item. With "
      "identity\n"
      "and softmax it comes to rest where the memory's recall does.\n"
      "Example:\n"
      "  mnemectl analyze energy-graph faces --start 7 --noise 0.5 --plot descent.svg\n"
      "  mnemectl analyze energy-graph spins --visible tanh --hold 0.5",
      &graph);
  client::EnergyGraphAnalysis& spec = flags->spec;
  AddSource(*graph, spec.patterns);
  AddLagrangian(*graph, "--visible", "Of the visible layer (default: identity)", spec.visible);
  AddLagrangian(*graph, "--hidden", "Of the hidden layer (default: softmax)", spec.hidden);
  graph->add_option("--beta", spec.beta, "Of softmax layers (default: the memory's)");
  graph->add_option("--noise", spec.noise,
                    "What the start's numbers are off by, as a share of their size (default: 0.3)");
  graph->add_option("--hold", spec.hold, "Share of the item's numbers that are held, 0 to 1");
  graph->add_option("--tau-hidden", spec.tau_hidden,
                    "Time constant of the hidden layer, in those of the visible one (0: 1)");
  graph->add_option("--dt", spec.dt, "Time of a step (0: automatic)");
  graph->add_option("--steps", spec.steps, "Most steps (0: 3,000)");
  graph->add_option("--seed", spec.seed, "Of the noise (0: 1)");
}

void AddConfidence(CLI::App& analyze, Context& context) {
  CLI::App* confidence = nullptr;
  auto flags = AddAnalysis<client::ConfidenceAnalysis>(
      analyze, context, "confidence",
      "Whether the share of the best item says how often it is the right one (dense memories)",
      "Items are asked for by their keys with Gaussian noise; the beta with which shares are\n"
      "probabilities is found.\n"
      "Example:\n"
      "  mnemectl analyze confidence faces --cue-noise 0.2 --plot reliability.svg",
      &confidence);
  client::ConfidenceAnalysis& spec = flags->spec;
  confidence
      ->add_option("--cue-noise", spec.cue_noise,
                   "Standard deviation of what a cue's numbers are off by")
      ->required();
  confidence->add_option("--items", spec.items, "Items to ask for, drawn at random (0: 1,024)");
  confidence->add_option("--beta", spec.beta, "Inverse temperature (default: the memory's)");
  confidence->add_option("--seed", spec.seed, "Of the random choices (0: 1)");
}

// Samples as lines, one JSON object each with --json.
absl::Status WatchSamples(const std::string& operation, const Context& context) {
  auto client = MakeClient(context, Patience::kShort);
  if (!client.ok()) return client.status();
  std::vector<std::string> names;
  std::ostream& out = context.io.out;
  const auto show = [&](const client::AnalysisSample& sample) {
    if (names.empty()) names = sample.observables;
    if (context.json) {
      Json json{{"step", sample.step}};
      for (size_t i = 0; i < std::min(names.size(), sample.values.size()); ++i) {
        json[names[i]] = sample.values[i];
      }
      if (sample.missed > 0) json["missed"] = sample.missed;
      out << Dump(json) << "\n";
    } else {
      if (sample.missed > 0) out << "... " << FormatCount(sample.missed) << " samples missed\n";
      out << "step " << sample.step;
      for (size_t i = 0; i < std::min(names.size(), sample.values.size()); ++i) {
        out << "  " << names[i] << " " << FormatNumber(sample.values[i]);
      }
      out << "\n";
    }
    out.flush();
    return static_cast<bool>(out);
  };
  const absl::Status end = client->WatchAnalysis(operation, show, context.io.stop);
  return context.io.stop.stop_requested() && !end.ok() ? NoLongerWatching(operation) : end;
}

void AddWatch(CLI::App& analyze, Context& context) {
  CLI::App* watch = analyze.add_subcommand(
      "watch", "What an analysis observes, while it runs; ^C leaves it alone");
  watch->footer("Example:\n  mnemectl analyze watch operations/7 --json");
  auto operation = std::make_shared<std::string>();
  watch->add_option("OPERATION", *operation, "As `operation list` shows it")->required();
  watch->callback([&context, operation] {
    context.action = [&context, operation] { return WatchSamples(*operation, context); };
  });
}

}  // namespace

void AddAnalyzeCommands(CLI::App& app, Context& context) {
  CLI::App* analyze = app.add_subcommand(
      "analyze", "Study a memory beside serving: basins, recalls, capacity, simulations");
  analyze->footer(
      "Nothing of the memory changes. ^C asks the server to cancel.\n"
      "Example:\n"
      "  mnemectl analyze basins faces --plot -");
  analyze->require_subcommand(1);
  AddBasins(*analyze, context);
  AddRecall(*analyze, context);
  AddCapacity(*analyze, context);
  AddSedam(*analyze, context);
  AddOscillators(*analyze, context);
  AddEnergyGraph(*analyze, context);
  AddConfidence(*analyze, context);
  AddWatch(*analyze, context);
}

}  // namespace mneme::cli
