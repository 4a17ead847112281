#include "client/cli/spec_flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/context.h"
#include "client/cli/matrix_file.h"

namespace mneme::cli {
namespace {

using client::LinearRule;
using client::LoadPolicy;
using client::Normalization;
using client::Retain;

const std::map<std::string, Retain> kRetains = {
    {"all", Retain::kAll}, {"responses", Retain::kResponses}, {"statistics", Retain::kStatistics}};
const std::map<std::string, LinearRule> kRules = {{"cmm", LinearRule::kCmm},
                                                  {"ridge", LinearRule::kRidge},
                                                  {"decayed", LinearRule::kDecayed},
                                                  {"delta", LinearRule::kDelta},
                                                  {"gated-delta", LinearRule::kGatedDelta},
                                                  {"rls", LinearRule::kRls},
                                                  {"tam", LinearRule::kTam},
                                                  {"federated", LinearRule::kFederated}};
const std::map<std::string, LoadPolicy> kLoadPolicies = {{"none", LoadPolicy::kNone},
                                                         {"warn", LoadPolicy::kWarn},
                                                         {"refuse", LoadPolicy::kRefuse},
                                                         {"grow", LoadPolicy::kGrow}};
const std::map<std::string, Normalization> kNormalizations = {{"unit", Normalization::kUnit},
                                                              {"none", Normalization::kNone}};

constexpr char kDense[] = "dense";
constexpr char kLinear[] = "linear";
constexpr char kFeature[] = "feature";

template <typename Value>
CLI::IsMember OneOf(const std::map<std::string, Value>& map) {
  return CLI::IsMember(&map);
}

std::vector<std::string> AllRules() {
  std::vector<std::string> names;
  for (const auto& [name, rule] : kRules) names.push_back(name);
  return names;
}

// The kinds of memory that a flag is for.
std::string Meant(const std::vector<std::string>& kinds) {
  std::vector<std::string> texts;
  std::vector<std::string> rules = kinds;
  for (const char* model : {kDense, kFeature}) {
    if (std::erase(rules, model) > 0) texts.push_back(absl::StrCat("a ", model, " memory"));
  }
  if (rules.empty()) return absl::StrJoin(texts, ", or ");
  const std::string linear =
      rules == AllRules() ? "a linear memory"
                          : absl::StrCat("a linear memory of rule ", absl::StrJoin(rules, " or "));
  texts.push_back(linear);
  return absl::StrJoin(texts, ", or ");
}

// The mean of the rows of a file.
absl::StatusOr<std::vector<float>> ReadMean(const std::string& path, uint32_t key_dim) {
  constexpr size_t kRowsAtOnce = 1024;
  auto file = OpenMatrix(path);
  if (!file.ok()) return file.status();
  if ((*file)->cols() != key_dim || (*file)->rows() == 0) {
    return UsageError("--key-mean has rows of another length than the keys",
                      absl::StrCat((*file)->rows(), " x ", (*file)->cols(), " in ", path),
                      absl::StrCat("rows of ", key_dim),
                      "Give the mean, or the keys whose mean it is.");
  }
  std::vector<double> sums(key_dim);
  for (;;) {
    const auto rows = (*file)->Read(kRowsAtOnce);
    if (!rows.ok()) return rows.status();
    if (rows->rows == 0) break;
    for (size_t i = 0; i < rows->data.size(); ++i) sums[i % key_dim] += rows->data[i];
  }
  std::vector<float> mean(key_dim);
  for (size_t j = 0; j < mean.size(); ++j) {
    mean[j] = static_cast<float>(sums[j] / static_cast<double>((*file)->rows()));
  }
  return mean;
}

}  // namespace

void SpecFlags::AddTo(CLI::App& command, CLI::Option* needed) {
  std::vector<CLI::Option*> options;
  const std::vector<std::string> choice = models_ == Models::kAll
                                              ? std::vector<std::string>{kDense, kLinear, kFeature}
                                              : std::vector<std::string>{kLinear, kFeature};
  options.push_back(command.add_option("--model", model_, "What kind of memory")
                        ->transform(CLI::IsMember(choice)));
  if (models_ == Models::kAll) AddDense(command);
  AddSteps(command);
  for (CLI::Option* option : feature_.AddTo(command)) uses_.push_back({option, {kFeature}});
  retain_option_ = command
                       .add_option("--retain", retain_,
                                   "What is kept besides what was learned (feature: statistics)")
                       ->transform(OneOf(kRetains));
  options.push_back(retain_option_);
  AddRule(command);
  AddLoad(command);
  if (needed == nullptr) return;
  for (const Use& use : uses_) options.push_back(use.option);
  for (CLI::Option* option : options) option->needs(needed);
}

void SpecFlags::AddDense(CLI::App& command) {
  for (CLI::Option* option : dense_.AddTo(command)) uses_.push_back({option, {kDense}});
}

void SpecFlags::AddSteps(CLI::App& command) {
  uses_.push_back(
      {command.add_option("--steps-max", steps_max_,
                          "Dense, feature: most steps of a recall (0: the server's default)"),
       {kDense, kFeature}});
  uses_.push_back(
      {command.add_option("--tolerance", tolerance_,
                          "Dense, feature: when a recall has converged (0: the server's default)"),
       {kDense, kFeature}});
}

void SpecFlags::AddRule(CLI::App& command) {
  uses_.push_back({command.add_option("--rule", rule_, "Linear: how the matrix is made")
                       ->transform(OneOf(kRules)),
                   AllRules()});
  uses_.push_back(
      {command.add_option("--lambda", lambda_, "Ridge, rls, tam: penalty (default: automatic)"),
       {"ridge", "rls", "tam"}});
  uses_.push_back({command.add_option("--beta", beta_,
                                      "Dense: inverse temperature (default: automatic). Feature: "
                                      "the same, needed. Delta rules: write strength, in (0, 1] "
                                      "(default: 1)"),
                   {kDense, kFeature, "delta", "gated-delta"}});
  uses_.push_back({command.add_option("--gamma", gamma_,
                                      "Decayed, gated-delta, feature: what is kept from item to "
                                      "item; rls: forgetting factor. In (0, 1] (default: 1)"),
                   {kFeature, "decayed", "gated-delta", "rls"}});
  CLI::Option* list_size = command.add_option("--list-size", list_size_,
                                              "Tam: certify that an item is among this many best");
  CLI::Option* tail_fraction =
      command
          .add_option("--tail-fraction", tail_fraction_,
                      "Tam: the same as a share of the items, in (0, 1) (default: 0.05)")
          ->excludes(list_size);
  uses_.push_back({list_size, {"tam"}});
  uses_.push_back({tail_fraction, {"tam"}});
  uses_.push_back({command.add_flag("--fast-statistics", fast_statistics_,
                                    "Cmm: sums in float32: faster, forgetting exact to 1e-5"),
                   {"cmm"}});
}

void SpecFlags::AddLoad(CLI::App& command) {
  uses_.push_back({command.add_option("--partitions", partitions_,
                                      "Linear: independent matrices (0: the server's default)"),
                   AllRules()});
  uses_.push_back(
      {command.add_option("--key-normalization", key_normalization_, "Linear: scaling of keys")
           ->transform(OneOf(kNormalizations)),
       AllRules()});
  uses_.push_back({command
                       .add_option("--response-normalization", response_normalization_,
                                   "Linear: scaling of responses")
                       ->transform(OneOf(kNormalizations)),
                   AllRules()});
  uses_.push_back(
      {command.add_option("--key-mean", key_mean_,
                          "Linear: .npy of the mean to subtract from keys and cues, or of keys "
                          "whose mean it is"),
       AllRules()});
  CLI::Option* policy =
      command.add_option("--load-policy", load_policy_, "Linear: what happens at the load limit")
          ->transform(OneOf(kLoadPolicies));
  uses_.push_back({policy, AllRules()});
  uses_.push_back({command
                       .add_option("--load-limit", load_limit_,
                                   "Linear: items / (key dim * response dim * partitions)")
                       ->needs(policy)
                       ->default_str(""),
                   AllRules()});
}

absl::Status SpecFlags::CheckUse() const {
  const std::string& kind = model_ == kLinear ? rule_ : model_;
  for (const Use& use : uses_) {
    if (use.option->count() == 0 || std::ranges::find(use.kinds, kind) != use.kinds.end()) continue;
    return UsageError(absl::StrCat(use.option->get_name(), " does nothing in a ",
                                   model_ == kLinear ? absl::StrCat("linear memory of rule ", kind)
                                                     : absl::StrCat(model_, " memory")),
                      use.option->get_name(), Meant(use.kinds),
                      absl::StrCat("Leave it out, or choose another ",
                                   model_ == kLinear ? "--rule or --model." : "--model."));
  }
  return absl::OkStatus();
}

absl::StatusOr<client::LinearSpec> SpecFlags::MakeLinear(uint32_t key_dim) const {
  client::LinearSpec spec{.rule = kRules.at(rule_),
                          .lambda = lambda_,
                          .partitions = partitions_,
                          .key_normalization = kNormalizations.at(key_normalization_),
                          .response_normalization = kNormalizations.at(response_normalization_),
                          .beta = beta_,
                          .gamma = gamma_,
                          .tail = MakeTail(list_size_, tail_fraction_),
                          .load_policy = kLoadPolicies.at(load_policy_),
                          .load_limit = load_limit_,
                          .fast_statistics = fast_statistics_};
  if (key_mean_.empty()) return spec;
  auto mean = ReadMean(key_mean_, key_dim);
  if (!mean.ok()) return mean.status();
  spec.key_mean = *std::move(mean);
  return spec;
}

client::FeatureSpec SpecFlags::MakeFeature() const {
  client::FeatureSpec spec = feature_.Make();
  spec.beta = beta_.value_or(0);
  spec.steps_max = steps_max_;
  spec.tolerance = tolerance_;
  spec.gamma = gamma_;
  return spec;
}

absl::Status SpecFlags::Fill(client::MemorySpec& spec) const {
  if (absl::Status status = CheckUse(); !status.ok()) return status;
  spec.retain = kRetains.at(retain_);
  if (model_ == kFeature) {
    if (retain_option_->count() == 0) spec.retain = Retain::kDefault;
    spec.model = MakeFeature();
    return absl::OkStatus();
  }
  if (model_ == kDense) {
    auto dense = dense_.Make(beta_, steps_max_, tolerance_);
    if (!dense.ok()) return dense.status();
    spec.model = *std::move(dense);
    return absl::OkStatus();
  }
  auto linear = MakeLinear(spec.key_dim);
  if (!linear.ok()) return linear.status();
  spec.model = *std::move(linear);
  return absl::OkStatus();
}

client::Tail MakeTail(std::optional<uint32_t> list_size, std::optional<double> tail_fraction) {
  if (list_size) return client::ListSize{*list_size};
  if (tail_fraction) return client::TailFraction{*tail_fraction};
  return {};
}

}  // namespace mneme::cli
