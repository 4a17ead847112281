#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "tests/unit/client/cpp/client_fixture.h"

namespace mneme::client {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using testing::MakeRichStatus;

const grpc::Status kDown(grpc::StatusCode::UNAVAILABLE, "shard moving");

class ClientItemsTest : public testing::ClientTest {};

TEST_F(ClientItemsTest, FewerBytesANumberAreMoreRowsARequest) {
  // Beside the head of a request, room for 10 rows of 4 float16 numbers with their weight.
  SetLimits(1000, 1000, 4096 + 10 * (4 * 2 + 4) + 4);
  Client client(Options());
  const Matrix keys = Rows(20);
  ASSERT_TRUE(client.Store("faces", {.keys = keys.ref()}, {.dtype = Dtype::kFloat16}).ok());
  const auto requests = server_.Received<v1::StoreRequest>();
  ASSERT_EQ(requests.size(), 2u);
  for (const v1::StoreRequest& request : requests) {
    EXPECT_EQ(request.keys().dtype(), v1::DTYPE_FLOAT16);
    EXPECT_EQ(request.keys().rows(), 10u);
    EXPECT_EQ(request.keys().data().size(), 80u);
  }
}

TEST_F(ClientItemsTest, RetriesAStoreUnderTheSameRequestId) {
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

TEST_F(ClientItemsTest, SplitsAStoreByRowsAndPutsTheResultTogether) {
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

TEST_F(ClientItemsTest, AsksForLimitsOnceAndNotForASingleRow) {
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

TEST_F(ClientItemsTest, AsksForLimitsAgainWhenTheyHaveChanged) {
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

TEST_F(ClientItemsTest, SplitsByBytesWithPayloadsCounted) {
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

TEST_F(ClientItemsTest, SaysHowFarASplitStoreCame) {
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
  EXPECT_EQ(error.message, "rows 20 to 29: id 23 is stored already");
  EXPECT_EQ(error.rows_done, 20u);
  EXPECT_EQ(server_.Received<v1::StoreRequest>().size(), 3u);
}

TEST_F(ClientItemsTest, RefusesColumnsOfDifferentLength) {
  Client client(Options());
  const Matrix keys = Rows(3);
  const std::vector<ItemId> ids{ItemId(1), ItemId(2)};
  const Error error = GetError(client.Store("faces", {.keys = keys.ref(), .ids = ids}).status());
  EXPECT_EQ(error.reason, "SHAPE");
  EXPECT_EQ(error.given, "2");
  EXPECT_EQ(error.expected, "3");
  EXPECT_EQ(server_.calls(), 0);
}

TEST_F(ClientItemsTest, SendsAnEmptyStoreSoThatTheServerNamesIt) {
  Client client(Options());
  ASSERT_TRUE(client.Store("faces", {.keys = {.cols = 4}}).ok());
  EXPECT_EQ(server_.Received<v1::StoreRequest>().at(0).keys().cols(), 4u);
}

TEST_F(ClientItemsTest, KeepsTheTypesOfAttributes) {
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

TEST_F(ClientItemsTest, SplitsDeletions) {
  SetLimits(4, 4, 1 << 20);
  Client client(Options());
  std::vector<ItemId> ids;
  for (uint64_t i = 0; i < 10; ++i) ids.emplace_back(i);
  const auto deleted = client.DeleteItems("faces", {.ids = ids}, {.allow_missing = true});
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(deleted->deleted, 10u);
  EXPECT_EQ(deleted->requests, 3u);
}

TEST_F(ClientItemsTest, GivesEachWarningOnceHoweverTheStoreWasSplit) {
  SetLimits(30, 30, 1 << 20);
  server_.warning.set_reason("LOAD");
  server_.warning.set_message("the memory is full");
  server_.warning.set_next_step("Make a larger one.");
  Client client(Options());
  const Matrix keys = Rows(100);
  const auto stored = client.Store("faces", {.keys = keys.ref()});
  ASSERT_TRUE(stored.ok()) << stored.status();
  ASSERT_EQ(stored->warnings.size(), 1u);
  EXPECT_EQ(stored->warnings[0].reason, "LOAD");
  EXPECT_EQ(stored->warnings[0].next_step, "Make a larger one.");
  EXPECT_DOUBLE_EQ(stored->load, 1.0);
}

TEST_F(ClientItemsTest, TellsHowManyDeletedItemsWereOnlySuppressed) {
  SetLimits(1, 1, 1 << 20);
  server_.suppressed = 1;
  Client client(Options());
  const std::vector<ItemId> ids{ItemId(1), ItemId(2)};
  const auto deleted = client.DeleteItems("faces", {.ids = ids});
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(deleted->deleted, 2u);
  EXPECT_EQ(deleted->suppressed, 2u) << "the sum over the requests";
}

}  // namespace
}  // namespace mneme::client
