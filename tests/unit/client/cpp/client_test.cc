#include "mneme/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "tests/unit/client/cpp/client_fixture.h"

namespace mneme::client {
namespace {

using std::chrono::milliseconds;
using testing::ClientTest;
using ::testing::ElementsAre;
using testing::FakeServer;
using testing::MakeRichStatus;

const grpc::Status kDown(grpc::StatusCode::UNAVAILABLE, "shard moving");

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

TEST_F(ClientTest, GivesUpAfterTheLastTry) {
  ClientOptions options = Options();
  options.retry.attempts_max = 3;
  Client client(options);
  server_.FailWith({kDown, kDown, kDown, kDown});
  EXPECT_EQ(client.GetMemory("faces").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(server_.calls(), 3);
}

TEST_F(ClientTest, TriesAgainWhereAStoppingServerCutTheCallOff) {
  Client client(Options());
  server_.FailWith({grpc::Status(grpc::StatusCode::CANCELLED, "CANCELLED")});
  EXPECT_TRUE(client.GetMemory("faces").ok());
  EXPECT_EQ(server_.calls(), 2);
  // What the server itself says of a cancelled thing is an answer.
  server_.FailWith(
      {MakeRichStatus(grpc::StatusCode::CANCELLED, "the job was cancelled", "CANCELLED")});
  EXPECT_EQ(client.GetMemory("faces").status().code(), absl::StatusCode::kCancelled);
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

TEST(Names, AreThoseOfTheWireWithoutTheirPrefix) {
  EXPECT_EQ(Name(Similarity::kL2), "L2");
  EXPECT_EQ(Name(AnswerStatus::kMaxIterations), "MAX_ITERATIONS");
  EXPECT_EQ(Name(Exactness::kApproximate), "APPROXIMATE");
  EXPECT_EQ(Name(static_cast<AnswerStatus>(77)), "77");
}

}  // namespace
}  // namespace mneme::client
