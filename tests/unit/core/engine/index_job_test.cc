// The indexes of memories through the engine: a real data directory, the committer, the job
// threads.
#include "core/engine/index_job.h"

#include <algorithm>
#include <future>
#include <mutex>
#include <thread>

#include "core/engine/copies.h"
#include "tests/unit/core/engine/engine_fixture.h"

namespace mneme::engine {
namespace {

constexpr size_t kRows = 5000, kDim = 24, kTop = 10;

// Each interval is shorter than the one before: the exact scan, which is measured first, seems the
// slowest. Thread-safe.
class SlowAtFirst final : public Clock {
 public:
  int64_t NowUnixNanos() const override { return 1'700'000'000'000'000'000; }
  int64_t NowMonotonicNanos() const override {
    const std::lock_guard lock(mutex_);
    now_ += step_;
    step_ = std::max<int64_t>(1, step_ * 3 / 4);
    return now_;
  }
  void Reset() {
    const std::lock_guard lock(mutex_);
    step_ = int64_t{1} << 50;
  }

 private:
  mutable std::mutex mutex_;
  mutable int64_t now_ = 0;
  mutable int64_t step_ = int64_t{1} << 50;
};

class IndexTest : public EngineTest {
 protected:
  IndexTest() { OpenAnew(); }

  void OpenAnew() {
    if (engine_ != nullptr) {
      ASSERT_TRUE(engine_->Close().ok());
    }
    engine_.reset();
    auto storage = storage::OpenRocksDbStorage({.directory = directory_ + "/data"});
    ASSERT_TRUE(storage.ok()) << storage.status();
    auto engine = Engine::Open(*std::move(storage), slow_, options_);
    ASSERT_TRUE(engine.ok()) << engine.status();
    engine_ = *std::move(engine);
  }
  void CreateIndexed(const std::string& name = "m",
                     const models::IndexSpec& index = {.kind = models::BinaryIndexSpec{.bits = 512},
                                                       .target_recall = 0.9}) {
    const absl::StatusOr<MemoryInfo> made = Create(
        name,
        {.key_dim = kDim,
         .model = models::DenseSpec{.similarity = models::Similarity::kCosine, .index = index}});
    ASSERT_TRUE(made.ok()) << made.status();
  }
  void StoreRows(uint64_t first, size_t count, const std::string& name = "m") {
    const Matrix keys = UnitRows(count, kDim, 100 + first);
    const auto stored = Store({.memory = name, .keys = keys, .ids = Numbers(first, count)});
    ASSERT_TRUE(stored.ok()) << stored.status();
  }
  JobInfo End(const std::string& id) {
    std::promise<JobInfo> end;
    EXPECT_TRUE(engine_->jobs().Wait(id, [&](JobInfo i) { end.set_value(std::move(i)); }).ok());
    return end.get_future().get();
  }
  JobInfo Calibrate() {
    slow_.Reset();
    const absl::StatusOr<JobInfo> job = engine_->CalibrateIndex({.memory = "m"});
    EXPECT_TRUE(job.ok()) << job.status();
    return job.ok() ? End(job->id) : JobInfo();
  }
  // The job on an index that waits or runs; empty: none.
  std::string Pending() {
    for (const JobInfo& job : engine_->jobs().List(0, 100)) {
      if (job.kind == JobKind::kIndex && !job.done) return job.id;
    }
    return "";
  }
  models::IndexStats stats(const std::string& name = "m") {
    return *engine_->GetMemory(name)->stats.index;
  }
  absl::StatusOr<QueryReply> List(MatrixView cues, size_t top = kTop) {
    return Query({.memory = "m",
                  .cues = {.cues = cues},
                  .spec = {.kind = models::QueryKind::kList, .top = top}});
  }
  models::IndexFallback Fallback(const absl::StatusOr<QueryReply>& reply) {
    EXPECT_TRUE(reply.ok()) << reply.status();
    EXPECT_TRUE(reply.ok() && reply->answer.index.has_value());
    return reply.ok() && reply->answer.index ? reply->answer.index->fallback
                                             : models::IndexFallback::kNone;
  }

  // Holds the thread that works on indexes until the promise is kept.
  std::promise<void> Hold() {
    std::promise<void> release;
    auto held = std::make_shared<std::shared_future<void>>(release.get_future());
    std::promise<void> runs;
    const absl::StatusOr<JobInfo> job = engine_->jobs().Submit(
        JobKind::kIndex, "held",
        [held, &runs](const std::string&, const JobRunner::Report&) -> absl::StatusOr<JobResult> {
          runs.set_value();
          held->wait();
          return JobResult();
        });
    EXPECT_TRUE(job.ok()) << job.status();
    runs.get_future().wait();
    return release;
  }

  SlowAtFirst slow_;
};

using models::IndexFallback;

TEST_F(IndexTest, IsMeasuredOnDemandAndAnswersThen) {
  CreateIndexed();
  StoreRows(0, kRows);
  const Matrix cues = UnitRows(100, kDim, 100);  // the first keys
  EXPECT_EQ(Fallback(List(cues)), IndexFallback::kBuilding);
  const JobInfo job = Calibrate();
  ASSERT_TRUE(job.status.ok()) << job.status;
  EXPECT_EQ(job.kind, JobKind::kIndex);
  EXPECT_EQ(job.memory, "m");
  const auto& made = std::get<MemoryInfo>(job.result);
  ASSERT_EQ(made.stats.index->fallback, IndexFallback::kNone) << made.stats.index->calibration->why;
  const absl::StatusOr<QueryReply> reply = List(cues);
  ASSERT_EQ(Fallback(reply), IndexFallback::kNone);
  EXPECT_GE(reply->answer.index->recall.share, 0.9);
  EXPECT_EQ(reply->answer.index->rows, kRows);
  EXPECT_GT(MemoryBytes(made.stats), kRows * (kDim * sizeof(float) + 512 / 8))
      << "the index counts";
  for (size_t i = 0; i < cues.rows(); ++i) {
    EXPECT_EQ(reply->answer.cues[i].top[0].id, ItemId(i)) << i;
  }
}

TEST_F(IndexTest, TheCalibrationSurvivesARestartAndTheIndexIsMadeBehindServing) {
  CreateIndexed();
  StoreRows(0, kRows);
  ASSERT_TRUE(Calibrate().status.ok());
  const models::Calibration before = *stats().calibration;
  OpenAnew();
  EXPECT_EQ(stats().fallback, IndexFallback::kBuilding);
  EXPECT_EQ(stats().calibration->depth, before.depth);
  engine_->KeepIndexes();
  const std::string job = Pending();
  ASSERT_FALSE(job.empty());
  EXPECT_TRUE(End(job).status.ok());
  EXPECT_EQ(stats().fallback, IndexFallback::kNone);
  EXPECT_EQ(stats().calibration->recall.share, before.recall.share);
  EXPECT_EQ(Fallback(List(UnitRows(3, kDim, 100))), IndexFallback::kNone);
  engine_->KeepIndexes();
  EXPECT_EQ(Pending(), "") << "nothing is due any more";
}

TEST_F(IndexTest, TheKeeperBeginsWhatIsDueOneMemoryAtATime) {
  CreateIndexed("a", {.kind = models::GraphIndexSpec{.links = 8, .construction_width = 40},
                      .target_recall = 0.9});
  for (const char* name : {"b", "c", "few"}) CreateIndexed(name);
  StoreRows(0, kRows, "a");
  StoreRows(0, kRows, "c");
  StoreRows(0, kRows, "b");
  StoreRows(0, 100, "few");
  std::vector<std::string> memories;
  while (true) {
    slow_.Reset();
    engine_->KeepIndexes();
    engine_->KeepIndexes();  // once more does no harm
    const std::string job = Pending();
    if (job.empty()) break;
    const JobInfo ended = End(job);
    EXPECT_TRUE(ended.status.ok()) << ended.status;
    memories.push_back(ended.memory);
  }
  EXPECT_EQ(memories, (std::vector<std::string>{"b", "c", "a"})) << "a graph takes longest";
  for (const char* name : {"a", "b", "c"}) EXPECT_EQ(stats(name).fallback, IndexFallback::kNone);
  EXPECT_EQ(stats("few").fallback, IndexFallback::kFewRows);
}

TEST_F(IndexTest, AMemoryThatGoesWhileWorkWaitsOrIsCancelledEndsTheJob) {
  CreateIndexed();
  StoreRows(0, kRows);
  std::promise<void> release = Hold();
  const absl::StatusOr<JobInfo> job = engine_->CalibrateIndex({.memory = "m"});
  ASSERT_TRUE(job.ok()) << job.status();
  const absl::StatusOr<JobInfo> joined = engine_->CalibrateIndex({.memory = "m"});
  ASSERT_TRUE(joined.ok()) << joined.status();
  EXPECT_EQ(joined->id, job->id);
  // What waits for the index's thread does not stand in the way of other work on the memory.
  const absl::StatusOr<JobInfo> clone = engine_->CloneMemory({.source = "m", .name = "copy"});
  ASSERT_TRUE(clone.ok()) << clone.status();
  EXPECT_TRUE(End(clone->id).status.ok());
  ASSERT_TRUE(Drop("m").ok());
  release.set_value();
  EXPECT_EQ(Reason(End(job->id).status), "MEMORY_NOT_FOUND");
  EXPECT_EQ(stats("copy").fallback, IndexFallback::kBuilding);

  std::promise<void> again = Hold();
  const absl::StatusOr<JobInfo> of_copy = engine_->CalibrateIndex({.memory = "copy"});
  ASSERT_TRUE(of_copy.ok());
  ASSERT_TRUE(engine_->jobs().Cancel(of_copy->id).ok());
  again.set_value();
  EXPECT_TRUE(absl::IsCancelled(End(of_copy->id).status));
  EXPECT_EQ(stats("copy").fallback, IndexFallback::kBuilding);
}

TEST_F(IndexTest, ACloneKnowsWhatWasMeasured) {
  CreateIndexed();
  StoreRows(0, kRows);
  ASSERT_TRUE(Calibrate().status.ok());
  const absl::StatusOr<JobInfo> clone = engine_->CloneMemory({.source = "m", .name = "copy"});
  ASSERT_TRUE(clone.ok()) << clone.status();
  ASSERT_TRUE(End(clone->id).status.ok());
  ASSERT_NE(stats("copy").calibration, nullptr);
  EXPECT_EQ(stats("copy").calibration->depth, stats().calibration->depth);
}

TEST_F(IndexTest, WritesBetweenQueriesAreSeenByListsOfTheIndex) {
  CreateIndexed();
  StoreRows(0, kRows);
  ASSERT_TRUE(Calibrate().status.ok());
  StoreRows(kRows, 50);
  const Matrix added = UnitRows(50, kDim, 100 + kRows);
  absl::StatusOr<QueryReply> reply = List(added, 1);
  ASSERT_EQ(Fallback(reply), IndexFallback::kNone);
  for (size_t i = 0; i < 50; ++i) {
    EXPECT_EQ(reply->answer.cues[i].top[0].id, ItemId(kRows + i)) << i;
  }
  ASSERT_TRUE(Delete({.memory = "m", .ids = Numbers(kRows, 50)}).ok());
  reply = List(added, 1);
  ASSERT_EQ(Fallback(reply), IndexFallback::kNone);
  for (size_t i = 0; i < 50; ++i) EXPECT_LT(reply->answer.cues[i].top[0].id, ItemId(kRows)) << i;
}

TEST_F(IndexTest, QueriesThatAreAnsweredTogetherAllSayThatTheyAreApproximate) {
  CreateIndexed();
  StoreRows(0, kRows);
  ASSERT_TRUE(Calibrate().status.ok());
  const Matrix cues = UnitRows(300, kDim, 100);
  std::vector<std::future<models::IndexFallback>> answers;
  for (size_t i = 0; i < cues.rows(); ++i) {
    auto promise = std::make_shared<std::promise<models::IndexFallback>>();
    answers.push_back(promise->get_future());
    engine_->Query({.memory = "m",
                    .cues = {.cues = cues.view().slice(i, 1)},
                    .spec = {.kind = models::QueryKind::kList, .top = kTop}},
                   [this, promise](const absl::StatusOr<QueryReply>& reply) {
                     promise->set_value(Fallback(reply));
                   });
  }
  for (auto& answer : answers) EXPECT_EQ(answer.get(), IndexFallback::kNone);
}

TEST_F(IndexTest, RefusesWhatHasNoIndexOrNothingToMeasure) {
  ASSERT_TRUE(Create("plain", DenseSpecOf(kDim)).ok());
  EXPECT_EQ(Reason(engine_->CalibrateIndex({.memory = "plain"}).status()), "NO_INDEX");
  CreateIndexed();
  EXPECT_EQ(Reason(engine_->CalibrateIndex({.memory = "m"}).status()), "NO_ITEMS");
  EXPECT_EQ(Reason(engine_->CalibrateIndex({.memory = "none"}).status()), "MEMORY_NOT_FOUND");
  StoreRows(0, 1);
  const JobInfo job = Calibrate();
  EXPECT_TRUE(job.status.ok()) << job.status;
  EXPECT_EQ(stats().fallback, IndexFallback::kFewRows);
  StoreRows(1, 20);
  EXPECT_EQ(Fallback(List(UnitRows(1, kDim, 101))), IndexFallback::kFewRows);
}

}  // namespace
}  // namespace mneme::engine
