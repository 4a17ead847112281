#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/client/cpp/client_fixture.h"

namespace mneme::client {
namespace {

using std::chrono::hours;
using ::testing::ElementsAre;

class ClientAdminTest : public testing::ClientTest {};

TEST_F(ClientAdminTest, AliasesAreSetSwappedListedAndDeleted) {
  Client client(Options());
  ASSERT_TRUE(client.SetAlias("b", "faces-v1").ok());
  ASSERT_TRUE(client.SetAlias("a", "memories/words").ok());
  const auto raced = client.SetAlias("b", "faces-v2", "faces-v0");
  EXPECT_EQ(raced.status().code(), absl::StatusCode::kAborted);
  const auto swapped = client.SetAlias("b", "faces-v2", "faces-v1");
  ASSERT_TRUE(swapped.ok()) << swapped.status();
  EXPECT_EQ(swapped->memory, "memories/faces-v2");
  const auto aliases = client.ListAliases();
  ASSERT_TRUE(aliases.ok());
  ASSERT_EQ(aliases->size(), 2u) << "over all pages";
  EXPECT_EQ((*aliases)[0].name, "memories/a");
  EXPECT_EQ((*aliases)[1].memory, "memories/faces-v2");
  EXPECT_TRUE(client.DeleteAlias("a").ok());
  EXPECT_EQ(client.DeleteAlias("a").code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(client.DeleteAlias("a", /*allow_missing=*/true).ok());
}

TEST_F(ClientAdminTest, UpdateNamesWhatItChangesAndNothingElse) {
  Client client(Options());
  ASSERT_TRUE(client
                  .UpdateMemory("faces", {.ttl = std::chrono::nanoseconds(0),
                                          .items_max = 7,
                                          .full_policy = FullPolicy::kEvictOldest,
                                          .frozen = true})
                  .ok());
  const v1::UpdateMemoryRequest request = server_.Received<v1::UpdateMemoryRequest>().back();
  EXPECT_THAT(request.update_mask().paths(), ElementsAre("item_policy.ttl", "item_policy.items_max",
                                                         "item_policy.full_policy", "frozen"));
  EXPECT_FALSE(request.memory().item_policy().has_ttl()) << "zero: for ever";
  EXPECT_TRUE(request.memory().frozen());
}

TEST_F(ClientAdminTest, ItemsTakeTheirLifetimesAndEtagsAlong) {
  Client client(Options());
  const Matrix keys = Rows(2);
  const Timestamp time(std::chrono::seconds(1'900'000'000));
  const std::vector<Timestamp> times{time, Timestamp()};
  const std::vector<std::string> etags{"", "e7"};
  ASSERT_TRUE(client
                  .Store("faces", {.keys = keys.ref(), .expire_times = times, .etags = etags},
                         {.upsert = true, .ttl = hours(1)})
                  .ok());
  const v1::StoreRequest request = server_.Received<v1::StoreRequest>().back();
  ASSERT_EQ(request.expire_times_size(), 2);
  EXPECT_EQ(request.expire_times(0).seconds(), 1'900'000'000);
  EXPECT_EQ(request.expire_times(1).seconds(), 0) << "unset";
  EXPECT_THAT(request.etags(), ElementsAre("", "e7"));
  EXPECT_EQ(request.ttl().seconds(), 3600);
}

TEST_F(ClientAdminTest, FiltersGoWithEveryCallThatTakesOne) {
  Client client(Options());
  const Matrix cues = Rows(1);
  ASSERT_TRUE(client.Retrieve("faces", cues.ref(), {.filter = "a = 1"}).ok());
  ASSERT_TRUE(client.ListwiseQuery("faces", cues.ref(), {.filter = "b = 1"}).ok());
  ASSERT_TRUE(client.DeleteItemsWhere("faces", "c = 1").ok());
  EXPECT_EQ(server_.Received<v1::RetrieveRequest>().back().filter(), "a = 1");
  EXPECT_EQ(server_.Received<v1::ListwiseQueryRequest>().back().filter(), "b = 1");
  EXPECT_EQ(server_.Received<v1::DeleteItemsRequest>().back().filter(), "c = 1");
}

TEST_F(ClientAdminTest, DeletingByFilterCallsAgainWhileMoreMatch) {
  server_.deletes_left = 2;
  Client client(Options());
  const auto deleted = client.DeleteItemsWhere("faces", "a:*", {.request_id = "d"});
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(deleted->requests, 3u);
  const auto requests = server_.Received<v1::DeleteItemsRequest>();
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_EQ(requests[0].request_id(), "d/0");
  EXPECT_EQ(requests[2].request_id(), "d/2");
}

TEST_F(ClientAdminTest, BackupsAndUsageComeOverWhole) {
  server_.admin.backup.set_bytes(100);
  server_.admin.backup.set_new_bytes(10);
  v1::BackupMemory* memory = server_.admin.backup.add_memories();
  memory->set_name("memories/faces");
  memory->set_position(42);
  server_.admin.usage.set_memory_bytes_twice(77);
  server_.admin.usage.set_top1(0.5);
  Client client(Options());
  const auto backup = client.GetBackup("3");
  ASSERT_TRUE(backup.ok());
  EXPECT_EQ(backup->name, "backups/3");
  EXPECT_EQ(backup->new_bytes, 10u);
  ASSERT_EQ(backup->memories.size(), 1u);
  EXPECT_EQ(backup->memories[0].position, 42u);
  const auto usage = client.GetMemoryUsage("faces");
  ASSERT_TRUE(usage.ok());
  EXPECT_EQ(usage->memory_bytes_twice, 77u);
  EXPECT_EQ(usage->top1, 0.5);
  EXPECT_FALSE(usage->top1_twice.has_value());
  const auto begun = client.CreateBackup("before");
  ASSERT_TRUE(begun.ok());
  ASSERT_TRUE(begun->admin.has_value());
  EXPECT_EQ(begun->admin->kind, "backup");
  ASSERT_TRUE(client.RestoreBackup("3", {.memories = {"faces"}, .name = "old"}).ok());
  EXPECT_EQ(server_.admin.restores().back().memories(0), "memories/faces");
  EXPECT_EQ(server_.admin.restores().back().memory_id(), "old");
  ASSERT_TRUE(client.CloneMemory("faces", "memories/copy").ok());
  EXPECT_EQ(server_.admin.clones().back().memory_id(), "copy");
}

}  // namespace
}  // namespace mneme::client
