// What the engine writes as bytes comes back; damaged bytes are found out.
#include "core/engine/catalogue_entry.h"

#include "core/base/bytes.h"
#include "core/base/status.h"
#include "gtest/gtest.h"

namespace mneme::engine {
namespace {

// At the end of an entry: the policy of items and frozen; before it, of a dense spec, what version
// 5 added, and then what version 6 did.
constexpr size_t kPolicyBytes = 3 * sizeof(uint64_t) + 2;
constexpr size_t kEncoderBytes = 1;
constexpr size_t kSeparationBytes = 3 + sizeof(int32_t) + 1 + sizeof(double) + kEncoderBytes;

MemoryInfo Example() {
  MemoryInfo info{
      .name = "faces", .uid = 77, .revision = 3, .create_unix_nanos = 5, .update_unix_nanos = 6};
  info.labels = {.description = "d", .labels = {{"team", "vision"}, {"", "x"}}};
  info.spec = {.key_dim = 8,
               .response_dim = 2,
               .retain = models::Retain::kResponses,
               .model = models::LinearSpec{.rule = models::LinearRule::kCmm,
                                           .lambda = 0.5,
                                           .partitions = 4,
                                           .normalize_keys = false}};
  return info;
}

TEST(CatalogueEntry, RoundTrips) {
  const MemoryInfo info = Example();
  auto back = DecodeCatalogueEntry(EncodeCatalogueEntry(info));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->name, "faces");
  EXPECT_EQ(back->uid, 77u);
  EXPECT_EQ(back->revision, 3u);
  EXPECT_EQ(back->labels.labels, info.labels.labels);
  const auto& linear = std::get<models::LinearSpec>(back->spec.model);
  EXPECT_EQ(linear.lambda, 0.5);
  EXPECT_EQ(linear.partitions, 4u);
  EXPECT_FALSE(linear.normalize_keys);
  EXPECT_TRUE(linear.normalize_responses);
  EXPECT_EQ(back->spec.retain, models::Retain::kResponses);
}

TEST(CatalogueEntry, EveryFieldOfALinearSpecComesBack) {
  MemoryInfo info = Example();
  models::LinearSpec spec{.rule = models::LinearRule::kGatedDelta,
                          .beta = 0.25,
                          .gamma = 0.75,
                          .load_policy = models::LoadPolicy::kWarn,
                          .load_limit = 0.5,
                          .key_mean = {1, 2, 3, 4, 5, 6, 7, 8}};
  info.spec.model = spec;
  info.spec.retain = models::Retain::kAll;
  auto back = DecodeCatalogueEntry(EncodeCatalogueEntry(info));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(std::get<models::LinearSpec>(back->spec.model), spec);
  spec = {.rule = models::LinearRule::kTam, .tail_fraction = 0.125};
  info.spec.model = spec;
  back = DecodeCatalogueEntry(EncodeCatalogueEntry(info));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(std::get<models::LinearSpec>(back->spec.model), spec);
  spec = {.rule = models::LinearRule::kTam, .list_size = 20};
  info.spec.model = spec;
  back = DecodeCatalogueEntry(EncodeCatalogueEntry(info));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(std::get<models::LinearSpec>(back->spec.model), spec);
}

TEST(CatalogueEntry, TheIndexOfADenseSpecComesBackAndVersionThreeHasNone) {
  MemoryInfo info = Example();
  info.spec.retain = models::Retain::kAll;
  const models::IndexSpec binary = {
      .kind =
          models::BinaryIndexSpec{
              .bits = 448, .rotation_seed = 9, .centred = false, .tile_size = 16, .tile_keep = 2},
      .target_recall = 0.75,
      .rescore_depth = 300};
  const models::IndexSpec graph = {
      .kind = models::GraphIndexSpec{.links = 9, .construction_width = 77, .seed = 5},
      .target_recall = 1};
  for (const models::IndexSpec& index : {binary, graph}) {
    info.spec.model = models::DenseSpec{.beta = 2.5, .index = index};
    const auto back = DecodeCatalogueEntry(EncodeCatalogueEntry(info));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(std::get<models::DenseSpec>(back->spec.model).index, index);
  }
  info.spec.model = models::DenseSpec{.beta = 2.5};
  std::string bytes = EncodeCatalogueEntry(info);
  ASSERT_TRUE(DecodeCatalogueEntry(bytes).ok());
  // The tag of the index, before what version 5 added: a version 3 entry ends with the tolerance.
  bytes.erase(bytes.size() - kPolicyBytes - kSeparationBytes - 1, 1 + kSeparationBytes);
  bytes[0] = 3;
  const auto old = DecodeCatalogueEntry(bytes);
  ASSERT_TRUE(old.ok()) << old.status();
  EXPECT_EQ(std::get<models::DenseSpec>(old->spec.model).beta, 2.5);
  EXPECT_FALSE(std::get<models::DenseSpec>(old->spec.model).index.has_value());
}

TEST(CatalogueEntry, TheSeparationOfADenseSpecComesBackAndVersionFourIsExp) {
  MemoryInfo info = Example();
  info.spec.retain = models::Retain::kAll;
  info.spec.response_dim = 0;
  const models::DenseSpec relu = {.separation = models::Separation::kRelu1,
                                  .no_support = models::NoSupportPolicy::kWiden,
                                  .radius = 0.75,
                                  .steps_max = 32};
  const models::DenseSpec binary = {.similarity = models::Similarity::kDot,
                                    .separation = models::Separation::kRectifiedPower,
                                    .power = 5,
                                    .state = models::StateSpace::kBinary};
  const models::DenseSpec encoded = {.similarity = models::Similarity::kCosine,
                                     .encoder = models::Encoder::kLinear};
  for (const models::DenseSpec& spec : {relu, binary, encoded}) {
    info.spec.model = spec;
    const auto back = DecodeCatalogueEntry(EncodeCatalogueEntry(info));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(std::get<models::DenseSpec>(back->spec.model), spec);
  }
  info.spec.model = models::DenseSpec{.beta = 2.5};
  std::string bytes = EncodeCatalogueEntry(info);
  bytes.erase(bytes.size() - kPolicyBytes - kSeparationBytes, kSeparationBytes);
  bytes[0] = 4;
  const auto old = DecodeCatalogueEntry(bytes);
  ASSERT_TRUE(old.ok()) << old.status();
  EXPECT_EQ(std::get<models::DenseSpec>(old->spec.model), models::DenseSpec{.beta = 2.5});
}

// Byte for byte as version 5 wrote it.
TEST(CatalogueEntry, VersionFiveIsReadWithoutAnEncoder) {
  ByteWriter out;
  out.Put<uint8_t>(5);
  out.PutBytes("parts");
  out.Put<uint64_t>(7);  // uid
  out.Put<uint64_t>(1);  // revision
  out.Put<int64_t>(10);  // created
  out.Put<int64_t>(11);  // updated
  out.PutBytes("");      // description
  out.Put<uint32_t>(0);  // labels
  out.Put<uint64_t>(4);  // key_dim
  out.Put<uint64_t>(0);  // response_dim
  out.Put<uint8_t>(2);   // retain all
  out.Put<uint8_t>(1);   // dense
  out.Put<uint8_t>(2);   // l2
  out.Put<uint8_t>(0);   // beta absent
  out.Put<double>(0);
  out.Put<int32_t>(32);   // steps
  out.Put<double>(1e-5);  // tolerance
  out.Put<uint8_t>(0);    // no index
  out.Put<uint8_t>(1);    // relu
  out.Put<int32_t>(0);    // power
  out.Put<uint8_t>(0);    // free states
  out.Put<uint8_t>(3);    // widen
  out.Put<uint8_t>(1);    // radius present
  out.Put<double>(0.75);
  out.Put<int64_t>(0);   // items do not expire,
  out.Put<uint64_t>(0);  // nor are they capped in number
  out.Put<uint64_t>(0);  // or bytes
  out.Put<uint8_t>(0);   // refuse when full
  out.Put<uint8_t>(1);   // frozen
  const auto back = DecodeCatalogueEntry(out.Take());
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_TRUE(back->frozen);
  EXPECT_EQ(std::get<models::DenseSpec>(back->spec.model),
            (models::DenseSpec{.separation = models::Separation::kRelu1,
                               .no_support = models::NoSupportPolicy::kWiden,
                               .radius = 0.75,
                               .steps_max = 32}));
}

TEST(CatalogueEntry, EveryFieldOfAFeatureSpecComesBackAndVersionFourHasNone) {
  MemoryInfo info = Example();
  const models::FeatureSpec spec{.kind = models::FeatureKind::kOrthogonal,
                                 .features = 700,
                                 .beta = 2.5,
                                 .seed = 9,
                                 .rate = 0.5,
                                 .steps_max = 7,
                                 .tolerance = 0.25,
                                 .gamma = 0.75,
                                 .items_expected = 11,
                                 .cue_noise = 0.125};
  info.spec.model = spec;
  info.spec.retain = models::Retain::kStatistics;
  std::string bytes = EncodeCatalogueEntry(info);
  const auto back = DecodeCatalogueEntry(bytes);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(std::get<models::FeatureSpec>(back->spec.model), spec);
  bytes[0] = 4;
  EXPECT_TRUE(absl::IsDataLoss(DecodeCatalogueEntry(bytes).status()));
}

TEST(CatalogueEntry, ThePolicyOfItemsComesBackAndVersionTwoHasNone) {
  MemoryInfo info = Example();
  info.spec.retain = models::Retain::kAll;
  info.item_policy = {.ttl_nanos = 5,
                      .items_max = 6,
                      .bytes_max = 7'000,
                      .full_policy = FullPolicy::kEvictLeastUsed};
  info.frozen = true;
  std::string bytes = EncodeCatalogueEntry(info);
  auto back = DecodeCatalogueEntry(bytes);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->item_policy, info.item_policy);
  EXPECT_TRUE(back->frozen);

  bytes.resize(bytes.size() - kPolicyBytes);
  bytes[0] = 2;
  back = DecodeCatalogueEntry(bytes);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->item_policy, ItemPolicy());
  EXPECT_FALSE(back->frozen);
}

TEST(CatalogueEntry, APolicyThatNoMemoryCanHaveIsDamage) {
  MemoryInfo info = Example();  // keeps responses: its items cannot expire
  info.item_policy.ttl_nanos = 5;
  EXPECT_TRUE(absl::IsDataLoss(DecodeCatalogueEntry(EncodeCatalogueEntry(info)).status()));
}

TEST(CatalogueEntry, VersionOneIsReadWithTheLaterFieldsAtTheirDefaults) {
  ByteWriter out;
  out.Put<uint8_t>(1);
  out.PutBytes("old");
  out.Put<uint64_t>(7);  // uid
  out.Put<uint64_t>(1);  // revision
  out.Put<int64_t>(10);  // created
  out.Put<int64_t>(11);  // updated
  out.PutBytes("");      // description
  out.Put<uint32_t>(0);  // labels
  out.Put<uint64_t>(4);  // key_dim
  out.Put<uint64_t>(3);  // response_dim
  out.Put<uint8_t>(2);   // retain all
  out.Put<uint8_t>(2);   // linear
  out.Put<uint8_t>(1);   // ridge
  out.Put<uint8_t>(0);   // lambda absent
  out.Put<double>(0);
  out.Put<uint32_t>(2);  // partitions
  out.Put<uint8_t>(1);   // unit keys
  out.Put<uint8_t>(0);   // responses as they come
  const auto back = DecodeCatalogueEntry(out.Take());
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(
      std::get<models::LinearSpec>(back->spec.model),
      (models::LinearSpec{
          .rule = models::LinearRule::kRidge, .partitions = 2, .normalize_responses = false}));
}

TEST(CatalogueEntry, EveryTruncationIsDataLoss) {
  const std::string bytes = EncodeCatalogueEntry(Example());
  for (size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_EQ(DecodeCatalogueEntry(std::string_view(bytes).substr(0, n)).status().code(),
              absl::StatusCode::kDataLoss)
        << n;
  }
  EXPECT_EQ(DecodeCatalogueEntry(bytes + "x").status().code(), absl::StatusCode::kDataLoss);
}

TEST(CatalogueEntry, ANewerVersionIsRefusedByName) {
  std::string bytes = EncodeCatalogueEntry(Example());
  bytes[0] = 9;
  EXPECT_EQ(DecodeCatalogueEntry(bytes).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(WriteReply, RoundTrips) {
  const WriteReply reply{.uid = 1,
                         .position = 2,
                         .stored = 3,
                         .replaced = 4,
                         .deleted = 5,
                         .missing = 6,
                         .suppressed = 9,
                         .evicted = 10,
                         .more = true,
                         .first_id = 7,
                         .item_count = 8,
                         .sync = Sync::kOs};
  auto back = DecodeWriteReply(EncodeWriteReply(reply));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->item_count, 8u);
  EXPECT_EQ(back->first_id, 7u);
  EXPECT_EQ(back->suppressed, 9u);
  EXPECT_EQ(back->evicted, 10u);
  EXPECT_TRUE(back->more);
  EXPECT_EQ(back->sync, Sync::kOs);
  EXPECT_FALSE(DecodeWriteReply("").ok());
}

TEST(Checkpoint, KeepsTheRowBoundAndTheBlob) {
  const std::string bytes = EncodeCheckpoint(42, "blob");
  auto checkpoint = DecodeCheckpoint(bytes);
  ASSERT_TRUE(checkpoint.ok());
  EXPECT_EQ(checkpoint->next_row, 42u);
  EXPECT_EQ(checkpoint->model_blob, "blob");
}

}  // namespace
}  // namespace mneme::engine
