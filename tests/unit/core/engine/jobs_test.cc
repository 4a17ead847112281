#include "core/engine/jobs.h"

#include <atomic>
#include <future>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mneme::engine {
namespace {

std::string ReasonOf(const absl::Status& status) {
  return GetErrorDetail(status).value_or(ErrorDetail{}).reason;
}

// Work that waits to be let go, and notes whether it was told to stop.
struct Gate {
  std::promise<void> entered;
  std::promise<void> go;
  std::atomic<bool> told_to_stop{false};

  JobRunner::Work Work() {
    return
        [this](const std::string&, const JobRunner::Report& report) -> absl::StatusOr<JobResult> {
          entered.set_value();
          go.get_future().wait();
          if (!report({.phase = "training", .share = 0.5, .steps = 3, .loss = 0.25})) {
            told_to_stop = true;
            return absl::CancelledError("stopped");
          }
          return MemoryInfo{.name = "faces"};
        };
  }
};

absl::StatusOr<JobResult> Gives(const std::string&, const JobRunner::Report&) {
  return MemoryInfo{.name = "faces"};
}

JobInfo WaitFor(JobRunner& jobs, const std::string& id) {
  std::promise<JobInfo> end;
  EXPECT_TRUE(jobs.Wait(id, [&end](JobInfo job) { end.set_value(std::move(job)); }).ok());
  return end.get_future().get();
}

class JobRunnerTest : public ::testing::Test {
 protected:
  ManualClock clock_{1'000'000'000};
  JobRunner jobs_{clock_, 0};
};

TEST_F(JobRunnerTest, CarriesAJobOutAndKeepsItsResult) {
  Gate gate;
  const absl::StatusOr<JobInfo> job = jobs_.Submit(JobKind::kTrain, "faces", gate.Work());
  ASSERT_TRUE(job.ok());
  EXPECT_FALSE(job->done);
  gate.go.set_value();
  const JobInfo end = WaitFor(jobs_, job->id);
  EXPECT_TRUE(end.done);
  EXPECT_TRUE(end.status.ok());
  ASSERT_TRUE(std::holds_alternative<MemoryInfo>(end.result));
  EXPECT_EQ(std::get<MemoryInfo>(end.result).name, "faces");
  EXPECT_EQ(end.progress.phase, "done");
  EXPECT_EQ(end.progress.steps, 3);
  EXPECT_TRUE(jobs_.Get(job->id)->done);
}

TEST_F(JobRunnerTest, EstimatesTheEndFromTheShareDone) {
  Gate gate;
  std::promise<void> reported, go_on;
  const absl::StatusOr<JobInfo> job = jobs_.Submit(
      JobKind::kTrain, "faces",
      [&](const std::string&, const JobRunner::Report& report) -> absl::StatusOr<JobResult> {
        clock_.Advance(3'000);
        report({.phase = "training", .share = 0.75});
        reported.set_value();
        go_on.get_future().wait();
        return MemoryInfo{};
      });
  reported.get_future().wait();
  // 3,000 ns for three quarters: 1,000 more.
  EXPECT_EQ(jobs_.Get(job->id)->expected_end_unix_nanos, 1'000'000'000 + 4'000);
  go_on.set_value();
  WaitFor(jobs_, job->id);
}

TEST_F(JobRunnerTest, StopsARunningJobThatIsCancelled) {
  Gate gate;
  const absl::StatusOr<JobInfo> job = jobs_.Submit(JobKind::kTrain, "faces", gate.Work());
  gate.entered.get_future().wait();
  EXPECT_TRUE(jobs_.Cancel(job->id).ok());
  gate.go.set_value();
  const JobInfo end = WaitFor(jobs_, job->id);
  EXPECT_TRUE(gate.told_to_stop);
  EXPECT_EQ(ReasonOf(end.status), "CANCELLED");
  EXPECT_TRUE(std::holds_alternative<std::monostate>(end.result));
}

TEST_F(JobRunnerTest, EndsAWaitingJobAtOnceWhenItIsCancelled) {
  Gate first;
  const absl::StatusOr<JobInfo> running = jobs_.Submit(JobKind::kTrain, "faces", first.Work());
  first.entered.get_future().wait();
  std::atomic<bool> ran{false};
  const absl::StatusOr<JobInfo> waiting = jobs_.Submit(
      JobKind::kTrain, "digits",
      [&ran](const std::string&, const JobRunner::Report&) -> absl::StatusOr<JobResult> {
        ran = true;
        return MemoryInfo{};
      });
  EXPECT_TRUE(jobs_.Cancel(waiting->id).ok());
  EXPECT_TRUE(jobs_.Get(waiting->id)->done);
  first.go.set_value();
  WaitFor(jobs_, running->id);
  Gate third;  // the thread has passed the cancelled one when this one is through
  third.go.set_value();
  WaitFor(jobs_, jobs_.Submit(JobKind::kTrain, "words", third.Work())->id);
  EXPECT_FALSE(ran);
}

TEST_F(JobRunnerTest, AJobThatIsJoinedWhileItRunsCarriesOutTheLatestWorkTooBeforeItEnds) {
  Gate gate;
  const absl::StatusOr<JobInfo> job = jobs_.Submit(JobKind::kIndex, "faces", gate.Work());
  gate.entered.get_future().wait();
  std::vector<std::string> done;
  const auto work = [&done](const std::string& what) {
    return
        [&done, what](const std::string&, const JobRunner::Report&) -> absl::StatusOr<JobResult> {
          done.push_back(what);
          return MemoryInfo{.name = what};
        };
  };
  EXPECT_EQ(jobs_.SubmitOrJoin(JobKind::kIndex, "faces", work("replaced"))->id, job->id);
  EXPECT_EQ(jobs_.SubmitOrJoin(JobKind::kIndex, "faces", work("latest"))->id, job->id);
  const absl::StatusOr<JobInfo> other =
      jobs_.SubmitOrJoin(JobKind::kIndex, "digits", work("other"));
  EXPECT_NE(other->id, job->id);
  gate.go.set_value();
  const JobInfo end = WaitFor(jobs_, job->id);
  EXPECT_EQ(std::get<MemoryInfo>(end.result).name, "latest");
  WaitFor(jobs_, other->id);  // it writes to `done`
  EXPECT_EQ(done, (std::vector<std::string>{"latest", "other"}));
}

TEST_F(JobRunnerTest, ACancelledJobIsNotJoined) {
  Gate gate;
  const absl::StatusOr<JobInfo> job = jobs_.Submit(JobKind::kIndex, "faces", gate.Work());
  gate.entered.get_future().wait();
  Gate second;
  ASSERT_TRUE(jobs_.SubmitOrJoin(JobKind::kIndex, "faces", second.Work()).ok());
  ASSERT_TRUE(jobs_.Cancel(job->id).ok());
  EXPECT_EQ(ReasonOf(jobs_.SubmitOrJoin(JobKind::kIndex, "faces", second.Work()).status()),
            "JOB_RUNNING");
  gate.go.set_value();
  EXPECT_EQ(ReasonOf(WaitFor(jobs_, job->id).status), "CANCELLED");
}

TEST_F(JobRunnerTest, WhoHasLeftIsNotCalledAndKeepsNobodyElseOut) {
  Gate gate;
  const absl::StatusOr<JobInfo> job = jobs_.Submit(JobKind::kTrain, "faces", gate.Work());
  int left = 0;
  for (size_t i = 0; i < kJobWaitersMax + 6; ++i) {
    const JobWaiter impatient([&left](const JobInfo&) { ++left; });
    ASSERT_TRUE(jobs_.Wait(job->id, impatient).ok()) << i;
    ASSERT_TRUE(impatient.Leave());
  }
  std::promise<JobInfo> end;
  const JobWaiter patient([&end](const JobInfo& ended) { end.set_value(ended); });
  ASSERT_TRUE(jobs_.Wait(job->id, patient).ok());
  EXPECT_FALSE(patient.is_over());
  gate.go.set_value();
  EXPECT_TRUE(end.get_future().get().done);
  EXPECT_FALSE(patient.Leave());
  EXPECT_EQ(left, 0);
}

TEST_F(JobRunnerTest, MoreThanMayWaitAreBusyNotDone) {
  Gate gate;
  const absl::StatusOr<JobInfo> job = jobs_.Submit(JobKind::kTrain, "faces", gate.Work());
  std::atomic<size_t> called = 0;
  const auto count = [&called](const JobInfo&) { ++called; };
  const JobWaiter first(count);
  ASSERT_TRUE(jobs_.Wait(job->id, first).ok());
  for (size_t i = 1; i < kJobWaitersMax; ++i) ASSERT_TRUE(jobs_.Wait(job->id, count).ok());
  bool answered = false;
  const auto answer = [&answered](const JobInfo&) { answered = true; };
  EXPECT_EQ(ReasonOf(jobs_.Wait(job->id, answer)), "BUSY");
  // A job that has ended needs no place.
  const absl::StatusOr<JobInfo> ended = jobs_.Submit(JobKind::kTrain, "digits", Gives);
  ASSERT_TRUE(jobs_.Cancel(ended->id).ok());
  EXPECT_FALSE(answered);
  EXPECT_TRUE(jobs_.Wait(ended->id, answer).ok());
  EXPECT_TRUE(answered);

  ASSERT_TRUE(first.Leave());
  EXPECT_EQ(called, 0u);
  std::promise<JobInfo> end;
  ASSERT_TRUE(jobs_.Wait(job->id, [&end](const JobInfo& info) { end.set_value(info); }).ok());
  gate.go.set_value();
  end.get_future().get();  // who waits last is called last
  EXPECT_EQ(called, kJobWaitersMax - 1);
}

TEST_F(JobRunnerTest, TakesOneJobAMemory) {
  Gate gate;
  const absl::StatusOr<JobInfo> job = jobs_.Submit(JobKind::kTrain, "faces", gate.Work());
  Gate second;
  EXPECT_EQ(ReasonOf(jobs_.Submit(JobKind::kTrain, "faces", second.Work()).status()),
            "JOB_RUNNING");
  EXPECT_EQ(ReasonOf(jobs_.Forget(job->id)), "JOB_RUNNING");
  gate.go.set_value();
  WaitFor(jobs_, job->id);
  second.go.set_value();
  const absl::StatusOr<JobInfo> again = jobs_.Submit(JobKind::kTrain, "faces", second.Work());
  ASSERT_TRUE(again.ok());
  WaitFor(jobs_, again->id);
  EXPECT_TRUE(jobs_.Forget(job->id).ok());
  EXPECT_EQ(ReasonOf(jobs_.Get(job->id).status()), "OPERATION_NOT_FOUND");
}

TEST_F(JobRunnerTest, AKindThatIsFullKeepsNoOtherOut) {
  Gate gate;
  std::vector<std::string> ids;
  for (size_t i = 0; i < kPendingJobsMax; ++i) {
    const auto job = jobs_.Submit(JobKind::kAnalyze, absl::StrCat("m", i),
                                  i == 0 ? gate.Work() : JobRunner::Work(Gives));
    ASSERT_TRUE(job.ok()) << job.status();
    ids.push_back(job->id);
  }
  EXPECT_EQ(ReasonOf(jobs_.Submit(JobKind::kAnalyze, "more", Gives).status()), "BUSY");
  for (JobKind kind : {JobKind::kBackup, JobKind::kClone, JobKind::kTrain, JobKind::kIndex}) {
    const auto job = jobs_.Submit(kind, absl::StrCat("other", static_cast<int>(kind)), Gives);
    ASSERT_TRUE(job.ok()) << job.status();
    EXPECT_TRUE(WaitFor(jobs_, job->id).status.ok());
  }
  gate.go.set_value();
  for (const std::string& id : ids) EXPECT_TRUE(WaitFor(jobs_, id).done);
  EXPECT_TRUE(jobs_.Submit(JobKind::kAnalyze, "more", Gives).ok());
}

TEST_F(JobRunnerTest, CopiesGoBeforeTheTrainingsThatWait) {
  Gate gate;
  std::vector<std::string> order;  // of one lane: written by one thread
  const auto noting = [&order](std::string name) {
    return [&order, name](const std::string&, const JobRunner::Report&) {
      order.push_back(name);
      return absl::StatusOr<JobResult>(MemoryInfo{.name = name});
    };
  };
  ASSERT_TRUE(jobs_.Submit(JobKind::kTrain, "first", gate.Work()).ok());
  gate.entered.get_future().wait();
  ASSERT_TRUE(jobs_.Submit(JobKind::kTrain, "a", noting("a")).ok());
  const auto last = jobs_.Submit(JobKind::kTrain, "b", noting("b"));
  ASSERT_TRUE(jobs_.Submit(JobKind::kClone, "c", noting("c")).ok());
  ASSERT_TRUE(jobs_.Submit(JobKind::kBackup, "backups/new", noting("d")).ok());
  gate.go.set_value();
  WaitFor(jobs_, last->id);
  EXPECT_THAT(order, ::testing::ElementsAre("c", "d", "a", "b"));
}

TEST_F(JobRunnerTest, ListsTheNewestFirstInPages) {
  std::vector<std::string> ids;
  for (const char* name : {"a", "b", "c", "d"}) {
    Gate gate;
    gate.go.set_value();
    ids.push_back(jobs_.Submit(JobKind::kTrain, name, gate.Work())->id);
    WaitFor(jobs_, ids.back());
  }
  const std::vector<JobInfo> page = jobs_.List(0, 2);
  ASSERT_EQ(page.size(), 2u);
  EXPECT_EQ(page[0].id, ids[3]);
  EXPECT_EQ(page[1].id, ids[2]);
  ASSERT_TRUE(jobs_.Forget(page[1].id).ok());  // the listing goes on all the same
  const std::vector<JobInfo> rest = jobs_.List(page[1].number, 3);
  ASSERT_EQ(rest.size(), 2u);
  EXPECT_EQ(rest[0].id, ids[1]);
  EXPECT_EQ(rest[1].id, ids[0]);
}

TEST_F(JobRunnerTest, CancelsEverythingWhenItStops) {
  std::promise<void> entered;
  const absl::StatusOr<JobInfo> running = jobs_.Submit(
      JobKind::kTrain, "faces",
      [&](const std::string&, const JobRunner::Report& report) -> absl::StatusOr<JobResult> {
        entered.set_value();
        while (report({.phase = "training"})) std::this_thread::yield();
        return absl::CancelledError("stopped");
      });
  Gate never;
  const absl::StatusOr<JobInfo> waiting = jobs_.Submit(JobKind::kTrain, "digits", never.Work());
  entered.get_future().wait();
  jobs_.Stop();
  EXPECT_EQ(ReasonOf(jobs_.Get(running->id)->status), "CANCELLED");
  EXPECT_EQ(ReasonOf(jobs_.Get(waiting->id)->status), "CANCELLED");
  EXPECT_EQ(ReasonOf(jobs_.Submit(JobKind::kTrain, "words", never.Work()).status()), "STOPPING");
}

}  // namespace
}  // namespace mneme::engine
