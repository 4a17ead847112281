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
         rows_are_unexpired == other.rows_are_unexpired && SameRows(rows, other.rows);
}

absl::StatusOr<std::unique_ptr<Training>> Model::BeginTraining(const TrainSpec&) {
  return NotTrained();
}

absl::Status Model::Install(Training&, uint64_t, std::string_view) { return NotTrained(); }

}  // namespace mneme::models
