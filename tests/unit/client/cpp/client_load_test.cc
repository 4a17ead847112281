#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/unit/client/cpp/client_fixture.h"

namespace mneme::client {
namespace {

using ::testing::ElementsAre;

class ClientLoadTest : public testing::ClientTest {
 protected:
  // `chunks` chunks of two rows; the first number of chunk n is n.
  ChunkSource Source(uint64_t chunks) {
    return [this, chunks](uint64_t sequence) -> absl::StatusOr<std::optional<StoreBatch>> {
      asked_.push_back(sequence);
      if (sequence > chunks) return std::optional<StoreBatch>();
      rows_ = {.data = std::vector<float>(8, static_cast<float>(sequence)), .rows = 2, .cols = 4};
      return std::optional<StoreBatch>(StoreBatch{.keys = rows_.ref()});
    };
  }

  Matrix rows_;
  std::vector<uint64_t> asked_;
};

TEST_F(ClientLoadTest, StoresEveryChunkInOrder) {
  Client client(Options());
  std::vector<uint64_t> progress;
  const auto loaded = client.Load(
      "faces", Source(5),
      {.session_id = "s", .progress = [&](uint64_t, uint64_t rows) { progress.push_back(rows); }});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->chunks, 5u);
  EXPECT_EQ(loaded->stored, 10u);
  EXPECT_EQ(loaded->durability, Durability::kDisk);
  EXPECT_EQ(loaded->reconnects, 0u);
  EXPECT_THAT(progress, ElementsAre(2, 4, 6, 8, 10));
  EXPECT_THAT(server_.loads.Chunks("s"), ElementsAre(1, 2, 3, 4, 5));
}

TEST_F(ClientLoadTest, ManySmallChunksAreStoredOnceEachAlsoOverBrokenConnections) {
  server_.loads.window = 100;
  server_.loads.break_after = {70, 333};
  Client client(Options());
  uint64_t acks = 0;
  const auto loaded = client.Load(
      "faces", Source(1'000), {.session_id = "s", .progress = [&](uint64_t, uint64_t) { ++acks; }});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->chunks, 1'000u);
  EXPECT_EQ(loaded->reconnects, 2u);
  EXPECT_EQ(acks, 1'000u);
  const std::vector<float> chunks = server_.loads.Chunks("s");
  ASSERT_EQ(chunks.size(), 1'000u);
  for (size_t i = 0; i < chunks.size(); ++i) ASSERT_EQ(chunks[i], static_cast<float>(i + 1));
}

// A source that waits for something keeps nothing back that it gave before.
TEST_F(ClientLoadTest, WhatWasGatheredGoesOutWhileTheSourceWaits) {
  server_.loads.window = 100;
  Client client(Options());
  const auto loaded = client.Load("faces",
                                  [this](uint64_t n) -> absl::StatusOr<std::optional<StoreBatch>> {
                                    while (n == 6 && server_.loads.Chunks("s").size() < 5)
                                      std::this_thread::yield();
                                    return Source(10)(n);
                                  },
                                  {.session_id = "s"});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->chunks, 10u);
}

TEST_F(ClientLoadTest, GoesOnBehindTheLastAckAfterABrokenConnection) {
  server_.loads.break_after = {2, 1};
  Client client(Options());
  const auto loaded = client.Load("faces", Source(5), {.session_id = "s"});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->reconnects, 2u);
  EXPECT_EQ(loaded->chunks, 5u);
  EXPECT_EQ(loaded->stored, 10u) << "what was carried out unseen counts once";
  EXPECT_GE(loaded->replayed, 1u);
  EXPECT_THAT(server_.loads.Chunks("s"), ElementsAre(1, 2, 3, 4, 5)) << "each chunk once";
  EXPECT_EQ(server_.loads.connections(), 3);
}

TEST_F(ClientLoadTest, ALaterLoadOfTheSessionSkipsWhatIsThere) {
  Client client(Options());
  ASSERT_TRUE(client.Load("faces", Source(3), {.session_id = "s"}).ok());
  asked_.clear();
  const auto loaded = client.Load("faces", Source(5), {.session_id = "s"});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->chunks_skipped, 3u);
  EXPECT_EQ(loaded->chunks, 2u);
  EXPECT_EQ(asked_.front(), 4u);
}

TEST_F(ClientLoadTest, ARefusedChunkEndsTheLoadAndSaysHowManyRowsAreThere) {
  server_.loads.refuse_sequence = 3;
  Client client(Options());
  const auto loaded = client.Load("faces", Source(5), {.session_id = "s"});
  EXPECT_EQ(loaded.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(server_.loads.Chunks("s"), ElementsAre(1, 2));
  EXPECT_TRUE(waits_.empty()) << "an error that repeats itself is not tried again";
}

TEST_F(ClientLoadTest, AnErrorOfTheSourceIsHandedOnAndNotRetried) {
  Client client(Options());
  const auto loaded = client.Load("faces",
                                  [this](uint64_t n) -> absl::StatusOr<std::optional<StoreBatch>> {
                                    if (n == 2) return absl::NotFoundError("the file has gone");
                                    return Source(5)(n);
                                  },
                                  {.session_id = "s"});
  EXPECT_EQ(loaded.status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(waits_.empty());
}

TEST_F(ClientLoadTest, AcksOutOfOrderAreAMalformedReply) {
  server_.loads.skip_acks = true;
  Client client(Options());
  const auto loaded = client.Load("faces", Source(2), {.session_id = "s"});
  EXPECT_EQ(GetError(loaded.status()).reason, "MALFORMED_REPLY");
}

TEST_F(ClientLoadTest, NothingToLoadIsNoError) {
  Client client(Options());
  const auto loaded = client.Load("faces", Source(0), {.session_id = "s"});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->chunks, 0u);
}

}  // namespace
}  // namespace mneme::client
