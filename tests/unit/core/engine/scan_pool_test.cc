// Batching, slices, stages, cancellation, with a view made for the test: the answer of a cue is its
// sum over all parts.
#include "core/engine/scan_pool.h"

#include <atomic>
#include <future>

#include "core/base/status.h"
#include "gtest/gtest.h"

namespace mneme::engine {
namespace {

struct Sums : models::Partial {
  std::vector<double> values;
};

struct Watch {
  std::atomic<int> begun{0};
  std::atomic<int> parts_probed{0};
  std::promise<void>* entered = nullptr;  // set by the first Probe
  std::shared_future<void> gate;          // each Probe waits for it, if valid
  std::atomic<bool> entered_once{false};
};

// Stage 1: sum over parts of cue * part; stage 2: nothing to scan; done.
class SumQuery final : public models::TypedQuery<Sums> {
 public:
  SumQuery(const models::CueBatch& cues, Watch& watch, size_t parts)
      : cues_(cues.cues), watch_(watch), parts_(parts) {}
  size_t parts() const override { return stage_ == 0 ? parts_ : 0; }
  double part_flops() const override { return 1e9; }
  double part_bytes() const override { return 1; }
  models::Answer TakeAnswer() override {
    models::Answer answer;
    answer.recalls = Matrix(cues_.rows, 1);
    for (size_t i = 0; i < cues_.rows; ++i) answer.recalls.at(i, 0) = static_cast<float>(sums_[i]);
    answer.cues.resize(cues_.rows);
    answer.items_scored = cues_.rows;
    return answer;
  }

 protected:
  Sums MakeEmpty() const override {
    Sums sums;
    sums.values.resize(cues_.rows);
    return sums;
  }
  void ProbeParts(size_t first, size_t last, Sums& into) const override {
    if (watch_.entered != nullptr && !watch_.entered_once.exchange(true))
      watch_.entered->set_value();
    if (watch_.gate.valid()) watch_.gate.wait();
    for (size_t part = first; part < last; ++part) {
      ++watch_.parts_probed;
      for (size_t i = 0; i < cues_.rows; ++i)
        into.values[i] += cues_.data[i * cues_.cols] * static_cast<double>(part);
    }
  }
  void MergeParts(Sums& into, const Sums& from) const override {
    for (size_t i = 0; i < into.values.size(); ++i) into.values[i] += from.values[i];
  }
  absl::StatusOr<bool> SettleStage(Sums& merged) override {
    if (stage_ == 0) sums_ = merged.values;
    return ++stage_ == 2;
  }

 private:
  MatrixView cues_;
  Watch& watch_;
  size_t parts_;
  int stage_ = 0;
  std::vector<double> sums_;
};

class SumView final : public models::View {
 public:
  SumView(Watch& watch, size_t parts) : watch_(watch), parts_(parts) {}
  const models::ModelStats& stats() const override { return stats_; }
  absl::StatusOr<std::unique_ptr<models::Query>> Begin(const models::CueBatch& cues,
                                                       const models::QuerySpec&) const override {
    ++watch_.begun;
    return std::make_unique<SumQuery>(cues, watch_, parts_);
  }

 private:
  Watch& watch_;
  size_t parts_;
  models::ModelStats stats_;
};

constexpr double kSumOfParts = 9 * 10 / 2;  // of parts 0..9

TEST(ScanPool, AnswersAreTheSameForAnyNumberOfThreads) {
  for (int threads : {1, 2, 5}) {
    Watch watch;
    ScanPool pool(threads, 0);
    const Matrix cue = [] {
      Matrix m(1, 2);
      m.at(0, 0) = 3;
      return m;
    }();
    std::promise<absl::StatusOr<models::Answer>> promise;
    pool.Submit({.view = std::make_shared<SumView>(watch, 10),
                 .cues = {.cues = cue},
                 .done = [&](auto answer) { promise.set_value(std::move(answer)); }});
    auto answer = promise.get_future().get();
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(answer->recalls.at(0, 0), 3 * kSumOfParts) << threads;
    EXPECT_EQ(watch.parts_probed, 10);
  }
}

TEST(ScanPool, WhatQueuesBehindAScanIsOneBatch) {
  Watch watch;
  std::promise<void> entered, gate;
  watch.entered = &entered;
  watch.gate = gate.get_future().share();
  ScanPool pool(1, 0);
  auto view = std::make_shared<SumView>(watch, 10);
  std::vector<Matrix> cues;
  for (int i = 0; i < 21; ++i) cues.emplace_back(1, 2);
  std::vector<std::promise<absl::StatusOr<models::Answer>>> promises(21);
  const auto submit = [&](size_t i) {
    cues[i].at(0, 0) = static_cast<float>(i + 1);
    pool.Submit({.view = view, .cues = {.cues = cues[i]}, .done = [&promises, i](auto answer) {
                   promises[i].set_value(std::move(answer));
                 }});
  };
  submit(0);
  entered.get_future().wait();
  EXPECT_FALSE(pool.idle());
  for (size_t i = 1; i <= 20; ++i) submit(i);
  gate.set_value();
  for (size_t i = 0; i <= 20; ++i) {
    auto answer = promises[i].get_future().get();
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(answer->recalls.at(0, 0), static_cast<float>((i + 1) * kSumOfParts));
    EXPECT_EQ(answer->cues.size(), 1u);
  }
  EXPECT_EQ(watch.begun, 2);  // the first alone, the other twenty together
  EXPECT_EQ(pool.counters().batches, 2u);
  EXPECT_EQ(pool.counters().cues, 21u);
}

std::vector<std::string_view> NamesOf(const Timeline& timeline) {
  std::vector<std::string_view> names;
  for (const Lap& lap : timeline.laps()) names.push_back(lap.name);
  return names;
}

TEST(ScanPool, WhoeverAsksIsToldHowTheBatchWent) {
  Watch watch;
  std::promise<void> entered, gate;
  watch.entered = &entered;
  watch.gate = gate.get_future().share();
  ScanPool pool(1, 0);
  auto view = std::make_shared<SumView>(watch, 10);
  const Matrix cue(1, 2);
  ManualClock clock;
  Timeline alone(clock, 0), together(clock, 0);
  std::promise<models::QueryPlan> first, second, third;
  const auto keep = [](std::promise<models::QueryPlan>& promise) {
    return [&promise](absl::StatusOr<models::Answer> answer) { promise.set_value(answer->plan); };
  };
  pool.Submit({.view = view, .cues = {.cues = cue}, .done = keep(first), .timeline = &alone});
  entered.get_future().wait();
  clock.Advance(5);                                                          // while these wait
  pool.Submit({.view = view, .cues = {.cues = cue}, .done = keep(second)});  // does not ask
  pool.Submit({.view = view, .cues = {.cues = cue}, .done = keep(third), .timeline = &together});
  gate.set_value();

  const models::QueryPlan plan = first.get_future().get();
  EXPECT_EQ(plan.batch_cues, 1u);
  EXPECT_EQ(plan.batch_requests, 1u);
  second.get_future().get();
  const models::QueryPlan shared = third.get_future().get();
  EXPECT_EQ(shared.batch_cues, 2u);
  EXPECT_EQ(shared.batch_requests, 2u);
  // The second stage has nothing to scan.
  EXPECT_EQ(NamesOf(alone),
            (std::vector<std::string_view>{"queue", "begin", "scan", "settle", "settle"}));
  EXPECT_EQ(NamesOf(together), (std::vector<std::string_view>{"queue", "gather", "begin", "scan",
                                                              "settle", "settle"}));
  EXPECT_EQ(together.laps()[0].end_nanos, 5);
  EXPECT_EQ(together.laps()[3].parts, 10u);
  EXPECT_EQ(together.laps()[3].threads, 1u);
}

TEST(ScanPool, WaitIdleLastsAsLongAsTheScanOrAsItMay) {
  Watch watch;
  std::promise<void> entered, gate;
  watch.entered = &entered;
  watch.gate = gate.get_future().share();
  ScanPool pool(2, 0);
  pool.WaitIdle(std::chrono::hours(1));  // nothing to wait for
  const Matrix cue(1, 2);
  pool.Submit(
      {.view = std::make_shared<SumView>(watch, 10), .cues = {.cues = cue}, .done = [](auto) {}});
  entered.get_future().wait();
  pool.WaitIdle(std::chrono::milliseconds(1));
  EXPECT_EQ(watch.parts_probed, 0);
  std::thread opener([&] { gate.set_value(); });
  pool.WaitIdle(std::chrono::hours(1));
  EXPECT_EQ(watch.parts_probed, 10);
  opener.join();
}

TEST(ScanPool, AnAbandonedScanStopsBetweenSlices) {
  Watch watch;
  std::promise<void> entered, gate;
  watch.entered = &entered;
  watch.gate = gate.get_future().share();
  ScanPool pool(1, 0);
  const Matrix cue(1, 2);
  std::atomic<bool> gone{false};
  std::promise<absl::StatusOr<models::Answer>> promise;
  pool.Submit({.view = std::make_shared<SumView>(watch, 1000),
               .cues = {.cues = cue},
               .cancelled = [&] { return gone.load(); },
               .done = [&](auto answer) { promise.set_value(std::move(answer)); }});
  entered.get_future().wait();
  gone = true;
  gate.set_value();
  EXPECT_EQ(promise.get_future().get().status().code(), absl::StatusCode::kCancelled);
  EXPECT_LT(watch.parts_probed, 1000);
}

TEST(ScanPool, CuesWhoseCallersHaveLeftAreNotScanned) {
  Watch watch;
  std::promise<void> entered, gate;
  watch.entered = &entered;
  watch.gate = gate.get_future().share();
  ScanPool pool(1, 0);
  auto view = std::make_shared<SumView>(watch, 10);
  std::vector<Matrix> cues;
  for (int i = 0; i < 4; ++i) cues.emplace_back(1, 2);
  std::vector<std::promise<absl::StatusOr<models::Answer>>> promises(4);
  std::atomic<bool> gone{false};
  const auto submit = [&](size_t i) {
    cues[i].at(0, 0) = static_cast<float>(i + 1);
    pool.Submit(
        {.view = view,
         .cues = {.cues = cues[i]},
         .cancelled = [&gone, i] { return gone && i % 2 == 1; },
         .done = [&promises, i](auto answer) { promises[i].set_value(std::move(answer)); }});
  };
  submit(0);
  entered.get_future().wait();
  for (size_t i = 1; i < 4; ++i) submit(i);
  gone = true;
  gate.set_value();
  for (size_t i = 0; i < 4; ++i) {
    auto answer = promises[i].get_future().get();
    if (i % 2 == 1) {
      EXPECT_EQ(answer.status().code(), absl::StatusCode::kCancelled);
      continue;
    }
    ASSERT_TRUE(answer.ok()) << i;
    EXPECT_EQ(answer->items_scored, 1u) << "a cue that nobody waits for was scanned";
    EXPECT_EQ(answer->recalls.at(0, 0), static_cast<float>((i + 1) * kSumOfParts));
  }
  while (!pool.idle()) std::this_thread::yield();
}

TEST(ScanPool, ACheapScanOfAnotherMemoryDoesNotWaitForADearOne) {
  Watch dear, cheap;
  std::promise<void> entered, gate;
  dear.entered = &entered;
  dear.gate = gate.get_future().share();
  ScanPool pool(2, 0);
  const Matrix cue(1, 2);
  std::promise<absl::StatusOr<models::Answer>> slow, fast;
  pool.Submit({.view = std::make_shared<SumView>(dear, 1),
               .cues = {.cues = cue},
               .done = [&](auto answer) { slow.set_value(std::move(answer)); }});
  entered.get_future().wait();
  pool.Submit({.view = std::make_shared<SumView>(cheap, 3),
               .cues = {.cues = cue},
               .done = [&](auto answer) { fast.set_value(std::move(answer)); }});
  EXPECT_TRUE(fast.get_future().get().ok());  // while the dear one is still held
  gate.set_value();
  EXPECT_TRUE(slow.get_future().get().ok());
}

TEST(ScanPool, OneThreadTakesTurnsBetweenMemories) {
  Watch dear, cheap;
  std::promise<void> entered, gate;
  dear.entered = &entered;
  dear.gate = gate.get_future().share();
  ScanPool pool(1, 0);
  const Matrix cue(1, 2);
  std::promise<absl::StatusOr<models::Answer>> slow, fast;
  std::atomic<int> dear_parts_before_the_cheap_one{0};
  pool.Submit({.view = std::make_shared<SumView>(dear, 1000),
               .cues = {.cues = cue},
               .done = [&](auto answer) { slow.set_value(std::move(answer)); }});
  entered.get_future().wait();
  pool.Submit({.view = std::make_shared<SumView>(cheap, 3),
               .cues = {.cues = cue},
               .done = [&](auto answer) {
                 dear_parts_before_the_cheap_one = dear.parts_probed.load();
                 fast.set_value(std::move(answer));
               }});
  gate.set_value();
  EXPECT_TRUE(fast.get_future().get().ok());
  EXPECT_TRUE(slow.get_future().get().ok());
  EXPECT_LT(dear_parts_before_the_cheap_one,
            20);  // slices of one part, turn by turn; waiting would make it 1000
}

TEST(ScanPool, TooManyCuesAreBusy) {
  Watch watch;
  std::promise<void> entered, gate;
  watch.entered = &entered;
  watch.gate = gate.get_future().share();
  ScanPool pool(1, 0);
  const Matrix many(65'536, 1), one(1, 1);
  std::promise<absl::StatusOr<models::Answer>> first, second;
  auto view = std::make_shared<SumView>(watch, 1);
  pool.Submit({.view = view, .cues = {.cues = many}, .done = [&](auto answer) {
                 first.set_value(std::move(answer));
               }});
  entered.get_future().wait();
  pool.Submit({.view = view, .cues = {.cues = one}, .done = [&](auto answer) {
                 second.set_value(std::move(answer));
               }});
  const absl::Status busy = second.get_future().get().status();
  EXPECT_EQ(busy.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(GetErrorDetail(busy)->reason, "BUSY");
  gate.set_value();
  EXPECT_TRUE(first.get_future().get().ok());
}

TEST(RunQuery, GoesThroughAllStagesOnTheCallingThread) {
  Watch watch;
  const Matrix cue = [] {
    Matrix m(2, 1);
    m.at(0, 0) = 1;
    m.at(1, 0) = 2;
    return m;
  }();
  SumQuery query({.cues = cue}, watch, 10);
  auto answer = RunQuery(query, nullptr);
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->recalls.at(0, 0), kSumOfParts);
  EXPECT_EQ(answer->recalls.at(1, 0), 2 * kSumOfParts);
}

}  // namespace
}  // namespace mneme::engine
