// What a feature memory can hold and tell: how many features its items take, how exact its energy
// is, and when a memory that keeps its items would be smaller.
#ifndef MNEME_CORE_ENGINE_FEATURE_FORECAST_H_
#define MNEME_CORE_ENGINE_FEATURE_FORECAST_H_

#include "core/engine/forecast.h"
#include "core/models/spec.h"

namespace mneme::engine {

// Of a spec whose model is a FeatureSpec, at `items` items. Cues are at the spec's cue_noise from
// what they stand for; where it says none, at the distance of unit vectors of command.cue_cosine.
//
// Source   core/theory/random_features.h; quadratic: Amit, Gutfreund, Sompolinsky, "Storing
// infinite
//          numbers of patterns in a spin-glass model of neural networks", PRL 1985: 0.138 a neuron.
ForecastReply MakeFeatureForecast(const ForecastCommand& command, const models::MemorySpec& spec,
                                  uint64_t items);

// A planned memory that does not say how many features it has gets as many as its items take.
void ChooseFeatures(const ForecastCommand& command, models::MemorySpec& spec);

// The spec without what is expected of it, which the forecast says itself instead of a refusal.
// What is no distance stays, to be refused.
models::MemorySpec WithoutExpectations(models::MemorySpec spec);

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_FEATURE_FORECAST_H_
