// One function for each experiment; experiments.cc puts them into the table.
#ifndef MNEME_TESTS_LAB_EXPERIMENTS_H_
#define MNEME_TESTS_LAB_EXPERIMENTS_H_

#include <string_view>

#include "core/models/spec.h"
#include "tests/lab/experiment.h"

namespace mneme::lab {

Experiment BinaryIndexExperiment();
Experiment CapacityExperiment();
Experiment CapacityProbeExperiment();
Experiment ClassicalExperiment();
Experiment CmmExperiment();
Experiment DamagesExperiment();
Experiment DeltaExperiment();
Experiment EmbeddingExperiment();
Experiment EnergyGraphExperiment();
Experiment ExpBinaryExperiment();
Experiment FederationExperiment();
Experiment FederationPlanExperiment();
Experiment FederationPrivacyExperiment();
Experiment FederationStabilityExperiment();
Experiment ForgetExperiment();
Experiment HeavyTailExperiment();
Experiment ImbalanceExperiment();
Experiment LseExperiment();
Experiment LsrExperiment();
Experiment NbodyExperiment();
Experiment OscillatorExperiment();
Experiment OscillatorCapacityExperiment();
Experiment RandomFeatureExperiment();
Experiment RealKeysExperiment();
Experiment RenewalExperiment();
Experiment RidgeExperiment();
Experiment SedamExperiment();
Experiment SimilarityExperiment();
Experiment SnrExperiment();
Experiment StepExperiment();
Experiment TamExperiment();
Experiment UhopExperiment();

// Of a flag with the choices dot, cosine and l2.
models::Similarity ParseSimilarity(std::string_view name);

}  // namespace mneme::lab

#endif  // MNEME_TESTS_LAB_EXPERIMENTS_H_
