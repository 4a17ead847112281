#include "server/peer/frame_pieces.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "core/base/random.h"
#include "core/base/status.h"

namespace mneme::server {
namespace {

constexpr uint64_t kSeed = 5;

std::string Bytes(Random& random, size_t size) {
  std::string out(size, ' ');
  for (char& c : out) c = static_cast<char>(random.Below(256));
  return out;
}

// Long parts of these sizes; the rest is there too.
v1::PeerFrame FrameOf(const std::vector<size_t>& sizes) {
  Random random(kSeed, sizes.size());
  v1::PeerFrame frame;
  frame.set_epoch(7);
  frame.set_edge_seq(3);
  if (sizes.size() == 1) {
    frame.mutable_param_down()->set_tag(9);
    frame.mutable_param_down()->mutable_memory()->set_data(Bytes(random, sizes[0]));
  } else if (sizes.size() == 2) {
    frame.mutable_stat_up()->mutable_squares()->set_data(Bytes(random, sizes[0]));
    frame.mutable_stat_up()->mutable_products()->set_data(Bytes(random, sizes[1]));
  } else {
    v1::PeerGradUp& up = *frame.mutable_grad_up();
    up.mutable_values()->set_data(Bytes(random, sizes[0]));
    up.mutable_keys()->set_data(Bytes(random, sizes[1]));
    up.set_places(Bytes(random, sizes[2]));
    up.mutable_tally()->add_contributors()->set_items(4);
  }
  return frame;
}

std::vector<v1::PeerFrame> Split(const v1::PeerFrame& frame, size_t piece_bytes) {
  FrameSplitter splitter(frame, piece_bytes);
  std::vector<v1::PeerFrame> out;
  while (const v1::PeerFrame* message = splitter.Next()) {
    out.push_back(*message);
    if (out.size() > 1'000) break;
  }
  return out;
}

TEST(FramePieces, ChangesOfMemoriesAreLongPartsToo) {
  Random random(kSeed);
  v1::PeerFrame frame;
  frame.mutable_param_down()->mutable_memory();  // without numbers, as nodes send it
  v1::PeerMemoryChange& change = *frame.mutable_param_down()->mutable_change();
  change.set_from(3);
  change.mutable_errors()->set_data(Bytes(random, 130));
  change.mutable_keys()->set_data(Bytes(random, 70));
  FrameJoiner joiner(10'000);
  const std::vector<v1::PeerFrame> pieces = Split(frame, 64);
  ASSERT_GT(pieces.size(), 4U);
  for (size_t i = 0; i < pieces.size(); ++i) {
    const auto whole = joiner.Take(v1::PeerFrame(pieces[i]));
    ASSERT_TRUE(whole.ok()) << whole.status();
    EXPECT_EQ(*whole, i + 1 == pieces.size());
  }
  EXPECT_EQ(joiner.frame().SerializeAsString(), frame.SerializeAsString());
}

TEST(FramePieces, FramesComeBackAsTheyWereAndNoMessageIsTooLong) {
  FrameJoiner joiner(10'000);
  for (const std::vector<size_t>& sizes : std::vector<std::vector<size_t>>{{0},
                                                                           {1},
                                                                           {64},
                                                                           {65},
                                                                           {1000},
                                                                           {1024},
                                                                           {0, 200},
                                                                           {200, 0},
                                                                           {64, 64},
                                                                           {100, 0, 100},
                                                                           {0, 0, 129},
                                                                           {1, 1, 1},
                                                                           {3000, 3000, 3000}}) {
    for (const size_t piece_bytes : {size_t{64}, size_t{1'000}, kPieceBytes}) {
      const v1::PeerFrame frame = FrameOf(sizes);
      const std::vector<v1::PeerFrame> messages = Split(frame, piece_bytes);
      ASSERT_FALSE(messages.empty());
      for (size_t i = 0; i < messages.size(); ++i) {
        v1::PeerFrame message;
        ASSERT_TRUE(message.ParseFromString(messages[i].SerializeAsString()));
        if (i > 0) {
          EXPECT_LE(message.piece().data().size(), piece_bytes);
        }
        const auto whole = joiner.Take(std::move(message));
        ASSERT_TRUE(whole.ok()) << whole.status();
        EXPECT_EQ(*whole, i + 1 == messages.size()) << i << " of " << messages.size();
      }
      EXPECT_EQ(joiner.frame().SerializeAsString(), frame.SerializeAsString());
    }
  }
}

TEST(FramePieces, AShortFrameIsOneMessage) {
  EXPECT_EQ(Split(FrameOf({1'000}), kPieceBytes).size(), 1U);
  EXPECT_EQ(Split(FrameOf({1'000}), 250).size(), 5U) << "a head and four pieces";
}

std::string ReasonOf(const absl::StatusOr<bool>& taken) {
  if (taken.ok()) return "taken";
  return GetErrorDetail(taken.status())->reason;
}

v1::PeerFrame Piece(size_t size) {
  v1::PeerFrame piece;
  piece.mutable_piece()->set_data(std::string(size, 'x'));
  return piece;
}

TEST(FramePieces, WhatDoesNotFitTogetherIsRefused) {
  const auto head = [] { return Split(FrameOf({1'000}), 250)[0]; };
  const auto begun = [&](size_t limit = 1'000) {
    FrameJoiner joiner(limit);
    const auto taken = joiner.Take(head());
    EXPECT_EQ(taken.ok(), limit >= 1'000);
    return joiner;
  };
  EXPECT_EQ(ReasonOf(FrameJoiner(1'000).Take(Piece(1))), "FRAME") << "of no frame";
  EXPECT_EQ(ReasonOf(FrameJoiner(999).Take(head())), "FRAME") << "longer than the spec allows";
  FrameJoiner between = begun();
  EXPECT_EQ(ReasonOf(between.Take(head())), "FRAME") << "a frame between pieces";
  FrameJoiner nothing = begun();
  EXPECT_EQ(ReasonOf(nothing.Take(Piece(0))), "FRAME");
  FrameJoiner much = begun();
  EXPECT_EQ(ReasonOf(much.Take(Piece(1'001))), "FRAME");
  FrameJoiner behind = begun();
  EXPECT_TRUE(*behind.Take(Piece(1'000)));
  EXPECT_EQ(ReasonOf(behind.Take(Piece(1))), "FRAME") << "behind the last";

  v1::PeerFrame both = head();
  both.mutable_param_down()->mutable_memory()->set_data("x");
  EXPECT_EQ(ReasonOf(FrameJoiner(1'000).Take(std::move(both))), "FRAME");
  v1::PeerFrame more = head();
  more.add_bulk_bytes(1);
  EXPECT_EQ(ReasonOf(FrameJoiner(1'000).Take(std::move(more))), "FRAME");
  v1::PeerFrame huge = Split(FrameOf({400, 400}), 250)[0];
  huge.set_bulk_bytes(0, ~uint64_t{0});
  huge.set_bulk_bytes(1, 2);
  EXPECT_EQ(ReasonOf(FrameJoiner(1'000).Take(std::move(huge))), "FRAME") << "a sum that overflows";
  v1::PeerFrame ack;
  ack.mutable_ack();
  ack.add_bulk_bytes(1);
  EXPECT_EQ(ReasonOf(FrameJoiner(1'000).Take(std::move(ack))), "FRAME");
}

}  // namespace
}  // namespace mneme::server
