// mnemectl train
#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <optional>

#include "client/cli/commands.h"
#include "client/cli/operations.h"
#include "client/cli/spec_flags.h"

namespace mneme::cli {
namespace {

struct TrainFlags {
  std::string memory;
  std::string loss = "tam";
  std::string optimizer = "fista";
  std::string objective;  // empty: the server's default
  std::optional<uint32_t> list_size;
  std::optional<double> tail_fraction;
  bool wait = true;
  client::TrainOptions options;
};

const std::map<std::string, client::TrainLoss> kLosses = {
    {"tam", client::TrainLoss::kTam},
    {"cross-entropy", client::TrainLoss::kCrossEntropy},
    {"least-squares", client::TrainLoss::kLeastSquares}};
const std::map<std::string, client::TrainOptimizer> kOptimizers = {
    {"fista", client::TrainOptimizer::kFista},
    {"ogd", client::TrainOptimizer::kOgd},
    {"adam", client::TrainOptimizer::kAdam},
    {"muon", client::TrainOptimizer::kMuon}};

const std::map<std::string, client::EncoderObjective> kObjectives = {
    {"centre", client::EncoderObjective::kCentre},
    {"whiten", client::EncoderObjective::kWhiten},
    {"separation", client::EncoderObjective::kSeparation},
    {"noise-aware", client::EncoderObjective::kNoiseAware}};

absl::Status Run(TrainFlags& flags, const Context& context) {
  client::TrainOptions& options = flags.options;
  options.loss = kLosses.at(flags.loss);
  options.optimizer = kOptimizers.at(flags.optimizer);
  if (!flags.objective.empty()) options.objective = kObjectives.at(flags.objective);
  options.tail = MakeTail(flags.list_size, flags.tail_fraction);
  options.call = context.call();
  auto client = MakeClient(context, Patience::kLong);
  if (!client.ok()) return client.status();
  return Follow(*client, client->Train(flags.memory, options), flags.wait, context);
}

}  // namespace

void AddTrainCommand(CLI::App& app, Context& context) {
  CLI::App* train =
      app.add_subcommand("train",
                         "Train a linear memory of rule tam, so that it certifies lists, or the "
                         "encoder of a dense one");
  train->footer(
      "Stores and queries go on meanwhile; the new weights appear at once, at the end. ^C asks "
      "the\n"
      "server to cancel; the memory then serves on with the weights it had.\n"
      "Example:\n"
      "  mnemectl train words --list-size 20\n"
      "  mnemectl train faces --objective noise-aware --cue-noise 0.3\n"
      "  mnemectl train words --optimizer muon --loss cross-entropy --steps 300 --no-wait");
  auto flags = std::make_shared<TrainFlags>();
  client::TrainOptions& options = flags->options;
  train->add_option("MEMORY", flags->memory, "Which memory")->required();
  CLI::Option* list_size =
      train->add_option("--list-size", flags->list_size,
                        "Certify that an item is among this many best (default: the memory's)");
  train
      ->add_option("--tail-fraction", flags->tail_fraction,
                   "The same as a share of the items, in (0, 1)")
      ->excludes(list_size);
  train->add_option("--loss", flags->loss, "What is minimised")->transform(CLI::IsMember(&kLosses));
  train->add_option("--optimizer", flags->optimizer, "How; fista is for the loss tam")
      ->transform(CLI::IsMember(&kOptimizers));
  train->add_option("--lambda", options.lambda, "Weight of |W|^2 (default: the memory's)");
  train->add_option("--steps", options.steps_max,
                    "Most steps (0: 150 for fista, 1,000 otherwise; dense: 300, separation: 200)");
  train->add_option("--learning-rate", options.learning_rate,
                    "Step size (0: the optimizer's default; fista finds its own)");
  train->add_option("--batch", options.batch, "Items in a batch (0: 512); not for fista");
  train->add_option("--seed", options.seed, "Of the random numbers (0: 1)");
  train
      ->add_option("--objective", flags->objective,
                   "Dense: what the encoder aims at (default: noise-aware; encoder centre: centre)")
      ->transform(CLI::IsMember(&kObjectives));
  train->add_option(
      "--cue-noise", options.cue_noise,
      "Dense: standard deviation of what a cue's numbers are off by; rather too much");
  train->add_flag("--wait,!--no-wait", flags->wait, "Wait for the end (default), or only begin");
  train->callback(
      [&context, flags] { context.action = [&context, flags] { return Run(*flags, context); }; });
}

}  // namespace mneme::cli
