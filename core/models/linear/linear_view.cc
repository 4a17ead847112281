#include "core/models/linear/linear_view.h"

#include "core/base/status.h"
#include "core/models/linear/linear_query.h"

namespace mneme::models {
namespace {

absl::Status CheckSpec(const LinearSnapshot& snapshot, const CueBatch& cues,
                       const QuerySpec& spec) {
  if (!cues.mask.empty()) {
    return InvalidArgument("a linear memory has no use for a mask of known coordinates",
                           {.reason = "MASK_NOT_SUPPORTED",
                            .given = "a mask",
                            .expected = "no mask",
                            .next_step = "Set the unknown coordinates of the cues to 0 and send "
                                         "no mask, or use a dense memory."});
  }
  if (spec.beta.has_value()) {
    return InvalidArgument(
        absl::StrCat("a linear memory has no beta, the query gives ", *spec.beta),
        {.reason = "BETA_NOT_SUPPORTED",
         .given = absl::StrCat(*spec.beta),
         .expected = "no beta",
         .next_step = "Leave beta out, or use a dense memory."});
  }
  const bool wants_scores =
      spec.kind == QueryKind::kList || spec.top > 0 || spec.candidate_rows.has_value();
  if (wants_scores && !snapshot.has_codebook) {
    return FailedPrecondition(
        "the memory keeps statistics only: it can recall, and has no items to score",
        {.reason = "CODEBOOK_NOT_KEPT",
         .given = "a query for scored items",
         .expected = "a memory that retains RESPONSES or ALL",
         .next_step = "Use Retrieve without a list, or create the memory with retain RESPONSES."});
  }
  if (cues.cues.cols != snapshot.key_dim) {
    return Internal("linear: cues of another dimension than the memory's keys");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Query>> LinearView::Begin(const CueBatch& cues,
                                                         const QuerySpec& spec) const {
  MNEME_RETURN_IF_ERROR(CheckSpec(*snapshot_, cues, spec));
  auto query = std::make_unique<LinearQuery>(snapshot_, cues.cues, spec);
  if (query->usable_cues() == 0 && cues.cues.rows > 0) return query->cue_error(0);
  return query;
}

}  // namespace mneme::models
