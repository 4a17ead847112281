// Wire <-> engine: tokens, errors, hashes, masks, specs. (Matrices: convert_matrix_test.cc.)
#include "server/rpc/convert.h"

#include "core/base/status.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"
#include "server/rpc/status.h"
#include "server/rpc/tokens.h"

namespace mneme::server {
namespace {

TEST(Tokens, AnyChangedBitIsFoundOut) {
  const std::string token = EncodeReadToken({.uid = 0x1234, .position = 99});
  auto back = DecodeReadToken(token);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->uid, 0x1234u);
  EXPECT_EQ(back->position, 99u);
  for (size_t bit = 0; bit < token.size() * 8; ++bit) {
    std::string changed = token;
    changed[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    EXPECT_FALSE(DecodeReadToken(changed).ok()) << bit;
  }
  for (size_t n = 0; n < token.size(); ++n) EXPECT_FALSE(DecodeReadToken(token.substr(0, n)).ok());
}

TEST(Tokens, OneKindIsNotAnother) {
  const std::string page = EncodePageToken({.uid = 1, .next_row = 2, .options = 3});
  auto back = DecodeItemPageToken(page);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->next_row, 2u);
  EXPECT_FALSE(DecodeNameToken(page).ok());
  EXPECT_EQ(*DecodeNameToken(EncodeNameToken("faces")), "faces");
  EXPECT_FALSE(DecodeJobToken(EncodeNameToken("faces")).ok());
  EXPECT_EQ(*DecodeJobToken(EncodeJobToken(7)), 7u);
}

TEST(Etag, CarriesTheRevision) {
  EXPECT_EQ(*ParseEtag(FormatEtag({.uid = 77, .revision = 12})),
            (engine::Etag{.uid = 77, .revision = 12}));
  EXPECT_EQ(ParseEtag("nonsense").status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ParseEtag("12-4d").status().code(),
            absl::StatusCode::kAborted);  // not as it is written
  EXPECT_EQ(FormatUid(255), "00000000000000ff");
}

TEST(Status, BecomesRpcDetails) {
  const absl::Status status = ResourceExhausted("busy", {.reason = "BUSY",
                                                         .given = "9",
                                                         .expected = "8",
                                                         .next_step = "Wait.",
                                                         .retry_after_ms = 1500});
  const grpc::Status wire = ToGrpc(status);
  EXPECT_EQ(wire.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(wire.error_details()));
  ASSERT_EQ(details.details_size(), 3);
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(details.details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "BUSY");
  EXPECT_EQ(info.metadata().at("given"), "9");
  google::rpc::RetryInfo retry;
  ASSERT_TRUE(details.details(2).UnpackTo(&retry));
  EXPECT_EQ(retry.retry_delay().seconds(), 1);
  EXPECT_EQ(retry.retry_delay().nanos(), 500'000'000);
  EXPECT_EQ(ToGrpc(absl::InternalError(std::string(10'000, 'x'))).error_message().size(),
            kMessageBytesMax);
}

TEST(BodyHash, TellsContentsAndTheirSplitApart) {
  const auto hash = [](std::initializer_list<std::string_view> parts) {
    BodyHash h;
    for (std::string_view part : parts) h.Add(part);
    return h.value();
  };
  EXPECT_EQ(hash({"a", "b"}), hash({"a", "b"}));
  EXPECT_NE(hash({"a", "b"}), hash({"ab", ""}));
  EXPECT_NE(hash({"a", "b"}), hash({"b", "a"}));
  EXPECT_NE(BodyHash().Add(ItemId(uint64_t{7})).value(), BodyHash().Add(ItemId("7")).value());
}

TEST(DecodeMask, OneRowServesAllCues) {
  DecodeArena arena;
  v1::Mask mask;
  mask.set_bits("\x03\x01");
  auto spread = DecodeMask(mask, 3, 9, arena);
  ASSERT_TRUE(spread.ok());
  EXPECT_EQ(spread->size(), 6u);
  EXPECT_EQ((*spread)[4], 3);
  EXPECT_FALSE(DecodeMask(mask, 3, 20, arena).ok());
}

TEST(Spec, RoundTripsThroughTheWire) {
  v1::Memory wire;
  wire.set_key_dim(8);
  wire.set_response_dim(3);
  wire.set_retain(v1::RETAIN_RESPONSES);
  wire.mutable_linear()->set_rule(v1::LINEAR_RULE_CMM);
  wire.mutable_linear()->set_partitions(4);
  wire.mutable_linear()->set_key_normalization(v1::NORMALIZATION_NONE);
  auto spec = DecodeSpec(wire);
  ASSERT_TRUE(spec.ok());
  v1::Memory back;
  EncodeMemory({.name = "m", .uid = 1, .spec = *spec}, std::nullopt, &back);
  EXPECT_EQ(back.name(), "memories/m");
  EXPECT_EQ(back.retain(), v1::RETAIN_RESPONSES);
  EXPECT_EQ(back.linear().partitions(), 4u);
  EXPECT_EQ(back.linear().key_normalization(), v1::NORMALIZATION_NONE);
  EXPECT_EQ(back.linear().response_normalization(), v1::NORMALIZATION_UNIT);
  wire.clear_model();
  EXPECT_EQ(GetErrorDetail(DecodeSpec(wire).status())->reason, "SPEC");
}

TEST(Spec, AnIndexRoundTripsAndWhatIsLeftOutGetsItsDefault) {
  v1::Memory wire;
  wire.set_key_dim(8);
  v1::IndexSpec& index = *wire.mutable_dense()->mutable_index();
  index.mutable_binary()->set_no_centering(true);
  index.mutable_binary()->set_bits(320);
  index.set_rescore_depth(50);
  auto spec = DecodeSpec(wire);
  ASSERT_TRUE(spec.ok()) << spec.status();
  v1::Memory back;
  EncodeMemory({.name = "m", .spec = *spec}, std::nullopt, &back);
  EXPECT_EQ(back.dense().index().binary().bits(), 320u);
  EXPECT_TRUE(back.dense().index().binary().no_centering());
  EXPECT_EQ(back.dense().index().binary().rotation_seed(), 1u);
  EXPECT_EQ(back.dense().index().target_recall(), 0.98);
  EXPECT_EQ(back.dense().index().rescore_depth(), 50u);
  EXPECT_FALSE(back.state().has_index()) << "nothing is known of it yet";
  index.mutable_graph()->set_links(7);
  spec = DecodeSpec(wire);
  ASSERT_TRUE(spec.ok());
  EncodeMemory({.name = "m", .spec = *spec}, std::nullopt, &back);
  EXPECT_EQ(back.dense().index().graph().links(), 7u);
  EXPECT_EQ(back.dense().index().graph().construction_width(), 200u);
  index.clear_kind();
  spec = DecodeSpec(wire);
  ASSERT_TRUE(spec.ok());
  const auto& dense = std::get<models::DenseSpec>(spec->model);
  EXPECT_TRUE(std::holds_alternative<models::BinaryIndexSpec>(dense.index->kind));
  wire.mutable_dense()->clear_index();
  EXPECT_FALSE(std::get<models::DenseSpec>(DecodeSpec(wire)->model).index.has_value());
}

TEST(Index, WhatWasMeasuredAndWhyItIsNotUsedAreEncoded) {
  auto calibration = std::make_shared<models::Calibration>();
  calibration->verdict = models::IndexVerdict::kUse;
  calibration->why = "why";
  calibration->depth = 64;
  calibration->recall = {.share = 0.99, .low = 0.98, .high = 0.995};
  calibration->exact_ns = 5000;
  calibration->rows = 7000;
  calibration->table = {{.depth = 64, .candidates_ns = 1500, .rescore_ns = 500}};
  v1::IndexStatus status;
  EncodeIndexStats({.fallback = models::IndexFallback::kNone, .calibration = calibration}, &status);
  EXPECT_EQ(status.fallback(), v1::INDEX_FALLBACK_UNSPECIFIED);
  EXPECT_EQ(status.why(), "why");
  EXPECT_EQ(status.recall().low(), 0.98);
  EXPECT_EQ(status.exact_us(), 5);
  ASSERT_EQ(status.table_size(), 1);
  EXPECT_EQ(status.table(0).candidates_us(), 1.5);
  // Names and numbers of the reasons are one list, on the wire and in the core.
  for (int i = 1; i < v1::IndexFallback_ARRAYSIZE; ++i) {
    const auto fallback = static_cast<models::IndexFallback>(i);
    v1::IndexReport report;
    EncodeIndexUse({.fallback = fallback, .recall = calibration->recall, .depth = 3}, &report);
    EXPECT_EQ(v1::IndexFallback_Name(report.fallback()),
              "INDEX_FALLBACK_" + std::string(models::Name(fallback)));
    EXPECT_FALSE(report.has_recall()) << "an exact answer speaks of no recall";
  }
}

}  // namespace
}  // namespace mneme::server
