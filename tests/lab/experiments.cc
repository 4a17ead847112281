#include "tests/lab/experiments.h"

#include "core/base/status.h"

namespace mneme::lab {

const std::vector<Experiment>& Experiments() {
  static const auto& experiments = *new std::vector<Experiment>{
      CapacityExperiment(),  CmmExperiment(),        DeltaExperiment(), ForgetExperiment(),
      HeavyTailExperiment(), ImbalanceExperiment(),  LseExperiment(),   RealKeysExperiment(),
      RidgeExperiment(),     SimilarityExperiment(), SnrExperiment(),   StepExperiment(),
      TamExperiment()};
  return experiments;
}

models::Similarity ParseSimilarity(std::string_view name) {
  if (name == "dot") return models::Similarity::kDot;
  if (name == "cosine") return models::Similarity::kCosine;
  MNEME_CHECK(name == "l2");
  return models::Similarity::kL2;
}

}  // namespace mneme::lab
