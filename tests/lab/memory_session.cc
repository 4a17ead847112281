#include "tests/lab/memory_session.h"

#include <numeric>
#include <vector>

#include "core/base/status.h"

namespace mneme::lab {

absl::StatusOr<MemorySession> MemorySession::Store(const models::MemorySpec& spec, MatrixView keys,
                                                   MatrixView responses) {
  MNEME_RETURN_IF_ERROR(models::ValidateSpec(spec));
  MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<models::Model> model, models::MakeModel(spec));
  std::vector<uint64_t> numbers(keys.rows);
  std::iota(numbers.begin(), numbers.end(), uint64_t{0});
  std::vector<ItemId> ids;
  for (const uint64_t number : numbers) ids.emplace_back(number);
  const models::RowBlock rows = {
      .keys = keys, .responses = responses, .ids = ids, .row_numbers = numbers};
  MNEME_RETURN_IF_ERROR(model->Check(rows));
  MNEME_RETURN_IF_ERROR(model->Absorb(rows));
  model->Maintain();
  MemorySession session;
  session.view_ = model->Publish();
  return session;
}

absl::StatusOr<models::Answer> MemorySession::Ask(const models::CueBatch& cues,
                                                  const models::QuerySpec& spec) const {
  MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<models::Query> query, view_->Begin(cues, spec));
  for (bool done = false; !done;) {
    const std::unique_ptr<models::Partial> partial = query->Empty();
    query->Probe(0, query->parts(), *partial);
    MNEME_ASSIGN_OR_RETURN(done, query->Settle(*partial));
  }
  return query->TakeAnswer();
}

}  // namespace mneme::lab
