// What the engine writes as bytes comes back; damaged bytes are found out.
#include "core/engine/catalogue_entry.h"

#include "core/base/bytes.h"
#include "core/base/status.h"
#include "gtest/gtest.h"

namespace mneme::engine {
namespace {

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
  // The tag of the index, before the policy: a version 3 entry is one byte shorter.
  bytes.erase(bytes.size() - (3 * sizeof(uint64_t) + 2) - 1, 1);
  bytes[0] = 3;
  const auto old = DecodeCatalogueEntry(bytes);
  ASSERT_TRUE(old.ok()) << old.status();
  EXPECT_EQ(std::get<models::DenseSpec>(old->spec.model).beta, 2.5);
  EXPECT_FALSE(std::get<models::DenseSpec>(old->spec.model).index.has_value());
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

  bytes.resize(bytes.size() - (3 * sizeof(uint64_t) + 2));
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
