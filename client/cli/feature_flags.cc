#include "client/cli/feature_flags.h"

#include <CLI/CLI.hpp>
#include <map>

#include "absl/strings/str_cat.h"
#include "client/cli/text.h"

namespace mneme::cli {
namespace {

using client::FeatureKind;

const std::map<std::string, FeatureKind> kKinds = {{"trig", FeatureKind::kTrigonometric},
                                                   {"orthogonal", FeatureKind::kOrthogonal},
                                                   {"positive", FeatureKind::kPositive},
                                                   {"quadratic", FeatureKind::kQuadratic}};

}  // namespace

std::vector<CLI::Option*> FeatureFlags::AddTo(CLI::App& command) {
  return {
      command
          .add_option("--kind", kind_,
                      "Feature: which sums. quadratic: a classical Hopfield memory of 1 and -1")
          ->transform(CLI::IsMember(&kKinds)),
      command.add_option("--features", spec_.features,
                         "Feature: frequencies, 16 bytes each; `forecast` says how many it takes"),
      command.add_option("--feature-seed", spec_.seed,
                         "Feature: of the frequencies; memories that shall merge need one seed "
                         "(0: 1)"),
      command.add_option("--rate", spec_.rate,
                         "Feature: length of a step of a recall, in (0, 1] (0: 0.1)"),
      command.add_option("--items-expected", spec_.items_expected,
                         "Feature: refuse too few features for this many items"),
      command.add_option("--cue-noise", spec_.cue_noise,
                         "Feature: distance of cues from what they stand for"),
  };
}

client::FeatureSpec FeatureFlags::Make() const {
  client::FeatureSpec spec = spec_;
  spec.kind = kKinds.at(kind_);
  return spec;
}

std::string FeatureText(const client::FeatureSpec& spec) {
  std::string text = absl::StrCat("feature: ", Name(spec.kind));
  if (spec.kind != FeatureKind::kQuadratic) {
    absl::StrAppend(&text, ", ", FormatCount(spec.features), " features, beta ",
                    FormatNumber(spec.beta), ", seed ", spec.seed, ", rate ",
                    FormatNumber(spec.rate), ", tolerance ", FormatNumber(spec.tolerance));
  }
  absl::StrAppend(&text, ", at most ", spec.steps_max, " steps");
  if (spec.gamma) absl::StrAppend(&text, ", gamma ", FormatNumber(*spec.gamma));
  if (spec.items_expected > 0) {
    absl::StrAppend(&text, ", for ", FormatCount(spec.items_expected), " items");
    if (spec.cue_noise > 0) absl::StrAppend(&text, " at noise ", FormatNumber(spec.cue_noise));
  }
  return text;
}

}  // namespace mneme::cli
