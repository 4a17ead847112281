// What a client can get wrong over the wire, and what it is told: a code, a reason, what was given
// and expected, a next step. After all of it the daemon lives and nothing was stored.
#include <grpcpp/generic/generic_stub.h>

#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "google/longrunning/operations.grpc.pb.h"
#include "gtest/gtest.h"
#include "tests/integration/live.h"

namespace mneme::test {
namespace {

using grpc::StatusCode;

class WireTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = new TemporaryDirectory;
    daemon_ = Daemon::Mnemed(MNEMED_PATH, directory_->path(),
                             {"--limits.message_bytes_max=1M", "--limits.rows_per_store_max=100"})
                  .release();
    ASSERT_NE(daemon_->port(), 0) << "mnemed did not start; see its log";
    stub_ = v1::MemoryService::NewStub(daemon_->Connect()).release();
    Create("m", [](v1::Memory& memory) {
      memory.set_key_dim(4);
      memory.mutable_dense()->set_similarity(v1::SIMILARITY_COSINE);
    });
    Create("linear", [](v1::Memory& memory) {
      memory.set_key_dim(4);
      memory.set_response_dim(2);
      memory.mutable_linear();
    });
  }
  static void TearDownTestSuite() {
    v1::GetMemoryRequest get;
    get.set_name("memories/m");
    v1::Memory memory;
    EXPECT_TRUE(MNEME_CALL(stub_, GetMemory, get, &memory).ok())
        << "the daemon must outlive every bad request";
    EXPECT_EQ(memory.state().item_count(), 0u) << "a bad request must store nothing";
    EXPECT_EQ(memory.state().position(), 0u);
    delete stub_;
    EXPECT_EQ(daemon_->Stop(SIGTERM), 0);
    delete daemon_;
    delete directory_;
  }

  template <typename Fill>
  static void Create(const std::string& id, Fill fill) {
    v1::CreateMemoryRequest request;
    request.set_memory_id(id);
    fill(*request.mutable_memory());
    v1::Memory memory;
    const grpc::Status status = MNEME_CALL(stub_, CreateMemory, request, &memory);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }

  static v1::StoreRequest GoodStore(int rows = 2) {
    v1::StoreRequest request;
    request.set_memory("memories/m");
    SetMatrix(UnitRows(1, rows, 4), 4, request.mutable_keys());
    return request;
  }
  static void ExpectStoreFails(const v1::StoreRequest& request, StatusCode code,
                               const std::string& reason) {
    v1::StoreResponse response;
    const ErrorParts error = Unpack(MNEME_CALL(stub_, Store, request, &response));
    EXPECT_EQ(error.code, code) << error.message;
    EXPECT_EQ(error.reason, reason) << error.message;
    EXPECT_EQ(error.domain, "mneme");
    EXPECT_FALSE(error.next_step.empty()) << reason;
    EXPECT_FALSE(error.given.empty()) << reason;
    EXPECT_FALSE(error.expected.empty()) << reason;
  }

  static TemporaryDirectory* directory_;
  static Daemon* daemon_;
  static v1::MemoryService::Stub* stub_;
};
TemporaryDirectory* WireTest::directory_;
Daemon* WireTest::daemon_;
v1::MemoryService::Stub* WireTest::stub_;

TEST_F(WireTest, NumbersThatAreNotFinite) {
  for (float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    v1::StoreRequest request = GoodStore();
    std::vector<float> values = UnitRows(1, 2, 4);
    values[6] = bad;
    SetMatrix(values, 4, request.mutable_keys());
    ExpectStoreFails(request, StatusCode::INVALID_ARGUMENT, "NOT_FINITE");
    request = GoodStore();
    request.add_weights(1);
    request.add_weights(bad);
    ExpectStoreFails(request, StatusCode::INVALID_ARGUMENT, "WEIGHT");
    request = GoodStore();
    request.set_memory("memories/linear");
    SetMatrix({1, 0, 0, bad}, 2, request.mutable_responses());
    ExpectStoreFails(request, StatusCode::INVALID_ARGUMENT, "NOT_FINITE");
  }
}

// Infinity and not-a-number of both 2-byte types, in the second row; a scale that makes infinity.
TEST_F(WireTest, NumbersOfNarrowTypesThatAreNotFinite) {
  const auto keys = [](v1::Dtype dtype, const auto& numbers) {
    v1::StoreRequest request = GoodStore();
    request.mutable_keys()->set_dtype(dtype);
    request.mutable_keys()->set_data(numbers.data(), numbers.size() * sizeof(numbers[0]));
    return request;
  };
  const auto fails = [](const v1::StoreRequest& request, const std::string& message) {
    v1::StoreResponse response;
    const ErrorParts error = Unpack(MNEME_CALL(stub_, Store, request, &response));
    EXPECT_EQ(error.reason, "NOT_FINITE") << error.message;
    EXPECT_THAT(error.message, ::testing::HasSubstr(message));
  };
  for (const uint16_t bad : {0x7c00, 0xfc00, 0x7e01}) {
    fails(keys(v1::DTYPE_FLOAT16, std::vector<uint16_t>{1, 1, 1, 1, 1, 1, bad, 1}),
          "keys row 1, column 2 is ");
  }
  for (const uint16_t bad : {0x7f80, 0xff80, 0x7f81}) {
    fails(keys(v1::DTYPE_BFLOAT16, std::vector<uint16_t>{1, 1, 1, 1, 1, 1, bad, 1}),
          "keys row 1, column 2 is ");
  }
  v1::StoreRequest request = keys(v1::DTYPE_INT8, std::vector<int8_t>{1, 1, 1, 1, 0, 1, 2, 127});
  const float scales[] = {1, 3e38f};
  request.mutable_keys()->set_scales(scales, sizeof(scales));
  fails(request, "keys row 1, column 2 is inf");
}

TEST_F(WireTest, ShapesThatDoNotFit) {
  v1::StoreRequest request = GoodStore();
  SetMatrix(UnitRows(1, 2, 5), 5, request.mutable_keys());
  ExpectStoreFails(request, StatusCode::INVALID_ARGUMENT, "SHAPE");
  request = GoodStore();
  SetMatrix(UnitRows(1, 2, 4), 4, request.mutable_responses());
  ExpectStoreFails(request, StatusCode::INVALID_ARGUMENT, "SHAPE");
  request = GoodStore();
  request.add_weights(1);
  ExpectStoreFails(request, StatusCode::INVALID_ARGUMENT, "SHAPE");
  request = GoodStore();
  request.add_payloads("one");
  ExpectStoreFails(request, StatusCode::INVALID_ARGUMENT, "SHAPE");
}

TEST_F(WireTest, MatricesWhoseBytesAreNotWhatTheySay) {
  v1::StoreRequest request = GoodStore();
  request.mutable_keys()->mutable_data()->pop_back();
  ExpectStoreFails(request, StatusCode::INVALID_ARGUMENT, "MATRIX");
  request = GoodStore();
  request.mutable_keys()->set_rows(4'000'000'000u);
  request.mutable_keys()->set_cols(4'000'000'000u);
  ExpectStoreFails(request, StatusCode::INVALID_ARGUMENT, "MATRIX");
  request = GoodStore();
  request.mutable_keys()->add_values(1);
  ExpectStoreFails(request, StatusCode::INVALID_ARGUMENT, "MATRIX");
  request = GoodStore();
  request.mutable_keys()->clear_dtype();
  ExpectStoreFails(request, StatusCode::INVALID_ARGUMENT, "MATRIX");
  request = GoodStore();
  request.mutable_keys()->set_dtype(v1::DTYPE_FLOAT64);
  ExpectStoreFails(request, StatusCode::UNIMPLEMENTED, "DTYPE");
  for (const v1::Dtype dtype : {v1::DTYPE_BFLOAT16, v1::DTYPE_FLOAT16, v1::DTYPE_INT8}) {
    request.mutable_keys()->set_dtype(dtype);  // the bytes are those of float32
    ExpectStoreFails(request, StatusCode::INVALID_ARGUMENT, "MATRIX");
  }
  request.mutable_keys()->mutable_data()->resize(8);  // 2 x 4 int8, but no scales
  ExpectStoreFails(request, StatusCode::INVALID_ARGUMENT, "MATRIX");
  request = GoodStore();
  request.mutable_keys()->set_dtype(static_cast<v1::Dtype>(77));
  ExpectStoreFails(request, StatusCode::INVALID_ARGUMENT, "ENUM");
}

TEST_F(WireTest, EmptyBatchesUnknownMemoriesTwiceTheSameId) {
  v1::StoreRequest request = GoodStore();
  request.clear_keys();
  ExpectStoreFails(request, StatusCode::INVALID_ARGUMENT, "EMPTY_BATCH");
  request = GoodStore();
  request.set_memory("memories/nobody");
  ExpectStoreFails(request, StatusCode::NOT_FOUND, "MEMORY_NOT_FOUND");
  request.set_memory("m");
  ExpectStoreFails(request, StatusCode::INVALID_ARGUMENT, "MEMORY_NAME");
  request = GoodStore();
  request.add_ids()->set_number(5);
  request.add_ids()->set_number(5);
  ExpectStoreFails(request, StatusCode::INVALID_ARGUMENT, "DUPLICATE_ID");
  request = GoodStore();
  request.add_ids()->set_text(std::string(129, 'x'));
  request.add_ids()->set_number(5);
  ExpectStoreFails(request, StatusCode::INVALID_ARGUMENT, "ITEM_ID");
}

TEST_F(WireTest, ZeroVectorsUnderCosineAndUnitNormalisation) {
  v1::StoreRequest request = GoodStore();
  SetMatrix({1, 0, 0, 0, 0, 0, 0, 0}, 4, request.mutable_keys());
  ExpectStoreFails(request, StatusCode::INVALID_ARGUMENT, "ZERO_VECTOR");
  for (const float length : {1e20f, 1e-25f}) {
    SetMatrix({1, 0, 0, 0, length, 0, 0, 0}, 4, request.mutable_keys());
    ExpectStoreFails(request, StatusCode::INVALID_ARGUMENT, "KEY_LENGTH");
  }
  SetMatrix({1, 0, 0, 0, 0, 0, 0, 0}, 4, request.mutable_keys());
  request.set_memory("memories/linear");
  SetMatrix({1, 0, 0, 1}, 2, request.mutable_responses());
  ExpectStoreFails(request, StatusCode::INVALID_ARGUMENT, "ZERO_VECTOR");
}

TEST_F(WireTest, BatchesAndMessagesOverTheLimit) {
  ExpectStoreFails(GoodStore(101), StatusCode::RESOURCE_EXHAUSTED, "LIMIT");
  v1::StoreRequest request = GoodStore(1);
  request.add_payloads(std::string(1'500'000, 'x'));
  ExpectStoreFails(request, StatusCode::RESOURCE_EXHAUSTED, "LIMIT");
  // Over what the transport takes at all: gRPC itself refuses, with both numbers.
  request.set_payloads(0, std::string(3'000'000, 'x'));
  v1::StoreResponse response;
  const grpc::Status status = MNEME_CALL(stub_, Store, request, &response);
  EXPECT_EQ(status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), ::testing::HasSubstr("larger than max"));
}

TEST_F(WireTest, CompressedMessagesWhichWouldBeInflatedUnbounded) {
  for (const grpc_compression_algorithm how : {GRPC_COMPRESS_GZIP, GRPC_COMPRESS_DEFLATE}) {
    grpc::ClientContext context;
    context.set_compression_algorithm(how);
    v1::StoreRequest request = GoodStore();
    request.set_memory("memories/" + std::string(100'000, 'm'));
    v1::StoreResponse response;
    const grpc::Status status = stub_->Store(&context, request, &response);
    EXPECT_EQ(status.error_code(), StatusCode::UNIMPLEMENTED) << status.error_message();
  }
}

TEST_F(WireTest, SpecsThatCannotBe) {
  const auto fails = [](auto fill, const std::string& reason) {
    v1::CreateMemoryRequest request;
    request.set_memory_id("never");
    request.mutable_memory()->set_key_dim(4);
    fill(request);
    v1::Memory memory;
    const ErrorParts error = Unpack(MNEME_CALL(stub_, CreateMemory, request, &memory));
    EXPECT_NE(error.code, StatusCode::OK) << reason;
    EXPECT_EQ(error.reason, reason) << error.message;
    EXPECT_FALSE(error.next_step.empty());
  };
  fails([](auto&) {}, "SPEC");
  fails([](auto& r) { r.mutable_memory()->mutable_dense()->set_beta(-1); }, "SPEC");
  fails([](auto& r) { r.mutable_memory()->mutable_dense()->set_beta(std::nan("")); }, "SPEC");
  fails([](auto& r) { r.mutable_memory()->mutable_linear(); }, "SPEC");  // no response_dim
  for (const uint32_t power : {1u, 17u, 0xffffffffu}) {
    fails(
        [power](auto& r) {
          r.mutable_memory()->mutable_dense()->set_separation(v1::SEPARATION_RECTIFIED);
          r.mutable_memory()->mutable_dense()->set_power(power);
        },
        "SPEC");
  }
  fails([](auto& r) { r.mutable_memory()->mutable_feature()->set_beta(1); }, "SPEC");  // none
  fails(
      [](auto& r) {
        r.mutable_memory()->mutable_dense();
        r.mutable_memory()->set_key_dim(0);
      },
      "SPEC");
  fails(
      [](auto& r) {
        r.mutable_memory()->mutable_dense();
        r.mutable_memory()->set_retain(v1::RETAIN_STATISTICS);
      },
      "SPEC");
  fails(
      [](auto& r) {
        r.mutable_memory()->mutable_dense();
        r.mutable_memory()->set_key_dim(1'000'000);
      },
      "LIMIT");
  fails(
      [](auto& r) {
        r.mutable_memory()->mutable_dense();
        r.set_memory_id("Not-A-Name");
      },
      "MEMORY_NAME");
}

TEST_F(WireTest, CuesAndTokensThatAreWrong) {
  const auto fails = [](auto fill, const std::string& reason) {
    v1::RetrieveRequest request;
    request.set_memory("memories/m");
    SetMatrix(UnitRows(1, 1, 4), 4, request.mutable_cues());
    fill(request);
    v1::RetrieveResponse response;
    const ErrorParts error = Unpack(MNEME_CALL(stub_, Retrieve, request, &response));
    EXPECT_NE(error.code, StatusCode::OK) << reason;
    EXPECT_EQ(error.reason, reason) << error.message;
    EXPECT_FALSE(error.next_step.empty());
  };
  fails([](auto& r) { r.clear_cues(); }, "EMPTY_BATCH");
  fails([](auto& r) { SetMatrix({1, 2, 3}, 3, r.mutable_cues()); }, "SHAPE");
  fails([](auto& r) { SetMatrix({1, 2, 3, NAN}, 4, r.mutable_cues()); }, "NOT_FINITE");
  fails([](auto& r) { SetMatrix({0, 0, 0, 0}, 4, r.mutable_cues()); }, "ZERO_VECTOR");
  for (const double beta : {0.0, -1.0, static_cast<double>(NAN), static_cast<double>(INFINITY)}) {
    fails([beta](auto& r) { r.set_beta(beta); }, "BETA");
  }
  fails([](auto& r) { r.mutable_mask()->set_bits("abc"); }, "SHAPE");
  fails([](auto& r) { r.mutable_cues()->set_dtype(v1::DTYPE_FLOAT16); }, "MATRIX");
  fails([](auto& r) { r.set_recall_dtype(v1::DTYPE_FLOAT64); }, "DTYPE");
  fails([](auto& r) { r.set_recall_dtype(static_cast<v1::Dtype>(77)); }, "ENUM");
  fails(
      [](auto& r) {
        r.set_recall_dtype(v1::DTYPE_INT8);
        r.set_values(true);
      },
      "MATRIX");
  fails([](auto& r) { r.set_read_token("made up"); }, "TOKEN");
  fails([](auto& r) { r.set_top(100'000); }, "LIMIT");
  fails(
      [](auto& r) {
        r.set_memory("memories/linear");
        r.mutable_mask()->set_bits("\x0f");
      },
      "MASK_NOT_SUPPORTED");
}

TEST_F(WireTest, PageTokensAreOnlyOnesThatWereGiven) {
  v1::ListItemsRequest items;
  items.set_memory("memories/m");
  items.set_page_token("AAAA");
  v1::ListItemsResponse page;
  EXPECT_EQ(Unpack(MNEME_CALL(stub_, ListItems, items, &page)).reason, "TOKEN");
  v1::ListMemoriesRequest memories;
  memories.set_page_token("!!");
  v1::ListMemoriesResponse listed;
  EXPECT_EQ(Unpack(MNEME_CALL(stub_, ListMemories, memories, &listed)).reason, "TOKEN");
  google::longrunning::ListOperationsRequest operations;
  operations.set_page_token("garbage");
  google::longrunning::ListOperationsResponse jobs;
  const auto stub = google::longrunning::Operations::NewStub(daemon_->Connect());
  EXPECT_EQ(Unpack(MNEME_CALL(stub, ListOperations, operations, &jobs)).reason, "TOKEN");
}

TEST_F(WireTest, BytesThatAreNoMessageAtAll) {
  grpc::GenericStub generic(daemon_->Connect());
  for (const std::string& bytes :
       {std::string("\xff\xff\xff\xff"), std::string("\x0a\x7f"), std::string(1000, '\x80')}) {
    grpc::ClientContext context;
    grpc::CompletionQueue queue;
    const grpc::Slice slice(bytes);
    const grpc::ByteBuffer request(&slice, 1);
    auto call =
        generic.PrepareUnaryCall(&context, "/mneme.v1.MemoryService/Store", request, &queue);
    call->StartCall();
    grpc::ByteBuffer response;
    grpc::Status status;
    call->Finish(&response, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    ASSERT_TRUE(queue.Next(&tag, &ok));
    EXPECT_FALSE(status.ok());
  }
}

}  // namespace
}  // namespace mneme::test
