// Analyses through the engine: jobs beside serving, on memories that change meanwhile.
#include <future>

#include "core/analysis/sample_ring.h"
#include "gtest/gtest.h"
#include "tests/unit/core/engine/engine_fixture.h"

namespace mneme::engine {
namespace {

constexpr size_t kDim = 16;

class AnalyzeTest : public EngineTest {
 protected:
  void StoreSigns(const std::string& memory, size_t count) {
    ASSERT_TRUE(Create(memory, {.key_dim = kDim, .model = models::DenseSpec{}}).ok());
    Random random(3);
    Matrix keys(count, kDim);
    for (float& x : keys.flat()) x = random.Uniform() < 0.5 ? -1.0f : 1.0f;
    ASSERT_TRUE(Store({.memory = memory, .keys = keys, .ids = Numbers(1, count)}).ok());
  }
  JobInfo WaitFor(const std::string& id) {
    std::promise<JobInfo> end;
    EXPECT_TRUE(engine_->jobs().Wait(id, [&](JobInfo info) { end.set_value(info); }).ok());
    return end.get_future().get();
  }
  absl::StatusOr<JobInfo> Analyze(const std::string& memory, analysis::AnalysisSpec spec) {
    return engine_->Analyze({.memory = memory, .spec = std::move(spec)});
  }
  // Runs until it is stopped, for all that a test waits.
  static analysis::AnalysisSpec Long() {
    return analysis::SedamSpec{.patterns = {.generated = 2'000},
                               .steps = analysis::kSimulationStepsMax};
  }
  // Blocks until the job has given a sample: it runs.
  static void WaitForSample(const JobInfo& job) {
    std::promise<void> ready;
    ASSERT_TRUE(job.samples->WhenReady(0, [&] { ready.set_value(); }));
    ready.get_future().get();
  }
};

TEST_F(AnalyzeTest, ReportsWhatTheMemoryHolds) {
  StoreSigns("m", 30);
  const auto job = Analyze("m", analysis::BasinsSpec{.probes = 10});
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->kind, JobKind::kAnalyze);
  const JobInfo end = WaitFor(job->id);
  ASSERT_TRUE(end.status.ok()) << end.status;
  const auto report = std::get<std::shared_ptr<const analysis::Report>>(end.result);
  EXPECT_EQ(report->analysis, "basins");
  EXPECT_EQ(report->figures[0].name, "items");
  EXPECT_EQ(report->figures[0].value, 30);
  uint64_t next = 0;
  EXPECT_TRUE(end.samples->Take(next).has_value());
  while (end.samples->Take(next)) continue;
  EXPECT_TRUE(end.samples->IsOver(next));
}

TEST_F(AnalyzeTest, DeletedItemsAreNotStudied) {
  StoreSigns("m", 30);
  ASSERT_TRUE(Delete({.memory = "m", .ids = Numbers(1, 10)}).ok());
  const auto job = Analyze("m", analysis::BasinsSpec{});
  ASSERT_TRUE(job.ok());
  const JobInfo end = WaitFor(job->id);
  ASSERT_TRUE(end.status.ok()) << end.status;
  const auto report = std::get<std::shared_ptr<const analysis::Report>>(end.result);
  EXPECT_EQ(report->figures[1].value, 20);
  const auto gone =
      Analyze("m", analysis::SedamSpec{.patterns = {.start = ItemId(3)}, .steps = 10});
  ASSERT_TRUE(gone.ok());
  EXPECT_EQ(Reason(WaitFor(gone->id).status), "ITEM_NOT_FOUND");
}

TEST_F(AnalyzeTest, StoresAndOtherJobsGoOnBesideIt) {
  StoreSigns("m", 8);
  const auto job = Analyze("m", Long());
  ASSERT_TRUE(job.ok());
  WaitForSample(*job);
  const Matrix more = UnitRows(1, kDim, 5);
  EXPECT_TRUE(Store({.memory = "m", .keys = more}).ok());
  EXPECT_TRUE(Query({.memory = "m", .cues = {.cues = more}}).ok());
  const auto clone = engine_->CloneMemory({.source = "m", .name = "copy"});
  ASSERT_TRUE(clone.ok()) << clone.status();
  EXPECT_TRUE(WaitFor(clone->id).status.ok());
  EXPECT_EQ(Reason(Analyze("m", analysis::BasinsSpec{}).status()), "JOB_RUNNING");
  ASSERT_TRUE(engine_->jobs().Cancel(job->id).ok());
  const JobInfo end = WaitFor(job->id);
  EXPECT_TRUE(absl::IsCancelled(end.status)) << end.status;
  EXPECT_TRUE(end.samples->IsOver(~uint64_t{0}));
}

TEST_F(AnalyzeTest, AMemoryThatIsDeletedCancelsItAndOneThatWaits) {
  StoreSigns("m", 8);
  StoreSigns("other", 8);
  const auto running = Analyze("m", Long());
  ASSERT_TRUE(running.ok());
  WaitForSample(*running);
  const auto waiting = Analyze("other", analysis::BasinsSpec{});
  ASSERT_TRUE(waiting.ok());
  ASSERT_TRUE(Drop("other").ok());
  ASSERT_TRUE(Drop("m").ok());
  EXPECT_TRUE(absl::IsCancelled(WaitFor(running->id).status));
  EXPECT_TRUE(absl::IsCancelled(WaitFor(waiting->id).status));
}

TEST_F(AnalyzeTest, ItsBytesCountAgainstTheLimitOfMainMemory) {
  engine_.reset();
  options_.memory_bytes_max = 4 << 20;
  Open();
  StoreSigns("m", 8);
  const uint64_t before = engine_->resources().memory_bytes_used;
  const auto job =
      Analyze("m", analysis::SedamSpec{.patterns = {.generated = 100'000}, .steps = 10});
  ASSERT_TRUE(job.ok());
  EXPECT_EQ(Reason(WaitFor(job->id).status), "FULL");
  EXPECT_EQ(engine_->resources().memory_bytes_used, before);
}

TEST_F(AnalyzeTest, RefusesBeforeAJobIsMade) {
  StoreSigns("m", 8);
  EXPECT_TRUE(absl::IsNotFound(Analyze("none", analysis::BasinsSpec{}).status()));
  EXPECT_EQ(Reason(Analyze("m", analysis::BasinsSpec{.items = 0}).status()), "RANGE");
  EXPECT_TRUE(engine_->jobs().List(0, 10).empty());
  // One analysis holds no more than its bound, whatever the limit of main memory.
  ASSERT_TRUE(Create("wide", {.key_dim = 1'024, .model = models::DenseSpec{}}).ok());
  const auto job = Analyze("wide", analysis::SedamSpec{.patterns = {.generated = 1'000'000}});
  ASSERT_TRUE(job.ok());
  EXPECT_EQ(Reason(WaitFor(job->id).status), "LIMIT");
}

}  // namespace
}  // namespace mneme::engine
