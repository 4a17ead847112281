// Tests of what a memory of rule TAM saves: replay is live, damage is found.
#include <algorithm>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/unit/core/models/linear_tam_testing.h"

namespace mneme::models {
namespace {

// Writes and trainings, step by step; `stop` of them.
void Play(LinearModel& model, const TestRows& rows, size_t first, size_t last) {
  for (size_t step = first; step < last; ++step) {
    switch (step) {
      case 0:
        ASSERT_TRUE(model.Absorb(rows.Block(0, 100)).ok());
        break;
      case 1: {
        auto training = model.BeginTraining({.threads = 2});
        ASSERT_TRUE((*training)->Take(rows.Block(0, 100)).ok());
        ASSERT_TRUE(model.Absorb(rows.Block(100, 5)).ok());
        ASSERT_TRUE(model.Forget(rows.Block(7, 3)).ok());
        ASSERT_TRUE((*training)->Run({}).ok());
        ASSERT_TRUE(model.Install(*training.value(), 12, "a job").ok());
        break;
      }
      case 2:
        ASSERT_TRUE(model.Absorb(rows.Block(105, 40)).ok());
        break;
      case 3:
        ASSERT_TRUE(model.Forget(rows.Block(103, 10)).ok());
        ASSERT_TRUE(model.Forget(rows.Block(50, 10)).ok());
        break;
      case 4:
        ASSERT_TRUE(model.Absorb(rows.Block(145, 1)).ok());
        break;
      case 5:  // all of the delta
        ASSERT_TRUE(model.Forget(rows.Block(100, 3)).ok());
        ASSERT_TRUE(model.Forget(rows.Block(113, 33)).ok());
        break;
      case 6:
        ASSERT_TRUE(model.Absorb(rows.Block(146, 3)).ok());
        break;
    }
    model.Publish();
  }
}

constexpr size_t kSteps = 7;

TEST(LinearTamCheckpoint, ReplayFromAnyCheckpointIsLive) {
  RecordProperty("seed", std::to_string(kTamSeed));
  for (uint32_t partitions : {1u, 3u}) {
    Setting live(partitions, 150);
    Play(live.model, live.rows, 0, kSteps);
    const auto view = live.model.Publish();
    for (size_t stop = 0; stop < kSteps; ++stop) {
      SCOPED_TRACE(stop);
      Setting before(partitions, 150);
      Play(before.model, before.rows, 0, stop);
      LinearModel replayed(live.spec);
      ASSERT_TRUE(replayed.Load(before.model.Save()).ok());
      EXPECT_EQ(replayed.Save(), before.model.Save());
      // The rows that are there, into the codebook.
      std::vector<size_t> rows;
      if (stop > 0) rows = Indices(0, stop > 4 ? 146 : stop > 2 ? 145 : stop > 1 ? 105 : 100);
      std::erase_if(rows, [stop](size_t i) {
        return (stop > 1 && i >= 7 && i < 10) || (stop > 5 && i >= 100) ||
               (stop > 3 && ((i >= 103 && i < 113) || (i >= 50 && i < 60)));
      });
      ASSERT_TRUE(replayed.Restore(PickedRows(live.rows, rows).Block()).ok());
      Play(replayed, live.rows, stop, kSteps);
      EXPECT_EQ(replayed.Save(), live.model.Save());
      const auto again = replayed.Publish();
      EXPECT_LT(LargestDifference(Recall(*again, live.rows.keys), Recall(*view, live.rows.keys)),
                1e-5);
      EXPECT_EQ(again->stats().items, view->stats().items);
      EXPECT_EQ(again->stats().trained->delta_items, view->stats().trained->delta_items);
      EXPECT_EQ(again->stats().trained->suppressed, view->stats().trained->suppressed);
      EXPECT_EQ(again->stats().trained->job, "a job");
    }
  }
}

TEST(LinearTamCheckpoint, ACheckpointOfASealedMemoryGivesTheSameAnswersBitForBit) {
  RecordProperty("seed", std::to_string(kTamSeed));
  Setting at(2, 160);
  ASSERT_TRUE(at.model.Absorb(at.rows.Block()).ok());
  ASSERT_TRUE(TrainOn(at.model, at.rows, Indices(0, 160)).ok());
  LinearModel loaded(at.spec);
  ASSERT_TRUE(loaded.Load(at.model.Save()).ok());
  ASSERT_TRUE(loaded.Restore(at.rows.Block()).ok());
  const auto a = at.model.Publish(), b = loaded.Publish();
  EXPECT_EQ(StateOf(*b, at.rows.keys, CertifiedList()), CertificateState::kSealed);
  ExpectSameAnswers(*a, *b, at.rows.keys, CertifiedList());
  EXPECT_EQ(a->stats().trained->radius_min, b->stats().trained->radius_min);
  EXPECT_EQ(a->stats().trained->certified, b->stats().trained->certified);
  EXPECT_EQ(a->stats().trained->weights_norm, b->stats().trained->weights_norm);
  EXPECT_EQ(a->stats().trained->score_sigmas, b->stats().trained->score_sigmas);
}

TEST(LinearTamCheckpoint, ADamagedCheckpointIsRefused) {
  RecordProperty("seed", std::to_string(kTamSeed));
  Setting at(1, 40, 0.2);
  ASSERT_TRUE(at.model.Absorb(at.rows.Block()).ok());
  ASSERT_TRUE(TrainOn(at.model, at.rows, Indices(0, 40)).ok());
  const std::string saved = at.model.Save();
  for (size_t cut = 1; cut < saved.size(); cut += 97) {
    LinearModel model(at.spec);
    EXPECT_EQ(model.Load(saved.substr(0, saved.size() - cut)).code(), absl::StatusCode::kDataLoss);
  }
  LinearModel model(at.spec);
  EXPECT_EQ(model.Load(saved + "x").code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace mneme::models
