#include "core/engine/feature_forecast.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "core/base/status.h"
#include "core/engine/row_bytes.h"
#include "core/theory/random_features.h"

namespace mneme::engine {
namespace {

using models::FeatureKind;
using models::FeatureSpec;

constexpr double kHopfieldCapacity = 0.138;
constexpr double kItemsMax = 1e18;  // what a count can say

void Add(ForecastReply& reply, std::string quantity, double value, std::string formula,
         std::string assumption = "") {
  reply.quantities.push_back({.quantity = std::move(quantity),
                              .value = value,
                              .theory = value,
                              .formula = std::move(formula),
                              .assumption = std::move(assumption)});
}

void SetCapacity(ForecastReply& reply, double items, std::string formula) {
  reply.capacity_items = static_cast<uint64_t>(std::clamp(items, 0.0, kItemsMax));
  reply.items_left = reply.capacity_items > reply.items ? reply.capacity_items - reply.items : 0;
  reply.capacity_formula = std::move(formula);
  if (reply.items > reply.capacity_items) reply.phase = theory::Phase::kUnsatisfiable;
}

// Distance of cues from what they stand for.
double NoiseOf(const ForecastCommand& command, const FeatureSpec& feature) {
  if (feature.cue_noise > 0) return feature.cue_noise;
  return std::sqrt(std::max(0.0, 2 * (1 - command.cue_cosine)));
}

void AddRandom(const FeatureSpec& feature, double noise, ForecastReply& reply) {
  const double n = static_cast<double>(reply.items);
  const double m = static_cast<double>(feature.features);
  const double k = std::exp(-feature.beta / 2 * noise * noise);
  const double strangers = theory::DensityStd(n, m);
  const double needed = theory::FeaturesNeeded(n, feature.beta, noise);
  const std::string at = absl::StrFormat("k = exp(-beta/2 noise^2) = %.4g, noise %.4g", k, noise);
  const std::string law =
      feature.kind == FeatureKind::kPositive
          ? "A cue stands for one item. Positive features are several times noisier than this."
          : "A cue stands for one item.";
  Add(reply, "features", m, "as planned");
  if (std::isfinite(needed)) {
    Add(reply, "features_needed", needed, absl::StrCat("(n/2) (5/k)^2, ", at), law);
  }
  if (n > 0) Add(reply, "signal_over_noise", k / strangers, "k / sqrt(n / 2m)", law);
  if (const double energy = strangers / (feature.beta * k); std::isfinite(energy)) {
    Add(reply, "energy_std", energy, "sqrt(n / 2m) / (beta k)", law);
  }
  SetCapacity(reply, 2 * m * k * k / (theory::kReliableDescent * theory::kReliableDescent),
              "largest n with features >= (n/2) (5/k)^2");
  if (4 * m < needed) {
    reply.warnings.push_back(
        {.reason = "FEATURES_TOO_FEW",
         .message = absl::StrFormat("%d features are fewer than a quarter of the %.4g that these "
                                    "items take",
                                    feature.features, needed),
         .next_step = "Use more features, a smaller beta, or a memory that keeps its items."});
  }
}

void AddQuadratic(double neurons, ForecastReply& reply) {
  const double n = static_cast<double>(reply.items);
  Add(reply, "patterns_per_neuron", n / neurons, "n / dim", "Patterns are random and independent.");
  SetCapacity(reply, kHopfieldCapacity * neurons, "0.138 dim");
}

// A memory that keeps its items takes as much from this many on.
void CompareWithDense(const models::MemorySpec& spec, ForecastReply& reply) {
  const models::MemorySpec dense{
      .key_dim = spec.key_dim, .response_dim = spec.response_dim, .model = models::DenseSpec{}};
  const double items = static_cast<double>(FixedBytes(spec)) / static_cast<double>(RowBytes(dense));
  Add(reply, "dense_is_smaller_below", items, "bytes / bytes of an item in a dense memory");
  if (reply.items == 0 || static_cast<double>(reply.items) >= items) return;
  reply.warnings.push_back(
      {.reason = "DENSE_IS_SMALLER",
       .message = absl::StrFormat("a dense memory of %d items is smaller, and recalls them exactly",
                                  reply.items),
       .next_step = "Use a dense memory, unless sums must merge or more items come."});
}

}  // namespace

void ChooseFeatures(const ForecastCommand& command, models::MemorySpec& spec) {
  FeatureSpec& feature = std::get<FeatureSpec>(spec.model);
  const bool random = feature.kind != FeatureKind::kQuadratic;
  if (!random || feature.features > 0 || spec.key_dim == 0 || !(feature.beta > 0)) return;
  const double needed = theory::FeaturesNeeded(static_cast<double>(command.planned_items),
                                               feature.beta, NoiseOf(command, feature));
  const uint64_t most = models::kFrequencyNumbersMax / spec.key_dim;
  const double wanted = std::isfinite(needed) ? std::ceil(needed) : static_cast<double>(most);
  feature.features = static_cast<size_t>(
      std::clamp(wanted, 1.0, static_cast<double>(std::max<uint64_t>(1, most))));
}

models::MemorySpec WithoutExpectations(models::MemorySpec spec) {
  if (auto* feature = std::get_if<FeatureSpec>(&spec.model)) {
    feature->items_expected = 0;
    if (std::isfinite(feature->cue_noise) && feature->cue_noise >= 0) feature->cue_noise = 0;
  }
  return spec;
}

ForecastReply MakeFeatureForecast(const ForecastCommand& command, const models::MemorySpec& spec,
                                  uint64_t items) {
  const FeatureSpec& feature = std::get<FeatureSpec>(spec.model);
  ForecastReply reply{.items = items > 0 ? items : feature.items_expected,
                      .key_dim_effective = static_cast<double>(spec.key_dim),
                      .response_dim_effective = static_cast<double>(spec.response_dim)};
  const uint64_t all = FixedBytes(spec);
  if (feature.kind == FeatureKind::kQuadratic) {
    AddQuadratic(static_cast<double>(spec.key_dim), reply);
    reply.bytes = {{"sums", all}};
  } else {
    AddRandom(feature, NoiseOf(command, feature), reply);
    const uint64_t frequencies = feature.features * spec.key_dim * sizeof(double);
    reply.bytes = {{"sums", all - frequencies}, {"frequencies", frequencies}};
  }
  CompareWithDense(spec, reply);
  return reply;
}

}  // namespace mneme::engine
