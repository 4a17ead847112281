// The graph index: what it finds, that rows which are gone stay gone through every rebuild, and
// that readers are never in the writer's way.
#include "core/models/index/graph_index.h"

#include <atomic>
#include <limits>
#include <mutex>
#include <thread>

#include "core/base/status.h"
#include "tests/unit/core/models/index/index_test_util.h"

namespace mneme::models {
namespace {

constexpr size_t kDim = 24;
constexpr GraphSpec kSmall = {.links = 8, .construction_width = 60};

// An index beside the store that it is of.
struct Memory {
  explicit Memory(Similarity kind, const GraphSpec& spec = kSmall) : similarity(kind) {
    auto made = GraphIndex::Make(spec, kind, kDim);
    EXPECT_TRUE(made.ok()) << made.status();
    index = *std::move(made);
  }

  void Add(MatrixView keys, uint64_t first) {
    Append(store, keys, first);
    const absl::Status status = index->Add(keys, Numbers(first, keys.rows));
    ASSERT_TRUE(status.ok()) << status;
  }
  void Remove(const std::vector<uint64_t>& rows) {
    ASSERT_TRUE(store.Remove(rows).ok());
    const absl::Status status = index->Remove(rows);
    ASSERT_TRUE(status.ok()) << status;
    gone.insert(rows.begin(), rows.end());
  }
  void Rebuild() {
    auto rebuild = index->BeginRebuild(store.Publish());
    Finish(*rebuild);
    const absl::Status status = index->InstallRebuild(std::move(rebuild), store.Publish());
    ASSERT_TRUE(status.ok()) << status;
  }
  double Recall(MatrixView keys, MatrixView cues, size_t depth) const {
    return RecallOf(*index->Publish(), similarity, keys, cues, 10, depth, gone);
  }

  Similarity similarity;
  ExplicitStore store{kDim, 0};
  std::unique_ptr<GraphIndex> index;
  std::set<uint64_t> gone;
};

TEST(GraphIndex, IsExactWithoutAGraph) {
  RecordProperty("seed", 1);
  const Matrix keys = ClusteredRows(3000, kDim, 50, 1), cues = ClusteredRows(20, kDim, 50, 2);
  for (const Similarity similarity : {Similarity::kDot, Similarity::kL2, Similarity::kL1}) {
    Memory memory(similarity);
    memory.Add(keys, 0);
    EXPECT_FALSE(memory.index->NeedsRebuild());
    EXPECT_EQ(memory.Recall(keys, cues, 10), 1) << Name(similarity);
  }
}

TEST(GraphIndex, AGraphFindsNearlyAllAndMoreWithDepth) {
  RecordProperty("seed", 3);
  const Matrix keys = ClusteredRows(6000, kDim, 300, 3), cues = ClusteredRows(60, kDim, 300, 4);
  for (const Similarity similarity : {Similarity::kCosine, Similarity::kL2}) {
    SCOPED_TRACE(Name(similarity));
    Memory memory(similarity);
    memory.Add(keys, 0);
    EXPECT_TRUE(memory.index->NeedsRebuild());
    memory.Rebuild();
    EXPECT_FALSE(memory.index->NeedsRebuild());
    EXPECT_EQ(memory.index->graph_rows(), 6000u);
    EXPECT_EQ(memory.index->tail_rows(), 0u);
    const double shallow = memory.Recall(keys, cues, 10), deep = memory.Recall(keys, cues, 300);
    EXPECT_GT(deep, 0.98);
    EXPECT_GE(deep, shallow);
  }
}

TEST(GraphIndex, ListsAscendAndHoldEachRowOnce) {
  RecordProperty("seed", 5);
  const Matrix keys = ClusteredRows(5200, kDim, 80, 5), cues = ClusteredRows(8, kDim, 80, 6);
  Memory memory(Similarity::kL2);
  memory.Add(keys.view().slice(0, 4500), 0);
  memory.Rebuild();
  memory.Add(keys.view().slice(4500, 700), 4500);
  for (const CandidateList& list : MustFind(*memory.index->Publish(), cues, 120)) {
    EXPECT_EQ(list.size(), 120u);
    EXPECT_TRUE(std::is_sorted(list.begin(), list.end()));
    std::set<uint64_t> rows;
    for (const Candidate& candidate : list) rows.insert(candidate.row_number);
    EXPECT_EQ(rows.size(), list.size());
  }
}

// Through tail, graph, clone and new graph, with removals before, between and during rebuilds.
TEST(GraphIndex, RemovedRowsAreNeverReturned) {
  RecordProperty("seed", 7);
  const Matrix keys = ClusteredRows(9000, kDim, 200, 7), cues = ClusteredRows(30, kDim, 200, 8);
  Memory memory(Similarity::kCosine);
  const auto check = [&](size_t rows, std::string_view when) {
    SCOPED_TRACE(when);
    const auto view = memory.index->Publish();
    EXPECT_EQ(view->live_rows(), rows - memory.gone.size());
    for (const CandidateList& list : MustFind(*view, cues, 200)) {
      for (const Candidate& candidate : list)
        EXPECT_FALSE(memory.gone.contains(candidate.row_number));
    }
    EXPECT_GT(memory.Recall(keys.view().slice(0, rows), cues, 300), 0.95);
  };
  const auto every = [&](uint64_t first, uint64_t last, uint64_t step) {
    std::vector<uint64_t> rows;
    for (uint64_t row = first; row < last; row += step) {
      if (!memory.gone.contains(row)) rows.push_back(row);
    }
    return rows;
  };
  memory.Add(keys.view().slice(0, 5000), 0);
  memory.Remove(every(0, 5000, 50));
  check(5000, "in the tail");
  memory.Rebuild();
  check(5000, "in the graph");
  memory.Remove(every(3, 5000, 20));
  memory.Add(keys.view().slice(5000, 1000), 5000);
  check(6000, "in the graph, not buried yet");
  auto rebuild = memory.index->BeginRebuild(memory.store.Publish());
  memory.Remove(every(5, 6000, 40));  // in the graph and in what is being put in
  memory.Add(keys.view().slice(6000, 500), 6000);
  memory.Remove(every(6000, 6500, 10));
  check(6500, "during a rebuild");
  Finish(*rebuild);
  ASSERT_TRUE(memory.index->InstallRebuild(std::move(rebuild), memory.store.Publish()).ok());
  check(6500, "after it");
  EXPECT_EQ(memory.index->tail_rows(), 450u);
  memory.Remove(every(0, 6000, 3));
  EXPECT_TRUE(memory.index->NeedsRebuild()) << "more than a quarter of the graph is dead";
  memory.Rebuild();
  EXPECT_FALSE(memory.index->NeedsRebuild());
  check(6500, "made anew");
  EXPECT_EQ(memory.index->graph_rows(), 6500 - memory.gone.size());
  memory.Add(keys.view().slice(6500, 2500), 6500);
  check(9000, "with a new tail");
}

TEST(GraphIndex, AnOldViewStaysWhatItWas) {
  RecordProperty("seed", 9);
  const Matrix keys = ClusteredRows(6000, kDim, 100, 9), cues = ClusteredRows(5, kDim, 100, 10);
  Memory memory(Similarity::kL2);
  memory.Add(keys.view().slice(0, 5000), 0);
  memory.Rebuild();
  const auto view = memory.index->Publish();
  const auto before = MustFind(*view, cues, 40);
  memory.Add(keys.view().slice(5000, 1000), 5000);
  memory.Remove(Numbers(0, 1000));
  memory.Rebuild();
  EXPECT_EQ(MustFind(*view, cues, 40), before);
  EXPECT_NE(MustFind(*memory.index->Publish(), cues, 40), before);
}

TEST(GraphIndex, TheSameWritesGiveTheSameLists) {
  const Matrix keys = ClusteredRows(5500, kDim, 100, 11), cues = ClusteredRows(10, kDim, 100, 12);
  std::vector<std::vector<CandidateList>> found;
  for (int run = 0; run < 2; ++run) {
    Memory memory(Similarity::kCosine);
    memory.Add(keys.view().slice(0, 5000), 0);
    memory.Rebuild();
    memory.Add(keys.view().slice(5000, 500), 5000);
    memory.Rebuild();
    found.push_back(MustFind(*memory.index->Publish(), cues, 20));
  }
  EXPECT_EQ(found[0], found[1]);
}

// Readers hold views while the writer goes on: for ThreadSanitizer, and for what they see.
TEST(GraphIndex, ReadersSearchWhileTheWriterRebuilds) {
  RecordProperty("seed", 13);
  const Matrix keys = ClusteredRows(6000, kDim, 100, 13), cues = ClusteredRows(4, kDim, 100, 14);
  Memory memory(Similarity::kL2);
  memory.Add(keys.view().slice(0, 4400), 0);
  memory.Rebuild();
  std::mutex lock;
  std::shared_ptr<const CandidateView> shared = memory.index->Publish();
  std::atomic<bool> stop = false;
  std::atomic<size_t> answers = 0;
  const auto read = [&] {
    do {
      std::shared_ptr<const CandidateView> view;
      {
        const std::lock_guard<std::mutex> held(lock);
        view = shared;
      }
      for (const CandidateList& list : MustFind(*view, cues, 30)) EXPECT_EQ(list.size(), 30u);
      ++answers;
    } while (!stop);
  };
  std::vector<std::jthread> readers;
  for (int i = 0; i < 2; ++i) readers.emplace_back(read);
  for (size_t first = 4400; first < 6000; first += 400) {
    auto rebuild = memory.index->BeginRebuild(memory.store.Publish());
    memory.Add(keys.view().slice(first, 400), first);
    memory.Remove(Numbers(first - 4400, 100));
    Finish(*rebuild, 100);
    ASSERT_TRUE(memory.index->InstallRebuild(std::move(rebuild), memory.store.Publish()).ok());
    const auto view = memory.index->Publish();
    const std::lock_guard<std::mutex> held(lock);
    shared = view;
  }
  stop = true;
  readers.clear();
  EXPECT_GE(answers, 2u);
}

TEST(GraphIndex, WrongWritesChangeNothing) {
  const Matrix keys = ClusteredRows(4200, kDim, 20, 15);
  Memory memory(Similarity::kL2);
  memory.Add(keys, 0);
  memory.Rebuild();
  memory.Remove({7});
  const std::vector<uint64_t> gone = {8, 7}, twice = {9, 9}, unknown = {10, 77'777}, old = {5};
  for (const auto& rows : {gone, twice, unknown}) EXPECT_FALSE(memory.index->Remove(rows).ok());
  EXPECT_FALSE(memory.index->Add(keys.view().slice(0, 1), old).ok());
  Matrix odd(1, kDim);
  odd.at(0, 1) = std::numeric_limits<float>::quiet_NaN();
  const absl::Status status = memory.index->Add(odd, Numbers(90'000, 1));
  EXPECT_EQ(GetErrorDetail(status)->reason, "NOT_FINITE");
  EXPECT_EQ(memory.index->Publish()->live_rows(), 4199u);
}

TEST(GraphIndex, RefusesRebuildsThatAreVoidOrOfOtherRows) {
  const Matrix keys = ClusteredRows(4200, kDim, 20, 16);
  Memory memory(Similarity::kL2);
  memory.Add(keys, 0);
  auto first = memory.index->BeginRebuild(memory.store.Publish());
  auto second = memory.index->BeginRebuild(memory.store.Publish());
  Finish(*first);
  const absl::Status status =
      memory.index->InstallRebuild(std::move(first), memory.store.Publish());
  EXPECT_EQ(GetErrorDetail(status)->reason, "REBUILD_VOID");
  auto other = memory.index->BeginRebuild(StoreOf(keys.view().slice(0, 4000)));
  Finish(*other);
  EXPECT_EQ(memory.index->InstallRebuild(std::move(other), memory.store.Publish()).code(),
            absl::StatusCode::kInternal);
  EXPECT_EQ(memory.index->Publish()->live_rows(), 4200u);
}

TEST(GraphIndex, RefusesSpecsOutOfBounds) {
  for (const GraphSpec& spec :
       {GraphSpec{.links = 1}, GraphSpec{.links = 129},
        GraphSpec{.links = 64, .construction_width = 63}, GraphSpec{.construction_width = 5000}}) {
    const absl::Status status = GraphIndex::Make(spec, Similarity::kL2, kDim).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(GetErrorDetail(status)->reason, "SPEC");
  }
}

// All that is near is gone, and more than a search keeps in sight: it goes on until it finds rows.
TEST(GraphIndex, FindsLiveRowsBehindManyThatAreGone) {
  RecordProperty("seed", 18);
  const Matrix keys = ClusteredRows(2400, kDim, 8, 18);
  for (const Similarity similarity : {Similarity::kCosine, Similarity::kL1}) {
    Memory memory(similarity);
    memory.Add(keys, 0);
    memory.Rebuild();
    std::vector<uint64_t> cluster;
    for (uint64_t row = 3; row < 2400; row += 8) cluster.push_back(row);
    memory.Remove(cluster);
    memory.Rebuild();
    const auto lists = MustFind(*memory.index->Publish(), keys.view().slice(3, 1), 12);
    EXPECT_EQ(lists[0].size(), 12u) << Name(similarity);
  }
}

// Far from the origin and from each other, near within: codes of a byte cannot tell such rows
// apart.
TEST(GraphIndex, RowsThatCodesCannotTellApartAreKeptAsTheyAre) {
  RecordProperty("seed", 20);
  Matrix keys = ClusteredRows(2000, kDim, 200, 20);
  for (size_t i = 0; i < keys.rows(); ++i) {
    for (float& x : keys.row(i)) x += i % 2 == 0 ? 1000.0f : -1000.0f;
  }
  EXPECT_FALSE(GraphRows::For(Similarity::kL2, kDim, StoreOf(keys))->coded());
  Memory memory(Similarity::kL2);
  memory.Add(keys, 0);
  memory.Rebuild();
  EXPECT_GT(memory.Recall(keys, keys.view().slice(0, 40), 100), 0.98);
}

// A centre far away alone is no reason: it is taken out.
TEST(GraphIndex, CodesDoNotMindACentreFarAway) {
  RecordProperty("seed", 21);
  Matrix keys = ClusteredRows(2000, kDim, 200, 21);
  for (float& x : keys.flat()) x += 100;
  for (const Similarity similarity : {Similarity::kL2, Similarity::kDot}) {
    EXPECT_TRUE(GraphRows::For(similarity, kDim, StoreOf(keys))->coded());
    Memory memory(similarity);
    memory.Add(keys, 0);
    memory.Rebuild();
    EXPECT_GT(memory.Recall(keys, keys.view().slice(0, 40), 200), 0.95) << Name(similarity);
  }
}

TEST(GraphIndex, IsMadeAnewWhereItsCodesAreOfOtherRows) {
  RecordProperty("seed", 22);
  const Matrix near = ClusteredRows(5000, kDim, 200, 22);
  Matrix far = ClusteredRows(1500, kDim, 50, 23);
  for (float& x : far.flat()) x += 2000;
  Memory memory(Similarity::kL2);
  memory.Add(near, 0);
  memory.Rebuild();
  memory.Add(far, 5000);
  EXPECT_FALSE(memory.index->NeedsRebuild());
  memory.Rebuild();
  EXPECT_TRUE(memory.index->NeedsRebuild()) << "a fifth of the codes is coarse";
  memory.Rebuild();
  EXPECT_FALSE(memory.index->NeedsRebuild());
  Matrix keys(6500, kDim);
  std::copy_n(near.data(), near.flat().size(), keys.data());
  std::copy_n(far.data(), far.flat().size(), keys.row(5000).data());
  EXPECT_GT(memory.Recall(keys, far.view().slice(0, 30), 100), 0.98);
}

// Numbers whose squares leave float32: distances are ordered, and nothing is lost on the way.
TEST(GraphIndex, TakesNumbersOfAllSizes) {
  RecordProperty("seed", 24);
  for (const float size : {1e-30f, 1e-20f, 1e20f, 1e38f}) {
    Matrix keys = ClusteredRows(500, kDim, 50, 24);
    for (float& x : keys.flat()) x *= size;
    for (const Similarity similarity : {Similarity::kL2, Similarity::kDot, Similarity::kL1}) {
      SCOPED_TRACE(testing::Message() << size << ", " << Name(similarity));
      Memory memory(similarity);
      memory.Add(keys, 0);
      memory.Rebuild();
      for (const CandidateList& list :
           MustFind(*memory.index->Publish(), keys.view().slice(0, 5), 50)) {
        EXPECT_EQ(list.size(), 50u);
        for (const Candidate& candidate : list) EXPECT_TRUE(std::isfinite(candidate.distance));
      }
    }
  }
}

TEST(GraphIndex, DistancesAreThoseOfTheRowsButForRounding) {
  RecordProperty("seed", 25);
  const Matrix keys = ClusteredRows(1500, kDim, 100, 25), cues = ClusteredRows(5, kDim, 100, 26);
  for (const Similarity similarity : {Similarity::kL2, Similarity::kCosine}) {
    Memory memory(similarity);
    memory.Add(keys, 0);
    memory.Rebuild();
    const auto lists = MustFind(*memory.index->Publish(), cues, 20);
    for (size_t c = 0; c < lists.size(); ++c) {
      for (const Candidate& found : lists[c]) {
        const double score = PlainScore(similarity, cues.row(c), keys.row(found.row_number));
        const double distance = similarity == Similarity::kL2 ? -2 * score : -score;
        EXPECT_NEAR(static_cast<double>(found.distance), distance, 0.02) << Name(similarity);
      }
    }
  }
}

TEST(HnswGraph, WhatTheLibraryThrowsIsAStatus) {
  const Matrix keys = ClusteredRows(3, kDim, 3, 17);
  auto graph = HnswGraph::Make(kSmall, GraphRows::Plain(Similarity::kL2, kDim), 2);
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_TRUE((*graph)->Add(keys.row(0).data(), 10).ok());
  EXPECT_TRUE((*graph)->Add(keys.row(1).data(), 20).ok());
  EXPECT_EQ((*graph)->Add(keys.row(2).data(), 30).code(), absl::StatusCode::kInternal) << "full";
  EXPECT_EQ((*graph)->rows(), 2u);
  EXPECT_EQ((*graph)->Bury(5).code(), absl::StatusCode::kInternal) << "no such position";
  EXPECT_TRUE((*graph)->Bury(1).ok());
  EXPECT_EQ((*graph)->Bury(1).code(), absl::StatusCode::kInternal) << "already buried";
  EXPECT_EQ((*graph)->Find(20), 1u);
  EXPECT_EQ((*graph)->Find(15), std::nullopt);
  const auto clone = (*graph)->Clone(3);
  ASSERT_TRUE(clone.ok()) << clone.status();
  EXPECT_TRUE((*clone)->Add(keys.row(2).data(), 30).ok());
  const auto found = (*clone)->Search(keys.row(2).data(), 5);
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->size(), 2u) << "the buried one is not found";
  EXPECT_EQ((*clone)->row_number((*found)[0].position), 30u);
}

}  // namespace
}  // namespace mneme::models
