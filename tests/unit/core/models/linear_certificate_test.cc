// A certificate is never wrong: answers of trained memories, with no tolerance.
#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/unit/core/models/linear_tam_testing.h"

namespace mneme::models {
namespace {

constexpr uint64_t kSeed = 4242;

// A cue, and the item whose key it is near.
struct NearCues {
  explicit NearCues(size_t dim) : d_k(dim) {}
  void Add(std::span<const float> cue, size_t item) {
    numbers.insert(numbers.end(), cue.begin(), cue.end());
    items.push_back(item);
  }
  MatrixView view() const { return {numbers.data(), items.size(), d_k}; }

  size_t d_k;
  std::vector<float> numbers;
  std::vector<size_t> items;
};

// Row numbers are indices of rows in these tests.
const ScoredItem* Find(const CueAnswer& answer, size_t row) {
  const auto at = std::ranges::find(answer.top, row, &ScoredItem::row);
  return at == answer.top.end() ? nullptr : &*at;
}

struct Tally {
  uint64_t answers = 0;     // certified ones
  uint64_t counter = 0;     // of these, without their item
  uint64_t wrong_mark = 0;  // listed with another certificate than was sealed
};

// Every cue is inside the radius of its item: the item must be in the list.
void CheckCertified(const View& view, const NearCues& cues, size_t batch,
                    const std::vector<float>& radii, Tally& tally) {
  for (size_t first = 0; first < cues.items.size(); first += batch) {
    const size_t count = std::min(batch, cues.items.size() - first);
    const auto answer = Ask(view, {.cues = cues.view().slice(first, count)},
                            {.kind = QueryKind::kList, .certified_list = true});
    ASSERT_TRUE(answer.ok()) << answer.status();
    ASSERT_EQ(answer->certificates, CertificateState::kSealed);
    for (size_t b = 0; b < count; ++b) {
      const size_t item = cues.items[first + b];
      ASSERT_TRUE(answer->cues[b].error.ok());
      const ScoredItem* found = Find(answer->cues[b], item);
      ++tally.answers;
      tally.counter += found == nullptr;
      tally.wrong_mark += found != nullptr && (!found->certified || found->radius != radii[item]);
    }
  }
}

uint64_t CountMissing(const View& view, const NearCues& cues) {
  const auto answer =
      Ask(view, {.cues = cues.view()}, {.kind = QueryKind::kList, .certified_list = true});
  EXPECT_TRUE(answer.ok()) << answer.status();
  uint64_t missing = 0;
  for (size_t b = 0; b < cues.items.size(); ++b) {
    missing += Find(answer->cues[b], cues.items[b]) == nullptr;
  }
  return missing;
}

std::vector<float> RadiiByRow(const LinearModel& model, size_t rows) {
  std::vector<float> radii(rows);
  for (size_t p = 0; p < model.router().partitions(); ++p) {
    const SealedItems& items = *TamOf(model, p).epoch()->sealed.items;
    for (size_t i = 0; i < items.rows.size(); ++i) radii[items.rows[i]] = items.radii[i];
  }
  return radii;
}

// A random cue at `distance` from a unit key.
std::vector<float> RandomCue(std::span<const float> key, double distance, Random& random) {
  const std::vector<double> unit = Unit(key);
  std::vector<double> away(unit.size());
  for (double& x : away) x = random.Gaussian();
  double along = 0, squared = 0;
  for (size_t j = 0; j < unit.size(); ++j) along += away[j] * unit[j];
  for (size_t j = 0; j < unit.size(); ++j) away[j] -= along * unit[j];
  for (const double x : away) squared += x * x;
  const double angle = 2 * std::asin(std::min(distance / 2, 1.0));
  std::vector<float> cue(unit.size());
  for (size_t j = 0; j < unit.size(); ++j) {
    cue[j] = static_cast<float>(std::cos(angle) * unit[j] +
                                std::sin(angle) * away[j] / std::sqrt(squared));
  }
  return cue;
}

// The cues that try the certificates of all live certified items: its own key, as it was stored;
// the worst cue just inside the radius, for some steps of an attack; random ones inside it.
NearCues TryingCues(const LinearModel& model, const TestRows& stored, const LinearSpec& spec,
                    std::span<const size_t> live, const std::vector<float>& radii, int random_cues,
                    Random& random) {
  // Distances are measured after the mean was subtracted.
  TestRows rows(stored.size(), stored.keys.cols(), stored.responses.cols(), 0);
  rows.responses = stored.responses.Clone();
  std::vector<float> mean = spec.key_mean;
  mean.resize(rows.keys.cols());
  for (size_t i = 0; i < rows.size(); ++i) {
    for (size_t j = 0; j < mean.size(); ++j) rows.keys.at(i, j) = stored.keys.at(i, j) - mean[j];
  }
  NearCues cues(rows.keys.cols());
  const auto add = [&](std::vector<float> cue, size_t item) {
    for (size_t j = 0; j < mean.size(); ++j) cue[j] += mean[j];
    cues.Add(cue, item);
  };
  std::vector<Attack> attacks;
  for (size_t p = 0; p < model.router().partitions(); ++p) {
    attacks.emplace_back(model, rows, p, live);
  }
  for (const size_t item : live) {
    if (radii[item] == 0) continue;
    const Attack& attack =
        attacks[model.router().PartitionOf(rows.row_numbers[item], rows.ids[item])];
    cues.Add(stored.keys.row(item), item);
    for (int steps : {1, 4}) add(attack.Cue(rows, item, 0.999 * radii[item], steps), item);
    for (int c = 0; c < random_cues; ++c) {
      const double inside = c % 2 == 0 ? 0.999 : random.Uniform();
      add(RandomCue(rows.keys.row(item), inside * radii[item], random), item);
    }
  }
  return cues;
}

struct Case {
  size_t n;
  size_t d_k;
  size_t d_v;
  LinearSpec spec;
  uint64_t seed;
};

std::vector<Case> Cases() {
  LinearSpec eight = TamSpec(8, 0.1);  // some of the partitions hold one item, or none
  eight.tail_fraction.reset();
  eight.list_size = 2;
  LinearSpec raw = TamSpec(2, 0.2);
  raw.normalize_responses = false;
  LinearSpec centred = TamSpec(1, 0.1);
  for (int j = 0; j < 32; ++j) centred.key_mean.push_back(0.03f * static_cast<float>(j - 16));
  return {
      {.n = 210, .d_k = 32, .d_v = 32, .spec = TamSpec(1, 0.1), .seed = kSeed},
      {.n = 280, .d_k = 32, .d_v = 32, .spec = TamSpec(1, 0.1), .seed = kSeed + 1},  // overloaded
      {.n = 600, .d_k = 32, .d_v = 32, .spec = TamSpec(3, 0.1), .seed = kSeed + 2},
      {.n = 400, .d_k = 16, .d_v = 48, .spec = TamSpec(3, 0.15), .seed = kSeed + 3},
      {.n = 22, .d_k = 12, .d_v = 10, .spec = eight, .seed = kSeed + 4},
      {.n = 300, .d_k = 24, .d_v = 40, .spec = raw, .seed = kSeed + 5},
      {.n = 200, .d_k = 32, .d_v = 32, .spec = centred, .seed = kSeed + 6},
      {.n = 700, .d_k = 40, .d_v = 64, .spec = TamSpec(2, 0.1), .seed = kSeed + 7},
  };
}

class Certificates : public testing::TestWithParam<size_t> {};

TEST_P(Certificates, HoldForEveryCueInTheRadiusBeforeAndAfterDeletions) {
  const Case test = Cases()[GetParam()];
  RecordProperty("seed", std::to_string(test.seed));
  TestRows rows(test.n, test.d_k, test.d_v, test.seed);
  if (!test.spec.normalize_responses) {
    // Items that cannot be trained and compete all the same: they score 0.
    for (size_t i = 0; i < 5; ++i) std::ranges::fill(rows.responses.row(7 * i), 0.0f);
  }
  LinearModel model(LinearMemory(test.d_k, test.d_v, test.spec));
  ASSERT_TRUE(model.Absorb(rows.Block()).ok());
  std::vector<size_t> live = Indices(0, test.n);
  const absl::Status trained = TrainOn(model, rows, live);
  ASSERT_TRUE(trained.ok()) << trained;
  const std::vector<float> radii = RadiiByRow(model, test.n);
  const auto certified = std::ranges::count_if(radii, [](float radius) { return radius > 0; });
  EXPECT_GT(certified, static_cast<ptrdiff_t>(test.n / 4));
  const auto before = model.Publish();
  EXPECT_EQ(before->stats().trained->certified, static_cast<uint64_t>(certified));

  Random random(test.seed, 1);
  Tally tally;
  const int random_cues = static_cast<int>(9000 / certified);
  const auto cues = [&](int random_ones) {
    return TryingCues(model, rows, test.spec, live, radii, random_ones, random);
  };
  CheckCertified(*before, cues(random_cues), 64, radii, tally);
  // One at a time, scores are computed by other instructions.
  CheckCertified(*before, cues(0), 1, radii, tally);

  std::vector<size_t> gone;
  for (size_t i = 2; i < test.n; i += 5) gone.push_back(i);
  std::erase_if(live, [](size_t i) { return i % 5 == 2; });
  ASSERT_TRUE(model.Forget(PickedRows(rows, gone).Block()).ok());
  CheckCertified(*model.Publish(), cues(random_cues), 64, radii, tally);
  RecordProperty("answers", std::to_string(tally.answers));
  EXPECT_GE(tally.answers, 12500u);  // 100,000 over the cases
  EXPECT_EQ(tally.counter, 0u);
  EXPECT_EQ(tally.wrong_mark, 0u);
}

INSTANTIATE_TEST_SUITE_P(Memories, Certificates, testing::Range(size_t{0}, Cases().size()));

TEST(CertificateRenewal, StoresVoidThemAndTheNextTrainingProvesThemAnew) {
  RecordProperty("seed", std::to_string(kSeed));
  LinearSpec growing = TamSpec(1, 0.1);
  growing.load_policy = LoadPolicy::kGrow;
  growing.load_limit = 0.19;  // 194 rows of 32 x 32
  Tally tally;
  for (const LinearSpec& spec : {TamSpec(1, 0.15), TamSpec(3, 0.1), growing}) {
    SCOPED_TRACE(testing::Message() << spec.partitions << ' ' << Name(spec.load_policy));
    const TestRows rows(230, 32, 32, kSeed);
    LinearModel model(LinearMemory(32, 32, spec));
    ASSERT_TRUE(model.Absorb(rows.Block(0, 190)).ok());
    ASSERT_TRUE(TrainOn(model, rows, Indices(0, 190)).ok());
    ASSERT_TRUE(model.Absorb(rows.Block(190, 40)).ok());
    ASSERT_TRUE(model.Forget(rows.Block(10, 20)).ok());
    const auto between = Ask(*model.Publish(), {.cues = rows.keys},
                             {.kind = QueryKind::kList, .certified_list = true});
    ASSERT_TRUE(between.ok());
    EXPECT_EQ(between->certificates, CertificateState::kDelta);
    for (const CueAnswer& cue : between->cues) {
      for (const ScoredItem& item : cue.top) EXPECT_FALSE(item.certified || item.radius > 0);
    }
    std::vector<size_t> live = Indices(0, 230);
    std::erase_if(live, [](size_t i) { return i >= 10 && i < 30; });
    ASSERT_TRUE(TrainOn(model, rows, live).ok());
    const std::vector<float> radii = RadiiByRow(model, 230);
    Random random(kSeed, 2);
    CheckCertified(*model.Publish(), TryingCues(model, rows, spec, live, radii, 20, random), 64,
                   radii, tally);
  }
  EXPECT_GT(tally.answers, 8000u);
  EXPECT_EQ(tally.counter, 0u);
  EXPECT_EQ(tally.wrong_mark, 0u);
}

TEST(CertificateRivals, ItemsThatCouldNotBeTrainedCompete) {
  RecordProperty("seed", std::to_string(kSeed));
  TestRows rows(60, 24, 24, kSeed);
  LinearSpec spec{.rule = LinearRule::kTam, .normalize_keys = false, .list_size = 1};
  // Keys without a direction, and the responses of ten other items: these are never first alone.
  for (size_t i = 50; i < 60; ++i) {
    std::ranges::fill(rows.keys.row(i), 0.0f);
    std::ranges::copy(rows.responses.row(i - 50), rows.responses.row(i).begin());
  }
  LinearModel model(LinearMemory(24, 24, spec));
  ASSERT_TRUE(model.Absorb(rows.Block()).ok());
  ASSERT_TRUE(TrainOn(model, rows, Indices(0, 60)).ok());
  const std::vector<float> radii = RadiiByRow(model, 60);
  const std::vector<uint64_t> targets(rows.row_numbers.begin(), rows.row_numbers.begin() + 50);
  const auto ranks = Ask(*model.Publish(), {.cues = rows.keys.view().slice(0, 50)},
                         {.kind = QueryKind::kList, .target_rows = targets});
  ASSERT_TRUE(ranks.ok());
  for (size_t i = 0; i < 50; ++i) {
    EXPECT_EQ(radii[i] > 0, i >= 10) << "item " << i;
    EXPECT_EQ(ranks->cues[i].target.rank, i < 10 ? 2u : 1u);
  }
}

TEST(CertificateAttack, FindsCuesThatMissTheListOutsideTheRadius) {
  RecordProperty("seed", std::to_string(kSeed));
  const TestRows rows(210, 32, 32, kSeed);
  LinearModel model(LinearMemory(32, 32, TamSpec(1, 0.1)));
  ASSERT_TRUE(model.Absorb(rows.Block()).ok());
  const std::vector<size_t> live = Indices(0, 210);
  ASSERT_TRUE(TrainOn(model, rows, live).ok());
  const std::vector<float> radii = RadiiByRow(model, 210);
  const Attack attack(model, rows, 0, live);
  NearCues far(32);
  for (const size_t i : live) {
    if (radii[i] > 0) far.Add(attack.Cue(rows, i, 12 * radii[i], 4), i);
  }
  // Or else cues inside the radius would try nothing.
  EXPECT_GT(CountMissing(*model.Publish(), far), far.items.size() / 10);
}

}  // namespace
}  // namespace mneme::models
