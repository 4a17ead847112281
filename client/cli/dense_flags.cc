#include "client/cli/dense_flags.h"

#include <CLI/CLI.hpp>
#include <map>

#include "client/cli/context.h"

namespace mneme::cli {
namespace {

using client::Encoder;
using client::NoSupportPolicy;
using client::Separation;
using client::Similarity;
using client::StateSpace;

const std::map<std::string, Similarity> kSimilarities = {{"l2", Similarity::kL2},
                                                         {"cosine", Similarity::kCosine},
                                                         {"dot", Similarity::kDot},
                                                         {"l1", Similarity::kL1}};
const std::map<std::string, Separation> kSeparations = {{"exp", Separation::kExp},
                                                        {"relu", Separation::kRelu},
                                                        {"power", Separation::kPower},
                                                        {"rectified", Separation::kRectified},
                                                        {"argmax", Separation::kArgMax}};
const std::map<std::string, StateSpace> kStates = {
    {"free", StateSpace::kFree}, {"sphere", StateSpace::kSphere}, {"binary", StateSpace::kBinary}};
const std::map<std::string, Encoder> kEncoders = {
    {"none", Encoder::kNone}, {"centre", Encoder::kCentre}, {"linear", Encoder::kLinear}};
const std::map<std::string, NoSupportPolicy> kNoSupport = {{"report", NoSupportPolicy::kReport},
                                                           {"nearest", NoSupportPolicy::kNearest},
                                                           {"blend", NoSupportPolicy::kBlend},
                                                           {"widen", NoSupportPolicy::kWiden}};

template <typename Value>
CLI::Option* AddChoice(CLI::App& command, const std::string& name, std::string& value,
                       const std::string& help, const std::map<std::string, Value>& all) {
  return command.add_option(name, value, help)->transform(CLI::IsMember(&all));
}

// Not given: the value 0, which the server fills in.
template <typename Value>
Value Chosen(const std::string& name, const std::map<std::string, Value>& all) {
  return name.empty() ? Value{} : all.at(name);
}

}  // namespace

std::vector<CLI::Option*> DenseFlags::AddTo(CLI::App& command) {
  std::vector<CLI::Option*> all = {
      AddChoice(command, "--similarity", similarity_,
                "Dense: how cue and key are compared (default: l2; powers: cosine; binary: dot)",
                kSimilarities),
      AddChoice(command, "--separation", separation_,
                "Dense: how sharply the best item is favoured (default: exp); relu answers cues "
                "within a radius only",
                kSeparations),
      command.add_option("--power", power_, "Power, rectified: 2 to 16 (0: 3)"),
      AddChoice(command, "--state", state_,
                "Dense: what recalls are: any vector, of length 1, or of 1 and -1 (default: free)",
                kStates),
      AddChoice(command, "--no-support", no_support_,
                "Relu: what answers a cue outside every radius (default: report)", kNoSupport),
      AddChoice(command, "--encoder", encoder_,
                "Dense: compare in a space that `mnemectl train` makes: less the mean (centre), or "
                "learned (linear)",
                kEncoders),
      command.add_option("--radius", radius_, "Relu: of an item's support (default: automatic)")};
  for (CLI::Option* option : index_.AddTo(command)) all.push_back(option);
  return all;
}

absl::StatusOr<client::DenseSpec> DenseFlags::Make(std::optional<double> beta, uint32_t steps_max,
                                                   double tolerance) const {
  auto index = index_.Make();
  if (!index.ok()) return index.status();
  return client::DenseSpec{.similarity = Chosen(similarity_, kSimilarities),
                           .separation = Chosen(separation_, kSeparations),
                           .power = power_,
                           .state = Chosen(state_, kStates),
                           .no_support = Chosen(no_support_, kNoSupport),
                           .beta = beta,
                           .radius = radius_,
                           .steps_max = steps_max,
                           .tolerance = tolerance,
                           .index = *std::move(index),
                           .encoder = Chosen(encoder_, kEncoders)};
}

bool TakesBeta(const client::DenseSpec& spec) {
  return spec.separation != Separation::kPower && spec.separation != Separation::kRectified &&
         spec.separation != Separation::kArgMax;
}

}  // namespace mneme::cli
