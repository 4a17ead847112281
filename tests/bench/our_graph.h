// The graph index of core/models/index with exact rescoring, in this process.
//
// Threads: Ask may be called from several.
#ifndef MNEME_TESTS_BENCH_OUR_GRAPH_H_
#define MNEME_TESTS_BENCH_OUR_GRAPH_H_

#include <memory>

#include "absl/status/statusor.h"
#include "core/models/index/candidate_index.h"
#include "core/models/store/explicit_store.h"
#include "tests/bench/dataset.h"
#include "tests/bench/ours.h"

namespace mneme::bench {

class OurGraph {
 public:
  // Of rows of unit length, all linked in.
  static absl::StatusOr<std::unique_ptr<OurGraph>> Make(const Dataset& dataset);
  // The k best of `depth` candidates of each cue (of unit length).
  absl::StatusOr<Lists> Ask(MatrixView cues, size_t k, size_t depth) const;
  double build_seconds() const { return build_seconds_; }

 private:
  models::Similarity similarity_ = models::Similarity::kDot;
  models::StoreView store_;
  std::shared_ptr<const models::CandidateView> view_;
  double build_seconds_ = 0;
};

}  // namespace mneme::bench

#endif  // MNEME_TESTS_BENCH_OUR_GRAPH_H_
