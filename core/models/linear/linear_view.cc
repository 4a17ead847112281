#include "core/models/linear/linear_view.h"

#include "core/base/status.h"
#include "core/models/linear/linear_query.h"
#include "core/models/linear/ranked_items.h"

namespace mneme::models {
namespace {

absl::Status MaskNotSupported() {
  return InvalidArgument("a linear memory has no use for a mask of known coordinates",
                         {.reason = "MASK_NOT_SUPPORTED",
                          .given = "a mask",
                          .expected = "no mask",
                          .next_step = "Set the unknown coordinates of the cues to 0 and send "
                                       "no mask, or use a dense memory."});
}

absl::Status BetaNotSupported(double beta) {
  return InvalidArgument(absl::StrCat("a linear memory has no beta, the query gives ", beta),
                         {.reason = "BETA_NOT_SUPPORTED",
                          .given = absl::StrCat(beta),
                          .expected = "no beta",
                          .next_step = "Leave beta out, or use a dense memory."});
}

absl::Status CodebookNotKept() {
  return FailedPrecondition(
      "the memory keeps statistics only: it can recall, and has no items to score",
      {.reason = "CODEBOOK_NOT_KEPT",
       .given = "a query for scored items",
       .expected = "a memory that retains RESPONSES or ALL",
       .next_step = "Use Retrieve without a list, send the responses to rank with the query, or "
                    "create the memory with retain RESPONSES."});
}

absl::Status TwoChoices(std::string_view given) {
  return InvalidArgument(
      absl::StrFormat("the query gives %s: what it should rank is not clear", AbslView(given)),
      {.reason = "CANDIDATES",
       .given = std::string(given),
       .expected = "a list over candidate responses, over candidate items, or over all items",
       .next_step = "Ask for one of these; ranks of targets are among all items."});
}

absl::Status FilteredRecall() {
  return InvalidArgument(
      "a recall of a linear memory takes no filter: its matrix holds all items at once",
      {.reason = "FILTER",
       .given = "a filter with Retrieve",
       .expected = "no filter",
       .next_step =
           "Ask for a list with the filter (ListwiseQuery), leave the filter out, or use a "
           "dense memory."});
}

absl::Status FilteredResponses() {
  return InvalidArgument("candidate responses are not items: they have no attributes to filter by",
                         {.reason = "FILTER",
                          .given = "a filter with candidate responses",
                          .expected = "one of them",
                          .next_step = "Leave the filter out, or rank stored items."});
}

// Candidate responses bring what they are ranked by: no codebook is needed.
absl::Status CheckCandidates(const LinearSnapshot& snapshot, const QuerySpec& spec) {
  const MatrixView& responses = spec.candidate_responses;
  const bool given = responses.rows > 0;
  if (given && spec.candidate_rows) return TwoChoices("candidate responses and candidate items");
  if (given && spec.kind != QueryKind::kList) return TwoChoices("candidate responses to a recall");
  if (!spec.target_rows.empty() && (given || spec.candidate_rows)) {
    return TwoChoices("a target among candidates");
  }
  if (!given || responses.cols == snapshot.response_dim) return absl::OkStatus();
  return InvalidArgument(
      absl::StrFormat("candidate responses have %d columns, the memory's have %d", responses.cols,
                      snapshot.response_dim),
      {.reason = "SHAPE",
       .given = absl::StrCat(responses.cols),
       .expected = absl::StrCat(snapshot.response_dim),
       .next_step =
           absl::StrFormat("Send candidate responses of %d columns.", snapshot.response_dim)});
}

absl::Status CheckSpec(const LinearSnapshot& snapshot, const CueBatch& cues,
                       const QuerySpec& spec) {
  if (!cues.mask.empty()) return MaskNotSupported();
  if (spec.beta.has_value()) return BetaNotSupported(*spec.beta);
  MNEME_RETURN_IF_ERROR(CheckCandidates(snapshot, spec));
  if (spec.filtered() && spec.kind == QueryKind::kRetrieve) return FilteredRecall();
  if (spec.filtered() && spec.candidate_responses.rows > 0) return FilteredResponses();
  const bool ranks_items = (spec.kind == QueryKind::kList && spec.candidate_responses.rows == 0) ||
                           (spec.kind == QueryKind::kRetrieve && spec.top > 0) ||
                           spec.candidate_rows.has_value() || !spec.target_rows.empty();
  if (ranks_items && !snapshot.has_codebook) return CodebookNotKept();
  if (!spec.target_rows.empty() && spec.target_rows.size() != cues.cues.rows) {
    return Internal("linear: another number of targets than of cues");
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
  MNEME_ASSIGN_OR_RETURN(RankedItems ranked, RankedItems::Make(*snapshot_, spec));
  auto query = std::make_unique<LinearQuery>(snapshot_, cues.cues, spec, std::move(ranked));
  if (query->usable_cues() == 0 && cues.cues.rows > 0) return query->cue_error(0);
  return query;
}

}  // namespace mneme::models
