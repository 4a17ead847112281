#include "core/models/index/candidate_index.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace mneme::models {
namespace {

absl::Status TooMany(std::string_view what, size_t given, size_t most, std::string_view next_step) {
  return ResourceExhausted(
      absl::StrCat(AbslView(what), " is ", given, ", at most ", most, " are allowed"),
      {.reason = "LIMIT",
       .given = absl::StrCat(given),
       .expected = absl::StrCat("at most ", most),
       .next_step = std::string(next_step)});
}

absl::Status CheckCues(MatrixView cues, size_t key_dim) {
  if (cues.cols != key_dim) {
    return InvalidArgument(
        absl::StrCat("cues have ", cues.cols, " columns, the indexed keys ", key_dim),
        {.reason = "SHAPE",
         .given = absl::StrCat(cues.cols),
         .expected = absl::StrCat(key_dim),
         .next_step = absl::StrCat("Send cues of ", key_dim, " columns.")});
  }
  for (size_t i = 0; i < cues.rows; ++i) {
    for (const float x : cues.row(i)) {
      if (std::isfinite(x)) continue;
      return InvalidArgument(absl::StrCat("cue ", i, " holds ", x),
                             {.reason = "NOT_FINITE",
                              .given = absl::StrCat(x),
                              .expected = "finite numbers",
                              .next_step = "Leave this cue out."});
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<CandidateList>> CandidateView::Candidates(MatrixView cues,
                                                                     size_t depth) const {
  if (depth == 0) {
    return InvalidArgument("a list of 0 candidates was asked for",
                           {.reason = "DEPTH",
                            .given = "0",
                            .expected = absl::StrCat("1 to ", kCandidateDepthMax),
                            .next_step = "Ask for one candidate at least."});
  }
  if (depth > kCandidateDepthMax) {
    return TooMany("the number of candidates", depth, kCandidateDepthMax,
                   "Ask for fewer, or scan all rows.");
  }
  if (cues.rows > kCandidateCuesMax) {
    return TooMany("the number of cues", cues.rows, kCandidateCuesMax, "Split the batch.");
  }
  if (cues.rows == 0) return std::vector<CandidateList>();
  MNEME_RETURN_IF_ERROR(CheckCues(cues, key_dim()));
  if (live_rows() == 0) return std::vector<CandidateList>(cues.rows);
  return Find(cues, depth);
}

CandidateList MergeCandidates(std::span<const CandidateList> parts, size_t k) {
  CandidateList all;
  for (const CandidateList& part : parts) all.insert(all.end(), part.begin(), part.end());
  const size_t kept = std::min(k, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<ptrdiff_t>(kept), all.end());
  all.resize(kept);
  return all;
}

}  // namespace mneme::models
