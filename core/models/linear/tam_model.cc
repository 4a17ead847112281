// The part of LinearModel that only memories of rule TAM use: trainings.
#include <utility>

#include "core/base/status.h"
#include "core/models/linear/linear_model.h"
#include "core/models/linear/tam_learner.h"
#include "core/models/linear/tam_training.h"

namespace mneme::models {
namespace {

absl::Status Abandoned() {
  return FailedPrecondition("another training began, or this one was given up",
                            {.reason = "TRAINING_ABANDONED",
                             .given = "the result of an earlier training",
                             .expected = "the training that began last",
                             .next_step = "Start the training again."});
}

absl::Status RowsMissing() {
  return FailedPrecondition(
      "the training did not see all items of the memory: what it proved would not hold",
      {.reason = "VECTORS_NEEDED",
       .given = "items whose vectors were not kept",
       .expected = "a memory that retains ALL",
       .next_step = "Create the memory with retain ALL."});
}

}  // namespace

// The table of rules makes TamLearners for rule TAM (learners.cc).
TamLearner& LinearModel::tam_learner(size_t partition) {
  return static_cast<TamLearner&>(*partitions_[partition].learner);
}

void LinearModel::ServeBesideTrained(size_t partition) {
  if (linear_.rule != LinearRule::kTam || partition == 0) return;
  tam_learner(partition).ServeBeside(tam_learner(0));
  partitions_[partition].published = nullptr;
}

absl::StatusOr<std::unique_ptr<Training>> LinearModel::BeginTraining(const TrainSpec& spec) {
  if (linear_.rule != LinearRule::kTam) return Model::BeginTraining(spec);
  MNEME_RETURN_IF_ERROR(TamTraining::CheckSpec(spec));
  TamTrainingStart start{.memory = spec_, .router = router_, .serial = ++training_serial_};
  for (size_t p = 0; p < partitions_.size(); ++p) {
    start.partitions.push_back(tam_learner(p).BeginTraining());
  }
  return std::make_unique<TamTraining>(spec, std::move(start));
}

absl::Status LinearModel::Install(Training& training, uint64_t position, std::string_view job) {
  auto* tam = dynamic_cast<TamTraining*>(&training);
  if (tam == nullptr || tam->serial() != training_serial_ || !tam_learner(0).training()) {
    return Abandoned();
  }
  std::vector<TamEpoch> epochs = tam->TakeEpochs();
  for (size_t p = 0; p < epochs.size(); ++p) {
    if (tam_learner(p).SawAllRows(epochs[p])) continue;
    AbandonTraining();
    return RowsMissing();
  }
  for (size_t p = 0; p < epochs.size(); ++p) {
    epochs[p].position = position;
    epochs[p].job = std::string(job);
    tam_learner(p).Install(std::move(epochs[p]));
    partitions_[p].published = nullptr;
  }
  // Generations that began meanwhile are part of the delta.
  for (size_t p = epochs.size(); p < partitions_.size(); ++p) ServeBesideTrained(p);
  return absl::OkStatus();
}

void LinearModel::AbandonTraining() {
  if (linear_.rule != LinearRule::kTam) return;
  for (size_t p = 0; p < partitions_.size(); ++p) tam_learner(p).AbandonTraining();
}

}  // namespace mneme::models
