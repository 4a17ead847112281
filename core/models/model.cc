#include "core/models/model.h"

#include "core/base/status.h"

namespace mneme::models {
namespace {

absl::Status NotTrained() {
  return Unimplemented("this model is not trained by jobs: it learns as rows are stored",
                       {.reason = "NOT_TRAINED",
                        .given = "a training",
                        .expected = "a linear memory with rule TAM",
                        .next_step = "Create a memory with rule TAM and store the items there."});
}

absl::Status NotFederated() {
  return Unimplemented("this memory learns by itself: no node of a federation gives it its weights",
                       {.reason = "NOT_FEDERATED",
                        .given = "a memory of another rule",
                        .expected = "a linear memory with rule FEDERATED",
                        .next_step = "Create a memory with rule FEDERATED and join with it."});
}

absl::Status NoIndex() {
  return FailedPrecondition("this memory has no index: it answers from all its items",
                            {.reason = "NO_INDEX",
                             .given = "a memory without an index",
                             .expected = "a dense memory created with one",
                             .next_step = "Create a dense memory with an index."});
}

absl::Status NoSketch() {
  return Unimplemented("the state of this memory does not add to another's",
                       {.reason = "NO_SKETCH",
                        .given = "a memory of another model",
                        .expected = "a feature memory",
                        .next_step = "Copy its items, or use CloneMemory."});
}

bool SameRows(const std::shared_ptr<const RowSet>& a, const std::shared_ptr<const RowSet>& b) {
  if (a == b) return true;
  return a != nullptr && b != nullptr && a->listed_pass == b->listed_pass && a->listed == b->listed;
}

}  // namespace

bool QuerySpec::BatchesWith(const QuerySpec& other) const {
  // What belongs to single cues, or is borrowed from one request, stays alone.
  const auto alone = [](const QuerySpec& spec) {
    return !spec.target_rows.empty() || spec.candidate_responses.rows > 0;
  };
  return !alone(*this) && !alone(other) && kind == other.kind && top == other.top &&
         beta == other.beta && steps_max == other.steps_max &&
         candidate_rows == other.candidate_rows && certified_list == other.certified_list &&
         rows_are_unexpired == other.rows_are_unexpired && exact == other.exact &&
         SameRows(rows, other.rows);
}

std::string_view Name(EncoderGoal goal) {
  switch (goal) {
    case EncoderGoal::kCentre:
      return "CENTRE";
    case EncoderGoal::kWhiten:
      return "WHITEN";
    case EncoderGoal::kSeparation:
      return "SEPARATION";
    case EncoderGoal::kNoiseAware:
      return "NOISE_AWARE";
  }
  return "?";
}

std::string_view Name(IndexFallback fallback) {
  switch (fallback) {
    case IndexFallback::kNone:
      return "NONE";
    case IndexFallback::kAsked:
      return "ASKED";
    case IndexFallback::kRecall:
      return "RECALL";
    case IndexFallback::kFewRows:
      return "FEW_ROWS";
    case IndexFallback::kBuilding:
      return "BUILDING";
    case IndexFallback::kUncalibrated:
      return "UNCALIBRATED";
    case IndexFallback::kGrown:
      return "GROWN";
    case IndexFallback::kRecallTooLow:
      return "RECALL_TOO_LOW";
    case IndexFallback::kExactIsFaster:
      return "EXACT_IS_FASTER";
    case IndexFallback::kFailed:
      return "FAILED";
    case IndexFallback::kDepth:
      return "DEPTH";
    case IndexFallback::kMask:
      return "MASK";
    case IndexFallback::kRows:
      return "ROWS";
    case IndexFallback::kCue:
      return "CUE";
  }
  return "?";
}

absl::StatusOr<std::unique_ptr<Training>> Model::BeginTraining(const TrainSpec&) {
  return NotTrained();
}

absl::Status Model::Install(Training&, uint64_t, std::string_view) { return NotTrained(); }

absl::StatusOr<std::unique_ptr<IndexWork>> Model::BeginIndexWork(bool) { return NoIndex(); }

absl::StatusOr<Model::Installed> Model::InstallIndexWork(IndexWork&) { return NoIndex(); }

absl::StatusOr<FederatedRows> Model::Exchange(const FederatedExchange&) { return NotFederated(); }

absl::StatusOr<std::string> View::Sketch() const { return NoSketch(); }

absl::StatusOr<MergedState> Model::Merged(std::string_view) const { return NoSketch(); }

}  // namespace mneme::models
