#include "tests/bench/our_graph.h"

#include <numeric>
#include <utility>
#include <vector>

#include "core/base/status.h"
#include "core/models/index/graph_index.h"
#include "core/models/index/rescore.h"
#include "tests/bench/stats.h"

namespace mneme::bench {
namespace {

constexpr size_t kRowsPerStep = 4096;

absl::Status LinkAll(models::CandidateIndex& index, const models::StoreView& store) {
  std::unique_ptr<models::IndexRebuild> rebuild = index.BeginRebuild(store);
  bool done = false;
  while (!done) {
    MNEME_ASSIGN_OR_RETURN(done, rebuild->Step(kRowsPerStep));
  }
  return index.InstallRebuild(std::move(rebuild), store);
}

}  // namespace

absl::StatusOr<std::unique_ptr<OurGraph>> OurGraph::Make(const Dataset& dataset) {
  auto out = std::make_unique<OurGraph>();
  const MatrixView rows = dataset.rows.view();
  std::vector<uint64_t> numbers(rows.rows);
  std::iota(numbers.begin(), numbers.end(), 0);
  models::ExplicitStore store(rows.cols, 0);
  MNEME_RETURN_IF_ERROR(store.Append({.keys = rows, .row_numbers = numbers}));
  out->similarity_ = dataset.similarity;
  out->store_ = store.Publish();
  const double start = NowMicros();
  MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<models::GraphIndex> index,
                         models::GraphIndex::Make({}, dataset.similarity, rows.cols));
  MNEME_RETURN_IF_ERROR(index->Add(rows, numbers));
  MNEME_RETURN_IF_ERROR(LinkAll(*index, out->store_));
  out->view_ = index->Publish();
  out->build_seconds_ = (NowMicros() - start) / 1e6;
  return out;
}

absl::StatusOr<Lists> OurGraph::Ask(MatrixView cues, size_t k, size_t depth) const {
  MNEME_ASSIGN_OR_RETURN(const std::vector<models::CandidateList> candidates,
                         view_->Candidates(cues, depth));
  Lists out;
  for (const auto& best : models::RescoreTop(store_, similarity_, cues, candidates, k)) {
    std::vector<uint64_t>& list = out.emplace_back();
    for (const models::ScoredRow& row : best) list.push_back(row.row_number);
  }
  return out;
}

}  // namespace mneme::bench
