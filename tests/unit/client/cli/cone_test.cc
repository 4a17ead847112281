#include "client/cli/cone.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mneme::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

client::CueList List(std::vector<std::pair<uint64_t, double>> items) {
  client::CueList list;
  for (const auto& [id, score] : items) {
    client::ScoredItem item;
    item.id = client::ItemId(id);
    item.score = score;
    list.items.push_back(item);
  }
  return list;
}

TEST(Cone, HoldsItemsAboveTheMeanOfTheirBestCompetitors) {
  Cone cone;
  // Item 1: 0.9 against (0.5 + 0.1 + 0.1) / 3. Item 2: 0.5 against (0.9 + 0.1 + 0.1) / 3. Item 3 is
  // the last: its competitors behind the list may score as much.
  cone.Add(List({{1, 0.9}, {2, 0.5}, {3, 0.1}}));
  EXPECT_THAT(cone.items(), ElementsAre(client::ItemId(1), client::ItemId(2)));
}

TEST(Cone, HoldsWhatEveryCueCertifies) {
  Cone cone;
  cone.Add(List({{1, 0.9}, {2, 0.5}, {3, 0.1}}));
  cone.Add(List({{2, 0.8}, {3, 0.7}, {1, 0.2}}));
  EXPECT_THAT(cone.items(), ElementsAre(client::ItemId(2)));
  cone.Add(List({{4, 1}, {5, 0.2}, {6, 0.1}}));
  EXPECT_THAT(cone.items(), IsEmpty());
}

TEST(Cone, ACueWithAnErrorAndEqualScoresCertifyNothing) {
  Cone equal;
  equal.Add(List({{1, 0.5}, {2, 0.5}}));
  EXPECT_THAT(equal.items(), IsEmpty());
  Cone failed;
  client::CueList error;
  error.error = absl::InvalidArgumentError("zero vector");
  failed.Add(error);
  failed.Add(List({{1, 0.9}, {2, 0.1}}));
  EXPECT_THAT(failed.items(), IsEmpty());
}

}  // namespace
}  // namespace mneme::cli
