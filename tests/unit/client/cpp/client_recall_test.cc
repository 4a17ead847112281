#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "tests/unit/client/cpp/client_fixture.h"

namespace mneme::client {
namespace {

using std::chrono::milliseconds;

class ClientRecallTest : public testing::ClientTest {};

TEST_F(ClientRecallTest, EndsAtTheDeadlineOfTheCall) {
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

TEST_F(ClientRecallTest, IsCancelledByItsStopToken) {
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

TEST_F(ClientRecallTest, SendsTheTraceparentThatItIsGiven) {
  constexpr char kTraceparent[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  std::vector<std::string> received;
  server_.on_retrieve = [&received](grpc::ServerContext& context) {
    const auto found = context.client_metadata().find("traceparent");
    const bool there = found != context.client_metadata().end();
    received.push_back(there ? std::string(found->second.data(), found->second.size()) : "");
  };
  Client client(Options());
  const Matrix cue = Rows(1);
  ASSERT_TRUE(client.Retrieve("faces", cue.ref(), {.call = {.traceparent = kTraceparent}}).ok());
  ASSERT_TRUE(client.Retrieve("faces", cue.ref()).ok());
  EXPECT_EQ(received, (std::vector<std::string>{kTraceparent, ""}));
  for (const char* bad : {"00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0\n"}) {
    const auto refused = client.Retrieve("faces", cue.ref(), {.call = {.traceparent = bad}});
    EXPECT_EQ(GetError(refused.status()).reason, "TRACEPARENT") << bad;
  }
  EXPECT_EQ(received.size(), 2u);
}

TEST_F(ClientRecallTest, ExplainsInOneRequestWhatItIsAsked) {
  server_.explanation.set_path(v1::QUERY_PATH_CODE_SCAN);
  server_.explanation.mutable_elapsed()->set_nanos(1500);
  v1::ExplainStage& stage = *server_.explanation.add_stages();
  stage.set_name("scan");
  stage.mutable_elapsed()->set_nanos(1500);
  stage.set_bytes(12);
  server_.explanation.add_answers()->mutable_best()->mutable_id()->set_number(7);
  Client client(Options());
  const Matrix cues = Rows(3);
  const auto recall = client.ExplainRetrieve("faces", cues.ref(), {.top = 2});
  ASSERT_TRUE(recall.ok()) << recall.status();
  EXPECT_EQ(recall->path, QueryPath::kCodeScan);
  EXPECT_EQ(Name(recall->path), "CODE_SCAN");
  EXPECT_EQ(recall->stages.at(0).elapsed, std::chrono::nanoseconds(1500));
  EXPECT_EQ(recall->stages.at(0).bytes, 12u);
  EXPECT_EQ(recall->answers.at(0).best->id, ItemId(7));
  ASSERT_TRUE(client.ExplainQuery("faces", cues.ref(), {.size = 4u, .exact = true}).ok());
  const auto received = server_.Received<v1::ExplainRequest>();
  ASSERT_EQ(received.size(), 2u);
  EXPECT_EQ(received[0].retrieve().cues().rows(), 3u);
  EXPECT_EQ(received[0].retrieve().top(), 2u);
  EXPECT_EQ(received[1].listwise_query().k(), 4u);
  EXPECT_TRUE(received[1].listwise_query().exact());
}

TEST_F(ClientRecallTest, PutsSplitRecallsBackInTheOrderOfTheCues) {
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

TEST_F(ClientRecallTest, RefusesAMaskOfAnotherShape) {
  Client client(Options());
  const Matrix cues = Rows(3);
  const std::vector<uint8_t> mask(2);
  const auto answer = client.Retrieve("faces", cues.ref(), {.mask = mask});
  EXPECT_EQ(GetError(answer.status()).expected, "1 bytes, or 3 for 3 cues");
  EXPECT_EQ(server_.calls(), 0);
}

TEST_F(ClientRecallTest, DoesNotTrustAReplyThatContradictsItself) {
  server_.break_replies = true;
  Client client(Options());
  const Matrix cue = Rows(1);
  const auto answer = client.Retrieve("faces", cue.ref());
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(GetError(answer.status()).reason, "MALFORMED_REPLY");
}

TEST_F(ClientRecallTest, SendsCuesAndTakesRecallsInTheTypeThatWasAskedFor) {
  v1::Matrix recalls;
  recalls.set_dtype(v1::DTYPE_FLOAT16);
  recalls.set_rows(1);
  recalls.set_cols(2);
  recalls.set_data(std::string("\x00\x3c\x00\xc0", 4));  // 1, -2
  server_.recalls_to_give = recalls;
  Client client(Options());
  const Matrix cue = Rows(1);
  const auto answer =
      client.Retrieve("faces", cue.ref(), {.dtype = Dtype::kInt8, .recall_dtype = Dtype::kFloat16});
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->recalls.cols, 2u);
  EXPECT_EQ(answer->recalls.data, (std::vector<float>{1, -2}));
  const auto request = server_.Received<v1::RetrieveRequest>().at(0);
  EXPECT_EQ(request.cues().dtype(), v1::DTYPE_INT8);
  EXPECT_EQ(request.cues().data(), std::string("\x00\x2a\x55\x7f", 4));  // of 0, 1/4, 1/2, 3/4
  EXPECT_EQ(request.cues().scales().size(), 4u);
  EXPECT_EQ(request.recall_dtype(), v1::DTYPE_FLOAT16);
}

TEST_F(ClientRecallTest, QueriesInTheTypeThatWasAskedFor) {
  Client client(Options());
  const Matrix cue = Rows(1), candidates = Rows(3);
  ASSERT_TRUE(
      client
          .ListwiseQuery("words", cue.ref(),
                         {.candidate_responses = candidates.ref(), .dtype = Dtype::kBfloat16})
          .ok());
  const auto request = server_.Received<v1::ListwiseQueryRequest>().at(0);
  EXPECT_EQ(request.cues().dtype(), v1::DTYPE_BFLOAT16);
  EXPECT_EQ(request.cues().data().size(), 8u);
  EXPECT_EQ(request.candidate_responses().dtype(), v1::DTYPE_BFLOAT16);
  EXPECT_EQ(request.candidate_responses().data().size(), 24u);
}

TEST_F(ClientRecallTest, QueriesByShareOrByLength) {
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

TEST_F(ClientRecallTest, AsksForTheCertifiedListByLeavingItsSizeOut) {
  server_.certificate.set_certified(true);
  server_.certificate.set_radius(0.25);
  server_.certificate.set_distance(0.125);
  server_.certificate.set_inside_radius(true);
  server_.certificate_state = v1::CERTIFICATE_STATE_SEALED;
  Client client(Options());
  const Matrix cue = Rows(1);
  const auto answer =
      client.ListwiseQuery("words", cue.ref(), {.size = CertifiedList(), .check_radius = true});
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->certificates, CertificateState::kSealed);
  EXPECT_EQ(answer->list_size, 20u);
  EXPECT_EQ(answer->weights_epoch.job, "train-1");
  const std::optional<Certificate>& certificate = answer->lists.at(0).items.at(0).certificate;
  ASSERT_TRUE(certificate.has_value());
  EXPECT_TRUE(certificate->certified);
  EXPECT_EQ(certificate->radius, 0.25);
  EXPECT_EQ(certificate->distance, 0.125);
  EXPECT_TRUE(certificate->inside_radius);
  const auto request = server_.Received<v1::ListwiseQueryRequest>().at(0);
  EXPECT_EQ(request.size_case(), v1::ListwiseQueryRequest::SIZE_NOT_SET);
  EXPECT_TRUE(request.check_radius());
}

TEST_F(ClientRecallTest, AnItemWithoutACertificateHasNone) {
  server_.certificate_state = v1::CERTIFICATE_STATE_UNCERTIFIED_DELTA;
  Client client(Options());
  const Matrix cue = Rows(1);
  const auto answer = client.ListwiseQuery("words", cue.ref());
  EXPECT_EQ(answer->certificates, CertificateState::kUncertifiedDelta);
  EXPECT_FALSE(answer->lists.at(0).items.at(0).certificate.has_value());
}

TEST_F(ClientRecallTest, SendsCandidateResponsesWithEachRequestWithinTheMessage) {
  SetLimits(10, 1000, 4096 + 1600 + 200);  // the head, the candidates, 12 cues
  Client client(Options());
  const Matrix cues = Rows(50);
  const Matrix candidates = Rows(100);
  const auto answer =
      client.ListwiseQuery("words", cues.ref(), {.candidate_responses = candidates.ref()});
  ASSERT_TRUE(answer.ok()) << answer.status();
  const auto requests = server_.Received<v1::ListwiseQueryRequest>();
  EXPECT_EQ(requests.size(), 5u);
  for (const v1::ListwiseQueryRequest& request : requests) {
    EXPECT_EQ(request.candidate_responses().rows(), 100u);
    EXPECT_EQ(request.candidate_responses().data().size(), 1600u);
    EXPECT_LE(request.ByteSizeLong(), 4096u + 1600 + 200);
  }
}

TEST_F(ClientRecallTest, ServesManyThreadsAtOnce) {
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

}  // namespace
}  // namespace mneme::client
