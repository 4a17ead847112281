#include "core/federation/tally.h"

#include "gtest/gtest.h"

namespace mneme::federation {
namespace {

Contributor Entry(uint32_t node, uint64_t items, uint64_t tag) {
  return {.node = node,
          .incarnation = 1,
          .items = items,
          .weight = items > 0 ? 0.5 : 0,
          .oldest_tag = tag,
          .newest_tag = tag,
          .evaluations = items > 0 ? 1U : 0U,
          .newest_evaluation = tag};
}

TEST(Tally, JoinsEntriesOfANode) {
  Tally tally;
  Add(Entry(4, 2, 9), tally);
  Add(Entry(1, 3, 7), tally);
  Tally more;
  Add(Entry(4, 5, 6), more);
  Add(more, tally);
  ASSERT_EQ(tally.contributors.size(), 2U);
  EXPECT_EQ(tally.contributors[1].node, 4U);
  EXPECT_EQ(tally.contributors[1].items, 7U);
  EXPECT_EQ(tally.contributors[1].oldest_tag, 6U);
  EXPECT_EQ(tally.contributors[1].newest_tag, 9U);
  EXPECT_EQ(tally.items, 10U);
  EXPECT_DOUBLE_EQ(tally.weight_sum, 1.5);
  EXPECT_EQ(OldestTag(tally), 6U);
}

TEST(Tally, IsAnonymousWithEnoughNodesAndItems) {
  const PrivacySpec privacy{.min_contributors = 3, .min_items = 4};
  Tally tally;
  EXPECT_TRUE(IsAnonymous(tally, privacy)) << "nothing shows nothing";
  Add(Entry(1, 9, 1), tally);
  Add(Entry(2, 9, 1), tally);
  Add(Entry(3, 0, 1), tally);
  EXPECT_FALSE(IsAnonymous(tally, privacy)) << "a node without items hides nobody";
  Contributor again = Entry(1, 5, 1);
  again.incarnation = 2;
  Add(again, tally);
  EXPECT_FALSE(IsAnonymous(tally, privacy)) << "two starts of a node are one node";
  Add(Entry(3, 1, 1), tally);
  EXPECT_TRUE(IsAnonymous(tally, privacy));
}

}  // namespace
}  // namespace mneme::federation
