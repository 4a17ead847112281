#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/unit/client/cli/app_fixture.h"

namespace mneme::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class AppAdminTest : public AppTest {};

TEST_F(AppAdminTest, AliasesAreSetAndListed) {
  const Outcome set = Run({"alias", "set", "faces", "faces-v2"});
  EXPECT_EQ(set.code, kExitOk) << set.err;
  EXPECT_EQ(set.out, "memories/faces is memories/faces-v2\n");
  const Outcome raced = Run({"alias", "set", "faces", "faces-v3", "--expect", "faces-v1"});
  EXPECT_EQ(raced.code, kExitError);
  EXPECT_THAT(Run({"alias", "list"}).out, HasSubstr("memories/faces-v2"));
}

TEST_F(AppAdminTest, CreateTakesLifetimesAndCaps) {
  const Outcome made =
      Run({"memory", "create", "sessions", "--dim", "4", "--ttl", "30d", "--items-max", "1000",
           "--bytes-max", "64M", "--full-policy", "evict-oldest"});
  EXPECT_EQ(made.code, kExitOk) << made.err;
  const v1::ItemPolicy policy =
      server_.Received<v1::CreateMemoryRequest>().back().memory().item_policy();
  EXPECT_EQ(policy.ttl().seconds(), 30 * 86400);
  EXPECT_EQ(policy.items_max(), 1000u);
  EXPECT_EQ(policy.bytes_max(), 64u << 20);
  EXPECT_EQ(policy.full_policy(), v1::FULL_POLICY_EVICT_OLDEST);
  EXPECT_THAT(made.out,
              HasSubstr("items live 30d; at most 1,000 items, 64.0 MiB, then evict-oldest"));
}

TEST_F(AppAdminTest, FreezeAndUnfreezeChangeThatAlone) {
  EXPECT_EQ(Run({"memory", "freeze", "faces"}).code, kExitOk);
  EXPECT_EQ(Run({"memory", "unfreeze", "faces"}).code, kExitOk);
  const auto requests = server_.Received<v1::UpdateMemoryRequest>();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_THAT(requests[0].update_mask().paths(), ElementsAre("frozen"));
  EXPECT_TRUE(requests[0].memory().frozen());
  EXPECT_FALSE(requests[1].memory().frozen());
}

TEST_F(AppAdminTest, DiskUsageShowsPartsAndWhatTwiceTheItemsTake) {
  v1::ByteAccount* part = server_.admin.usage.add_memory();
  part->set_what("rows");
  part->set_bytes(4096);
  server_.admin.usage.set_memory_bytes(4096);
  server_.admin.usage.set_memory_bytes_twice(8192);
  const Outcome du = Run({"memory", "du", "faces"});
  EXPECT_EQ(du.code, kExitOk) << du.err;
  EXPECT_THAT(du.out, HasSubstr("4,096"));
  EXPECT_THAT(du.out, HasSubstr("with twice the items"));
  EXPECT_THAT(du.out, HasSubstr("8.0 KiB"));
}

TEST_F(AppAdminTest, ABackupShowsThePositionsThatItHolds) {
  v1::BackupMemory* memory = server_.admin.backup.add_memories();
  memory->set_name("memories/faces");
  memory->set_position(4242);
  const Outcome shown = Run({"backup", "describe", "3"});
  EXPECT_EQ(shown.code, kExitOk) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr("backups/3"));
  EXPECT_THAT(shown.out, HasSubstr("4,242"));
}

TEST_F(AppAdminTest, RestoringUnderAnotherNameNeedsOneMemory) {
  const Outcome refused = Run({"restore", "3", "--as", "old"});
  EXPECT_EQ(refused.code, kExitUsage);
  EXPECT_THAT(refused.err, HasSubstr("--memory NAME --as NEW"));
  EXPECT_EQ(Run({"restore", "3", "--memory", "faces", "--as", "old", "--no-wait"}).code, kExitOk);
  EXPECT_EQ(server_.admin.restores().back().memory_id(), "old");
}

TEST_F(AppAdminTest, LoadsAFileInChunksAndGoesOnWithItsSession) {
  const std::string file = SaveNpy("keys.npy", 5, 4);
  const Outcome loaded = Run({"load", "faces", file, "--chunk-rows", "2", "--session", "s"});
  EXPECT_EQ(loaded.code, kExitOk) << loaded.err;
  EXPECT_THAT(loaded.out, HasSubstr("5 stored in faces"));
  EXPECT_THAT(server_.loads.Chunks("s"), ElementsAre(0, 8, 16)) << "rows 0, 2 and 4";
  const Outcome again = Run({"load", "faces", file, "--chunk-rows", "2", "--session", "s"});
  EXPECT_EQ(again.code, kExitOk) << again.err;
  EXPECT_THAT(again.out, HasSubstr("3 chunks had been stored before"));
  EXPECT_EQ(server_.loads.Chunks("s").size(), 3u);
}

TEST_F(AppAdminTest, ALoadUnderTheSessionOfAnotherFileIsRefused) {
  const std::string file = SaveNpy("keys.npy", 5, 4);
  ASSERT_EQ(Run({"load", "faces", file, "--chunk-rows", "2", "--session", "s"}).code, kExitOk);
  const Outcome shorter =
      Run({"load", "faces", SaveNpy("other.npy", 3, 4), "--chunk-rows", "2", "--session", "s"});
  EXPECT_EQ(shorter.code, kExitError) << shorter.out;
  EXPECT_THAT(shorter.err, HasSubstr("SESSION_REUSED"));
  EXPECT_THAT(shorter.err, HasSubstr("Leave out --session"));
  EXPECT_EQ(
      Run({"load", "faces", SaveNpy("wide.npy", 9, 5), "--chunk-rows", "2", "--session", "s"}).code,
      kExitError)
      << "its third chunk begins with another number";
  EXPECT_EQ(server_.loads.Chunks("s").size(), 3u);
}

TEST_F(AppAdminTest, ALoadThatFailsSaysHowToGoOn) {
  server_.loads.refuse_sequence = 2;
  const Outcome failed =
      Run({"load", "faces", SaveNpy("keys.npy", 5, 4), "--chunk-rows", "2", "--session", "s7"});
  EXPECT_EQ(failed.code, kExitError);
  EXPECT_THAT(failed.err, HasSubstr("--session s7"));
  EXPECT_EQ(Run({"load", "faces", "-"}).code, kExitUsage) << "stdin cannot be read again";
}

TEST_F(AppAdminTest, LinesCarryExpiryAndConditions) {
  const Outcome stored =
      Run({"store", "faces", "-", "--upsert"},
          "{\"id\": 1, \"key\": [1, 0, 0, 0]}\n"
          "{\"id\": 2, \"key\": [0, 1, 0, 0], \"expire_time\": "
          "\"2030-01-01T00:00:00Z\", \"if_etag\": \"e2\", \"etag\": \"seen\"}\n");
  EXPECT_EQ(stored.code, kExitOk) << stored.err;
  const v1::StoreRequest request = server_.Received<v1::StoreRequest>().back();
  ASSERT_EQ(request.expire_times_size(), 2);
  EXPECT_EQ(request.expire_times(1).seconds(), 1893456000);
  EXPECT_THAT(request.etags(), ElementsAre("", "e2"));
}

TEST_F(AppAdminTest, DeletingTakesAFilterOrOneEtag) {
  EXPECT_EQ(Run({"items", "delete", "faces", "--filter", "a = 1"}).code, kExitOk);
  EXPECT_EQ(server_.Received<v1::DeleteItemsRequest>().back().filter(), "a = 1");
  EXPECT_EQ(Run({"items", "delete", "faces", "7", "--etag", "e"}).code, kExitOk);
  EXPECT_THAT(server_.Received<v1::DeleteItemsRequest>().back().etags(), ElementsAre("e"));
  EXPECT_EQ(Run({"items", "delete", "faces", "7", "8", "--etag", "e"}).code, kExitUsage);
}

}  // namespace
}  // namespace mneme::cli
