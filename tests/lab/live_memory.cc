#include "tests/lab/live_memory.h"

#include <numeric>
#include <span>

#include "core/base/status.h"

namespace mneme::lab {

Items::Items(Matrix keys_in, Matrix responses_in)
    : keys(std::move(keys_in)), responses(std::move(responses_in)), row_numbers_(keys.rows()) {
  std::iota(row_numbers_.begin(), row_numbers_.end(), uint64_t{0});
  ids_.reserve(row_numbers_.size());
  for (const uint64_t number : row_numbers_) ids_.emplace_back(number);
}

models::RowBlock Items::Block(size_t first, size_t count) const {
  return {.keys = keys.view().slice(first, count),
          .responses = responses.view().slice(first, count),
          .ids = std::span(ids_).subspan(first, count),
          .row_numbers = std::span(row_numbers_).subspan(first, count)};
}

absl::StatusOr<LiveMemory> LiveMemory::Open(const models::MemorySpec& spec) {
  MNEME_ASSIGN_OR_RETURN(std::unique_ptr<models::Model> model, models::MakeModel(spec));
  return LiveMemory(std::move(model));
}

absl::Status LiveMemory::Store(const Items& items, size_t first, size_t count) {
  const models::RowBlock rows = items.Block(first, count);
  MNEME_RETURN_IF_ERROR(model_->Check(rows));
  MNEME_RETURN_IF_ERROR(model_->Absorb(rows));
  model_->Publish();
  return absl::OkStatus();
}

absl::Status LiveMemory::Forget(const Items& items, size_t first, size_t count) {
  MNEME_RETURN_IF_ERROR(model_->Forget(items.Block(first, count)));
  model_->Publish();
  return absl::OkStatus();
}

absl::StatusOr<Matrix> LiveMemory::Recall(MatrixView cues) {
  MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<models::Query> query,
                         Publish()->Begin({.cues = cues}, {}));
  for (bool done = false; !done;) {
    const std::unique_ptr<models::Partial> partial = query->Empty();
    query->Probe(0, query->parts(), *partial);
    MNEME_ASSIGN_OR_RETURN(done, query->Settle(*partial));
  }
  models::Answer answer = query->TakeAnswer();
  for (const models::CueAnswer& cue : answer.cues) MNEME_RETURN_IF_ERROR(cue.error);
  return std::move(answer.recalls);
}

}  // namespace mneme::lab
