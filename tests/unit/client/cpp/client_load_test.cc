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
  // With `other` they are other numbers.
  ChunkSource Source(uint64_t chunks, float other = 0) {
    return [this, chunks, other](uint64_t sequence) -> absl::StatusOr<std::optional<StoreBatch>> {
      asked_.push_back(sequence);
      if (sequence > chunks) return std::optional<StoreBatch>();
      rows_ = {.data = std::vector<float>(8, static_cast<float>(sequence) + other),
               .rows = 2,
               .cols = 4};
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
  EXPECT_EQ(loaded->stored, 4u);
  EXPECT_EQ(loaded->replayed, 0u) << "the chunk that was compared is none of this load";
  EXPECT_THAT(asked_, ElementsAre(1, 2, 3, 4, 5, 6)) << "the first two for their digest alone";
  EXPECT_THAT(server_.loads.Chunks("s"), ElementsAre(1, 2, 3, 4, 5));
  const auto nothing = client.Load("faces", Source(5), {.session_id = "s"});
  ASSERT_TRUE(nothing.ok()) << nothing.status();
  EXPECT_EQ(nothing->chunks_skipped, 5u);
  EXPECT_EQ(nothing->chunks, 0u);
  EXPECT_FALSE(nothing->read_token.empty() && nothing->position == 0);
}

TEST_F(ClientLoadTest, ASessionOfOtherRowsIsRefusedAndStoresNothing) {
  Client client(Options());
  server_.loads.window = 4;
  ASSERT_TRUE(client.Load("faces", Source(3), {.session_id = "s"}).ok());
  for (const ChunkSource& source : {Source(2), Source(5, 0.5f), Source(3, 0.5f)}) {
    asked_.clear();
    const auto loaded = client.Load("faces", source, {.session_id = "s"});
    const Error error = GetError(loaded.status());
    EXPECT_EQ(error.code, absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(error.reason, "SESSION_REUSED") << loaded.status();
    EXPECT_THAT(asked_, ElementsAre(1, 2, 3)) << "nothing goes on before the answer";
    EXPECT_THAT(server_.loads.Chunks("s"), ElementsAre(1, 2, 3));
  }
  EXPECT_TRUE(waits_.empty());
}

// The last chunk is the same: its digest speaks for those before it.
TEST_F(ClientLoadTest, ASessionThatDiffersInAnEarlierRowIsRefused) {
  Client client(Options());
  ASSERT_TRUE(client.Load("faces", Source(4), {.session_id = "s"}).ok());
  for (const uint64_t changed : {1, 2, 3}) {
    const auto loaded =
        client.Load("faces", [&](uint64_t n) { return Source(6, n == changed ? 0.5f : 0.0f)(n); },
                    {.session_id = "s"});
    EXPECT_EQ(GetError(loaded.status()).reason, "SESSION_REUSED") << changed;
    EXPECT_EQ(GetError(loaded.status()).given, "other rows in chunks 1 to 4");
  }
  const auto fewer = client.Load("faces", Source(1), {.session_id = "s"});
  EXPECT_EQ(GetError(fewer.status()).reason, "SESSION_REUSED");
  EXPECT_EQ(server_.loads.Chunks("s").size(), 4u);
  EXPECT_TRUE(client.Load("faces", Source(6), {.session_id = "s"}).ok());
}

TEST_F(ClientLoadTest, TheRowToBlameIsCountedFromTheFirstOfTheLoad) {
  server_.loads.refuse_sequence = 3;  // for its row 0; chunks have two rows
  Client client(Options());
  const auto refused = client.Load("faces", Source(5), {.session_id = "s"});
  EXPECT_EQ(GetError(refused.status()).message, "after chunk 2 of session s: row 4 has NaN");
  const auto again = client.Load("faces", Source(5), {.session_id = "s"});
  EXPECT_EQ(GetError(again.status()).message, "after chunk 2 of session s: row 4 has NaN")
      << "with the rows that were stored before";
}

TEST_F(ClientLoadTest, TheComparisonSurvivesABrokenConnection) {
  Client client(Options());
  ASSERT_TRUE(client.Load("faces", Source(3), {.session_id = "s"}).ok());
  server_.loads.break_after = {1};
  const auto loaded = client.Load("faces", Source(4), {.session_id = "s"});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->reconnects, 1u);
  EXPECT_THAT(server_.loads.Chunks("s"), ElementsAre(1, 2, 3, 4));
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

TEST_F(ClientLoadTest, WhatWasSentBeforeAnErrorOfTheSourceIsCounted) {
  server_.loads.window = 10;
  Client client(Options());
  const auto loaded = client.Load("faces",
                                  [this](uint64_t n) -> absl::StatusOr<std::optional<StoreBatch>> {
                                    if (n == 6) return absl::NotFoundError("the file has gone");
                                    return Source(9)(n);
                                  },
                                  {.session_id = "s"});
  EXPECT_EQ(GetError(loaded.status()).rows_done, 10u);
  EXPECT_EQ(server_.loads.Chunks("s").size(), 5u);
}

// A load that is stopped cannot know what becomes of the chunks on their way.
TEST_F(ClientLoadTest, AStoppedLoadTellsWhatWasOnItsWay) {
  server_.loads.window = 10;
  server_.loads.silent_after = 1;  // the first goes out alone
  std::stop_source stop;
  Client client(Options());
  const auto loaded = client.Load("faces",
                                  [&](uint64_t n) -> absl::StatusOr<std::optional<StoreBatch>> {
                                    if (n == 7) stop.request_stop();
                                    return Source(9)(n);
                                  },
                                  {.session_id = "s", .stop = stop.get_token()});
  EXPECT_EQ(loaded.status().code(), absl::StatusCode::kCancelled);
  const Error error = GetError(loaded.status());
  EXPECT_LE(error.rows_done.value_or(0), 2u);
  EXPECT_NE(error.message.find(" rows on their way that may be stored too"), std::string::npos)
      << error.message;
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
