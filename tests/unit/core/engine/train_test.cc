// Trainings through the engine: a real data directory, the committer, the job thread.
#include <algorithm>
#include <future>

#include "gmock/gmock.h"
#include "tests/unit/core/engine/engine_fixture.h"

namespace mneme::engine {
namespace {

constexpr size_t kKeyDim = 24;
constexpr size_t kResponseDim = 20;

models::MemorySpec TamSpec(uint32_t list_size, uint32_t partitions = 1) {
  models::MemorySpec spec = LinearSpecOf(kKeyDim, kResponseDim, models::LinearRule::kTam);
  auto& linear = std::get<models::LinearSpec>(spec.model);
  linear.list_size = list_size;
  linear.partitions = partitions;
  return spec;
}

class TrainTest : public EngineTest {
 protected:
  void StoreItems(uint64_t first, size_t count) {
    const Matrix keys = UnitRows(count, kKeyDim, 100 + first);
    const Matrix responses = UnitRows(count, kResponseDim, 900 + first);
    ASSERT_TRUE(
        Store({.memory = "m", .keys = keys, .responses = responses, .ids = Numbers(first, count)})
            .ok());
  }
  JobInfo Train(models::TrainSpec spec = {}) {
    const absl::StatusOr<JobInfo> job = engine_->Train({.memory = "m", .spec = spec});
    EXPECT_TRUE(job.ok()) << job.status();
    std::promise<JobInfo> end;
    EXPECT_TRUE(engine_->jobs().Wait(job->id, [&](JobInfo i) { end.set_value(i); }).ok());
    return end.get_future().get();
  }
  // The certified list for the key that StoreItems gave the item `first`.
  absl::StatusOr<QueryReply> CertifiedList(uint64_t first, bool check_radius = false) {
    cues_ = UnitRows(1, kKeyDim, 100 + first);
    return Query({.memory = "m",
                  .cues = {.cues = cues_},
                  .spec = {.kind = models::QueryKind::kList},
                  .check_radius = check_radius});
  }
  std::optional<models::TrainedStats> trained() { return engine_->GetMemory("m")->stats.trained; }

  Matrix cues_;
};

TEST_F(TrainTest, PublishesCertifiedWeightsThatSurviveARestart) {
  ASSERT_TRUE(Create("m", TamSpec(12)).ok());
  StoreItems(1, 60);
  EXPECT_EQ(Reason(CertifiedList(1).status()), "UNTRAINED");
  const JobInfo job = Train();
  ASSERT_TRUE(job.status.ok()) << job.status;
  ASSERT_TRUE(trained().has_value());
  EXPECT_EQ(trained()->items, 60u);
  EXPECT_EQ(trained()->job, job.id);
  EXPECT_GT(trained()->certified, 0u);

  const absl::StatusOr<QueryReply> before = CertifiedList(1, /*check_radius=*/true);
  ASSERT_TRUE(before.ok()) << before.status();
  EXPECT_EQ(before->answer.certificates, models::CertificateState::kSealed);
  EXPECT_EQ(before->answer.list_size, 12u);
  ASSERT_EQ(before->answer.cues[0].top.size(), 12u);
  // The cue is the key of item 1: its distance is rounding.
  for (size_t i = 0; i < 12; ++i) {
    if (before->answer.cues[0].top[i].id != ItemId(1)) continue;
    EXPECT_LT(before->distances[0][i], 1e-5);
  }

  Reopen(/*clean=*/false);
  ASSERT_TRUE(trained().has_value());
  EXPECT_EQ(trained()->job, job.id);
  const absl::StatusOr<QueryReply> after = CertifiedList(1);
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_EQ(after->answer.certificates, models::CertificateState::kSealed);
  for (size_t i = 0; i < 12; ++i) {
    EXPECT_EQ(after->answer.cues[0].top[i].id, before->answer.cues[0].top[i].id);
    EXPECT_EQ(after->answer.cues[0].top[i].radius, before->answer.cues[0].top[i].radius);
  }
}

TEST_F(TrainTest, AStoreVoidsTheCertificatesUntilTheNextTraining) {
  ASSERT_TRUE(Create("m", TamSpec(12)).ok());
  StoreItems(1, 40);
  ASSERT_TRUE(Train().status.ok());
  StoreItems(101, 1);
  EXPECT_EQ(CertifiedList(1)->answer.certificates, models::CertificateState::kDelta);
  EXPECT_EQ(trained()->delta_items, 1u);
  ASSERT_TRUE(Train().status.ok());
  EXPECT_EQ(CertifiedList(1)->answer.certificates, models::CertificateState::kSealed);
  EXPECT_EQ(trained()->items, 41u);
}

TEST_F(TrainTest, DeletingATrainedItemSuppressesItUntilTheNextTraining) {
  ASSERT_TRUE(Create("m", TamSpec(12)).ok());
  StoreItems(1, 40);
  StoreItems(101, 1);
  ASSERT_TRUE(Train().status.ok());
  StoreItems(201, 1);
  const absl::StatusOr<WriteReply> both =
      Delete({.memory = "m", .ids = {ItemId(101), ItemId(201)}});
  ASSERT_TRUE(both.ok()) << both.status();
  EXPECT_EQ(both->deleted, 2u);
  EXPECT_EQ(both->suppressed, 1u);  // 201 was in the delta only: it is unlearned
  EXPECT_EQ(engine_->GetMemory("m")->stats.suppressed, 1u);
  const absl::StatusOr<QueryReply> list = CertifiedList(101);
  for (const models::ScoredItem& item : list->answer.cues[0].top) EXPECT_NE(item.id, ItemId(101));
  Reopen(/*clean=*/false);
  EXPECT_EQ(engine_->GetMemory("m")->stats.suppressed, 1u);
  ASSERT_TRUE(Train().status.ok());
  EXPECT_EQ(engine_->GetMemory("m")->stats.suppressed, 0u);
}

TEST_F(TrainTest, ARefusedTrainingChangesNothing) {
  ASSERT_TRUE(Create("m", TamSpec(1)).ok());
  // Load 2: far past collapse for a list of one.
  StoreItems(1, 2 * kKeyDim * kResponseDim);
  const JobInfo job = Train();
  EXPECT_EQ(Reason(job.status), "LOAD_PAST_COLLAPSE");
  EXPECT_THAT(std::string(GetErrorDetail(job.status)->next_step), ::testing::HasSubstr("0."));
  EXPECT_FALSE(trained().has_value());
  // And another can begin.
  models::TrainSpec wide;
  wide.tail_fraction = 0.9;
  wide.steps_max = 2;
  EXPECT_TRUE(Train(wide).status.ok());
}

TEST_F(TrainTest, RefusesWhatCannotBeTrained) {
  ASSERT_TRUE(Create("m", TamSpec(3)).ok());
  EXPECT_EQ(Reason(engine_->Train({.memory = "m"}).status()), "TRAINING_SET_EMPTY");
  EXPECT_EQ(Reason(engine_->Train({.memory = "none"}).status()), "MEMORY_NOT_FOUND");
  StoreItems(1, 10);
  for (const double r : {0.0, 1.0, -0.5, 1.5}) {
    models::TrainSpec spec;
    spec.tail_fraction = r;
    EXPECT_EQ(Reason(engine_->Train({.memory = "m", .spec = spec}).status()), "TRAIN") << r;
  }
  for (const double lambda : {0.0, -1.0}) {
    models::TrainSpec spec;
    spec.lambda = lambda;
    EXPECT_EQ(Reason(engine_->Train({.memory = "m", .spec = spec}).status()), "TRAIN") << lambda;
  }
  ASSERT_TRUE(
      Create("ridge", LinearSpecOf(kKeyDim, kResponseDim, models::LinearRule::kRidge)).ok());
  EXPECT_EQ(Reason(engine_->Train({.memory = "ridge"}).status()), "NOT_TRAINED");
  EXPECT_FALSE(trained().has_value());
}

TEST_F(TrainTest, ACertifiedListOverTheLimitIsRefusedByName) {
  ASSERT_TRUE(engine_->Close().ok());
  engine_.reset();
  limits_.list_size_max = 11;
  Open();
  ASSERT_TRUE(Create("m", TamSpec(12)).ok());
  StoreItems(1, 40);
  ASSERT_TRUE(Train().status.ok());
  EXPECT_EQ(Reason(CertifiedList(1).status()), "LIMIT");
}

TEST_F(TrainTest, EveryLossAndOptimizerGivesCertifiedWeights) {
  using Loss = models::TrainSpec::Loss;
  using Optimizer = models::TrainSpec::Optimizer;
  ASSERT_TRUE(Create("m", TamSpec(12)).ok());
  StoreItems(1, 40);
  for (const Loss loss : {Loss::kTam, Loss::kCrossEntropy, Loss::kLeastSquares}) {
    for (const Optimizer optimizer :
         {Optimizer::kFista, Optimizer::kOgd, Optimizer::kAdam, Optimizer::kMuon}) {
      models::TrainSpec spec;
      spec.loss = loss;
      spec.optimizer = optimizer;
      spec.steps_max = 50;
      const JobInfo job = Train(spec);
      ASSERT_TRUE(job.status.ok()) << job.status;
      EXPECT_GT(trained()->certified, 20u)
          << static_cast<int>(loss) << " " << static_cast<int>(optimizer);
    }
  }
}

TEST_F(TrainTest, CancellingLeavesTheServedEpochUntouched) {
  ASSERT_TRUE(Create("m", TamSpec(12)).ok());
  StoreItems(1, 40);
  const JobInfo first = Train();
  ASSERT_TRUE(first.status.ok());
  const absl::StatusOr<QueryReply> before = CertifiedList(3);
  models::TrainSpec endless;
  endless.optimizer = models::TrainSpec::Optimizer::kOgd;
  endless.steps_max = kTrainStepsMax;
  const absl::StatusOr<JobInfo> job = engine_->Train({.memory = "m", .spec = endless});
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(Reason(engine_->Train({.memory = "m"}).status()), "JOB_RUNNING");
  ASSERT_TRUE(engine_->jobs().Cancel(job->id).ok());
  std::promise<JobInfo> end;
  ASSERT_TRUE(engine_->jobs().Wait(job->id, [&](JobInfo i) { end.set_value(i); }).ok());
  EXPECT_EQ(Reason(end.get_future().get().status), "CANCELLED");
  EXPECT_EQ(trained()->job, first.id);
  const absl::StatusOr<QueryReply> after = CertifiedList(3);
  ASSERT_TRUE(after.ok());
  EXPECT_EQ(after->answer.certificates, models::CertificateState::kSealed);
  ASSERT_EQ(after->answer.cues[0].top.size(), before->answer.cues[0].top.size());
  for (size_t i = 0; i < after->answer.cues[0].top.size(); ++i) {
    EXPECT_EQ(after->answer.cues[0].top[i].score, before->answer.cues[0].top[i].score);
  }
}

TEST_F(TrainTest, StoresGoOnDuringATraining) {
  ASSERT_TRUE(Create("m", TamSpec(40)).ok());
  StoreItems(1, 200);
  const absl::StatusOr<JobInfo> job = engine_->Train({.memory = "m"});
  ASSERT_TRUE(job.ok()) << job.status();
  for (uint64_t i = 0; i < 20; ++i) StoreItems(1'000 + i, 1);
  ASSERT_TRUE(Delete({.memory = "m", .ids = Numbers(1, 5)}).ok());
  std::promise<JobInfo> end;
  ASSERT_TRUE(engine_->jobs().Wait(job->id, [&](JobInfo i) { end.set_value(i); }).ok());
  ASSERT_TRUE(end.get_future().get().status.ok());
  const MemoryInfo info = *engine_->GetMemory("m");
  EXPECT_EQ(info.stats.items, 215u);
  // What was trained on, and what came later, are all of them.
  EXPECT_EQ(info.stats.trained->items + info.stats.trained->delta_items - info.stats.suppressed,
            215u);
  ASSERT_TRUE(Train().status.ok());
  EXPECT_EQ(trained()->items, 215u);
  EXPECT_EQ(trained()->delta_items, 0u);
}

TEST_F(TrainTest, DroppingTheMemoryEndsItsTraining) {
  ASSERT_TRUE(Create("m", TamSpec(12)).ok());
  StoreItems(1, 40);
  models::TrainSpec endless;
  endless.optimizer = models::TrainSpec::Optimizer::kOgd;
  endless.steps_max = kTrainStepsMax;
  const absl::StatusOr<JobInfo> job = engine_->Train({.memory = "m", .spec = endless});
  ASSERT_TRUE(job.ok());
  ASSERT_TRUE(Drop("m").ok());
  std::promise<JobInfo> end;
  ASSERT_TRUE(engine_->jobs().Wait(job->id, [&](JobInfo i) { end.set_value(i); }).ok());
  EXPECT_FALSE(end.get_future().get().status.ok());
}

}  // namespace
}  // namespace mneme::engine
