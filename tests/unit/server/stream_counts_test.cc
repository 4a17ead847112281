// Who may open how many streams of Stores, and what windows they get.
#include "server/rpc/stream_counts.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "core/base/random.h"
#include "core/base/status.h"
#include "gtest/gtest.h"
#include "server/rpc/limits.h"

namespace mneme::server {
namespace {

using Places = std::vector<StreamCounts::Place>;

Caller Called(const std::string& name) {
  return Caller(std::make_shared<const Identity>(Identity{.name = name}));
}

// As many streams as he gets.
Places Fill(StreamCounts& counts, const Caller& caller) {
  Places out;
  for (absl::StatusOr<StreamCounts::Place> place = counts.Enter(caller); place.ok();
       place = counts.Enter(caller))
    out.push_back(*place);
  return out;
}

TEST(StreamCounts, OneCallerHasHisShareAndLeavesTheOthersTheirs) {
  StreamCounts counts;
  const Places first = Fill(counts, Called("first"));
  EXPECT_EQ(first.size(), kStreamsPerCallerMax);
  const absl::Status refused = counts.Enter(Called("first")).status();
  EXPECT_TRUE(absl::IsResourceExhausted(refused));
  EXPECT_EQ(GetErrorDetail(refused)->reason, "BUSY");
  EXPECT_EQ(GetErrorDetail(refused)->given, absl::StrCat(kStreamsPerCallerMax + 1, " streams"));
  EXPECT_EQ(Fill(counts, Called("second")).size(), kStreamsPerCallerMax);
  counts.Leave(first.back());
  EXPECT_EQ(Fill(counts, Called("first")).size(), 1u);
}

// A few callers who take all they can are not all there is.
TEST(StreamCounts, FourGreedyCallersLeaveRoomForMore) {
  StreamCounts counts;
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(Fill(counts, Called(absl::StrCat(i))).empty());
  EXPECT_TRUE(counts.Enter(Called("another")).ok());
}

TEST(StreamCounts, AServerThatAsksNobodyGivesAll) {
  StreamCounts counts;
  const Places all = Fill(counts, Caller());
  EXPECT_EQ(all.size(), kStreamsMax);
  EXPECT_FALSE(counts.Enter(Called("anybody")).ok());
  counts.Leave(all.front());
  EXPECT_TRUE(counts.Enter(Caller()).ok());
}

TEST(StreamCounts, WindowsOfOneCallerLeaveTheOthersTheirs) {
  StreamCounts counts;
  uint32_t sum = 0;
  for (StreamCounts::Place& place : Fill(counts, Called("first"))) {
    counts.TakeWindow(&place);
    EXPECT_GE(place.window, kStreamWindowMin);
    sum += place.window - kStreamWindowMin;
  }
  EXPECT_LE(sum, kStreamWindowsPerCaller);
  StreamCounts::Place other = *counts.Enter(Called("other"));
  counts.TakeWindow(&other);
  EXPECT_GT(other.window, kStreamWindow / 2);
}

TEST(StreamCounts, StaysWithinItsBoundsWhateverComesAndGoes) {
  const uint64_t seed = 11;
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  Random random(seed);
  StreamCounts counts;
  Places open;
  for (int step = 0; step < 5'000; ++step) {
    if (random.Below(5) < 3) {
      absl::StatusOr<StreamCounts::Place> place =
          counts.Enter(Called(absl::StrCat(random.Below(8))));
      if (!place.ok()) continue;
      if (random.Below(2) == 0) counts.TakeWindow(&*place);
      open.push_back(*place);
    } else if (!open.empty()) {
      std::swap(open[random.Below(open.size())], open.back());
      counts.Leave(open.back());
      open.pop_back();
    }
    std::map<std::string, std::pair<uint32_t, uint32_t>> held;
    uint32_t windows = 0;
    for (const StreamCounts::Place& place : open) {
      const uint32_t more = place.window > 0 ? place.window - kStreamWindowMin : 0;
      windows += more;
      ++held[place.caller].first;
      held[place.caller].second += more;
    }
    ASSERT_LE(open.size(), kStreamsMax);
    ASSERT_LE(windows, kStreamWindowsShared);
    for (const auto& [caller, own] : held) {
      ASSERT_LE(own.first, kStreamsPerCallerMax) << caller;
      ASSERT_LE(own.second, kStreamWindowsPerCaller) << caller;
    }
  }
  for (const StreamCounts::Place& place : open) counts.Leave(place);
  StreamCounts::Place last = *counts.Enter(Called("last"));
  counts.TakeWindow(&last);
  EXPECT_EQ(last.window, kStreamWindow);  // all was given back
}

}  // namespace
}  // namespace mneme::server
