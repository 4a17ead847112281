// StoreStream against a live daemon: acks, order, the window, what a failure leaves, and loads that
// go on after a broken connection or a kill.
#include <atomic>
#include <future>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/live.h"

namespace mneme::test {
namespace {

using grpc::StatusCode;

constexpr int kDim = 4;
constexpr int kRows = 3;  // of a chunk

// Row r of chunk n is item 1000 n + r; its key tells both.
v1::StoreStreamRequest Chunk(uint64_t sequence) {
  v1::StoreStreamRequest request;
  request.mutable_chunk()->set_sequence(sequence);
  v1::StoreRequest& store = *request.mutable_chunk()->mutable_store();
  std::vector<float> keys;
  for (uint64_t r = 0; r < kRows; ++r) {
    store.add_ids()->set_number(1000 * sequence + r);
    for (int j = 0; j < kDim; ++j) keys.push_back(static_cast<float>(sequence * 10 + r) + j);
  }
  SetMatrix(keys, kDim, store.mutable_keys());
  return request;
}

// One connection of a load.
class Stream {
 public:
  Stream(v1::MemoryService::Stub& stub, const std::string& session, bool upsert = false) {
    stream_ = stub.StoreStream(&context_);
    v1::StoreStreamRequest open;
    open.mutable_open()->set_memory("memories/m");
    open.mutable_open()->set_session_id(session);
    open.mutable_open()->set_upsert(upsert);
    stream_->Write(open);
  }
  // Last chunk that was carried out before; -1 if the stream did not open.
  int64_t Opened() {
    v1::StoreStreamResponse response;
    if (!stream_->Read(&response) || !response.has_opened()) return -1;
    window_ = response.opened().window();
    return static_cast<int64_t>(response.opened().last_sequence());
  }
  bool Send(const v1::StoreStreamRequest& request) { return stream_->Write(request); }
  // The next ack; sequence 0 when there is none.
  v1::StoreStreamAck Ack() {
    v1::StoreStreamResponse response;
    return stream_->Read(&response) ? response.ack() : v1::StoreStreamAck();
  }
  // The next acks of chunks that came among several; none when there are none.
  v1::StoreStreamAcks Acks() {
    v1::StoreStreamResponse response;
    return stream_->Read(&response) ? response.acks() : v1::StoreStreamAcks();
  }
  ErrorParts Finish() {
    stream_->WritesDone();
    return Unpack(stream_->Finish());
  }
  void Break() { context_.TryCancel(); }
  uint32_t window() const { return window_; }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::StoreStreamRequest, v1::StoreStreamResponse>>
      stream_;
  uint32_t window_ = 0;
};

class StreamTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(Start());
    v1::CreateMemoryRequest create;
    create.set_memory_id("m");
    create.mutable_memory()->set_key_dim(kDim);
    create.mutable_memory()->mutable_dense();
    v1::Memory memory;
    ASSERT_TRUE(MNEME_CALL(stub_, CreateMemory, create, &memory).ok());
  }
  void Start() {
    daemon_ = Daemon::Mnemed(MNEMED_PATH, directory_.path());
    ASSERT_NE(daemon_->port(), 0) << "mnemed did not start; see its log";
    stub_ = v1::MemoryService::NewStub(daemon_->Connect());
    // Ready once all memories are read.
    v1::GetMemoryRequest get;
    get.set_name("memories/m");
    v1::Memory memory;
    while (MNEME_CALL(stub_, GetMemory, get, &memory).ok() &&
           memory.state().health() == v1::HEALTH_STARTING) {
    }
  }
  void KillAndStart() {
    daemon_->Stop(SIGKILL);
    Start();
  }
  std::set<uint64_t> Ids() {
    std::set<uint64_t> out;
    v1::ListItemsRequest request;
    request.set_memory("memories/m");
    request.set_page_size(10'000);
    v1::ListItemsResponse page;
    EXPECT_TRUE(MNEME_CALL(stub_, ListItems, request, &page).ok());
    for (const v1::Item& item : page.items()) out.insert(item.id().number());
    return out;
  }
  // Chunks 1 to n, whole, and nothing else.
  void ExpectChunks(uint64_t n) {
    std::set<uint64_t> expected;
    for (uint64_t sequence = 1; sequence <= n; ++sequence) {
      for (uint64_t r = 0; r < kRows; ++r) expected.insert(1000 * sequence + r);
    }
    EXPECT_EQ(Ids(), expected);
  }

  TemporaryDirectory directory_;
  std::unique_ptr<Daemon> daemon_;
  std::unique_ptr<v1::MemoryService::Stub> stub_;
};

TEST_F(StreamTest, AcknowledgesEachChunkInOrder) {
  Stream stream(*stub_, "load");
  ASSERT_EQ(stream.Opened(), 0);
  EXPECT_EQ(stream.window(), 1024u);
  for (uint64_t n = 1; n <= 20; ++n) ASSERT_TRUE(stream.Send(Chunk(n)));
  uint64_t position = 0;
  for (uint64_t n = 1; n <= 20; ++n) {
    const v1::StoreStreamAck ack = stream.Ack();
    EXPECT_EQ(ack.sequence(), n);
    EXPECT_EQ(ack.response().stored(), static_cast<uint64_t>(kRows));
    EXPECT_EQ(ack.response().durability(), v1::DURABILITY_DISK);
    EXPECT_GT(ack.response().position(), position);
    position = ack.response().position();
  }
  EXPECT_EQ(stream.Finish().code, StatusCode::OK);
  ExpectChunks(20);
}

v1::StoreStreamRequest Several(uint64_t first, uint64_t last) {
  v1::StoreStreamRequest request;
  for (uint64_t n = first; n <= last; ++n) {
    *request.mutable_chunks()->add_chunks() = Chunk(n).chunk();
  }
  return request;
}

TEST_F(StreamTest, ChunksOfOneMessageAreStoresOfTheirOwn) {
  Stream stream(*stub_, "load");
  ASSERT_EQ(stream.Opened(), 0);
  ASSERT_TRUE(stream.Send(Chunk(1)));
  EXPECT_EQ(stream.Ack().sequence(), 1u);
  ASSERT_TRUE(stream.Send(Several(2, 40)));
  uint64_t last = 1, position = 0;
  while (last < 40) {
    const v1::StoreStreamAcks acks = stream.Acks();
    ASSERT_GT(acks.acks_size(), 0);
    for (const v1::StoreStreamAck& ack : acks.acks()) {
      EXPECT_EQ(ack.sequence(), ++last);
      EXPECT_EQ(ack.response().stored(), static_cast<uint64_t>(kRows));
      EXPECT_GT(ack.response().position(), position);
      position = ack.response().position();
    }
  }
  // Sent again, each is known.
  ASSERT_TRUE(stream.Send(Several(41, 42)));
  while (last < 42) last += static_cast<uint64_t>(stream.Acks().acks_size());
  EXPECT_EQ(stream.Finish().code, StatusCode::OK);
  Stream again(*stub_, "load");
  ASSERT_EQ(again.Opened(), 42);
  ASSERT_TRUE(again.Send(Several(39, 42)));
  for (last = 38; last < 42;) {
    const v1::StoreStreamAcks acks = again.Acks();
    ASSERT_GT(acks.acks_size(), 0);
    for (const v1::StoreStreamAck& ack : acks.acks()) {
      EXPECT_EQ(ack.sequence(), ++last);
      EXPECT_TRUE(ack.response().replayed());
    }
  }
  EXPECT_EQ(again.Finish().code, StatusCode::OK);
  ExpectChunks(42);
}

// Together streams never queue more than the committer takes, and what one gives back another has.
TEST_F(StreamTest, StreamsShareTheirWindows) {
  for (int round = 0; round < 2; ++round) {
    std::vector<std::unique_ptr<Stream>> streams;
    uint32_t sum = 0, last = 1024;
    for (int i = 0; i < 60; ++i) {
      streams.push_back(std::make_unique<Stream>(*stub_, absl::StrCat("load", round, "-", i)));
      ASSERT_EQ(streams.back()->Opened(), 0);
      const uint32_t window = streams.back()->window();
      if (i == 0) {
        EXPECT_EQ(window, 1024u);
      }
      EXPECT_LE(window, last);
      EXPECT_GE(window, 8u);
      sum += last = window;
    }
    EXPECT_EQ(last, 8u);
    EXPECT_LE(sum, 8192u + 60 * 8);
    for (const auto& stream : streams) EXPECT_EQ(stream->Finish().code, StatusCode::OK);
    streams.clear();
    // The daemon lets go of a stream a moment after its client has the status.
    for (uint32_t window = 0; window < 1024;) {
      Stream again(*stub_, "again");
      ASSERT_EQ(again.Opened(), 0);
      window = again.window();
      again.Finish();
    }
  }
}

TEST_F(StreamTest, AChunkThatFailsTakesThoseBehindItInItsMessageAlong) {
  Stream stream(*stub_, "load");
  ASSERT_EQ(stream.Opened(), 0);
  v1::StoreStreamRequest request = Several(1, 9);
  request.mutable_chunks()->mutable_chunks(4)->set_sequence(77);
  stream.Send(request);
  uint64_t last = 0;
  for (v1::StoreStreamAcks acks; (acks = stream.Acks()).acks_size() > 0;) {
    for (const v1::StoreStreamAck& ack : acks.acks()) EXPECT_EQ(ack.sequence(), ++last);
  }
  EXPECT_EQ(last, 4u);
  EXPECT_EQ(stream.Finish().reason, "STREAM_SEQUENCE");
  ExpectChunks(4);
}

TEST_F(StreamTest, AMessageOfNoChunksOrTooManyIsRefused) {
  for (const uint64_t count : {0, 1025}) {
    Stream stream(*stub_, "load");
    ASSERT_EQ(stream.Opened(), 0);
    v1::StoreStreamRequest request = Several(1, count);
    request.mutable_chunks();
    stream.Send(request);
    const ErrorParts error = stream.Finish();
    EXPECT_EQ(error.reason, "STREAM_MESSAGE");
    EXPECT_EQ(error.expected, count == 0 ? "a chunk" : "at most 1024");
  }
  ExpectChunks(0);
}

TEST_F(StreamTest, ResumesWhereItBrokeOffAndRepeatsNothing) {
  {
    Stream stream(*stub_, "load");
    ASSERT_EQ(stream.Opened(), 0);
    for (uint64_t n = 1; n <= 5; ++n) ASSERT_TRUE(stream.Send(Chunk(n)));
    for (uint64_t n = 1; n <= 5; ++n) ASSERT_EQ(stream.Ack().sequence(), n);
    stream.Break();
    EXPECT_EQ(stream.Finish().code, StatusCode::CANCELLED);
  }
  Stream stream(*stub_, "load");
  ASSERT_EQ(stream.Opened(), 5);
  // From an earlier one: answered from what was done.
  for (uint64_t n = 4; n <= 7; ++n) ASSERT_TRUE(stream.Send(Chunk(n)));
  for (uint64_t n = 4; n <= 7; ++n) {
    const v1::StoreStreamAck ack = stream.Ack();
    EXPECT_EQ(ack.sequence(), n);
    EXPECT_EQ(ack.response().replayed(), n <= 5);
  }
  EXPECT_EQ(stream.Finish().code, StatusCode::OK);
  ExpectChunks(7);
}

TEST_F(StreamTest, GoesOnAfterKillsInTheMiddle) {
  constexpr uint64_t kChunks = 3'300;  // more than three windows
  uint64_t acknowledged = 0;
  for (int round = 0; acknowledged < kChunks; ++round) {
    ASSERT_LT(round, 20);
    Stream stream(*stub_, "load");
    const int64_t last = stream.Opened();
    ASSERT_GE(last, static_cast<int64_t>(acknowledged)) << "what was acknowledged must be known";
    acknowledged = static_cast<uint64_t>(last);
    auto writer = std::async(std::launch::async, [&, from = acknowledged + 1] {
      for (uint64_t n = from; n <= kChunks; ++n) {
        if (!stream.Send(Chunk(n))) return;
      }
    });
    // Three kills, each at another depth of the stream.
    const uint64_t more = 7 + 5 * static_cast<uint64_t>(round);
    const uint64_t stop = round < 3 ? std::min(acknowledged + more, kChunks) : kChunks;
    while (acknowledged < stop) {
      const v1::StoreStreamAck ack = stream.Ack();
      ASSERT_EQ(ack.sequence(), acknowledged + 1);
      ++acknowledged;
    }
    if (stop < kChunks) KillAndStart();
    writer.wait();
    stream.Finish();
  }
  ExpectChunks(kChunks);
}

TEST_F(StreamTest, AGapEndsTheStreamAndStoresNothingBehindIt) {
  Stream stream(*stub_, "load");
  ASSERT_EQ(stream.Opened(), 0);
  for (uint64_t n : {1, 2, 4, 5}) stream.Send(Chunk(n));
  EXPECT_EQ(stream.Ack().sequence(), 1u);
  EXPECT_EQ(stream.Ack().sequence(), 2u);
  EXPECT_EQ(stream.Ack().sequence(), 0u);
  const ErrorParts error = stream.Finish();
  EXPECT_EQ(error.code, StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(error.reason, "STREAM_SEQUENCE");
  EXPECT_EQ(error.given, "4");
  EXPECT_EQ(error.expected, "3");
  ExpectChunks(2);
  Stream again(*stub_, "load");
  ASSERT_EQ(again.Opened(), 2);
  again.Send(Chunk(9));
  EXPECT_EQ(again.Ack().sequence(), 0u);
  EXPECT_EQ(again.Finish().reason, "STREAM_SEQUENCE");
}

// Chunk 4 has ids that are taken: it passes all checks until it is prepared, with the chunks behind
// it queued already.
TEST_F(StreamTest, NothingBehindAChunkThatFailsIsStored) {
  for (int round = 0; round < 20; ++round) {
    const std::string session = "load" + std::to_string(round);
    Stream stream(*stub_, session, /*upsert=*/false);
    ASSERT_EQ(stream.Opened(), 0);
    const uint64_t base = 100 * static_cast<uint64_t>(round);
    for (uint64_t n = 1; n <= 7; ++n) {
      v1::StoreStreamRequest request = Chunk(base + (n == 4 ? 1 : n));
      request.mutable_chunk()->set_sequence(n);
      if (!stream.Send(request)) break;
    }
    for (uint64_t n = 1; n <= 3; ++n) ASSERT_EQ(stream.Ack().sequence(), n);
    EXPECT_EQ(stream.Ack().sequence(), 0u);
    const ErrorParts error = stream.Finish();
    EXPECT_EQ(error.code, StatusCode::ALREADY_EXISTS);
    EXPECT_EQ(error.reason, "ITEM_EXISTS");
    const std::set<uint64_t> ids = Ids();
    EXPECT_EQ(ids.size(), static_cast<size_t>(3 * kRows * (round + 1)));
    EXPECT_EQ(ids.count(1000 * (base + 5)), 0u) << "a chunk behind the one that failed was stored";
  }
}

TEST_F(StreamTest, AnotherBodyUnderANumberThatWasUsedIsRefused) {
  {
    Stream stream(*stub_, "load");
    ASSERT_EQ(stream.Opened(), 0);
    ASSERT_TRUE(stream.Send(Chunk(1)));
    ASSERT_EQ(stream.Ack().sequence(), 1u);
    stream.Finish();
  }
  Stream stream(*stub_, "load");
  ASSERT_EQ(stream.Opened(), 1);
  v1::StoreStreamRequest other = Chunk(7);
  other.mutable_chunk()->set_sequence(1);
  stream.Send(other);
  EXPECT_EQ(stream.Ack().sequence(), 0u);
  EXPECT_EQ(stream.Finish().reason, "REQUEST_ID_REUSED");
  ExpectChunks(1);
}

// The client's digest is of all rows up to a chunk: the same chunk behind other rows is another.
TEST_F(StreamTest, TheSameChunkWithAnotherDigestIsRefused) {
  const auto with_digest = [](uint64_t digest) {
    v1::StoreStreamRequest request = Chunk(1);
    request.mutable_chunk()->set_digest(digest);
    return request;
  };
  for (const auto& [digest, taken] :
       {std::pair{7ull, true}, {7ull, true}, {8ull, false}, {0ull, false}}) {
    Stream stream(*stub_, "load");
    ASSERT_GE(stream.Opened(), 0);
    stream.Send(with_digest(digest));
    EXPECT_EQ(stream.Ack().sequence(), taken ? 1u : 0u) << digest;
    EXPECT_EQ(stream.Finish().reason, taken ? "" : "REQUEST_ID_REUSED") << digest;
  }
  EXPECT_EQ(Ids().size(), size_t{kRows});
}

TEST_F(StreamTest, WhatIsNotAStreamIsRefusedWithAReason) {
  const auto reason = [&](const v1::StoreStreamRequest& first) {
    grpc::ClientContext context;
    auto stream = stub_->StoreStream(&context);
    stream->Write(first);
    v1::StoreStreamResponse response;
    EXPECT_FALSE(stream->Read(&response));
    const ErrorParts error = Unpack(stream->Finish());
    EXPECT_FALSE(error.next_step.empty());
    return error.reason;
  };
  EXPECT_EQ(reason(Chunk(1)), "STREAM_MESSAGE");
  EXPECT_EQ(reason(v1::StoreStreamRequest()), "STREAM_MESSAGE");
  v1::StoreStreamRequest open;
  open.mutable_open()->set_memory("memories/m");
  EXPECT_EQ(reason(open), "SESSION_ID");
  open.mutable_open()->set_session_id(std::string(41, 'x'));
  EXPECT_EQ(reason(open), "SESSION_ID");
  open.mutable_open()->set_session_id("s");
  open.mutable_open()->set_memory("memories/nobody");
  EXPECT_EQ(reason(open), "MEMORY_NOT_FOUND");

  Stream stream(*stub_, "load");
  ASSERT_EQ(stream.Opened(), 0);
  v1::StoreStreamRequest chunk = Chunk(1);
  chunk.mutable_chunk()->mutable_store()->set_request_id("mine");
  stream.Send(chunk);
  EXPECT_EQ(stream.Ack().sequence(), 0u);
  EXPECT_EQ(stream.Finish().reason, "STREAM_MESSAGE");
  ExpectChunks(0);
}

TEST_F(StreamTest, WhoSaysNothingDoesNotStayAndWhoHasOpenedDoes) {
  Stream open(*stub_, "load");
  ASSERT_EQ(open.Opened(), 0);
  grpc::ClientContext context;
  const auto silent = stub_->StoreStream(&context);
  v1::StoreStreamResponse response;
  EXPECT_FALSE(silent->Read(&response));  // returns when the server has ended it
  const ErrorParts error = Unpack(silent->Finish());
  EXPECT_EQ(error.code, StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(error.reason, "STREAM_SILENT");
  EXPECT_FALSE(error.next_step.empty());
  ASSERT_TRUE(open.Send(Chunk(1)));
  EXPECT_EQ(open.Ack().sequence(), 1u);
  EXPECT_EQ(open.Finish().code, StatusCode::OK);
}

// Acks beyond what the transport takes hold the reads back, not the other way round: client and
// server never wait for each other for ever.
TEST_F(StreamTest, EveryAckComesHoweverLateTheyAreRead) {
  Stream stream(*stub_, "load");
  ASSERT_EQ(stream.Opened(), 0);
  constexpr uint64_t kChunks = 2'000;  // their acks are more than the transport takes at once
  constexpr uint64_t kAhead = 300;
  std::atomic<uint64_t> sent{0};
  std::promise<void> ahead;
  std::thread writer([&] {
    for (uint64_t n = 1; n <= kChunks; ++n) {
      if (!stream.Send(Chunk(n))) return;
      if (++sent == kAhead) ahead.set_value();
    }
  });
  ahead.get_future().wait();
  for (uint64_t n = 1; n <= kChunks; ++n) ASSERT_EQ(stream.Ack().sequence(), n);
  writer.join();
  EXPECT_EQ(sent.load(), kChunks);
  EXPECT_EQ(stream.Finish().code, StatusCode::OK);
}

}  // namespace
}  // namespace mneme::test
