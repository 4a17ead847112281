#include "tests/lab/experiments.h"

#include "core/base/status.h"

namespace mneme::lab {

Flag KeyDimension(double most) {
  return {.name = "d_k",
          .kind = FlagKind::kInteger,
          .default_value = "64",
          .unit = "numbers",
          .help = "dimension of keys (--d: of both)",
          .least = 2,
          .most = most};
}

Flag ResponseDimension() {
  return {.name = "d_v",
          .kind = FlagKind::kInteger,
          .default_value = "64",
          .unit = "numbers",
          .help = "dimension of responses",
          .least = 2,
          .most = kDimensionMax};
}

const std::vector<Experiment>& Experiments() {
  static const auto& experiments = *new std::vector<Experiment>{BinaryIndexExperiment(),
                                                                CapacityExperiment(),
                                                                CapacityProbeExperiment(),
                                                                ClassicalExperiment(),
                                                                CmmExperiment(),
                                                                DamagesExperiment(),
                                                                DeltaExperiment(),
                                                                EmbeddingExperiment(),
                                                                EnergyGraphExperiment(),
                                                                ExpBinaryExperiment(),
                                                                FederationExperiment(),
                                                                FederationPlanExperiment(),
                                                                FederationPrivacyExperiment(),
                                                                FederationStabilityExperiment(),
                                                                ForgetExperiment(),
                                                                HeavyTailExperiment(),
                                                                ImbalanceExperiment(),
                                                                LseExperiment(),
                                                                LsrExperiment(),
                                                                NbodyExperiment(),
                                                                OscillatorExperiment(),
                                                                OscillatorCapacityExperiment(),
                                                                RandomFeatureExperiment(),
                                                                RealKeysExperiment(),
                                                                RenewalExperiment(),
                                                                RidgeExperiment(),
                                                                SedamExperiment(),
                                                                SimilarityExperiment(),
                                                                SnrExperiment(),
                                                                StepExperiment(),
                                                                TamExperiment(),
                                                                UhopExperiment()};
  return experiments;
}

models::Similarity ParseSimilarity(std::string_view name) {
  if (name == "dot") return models::Similarity::kDot;
  if (name == "cosine") return models::Similarity::kCosine;
  MNEME_CHECK(name == "l2");
  return models::Similarity::kL2;
}

}  // namespace mneme::lab
