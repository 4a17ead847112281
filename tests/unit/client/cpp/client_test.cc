#include "mneme/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <numeric>
#include <set>
#include <thread>

#include "tests/unit/client/fake_server.h"

namespace mneme::client {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using testing::FakeServer;
using testing::MakeRichStatus;

const grpc::Status kDown(grpc::StatusCode::UNAVAILABLE, "shard moving");

class ClientTest : public ::testing::Test {
 protected:
  // Waits between tries are recorded, not waited for.
  ClientOptions Options() {
    ClientOptions options{.target = server_.target()};
    options.wait = [this](std::chrono::nanoseconds delay, std::stop_token stop) {
      waits_.push_back(delay);
      return !stop.stop_requested();
    };
    return options;
  }

  void SetLimits(uint32_t rows, uint32_t cues, uint64_t bytes) {
    v1::Limits limits;
    limits.set_rows_per_store_max(rows);
    limits.set_cues_max(cues);
    limits.set_message_bytes_max(bytes);
    server_.set_limits(limits);
  }

  // rows x 4 numbers: row i is i, i + 0.25, i + 0.5, i + 0.75.
  static Matrix Rows(size_t rows) {
    Matrix matrix{.data = std::vector<float>(rows * 4), .rows = rows, .cols = 4};
    for (size_t i = 0; i < matrix.data.size(); ++i) matrix.data[i] = 0.25f * static_cast<float>(i);
    return matrix;
  }

  FakeServer server_;
  std::vector<std::chrono::nanoseconds> waits_;
};

TEST_F(ClientTest, SendsASpecAndReadsAMemory) {
  Client client(Options());
  const auto made = client.CreateMemory(
      {.name = "faces",
       .description = "people",
       .key_dim = 784,
       .response_dim = 10,
       .retain = Retain::kStatistics,
       .model = LinearSpec{.rule = LinearRule::kCmm, .lambda = 0.5, .partitions = 3}});
  ASSERT_TRUE(made.ok()) << made.status();
  const auto requests = server_.Received<v1::CreateMemoryRequest>();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].memory().name(), "memories/faces");
  EXPECT_EQ(requests[0].memory().linear().rule(), v1::LINEAR_RULE_CMM);
  EXPECT_EQ(requests[0].memory().linear().lambda(), 0.5);
  EXPECT_EQ(requests[0].request_id().size(), 36u);
  EXPECT_EQ(made->uid, "00000000000000aa");
  EXPECT_EQ(made->spec.retain, Retain::kStatistics);
  EXPECT_EQ(std::get<LinearSpec>(made->spec.model).partitions, 3u);

  const auto got = client.GetMemory("memories/faces");
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->spec.name, "memories/faces");
  EXPECT_EQ(std::get<DenseSpec>(got->spec.model).beta, 2.5);
  EXPECT_EQ(std::get<DenseSpec>(got->spec.model).similarity, Similarity::kCosine);
  EXPECT_EQ(got->state.item_count, 7u);
}

TEST_F(ClientTest, ListsMemoriesOfAllPages) {
  Client client(Options());
  const auto memories = client.ListMemories();
  ASSERT_TRUE(memories.ok()) << memories.status();
  ASSERT_EQ(memories->size(), 3u);
  EXPECT_EQ((*memories)[2].spec.name, "memories/m2");
}

TEST_F(ClientTest, UpdatesOnlyWhatIsSetAndRefusesAnUpdateOfNothing) {
  Client client(Options());
  ASSERT_TRUE(client.UpdateMemory("faces", {.description = "new", .etag = "e1"}).ok());
  const auto request = server_.Received<v1::UpdateMemoryRequest>().at(0);
  EXPECT_THAT(request.update_mask().paths(), ElementsAre("description"));
  EXPECT_EQ(request.memory().etag(), "e1");

  const auto nothing = client.UpdateMemory("faces", {});
  EXPECT_EQ(GetError(nothing.status()).reason, "NOTHING_TO_DO");
  EXPECT_EQ(server_.Received<v1::UpdateMemoryRequest>().size(), 1u);
}

TEST_F(ClientTest, GivesTheServersReasonAndNextStep) {
  Client client(Options());
  server_.FailWith({MakeRichStatus(grpc::StatusCode::INVALID_ARGUMENT,
                                   "key row 3 has 127 columns, memory 'faces' has 128", "SHAPE")});
  const auto got = client.GetMemory("faces");
  const Error error = GetError(got.status());
  EXPECT_EQ(error.code, absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(error.reason, "SHAPE");
  EXPECT_EQ(error.message, "key row 3 has 127 columns, memory 'faces' has 128");
  EXPECT_EQ(error.given, "127");
  EXPECT_EQ(error.expected, "128");
  EXPECT_EQ(error.next_step, "Send keys of 128 columns.");
  EXPECT_FALSE(error.retry_after);
  EXPECT_TRUE(waits_.empty());
}

TEST_F(ClientTest, SaysWhereNobodyAnswers) {
  ClientOptions options = Options();
  options.target = "unix:/nonexistent/mneme.sock";
  options.retry.attempts_max = 2;
  Client client(options);
  const Error error = GetError(client.GetServerInfo().status());
  EXPECT_EQ(error.code, absl::StatusCode::kUnavailable);
  EXPECT_EQ(error.reason, "UNREACHABLE");
  EXPECT_THAT(error.next_step, ::testing::HasSubstr(options.target));
  EXPECT_EQ(waits_.size(), 1u);
}

TEST_F(ClientTest, RetriesAStoreUnderTheSameRequestId) {
  Client client(Options());
  server_.FailWith({kDown, MakeRichStatus(grpc::StatusCode::RESOURCE_EXHAUSTED, "queue full",
                                          "BUSY", milliseconds(1500))});
  const Matrix keys = Rows(1);
  const auto stored = client.Store("faces", {.keys = keys.ref()});
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->stored, 1u);
  const auto requests = server_.Received<v1::StoreRequest>();
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_FALSE(requests[0].request_id().empty());
  EXPECT_EQ(requests[0].request_id(), requests[1].request_id());
  EXPECT_EQ(requests[0].request_id(), requests[2].request_id());
  ASSERT_EQ(waits_.size(), 2u);
  EXPECT_GE(waits_[1], milliseconds(1500));

  ASSERT_TRUE(client.Store("faces", {.keys = keys.ref()}).ok());
  EXPECT_NE(server_.Received<v1::StoreRequest>().back().request_id(), requests[0].request_id())
      << "another Store is another request";
}

TEST_F(ClientTest, GivesUpAfterTheLastTry) {
  ClientOptions options = Options();
  options.retry.attempts_max = 3;
  Client client(options);
  server_.FailWith({kDown, kDown, kDown, kDown});
  EXPECT_EQ(client.GetMemory("faces").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(server_.calls(), 3);
}

TEST_F(ClientTest, ComesBackToAServerThatWasRestarted) {
  auto server = std::make_unique<FakeServer>();
  const int port = server->port();
  Client client({.target = server->target(),
                 .retry = {.attempts_max = 8,
                           .backoff_initial = milliseconds(10),
                           .backoff_max = milliseconds(40)}});
  ASSERT_TRUE(client.GetMemory("faces").ok());
  server.reset();
  EXPECT_EQ(client.GetMemory("faces").status().code(), absl::StatusCode::kUnavailable);
  server = std::make_unique<FakeServer>(port);
  const auto got = client.GetMemory("faces");
  EXPECT_TRUE(got.ok()) << got.status();
}

TEST_F(ClientTest, DoesNotRepeatADeletionThatMayHaveHappened) {
  Client client(Options());
  server_.FailWith({kDown});
  EXPECT_EQ(client.DeleteMemory("faces").code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(server_.calls(), 1);
  server_.FailWith({kDown});
  EXPECT_TRUE(client.DeleteMemory("faces", {.allow_missing = true}).ok());
}

TEST_F(ClientTest, DoesNotWaitPastTheDeadline) {
  Client client(Options());
  server_.FailWith({MakeRichStatus(grpc::StatusCode::RESOURCE_EXHAUSTED, "queue full", "BUSY",
                                   std::chrono::hours(1))});
  const auto got = client.GetMemory("faces");
  EXPECT_EQ(GetError(got.status()).reason, "BUSY");
  EXPECT_TRUE(waits_.empty());
}

TEST_F(ClientTest, EndsAtTheDeadlineOfTheCall) {
  std::promise<void> release;
  server_.on_retrieve = [done = release.get_future().share()](grpc::ServerContext&) {
    done.wait();
  };
  Client client(Options());
  const Matrix cue = Rows(1);
  const auto answer = client.Retrieve("faces", cue.ref(), {.call = {.timeout = milliseconds(50)}});
  release.set_value();
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(GetError(answer.status()).reason, "DEADLINE");
}

TEST_F(ClientTest, IsCancelledByItsStopToken) {
  std::stop_source stop;
  server_.on_retrieve = [&stop](grpc::ServerContext& context) {
    stop.request_stop();
    while (!context.IsCancelled()) std::this_thread::yield();
  };
  Client client(Options());
  const Matrix cue = Rows(1);
  const auto answer = client.Retrieve("faces", cue.ref(), {.call = {.stop = stop.get_token()}});
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(client.GetMemory("faces", {.stop = stop.get_token()}).status().code(),
            absl::StatusCode::kCancelled);
}

TEST_F(ClientTest, SplitsAStoreByRowsAndPutsTheResultTogether) {
  SetLimits(30, 30, 1 << 20);
  Client client(Options());
  const Matrix keys = Rows(100);
  std::vector<float> weights(100);
  std::iota(weights.begin(), weights.end(), 1.0f);
  std::vector<std::string> payloads(100);
  for (int i = 0; i < 100; ++i) payloads[i] = std::to_string(i);
  uint64_t last_done = 0;
  const auto stored =
      client.Store("faces", {.keys = keys.ref(), .weights = weights, .payloads = payloads},
                   {.request_id = "import-7", .progress = [&](uint64_t done, uint64_t total) {
                      EXPECT_EQ(total, 100u);
                      last_done = done;
                    }});
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->stored, 100u);
  EXPECT_EQ(stored->requests, 4u);
  EXPECT_EQ(stored->item_count, 100u);
  EXPECT_EQ(stored->read_token, "token 4");
  EXPECT_EQ(last_done, 100u);
  ASSERT_EQ(stored->made_ids.size(), 4u);
  EXPECT_EQ(stored->made_ids[3].first_row, 90u);
  EXPECT_EQ(stored->made_ids[3].rows, 10u);

  std::set<std::string> request_ids;
  size_t rows = 0;
  for (const v1::StoreRequest& request : server_.Received<v1::StoreRequest>()) {
    request_ids.insert(request.request_id());
    rows += request.keys().rows();
    // Each column goes with its rows: the first number of row i is i, its weight i + 1, its payload
    // "i".
    const float* data = reinterpret_cast<const float*>(request.keys().data().data());
    ASSERT_EQ(request.keys().data().size(), request.keys().rows() * 4 * sizeof(float));
    for (uint32_t i = 0; i < request.keys().rows(); ++i) {
      EXPECT_EQ(request.weights(static_cast<int>(i)), data[4 * i] + 1);
      EXPECT_EQ(request.payloads(static_cast<int>(i)),
                std::to_string(static_cast<int>(data[4 * i])));
    }
  }
  EXPECT_EQ(rows, 100u);
  EXPECT_THAT(request_ids, ElementsAre("import-7/0", "import-7/1", "import-7/2", "import-7/3"));
  EXPECT_EQ(server_.Received<v1::GetServerInfoRequest>().size(), 1u);
}

TEST_F(ClientTest, AsksForLimitsOnceAndNotForASingleRow) {
  SetLimits(10, 10, 1 << 20);
  Client client(Options());
  const Matrix one = Rows(1);
  const Matrix many = Rows(20);
  ASSERT_TRUE(client.Retrieve("faces", one.ref()).ok());
  EXPECT_EQ(server_.Received<v1::GetServerInfoRequest>().size(), 0u);
  ASSERT_TRUE(client.Retrieve("faces", many.ref()).ok());
  ASSERT_TRUE(client.Store("faces", {.keys = many.ref()}).ok());
  EXPECT_EQ(server_.Received<v1::GetServerInfoRequest>().size(), 1u);
}

TEST_F(ClientTest, AsksForLimitsAgainWhenTheyHaveChanged) {
  SetLimits(100, 100, 1 << 20);
  Client client(Options());
  const Matrix rows = Rows(20);
  ASSERT_TRUE(client.Store("faces", {.keys = rows.ref()}).ok());
  SetLimits(5, 5, 1 << 20);
  server_.FailWith(
      {MakeRichStatus(grpc::StatusCode::RESOURCE_EXHAUSTED, "too many rows", "LIMIT")});
  EXPECT_FALSE(client.Store("faces", {.keys = rows.ref()}).ok());
  const auto stored = client.Store("faces", {.keys = rows.ref()});
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->requests, 4u);
}

TEST_F(ClientTest, SplitsByBytesWithPayloadsCounted) {
  SetLimits(1000, 1000, 20'000);
  Client client(Options());
  const Matrix keys = Rows(10);
  std::vector<std::string> payloads(10, std::string(6000, 'x'));
  const auto stored = client.Store("faces", {.keys = keys.ref(), .payloads = payloads});
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->requests, 5u);
  for (const v1::StoreRequest& request : server_.Received<v1::StoreRequest>()) {
    EXPECT_LE(request.ByteSizeLong(), 20'000u);
  }

  payloads[4] = std::string(30'000, 'x');
  const auto refused = client.Store("faces", {.keys = keys.ref(), .payloads = payloads});
  EXPECT_EQ(GetError(refused.status()).reason, "LIMIT");
  EXPECT_THAT(GetError(refused.status()).message, ::testing::HasSubstr("row 4"));
}

TEST_F(ClientTest, SaysHowFarASplitStoreCame) {
  SetLimits(10, 10, 1 << 20);
  server_.on_store = [](const v1::StoreRequest& request) {
    const float first = *reinterpret_cast<const float*>(request.keys().data().data());
    if (first < 20) return grpc::Status::OK;
    return MakeRichStatus(grpc::StatusCode::ALREADY_EXISTS, "id 23 is stored already", "ID_TAKEN");
  };
  ClientOptions options = Options();
  options.in_flight_max = 1;
  Client client(options);
  const Matrix keys = Rows(50);
  const Error error = GetError(client.Store("faces", {.keys = keys.ref()}).status());
  EXPECT_EQ(error.code, absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(error.reason, "ID_TAKEN");
  EXPECT_EQ(error.message, "rows 20 to 29 of 50: id 23 is stored already");
  EXPECT_EQ(error.rows_done, 20u);
  EXPECT_EQ(server_.Received<v1::StoreRequest>().size(), 3u);
}

TEST_F(ClientTest, RefusesColumnsOfDifferentLength) {
  Client client(Options());
  const Matrix keys = Rows(3);
  const std::vector<ItemId> ids{ItemId(1), ItemId(2)};
  const Error error = GetError(client.Store("faces", {.keys = keys.ref(), .ids = ids}).status());
  EXPECT_EQ(error.reason, "SHAPE");
  EXPECT_EQ(error.given, "2");
  EXPECT_EQ(error.expected, "3");
  EXPECT_EQ(server_.calls(), 0);
}

TEST_F(ClientTest, SendsAnEmptyStoreSoThatTheServerNamesIt) {
  Client client(Options());
  ASSERT_TRUE(client.Store("faces", {.keys = {.cols = 4}}).ok());
  EXPECT_EQ(server_.Received<v1::StoreRequest>().at(0).keys().cols(), 4u);
}

TEST_F(ClientTest, PutsSplitRecallsBackInTheOrderOfTheCues) {
  SetLimits(10, 7, 1 << 20);
  Client client(Options());
  const Matrix cues = Rows(50);
  std::vector<uint8_t> mask(50);
  for (size_t i = 0; i < mask.size(); ++i) mask[i] = static_cast<uint8_t>(i % 16);
  const auto answer = client.Retrieve("faces", cues.ref(), {.mask = mask, .top = 1});
  ASSERT_TRUE(answer.ok()) << answer.status();
  ASSERT_EQ(answer->recalls.rows, 50u);
  ASSERT_EQ(answer->recalls.cols, 4u);
  ASSERT_EQ(answer->results.size(), 50u);
  for (size_t i = 0; i < cues.data.size(); ++i) {
    ASSERT_EQ(answer->recalls.data[i], 2 * cues.data[i]) << i;
  }
  for (size_t i = 0; i < 50; ++i) EXPECT_EQ(answer->results[i].top.at(0).id, ItemId(i));
  EXPECT_EQ(answer->exactness, Exactness::kExact);
  const auto requests = server_.Received<v1::RetrieveRequest>();
  EXPECT_EQ(requests.size(), 8u);
  for (const v1::RetrieveRequest& request : requests) {
    const auto first =
        static_cast<size_t>(*reinterpret_cast<const float*>(request.cues().data().data()));
    ASSERT_EQ(request.mask().bits().size(), request.cues().rows());
    EXPECT_EQ(request.mask().bits()[0], static_cast<char>(first % 16));
  }
}

TEST_F(ClientTest, RefusesAMaskOfAnotherShape) {
  Client client(Options());
  const Matrix cues = Rows(3);
  const std::vector<uint8_t> mask(2);
  const auto answer = client.Retrieve("faces", cues.ref(), {.mask = mask});
  EXPECT_EQ(GetError(answer.status()).expected, "1 bytes, or 3 for 3 cues");
  EXPECT_EQ(server_.calls(), 0);
}

TEST_F(ClientTest, DoesNotTrustAReplyThatContradictsItself) {
  server_.break_replies = true;
  Client client(Options());
  const Matrix cue = Rows(1);
  const auto answer = client.Retrieve("faces", cue.ref());
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(GetError(answer.status()).reason, "MALFORMED_REPLY");
}

TEST_F(ClientTest, QueriesByShareOrByLength) {
  Client client(Options());
  const Matrix cue = Rows(1);
  const std::vector<ItemId> candidates{ItemId(7), ItemId("seven")};
  ASSERT_TRUE(client.ListwiseQuery("faces", cue.ref(), {.size = 0.25}).ok());
  const auto answer =
      client.ListwiseQuery("faces", cue.ref(), {.size = 3u, .candidates = candidates, .beta = 4.0});
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->lists.at(0).items.at(0).id, ItemId("best"));
  const auto requests = server_.Received<v1::ListwiseQueryRequest>();
  EXPECT_EQ(requests[0].fraction(), 0.25);
  EXPECT_FALSE(requests[0].has_beta());
  EXPECT_EQ(requests[1].k(), 3u);
  EXPECT_EQ(requests[1].candidates(1).text(), "seven");
  EXPECT_EQ(requests[1].beta(), 4.0);
}

TEST_F(ClientTest, KeepsTheTypesOfAttributes) {
  const Attributes attributes{
      {"text", std::string("x")},
      {"whole", int64_t{-9007199254740993}},
      {"real", 0.5},
      {"flag", true},
      {"moment", Timestamp(std::chrono::nanoseconds(-1))},
      {"texts", std::vector<std::string>{"a", "b"}},
      {"wholes", std::vector<int64_t>{1, -2}},
      {"reals", std::vector<double>{0.25}},
  };
  Client client(Options());
  const Matrix keys = Rows(1);
  ASSERT_TRUE(client.Store("faces", {.keys = keys.ref(), .attributes = {&attributes, 1}}).ok());
  server_.attributes = server_.Received<v1::StoreRequest>().at(0).attributes(0);
  EXPECT_EQ(server_.attributes.values().at("moment").timestamp_value().nanos(), 999'999'999);
  const auto item = client.GetItem("faces", ItemId("a"));
  ASSERT_TRUE(item.ok()) << item.status();
  EXPECT_EQ(item->id, ItemId("a"));
  EXPECT_EQ(item->attributes, attributes);
}

TEST_F(ClientTest, SplitsDeletions) {
  SetLimits(4, 4, 1 << 20);
  Client client(Options());
  std::vector<ItemId> ids;
  for (uint64_t i = 0; i < 10; ++i) ids.emplace_back(i);
  const auto deleted = client.DeleteItems("faces", {.ids = ids}, {.allow_missing = true});
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(deleted->deleted, 10u);
  EXPECT_EQ(deleted->requests, 3u);
}

TEST_F(ClientTest, ReadsTheStandardHealthService) {
  Client client(Options());
  auto health = client.CheckHealth();
  ASSERT_TRUE(health.ok()) << health.status();
  EXPECT_EQ(*health, ServingStatus::kServing);
  server_.server().GetHealthCheckService()->SetServingStatus("mneme.v1.MemoryService", false);
  health = client.CheckHealth("mneme.v1.MemoryService");
  ASSERT_TRUE(health.ok()) << health.status();
  EXPECT_EQ(*health, ServingStatus::kNotServing);
}

TEST_F(ClientTest, ServesManyThreadsAtOnce) {
  SetLimits(5, 5, 1 << 20);
  Client client(Options());
  const Matrix cues = Rows(20);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) {
        const auto answer = client.Retrieve("faces", cues.ref());
        ASSERT_TRUE(answer.ok()) << answer.status();
        ASSERT_EQ(answer->recalls.data[79], 2 * cues.data[79]);
      }
    });
  }
}

TEST(Names, AreThoseOfTheWireWithoutTheirPrefix) {
  EXPECT_EQ(Name(Similarity::kL2), "L2");
  EXPECT_EQ(Name(AnswerStatus::kMaxIterations), "MAX_ITERATIONS");
  EXPECT_EQ(Name(Exactness::kApproximate), "APPROXIMATE");
  EXPECT_EQ(Name(static_cast<AnswerStatus>(77)), "77");
}

TEST(GetError, GivesBackWhatMakeErrorWasGiven) {
  const Error made{.code = absl::StatusCode::kResourceExhausted,
                   .reason = "BUSY",
                   .message = "queue full",
                   .given = "12",
                   .expected = "10",
                   .next_step = "Wait.",
                   .retry_after = milliseconds(1250),
                   .rows_done = 3};
  const Error got = GetError(MakeError(made));
  EXPECT_EQ(got.code, made.code);
  EXPECT_EQ(got.reason, made.reason);
  EXPECT_EQ(got.message, made.message);
  EXPECT_EQ(got.given, made.given);
  EXPECT_EQ(got.expected, made.expected);
  EXPECT_EQ(got.next_step, made.next_step);
  EXPECT_EQ(got.retry_after, made.retry_after);
  EXPECT_EQ(got.rows_done, made.rows_done);
}

TEST(GetError, ReadsPlainStatusesToo) {
  EXPECT_EQ(GetError(absl::OkStatus()).code, absl::StatusCode::kOk);
  const Error error = GetError(absl::NotFoundError("no file"));
  EXPECT_EQ(error.message, "no file");
  EXPECT_TRUE(error.reason.empty());
}

}  // namespace
}  // namespace mneme::client
