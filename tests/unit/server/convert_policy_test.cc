// What of a memory may change, off the wire and onto it; times, texts of errors.
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"
#include "server/rpc/convert.h"
#include "server/rpc/status.h"

namespace mneme::server {
namespace {

using ::testing::HasSubstr;

v1::UpdateMemoryRequest Update(const std::vector<const char*>& paths) {
  v1::UpdateMemoryRequest request;
  v1::Memory& memory = *request.mutable_memory();
  memory.set_name("memories/m");
  memory.set_description("text");
  (*memory.mutable_labels())["team"] = "a";
  memory.set_frozen(true);
  v1::ItemPolicy& policy = *memory.mutable_item_policy();
  policy.mutable_ttl()->set_seconds(60);
  policy.set_items_max(10);
  policy.set_bytes_max(1'000);
  policy.set_full_policy(v1::FULL_POLICY_EVICT_OLDEST);
  for (const char* path : paths) request.mutable_update_mask()->add_paths(path);
  return request;
}

// Which fields a command changes, as letters.
std::string Changed(const engine::UpdateCommand& command) {
  std::string out;
  if (command.description.has_value()) out += 'd';
  if (command.labels.has_value()) out += 'l';
  if (command.ttl_nanos.has_value()) out += 't';
  if (command.items_max.has_value()) out += 'i';
  if (command.bytes_max.has_value()) out += 'b';
  if (command.full_policy.has_value()) out += 'p';
  if (command.frozen.has_value()) out += 'f';
  return out;
}

TEST(UpdateMask, ChangesWhatItNamesAndNothingElse) {
  const std::vector<std::pair<std::vector<const char*>, std::string>> cases = {
      {{}, "dl"},
      {{"description"}, "d"},
      {{"labels"}, "l"},
      {{"frozen"}, "f"},
      {{"item_policy"}, "tibp"},
      {{"item_policy.ttl"}, "t"},
      {{"item_policy.items_max"}, "i"},
      {{"item_policy.bytes_max"}, "b"},
      {{"item_policy.full_policy"}, "p"},
      {{"item_policy.ttl", "frozen"}, "tf"},
      {{"*"}, "dltibpf"},
  };
  for (const auto& [paths, changed] : cases) {
    const auto command = DecodeUpdate(Update(paths));
    ASSERT_TRUE(command.ok()) << command.status();
    EXPECT_EQ(Changed(*command), changed);
  }
  const auto command = DecodeUpdate(Update({"*"}));
  EXPECT_EQ(*command->ttl_nanos, 60'000'000'000);
  EXPECT_EQ(*command->items_max, 10u);
  EXPECT_EQ(*command->bytes_max, 1'000u);
  EXPECT_EQ(*command->full_policy, engine::FullPolicy::kEvictOldest);
  EXPECT_TRUE(*command->frozen);
}

TEST(UpdateMask, AbsentFieldsThatAreNamedAreTakenAway) {
  v1::UpdateMemoryRequest request;
  request.mutable_memory()->set_name("memories/m");
  request.mutable_update_mask()->add_paths("item_policy");
  const auto command = DecodeUpdate(request);
  ASSERT_TRUE(command.ok());
  EXPECT_EQ(*command->ttl_nanos, 0);
  EXPECT_EQ(*command->items_max, 0u);
  EXPECT_EQ(*command->full_policy, engine::FullPolicy::kRefuse);
}

TEST(UpdateMask, RefusesWhatCannotChangeAndNamesWhatCan) {
  for (const char* path : {"key_dim", "dense", "item_policy.", "item_polic", "item_policy.ttl.x",
                           "item_policy.seconds", "state", ""}) {
    const absl::Status status = DecodeUpdate(Update({path})).status();
    ASSERT_FALSE(status.ok()) << path;
    const std::optional<ErrorDetail> detail = GetErrorDetail(status);
    EXPECT_EQ(detail->reason, "UPDATE_MASK") << path;
    for (const char* known : {"description", "labels", "item_policy.ttl", "frozen"}) {
      EXPECT_THAT(detail->expected, HasSubstr(known));
    }
  }
}

TEST(ItemPolicy, RoundTripsThroughTheWire) {
  const engine::ItemPolicy policies[] = {
      {},
      {.ttl_nanos = 1'500'000'000, .items_max = 3, .full_policy = engine::FullPolicy::kEvictOldest},
      {.bytes_max = 1ull << 40, .full_policy = engine::FullPolicy::kEvictLeastUsed},
  };
  for (const engine::ItemPolicy& policy : policies) {
    v1::ItemPolicy wire;
    EncodeItemPolicy(policy, &wire);
    EXPECT_EQ(wire.has_ttl(), policy.ttl_nanos > 0);
    const auto back = DecodeItemPolicy(wire);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, policy);
  }
  v1::ItemPolicy wire;
  wire.set_full_policy(static_cast<v1::FullPolicy>(9));
  EXPECT_EQ(GetErrorDetail(DecodeItemPolicy(wire).status())->reason, "ENUM");
  wire.clear_full_policy();
  wire.mutable_ttl()->set_seconds(-1);
  EXPECT_EQ(GetErrorDetail(DecodeItemPolicy(wire).status())->reason, "DURATION");
}

TEST(EncodeMemory, SaysHowItStands) {
  engine::MemoryInfo info{.name = "m", .uid = 1, .frozen = true, .checkpoint_position = 8};
  info.spec = {.key_dim = 2, .model = models::DenseSpec{}};
  info.expired = 3;
  info.evicted = 4;
  const std::pair<engine::Health, v1::Health> healths[] = {
      {engine::Health::kServing, v1::HEALTH_SERVING},
      {engine::Health::kDegraded, v1::HEALTH_DEGRADED},
      {engine::Health::kStarting, v1::HEALTH_STARTING},
      {engine::Health::kUnloaded, v1::HEALTH_UNLOADED}};
  for (const auto& [core, wire] : healths) {
    info.health = core;
    v1::Memory memory;
    EncodeMemory(info, std::nullopt, &memory);
    EXPECT_EQ(memory.state().health(), wire);
    EXPECT_TRUE(memory.frozen());
    EXPECT_EQ(memory.state().expired_count(), 3u);
    EXPECT_EQ(memory.state().evicted_count(), 4u);
    EXPECT_EQ(memory.state().checkpoint_position(), 8u);
  }
}

TEST(Spec, RefusesABetaThatFloat32CannotHold) {
  for (double beta : {1e39, 1e-46, HUGE_VAL}) {
    v1::Memory memory;
    memory.set_key_dim(2);
    memory.mutable_dense()->set_beta(beta);
    EXPECT_EQ(GetErrorDetail(DecodeSpec(memory).status())->reason, "SPEC") << beta;
  }
}

TEST(Timestamp, RoundTripsOnBothSidesOf1970) {
  for (int64_t nanos : {int64_t{0}, int64_t{1}, int64_t{-1}, int64_t{1'700'000'000'123'456'789},
                        int64_t{-1'500'000'001}}) {
    google::protobuf::Timestamp wire;
    EncodeTimestamp(nanos, &wire);
    EXPECT_GE(wire.nanos(), 0);
    EXPECT_EQ(*DecodeTimestamp(wire, "t"), nanos);
  }
}

TEST(BackupName, IsANumberBehindItsPrefix) {
  EXPECT_EQ(*DecodeBackupName(FormatBackupName(12)), 12u);
  for (const char* name : {"backups/", "backups/-1", "backups/1x", "backups/01", "12",
                           "backups/4294967296", "memories/12"}) {
    EXPECT_EQ(GetErrorDetail(DecodeBackupName(name).status())->reason, "BACKUP_NAME") << name;
  }
}

// Protobuf drops a message whose strings are not UTF-8; what a caller sent must not take the rest
// of the error with it.
TEST(Status, KeepsItsDetailsWhateverBytesWereGiven) {
  const std::string bad = "a\xff\xc0\xaf\xed\xa0\x80z\xf0\x9f\x98\x80\xe2\x82";
  const grpc::Status wire =
      ToGrpc(InvalidArgument("given " + bad, {.reason = "NAME", .given = bad, .expected = "text"}));
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(wire.error_details()));
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(details.details(0).UnpackTo(&info));
  EXPECT_EQ(info.metadata().at("given"), "a??????z\xf0\x9f\x98\x80??");
  EXPECT_EQ(details.message(), "given a??????z\xf0\x9f\x98\x80??");
}

TEST(Status, CutsBetweenCharacters) {
  std::string text;
  while (text.size() < 2 * kMessageBytesMax) text += "\xe2\x82\xac";  // three bytes
  const std::string cut = ToGrpc(absl::InternalError(text)).error_message();
  EXPECT_EQ(cut.size(), kMessageBytesMax / 3 * 3);
  EXPECT_EQ(cut, text.substr(0, cut.size()));
}

}  // namespace
}  // namespace mneme::server
