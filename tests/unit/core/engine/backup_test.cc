// Backup and restore: what comes back is what was backed up, or nothing comes back.
#include <filesystem>
#include <fstream>
#include <set>
#include <vector>

#include "core/engine/backup_job.h"
#include "core/engine/restore_job.h"
#include "gmock/gmock.h"
#include "tests/unit/core/engine/admin_fixture.h"

namespace mneme::engine {
namespace {

class BackupTest : public AdminTest {
 protected:
  void DropAll() {
    for (const MemoryKind& kind : MemoryKinds()) ASSERT_TRUE(Drop(kind.name).ok()) << kind.name;
  }
  // A server that never had any memory, with the backups.
  void OpenEmpty() {
    EXPECT_TRUE(engine_->Close().ok());
    engine_.reset();
    std::filesystem::remove_all(directory_ + "/data");
    Open();
  }
  JobInfo Restore(RestoreCommand command) {
    return End(engine_->RestoreBackup(std::move(command)));
  }
  // A restore that is cancelled behind its first memory.
  void CancelRestoreHalfWay(uint32_t backup) {
    ASSERT_NO_FATAL_FAILURE(OpenGated(GatedCopyStorage::Where::kAfter));
    const auto job = engine_->RestoreBackup({.backup = backup});
    ASSERT_TRUE(job.ok()) << job.status();
    gate_->WaitUntilReached();
    ASSERT_TRUE(engine_->jobs().Cancel(job->id).ok());
    gate_->Open();
    EXPECT_TRUE(absl::IsCancelled(End(job).status)) << End(job).status;
  }
  absl::StatusOr<AliasInfo> Set(std::string alias, std::string memory) {
    return Await<AliasInfo>([&](auto done) { engine_->SetAlias({alias, memory, ""}, done); });
  }
};

TEST_F(BackupTest, MemoriesComeBackAsTheyWere) {
  MakeAll();
  ASSERT_TRUE(Set("faces", "dense").ok());
  std::vector<QueryReply> before;
  const std::vector<MemoryKind> kinds = MemoryKinds();
  for (const MemoryKind& kind : kinds) before.push_back(Ask(kind, kind.name));
  const BackupInfo backup = BackUp();
  ASSERT_EQ(backup.memories.size(), kinds.size());
  size_t samples = 0;
  for (const BackupMemory& memory : backup.memories) {
    EXPECT_EQ(memory.items, 80u) << memory.name;
    EXPECT_EQ(memory.position, engine_->GetMemory(memory.name)->position) << memory.name;
    EXPECT_GE(memory.samples, kSamplesPerMemory) << memory.name;
    EXPECT_EQ(memory.degraded_reason, "") << memory.name;
    samples += memory.samples;
  }
  for (const MemoryKind& kind : kinds) StoreRange(kind, kind.name, 80, 10);
  std::vector<MemoryUid> uids;
  for (const MemoryKind& kind : kinds) uids.push_back(engine_->GetMemory(kind.name)->uid);
  OpenEmpty();

  const JobInfo job = Restore({.backup = backup.id});
  ASSERT_TRUE(job.status.ok()) << job.status;
  EXPECT_EQ(job.memory, absl::StrCat("backups/", backup.id));
  const RestoreReply reply = std::get<RestoreReply>(job.result);
  EXPECT_EQ(reply.memories.size(), kinds.size());
  EXPECT_EQ(reply.samples_compared, samples);
  for (int round = 0; round < 2; ++round) {
    for (size_t i = 0; i < kinds.size(); ++i)
      ExpectSame(kinds[i].name, before[i], Ask(kinds[i], kinds[i].name));
    EXPECT_EQ(engine_->GetMemory("faces")->name, "dense");
    Reopen(/*clean=*/false);
  }
  // Requests that were carried out before the backup are known again.
  for (const MemoryKind& kind : kinds) StoreRange(kind, kind.name, 60, 20, "last");
  for (size_t i = 0; i < kinds.size(); ++i) {
    const auto info = engine_->GetMemory(kinds[i].name);
    EXPECT_EQ(info->stats.items, 80u) << kinds[i].name;
    EXPECT_EQ(info->uid, uids[i]) << kinds[i].name;
  }
}

// Else what its readers were told of positions, rows and revisions behind the backup would hold for
// whatever comes there next.
TEST_F(BackupTest, WhereItWasDroppedAMemoryComesBackUnderANewUid) {
  const MemoryKind kind = MemoryKinds()[0];
  ASSERT_TRUE(Create(kind.name, kind.spec).ok());
  StoreRange(kind, kind.name, 0, 10);
  const BackupInfo backup = BackUp();
  const QueryReply before = Ask(kind, kind.name);
  std::set<MemoryUid> uids;
  for (int round = 0; round < 3; ++round) {
    const uint64_t items = engine_->GetMemory(kind.name)->stats.items;
    StoreRange(kind, kind.name, 10, 5, "later");
    const auto info = engine_->GetMemory(kind.name);
    EXPECT_EQ(info->stats.items, items + 5);  // the request of the one before is not this one's
    EXPECT_TRUE(uids.insert(info->uid).second);
    const ReadToken told{info->uid, info->position};
    ASSERT_TRUE(Drop(kind.name).ok());
    if (round == 1) Reopen(/*clean=*/true);
    const JobInfo job = Restore({.backup = backup.id});
    ASSERT_TRUE(job.status.ok()) << job.status;
    ExpectSame(kind.name, before, Ask(kind, kind.name));
    StoreRange(kind, kind.name, 20, 5);  // up to the position that was told
    const auto stale = Query({.memory = kind.name, .cues = {.cues = cues_}, .token = told});
    EXPECT_FALSE(stale.ok());
  }
  EXPECT_EQ(uids.size(), 3u);
}

TEST_F(BackupTest, ARestoreThatFailedLeavesTheUidFree) {
  const MemoryKind kind = MemoryKinds()[0];
  ASSERT_TRUE(Create(kind.name, kind.spec).ok());
  StoreRange(kind, kind.name, 0, 10);
  const BackupInfo backup = BackUp();
  const MemoryUid uid = engine_->GetMemory(kind.name)->uid;
  OpenEmpty();
  ASSERT_NO_FATAL_FAILURE(CancelRestoreHalfWay(backup.id));
  const JobInfo again = Restore({.backup = backup.id});
  ASSERT_TRUE(again.status.ok()) << again.status;
  EXPECT_EQ(engine_->GetMemory(kind.name)->uid, uid);
}

TEST_F(BackupTest, OneMemoryComesBackBesideItselfUnderAnotherName) {
  MakeAll();
  const BackupInfo backup = BackUp();
  for (const MemoryKind& kind : MemoryKinds()) {
    const QueryReply before = Ask(kind, kind.name);
    const std::string name = kind.name + "-then";
    const JobInfo job = Restore({.backup = backup.id, .memories = {kind.name}, .name = name});
    ASSERT_TRUE(job.status.ok()) << kind.name << job.status;
    EXPECT_NE(engine_->GetMemory(name)->uid, engine_->GetMemory(kind.name)->uid);
    ExpectSame(name, before, Ask(kind, name));
  }
}

TEST_F(BackupTest, IsListedDescribedAndDeleted) {
  EXPECT_TRUE(engine_->ListBackups()->empty());
  MakeAll();
  const BackupInfo first = BackUp();
  StoreRange(MemoryKinds()[0], "dense", 80, 5);
  const BackupInfo second = BackUp();
  const auto all = engine_->ListBackups();
  ASSERT_EQ(all->size(), 2u);
  EXPECT_EQ((*all)[0].id, second.id);
  EXPECT_EQ((*all)[0].description, "a test");
  EXPECT_EQ(engine_->GetBackup(first.id)->memories[0].items, 80u);
  EXPECT_EQ(engine_->GetBackup(second.id)->memories[0].name, "dense");
  EXPECT_EQ(engine_->GetBackup(second.id)->memories[0].items, 85u);
  EXPECT_TRUE(engine_->DeleteBackup(first.id).ok());
  EXPECT_EQ(Reason(engine_->GetBackup(first.id).status()), "BACKUP_NOT_FOUND");
  EXPECT_EQ(Reason(engine_->RestoreBackup({.backup = first.id}).status()), "BACKUP_NOT_FOUND");
  Reopen(/*clean=*/true);
  EXPECT_EQ(engine_->ListBackups()->size(), 1u);
  DropAll();
  EXPECT_TRUE(Restore({.backup = second.id}).status.ok());
  EXPECT_EQ(engine_->GetMemory("dense")->stats.items, 85u);
}

TEST_F(BackupTest, RefusesWhatCannotBe) {
  MakeAll();
  const BackupInfo backup = BackUp();
  EXPECT_EQ(Reason(Restore({.backup = backup.id}).status), "MEMORY_EXISTS");
  EXPECT_EQ(Reason(Restore({.backup = backup.id, .memories = {"nothing"}}).status),
            "NOT_IN_BACKUP");
  EXPECT_EQ(Reason(Restore({.backup = backup.id, .name = "one"}).status), "RESTORE_NAME");
  EXPECT_EQ(
      Reason(Restore({.backup = backup.id, .memories = {"dense"}, .name = "Not A Name"}).status),
      "MEMORY_NAME");
  ASSERT_TRUE(Set("taken", "dense").ok());
  EXPECT_EQ(Reason(Restore({.backup = backup.id, .memories = {"dense"}, .name = "taken"}).status),
            "ALIAS_EXISTS");
  engine_.reset();
  options_.backup_dir.clear();
  Open();
  EXPECT_EQ(Reason(engine_->CreateBackup("").status()), "NO_BACKUP_DIR");
  EXPECT_EQ(Reason(engine_->ListBackups().status()), "NO_BACKUP_DIR");
}

TEST_F(BackupTest, OneIsMadeAtATime) {
  std::promise<void> gate;
  std::shared_future<void> opened = gate.get_future().share();
  const auto first = engine_->jobs().Submit(
      JobKind::kBackup, "backups/new",
      [opened](const std::string&, const JobRunner::Report&) -> absl::StatusOr<JobResult> {
        opened.wait();
        return JobResult();
      });
  EXPECT_EQ(Reason(engine_->CreateBackup("").status()), "JOB_RUNNING");
  gate.set_value();
  End(first);
  EXPECT_TRUE(End(engine_->CreateBackup("")).status.ok());
}

TEST_F(BackupTest, AFlippedBitInItsFilesIsFoundAndNothingComesBack) {
  MakeAll();
  const BackupInfo backup = BackUp();
  DropAll();
  engine_.reset();
  // The largest file: tables or log, whichever holds the rows.
  std::filesystem::path largest;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(options_.backup_dir)) {
    if (!entry.is_regular_file()) continue;
    if (largest.empty() || entry.file_size() > std::filesystem::file_size(largest))
      largest = entry.path();
  }
  {
    std::fstream file(largest, std::ios::in | std::ios::out | std::ios::binary);
    const auto middle = static_cast<std::streamoff>(std::filesystem::file_size(largest) / 2);
    file.seekg(middle);
    const char byte = static_cast<char>(file.get());
    file.seekp(middle);
    file.put(static_cast<char>(byte ^ 8));
  }
  Open();
  const JobInfo job = Restore({.backup = backup.id});
  EXPECT_TRUE(absl::IsDataLoss(job.status)) << job.status;
  EXPECT_EQ(engine_->memory_count(), 0u);
  EXPECT_EQ(Orphans(), 0u);
}

TEST_F(BackupTest, CancelledHalfWayLeavesNothing) {
  MakeAll();
  const BackupInfo backup = BackUp();
  DropAll();
  ASSERT_NO_FATAL_FAILURE(CancelRestoreHalfWay(backup.id));
  EXPECT_EQ(engine_->memory_count(), 0u);
  EXPECT_EQ(Orphans(), 0u);
}

TEST_F(BackupTest, ACrashHalfWayLeavesNoTrace) {
  MakeAll();
  const BackupInfo backup = BackUp();
  DropAll();
  OpenGated(GatedCopyStorage::Where::kAfter);
  const auto job = engine_->RestoreBackup({.backup = backup.id});
  ASSERT_TRUE(job.ok()) << job.status();
  gate_->WaitUntilReached();  // the first memory is in the storage
  const std::string crashed = directory_ + "/crashed";
  CopyData(crashed);
  gate_->Open();
  EXPECT_TRUE(End(job).status.ok()) << End(job).status;
  engine_.reset();
  std::filesystem::remove_all(directory_ + "/data");
  std::filesystem::rename(crashed, directory_ + "/data");
  EXPECT_EQ(Orphans(), 1u);
  Open();
  EXPECT_EQ(engine_->memory_count(), 0u);
  EXPECT_EQ(Orphans(), 0u);
  Open();
  EXPECT_TRUE(Restore({.backup = backup.id}).status.ok());
}

// What stands in the manifest is what is compared: each kind of thing in it, changed, is missed.
class ManifestTest : public AdminTest {
 protected:
  void SetUp() override {
    MakeAll();
    EXPECT_TRUE(engine_->Close().ok());
    engine_.reset();
    storage_ = *storage::OpenRocksDbStorage({.directory = directory_ + "/data"});
    target_ = *storage::OpenRocksDbStorage({.directory = directory_ + "/target"});
    store_ = *storage::OpenBackupStore(directory_ + "/backups", clock_, 0);
    committer_ = std::make_unique<Committer>(*target_, clock_, CommitterOptions{});
    JobContext context = Context();
    // The source is what is backed up.
    JobContext source{.storage = *storage_,
                      .catalogue = context.catalogue,
                      .committer = context.committer,
                      .item_ids = ids_,
                      .random = random_,
                      .clock = clock_,
                      .limits = limits_,
                      .budget = budget_};
    const auto made = BackUpNow(source, *store_, {}, [](const JobProgress&) { return true; });
    ASSERT_TRUE(made.ok()) << made.status();
    id_ = made->id;
    manifest_ = *DecodeManifest(store_->Get(id_)->manifest);
  }
  void TearDown() override { committer_.reset(); }

  JobContext Context() {
    return {.storage = *target_,
            .catalogue = catalogue_,
            .committer = *committer_,
            .item_ids = ids_,
            .random = random_,
            .clock = clock_,
            .limits = limits_,
            .budget = budget_};
  }
  absl::Status Restore(const Manifest& manifest) {
    const auto plan = PlanRestore(manifest, {.backup = id_}, catalogue_);
    if (!plan.ok()) return plan.status();
    return RestoreNow(Context(), *store_, *plan, [](const JobProgress&) { return true; }).status();
  }
  // Restoring with this manifest fails, says which memory, and leaves nothing.
  void ExpectDiffers(const Manifest& manifest, const std::string& memory, const std::string& what) {
    SCOPED_TRACE(memory + " " + what);
    const absl::Status status = Restore(manifest);
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_EQ(Reason(status), "RESTORE_DIFFERS");
    EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr(memory));
    EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr(what));
    EXPECT_EQ(catalogue_.size(), 0u);
    EXPECT_TRUE(target_->FindOrphans()->empty());
  }

  std::unique_ptr<storage::Storage> storage_, target_;
  std::unique_ptr<storage::BackupStore> store_;
  Catalogue catalogue_;
  std::unique_ptr<Committer> committer_;
  ItemIdGenerator ids_{clock_};
  MemoryBudget budget_{0, 0};
  Random random_{3};
  uint32_t id_ = 0;
  Manifest manifest_;
};

TEST_F(ManifestTest, AnythingThatDiffersIsFound) {
  for (size_t i = 0; i < manifest_.memories.size(); ++i) {
    const std::string name = manifest_.memories[i].info.name;
    const auto with = [&](const auto& change) {
      Manifest changed = manifest_;
      change(changed.memories[i]);
      return changed;
    };
    ExpectDiffers(with([](ManifestMemory& m) { m.digest.sum ^= 1; }), name, "sum of checksums");
    ExpectDiffers(with([](ManifestMemory& m) { ++m.items; }), name, "number of items");
    ExpectDiffers(with([](ManifestMemory& m) { m.samples[7].projections[2] += 0.01; }), name,
                  "sample 8");
    if (!manifest_.memories[i].samples[0].has_top) continue;
    ExpectDiffers(with([](ManifestMemory& m) { m.samples[9].score += 0.01; }), name, "sample 10");
    ExpectDiffers(with([](ManifestMemory& m) {
                    m.samples[0].top = ItemId(uint64_t{999});
                    m.samples[0].tie = false;
                  }),
                  name, "sample 1 of");
  }
  EXPECT_TRUE(Restore(manifest_).ok()) << Restore(manifest_);
}

TEST_F(ManifestTest, AMemoryThatWasDegradedIsNotRestored) {
  manifest_.memories[0].degraded_reason = "row 3 was damaged";
  EXPECT_EQ(Reason(Restore(manifest_)), "DEGRADED_IN_BACKUP");
  const std::string well = manifest_.memories[1].info.name;
  const auto plan = PlanRestore(manifest_, {.backup = id_, .memories = {well, well}}, catalogue_);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->memories.size(), 1u);
}

TEST_F(ManifestTest, IsReadBackAndDamageIsSeen) {
  manifest_.aliases.push_back({"a", "dense", 17});
  manifest_.memories[2].degraded_reason = "why";
  const std::string bytes = EncodeManifest(manifest_);
  const auto read = DecodeManifest(bytes);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(EncodeManifest(*read), bytes);
  ASSERT_EQ(read->memories.size(), manifest_.memories.size());
  EXPECT_EQ(read->memories[2].degraded_reason, "why");
  EXPECT_EQ(read->aliases[0].memory, "dense");
  EXPECT_FALSE(Compare(read->memories[0].samples[3], manifest_.memories[0].samples[3]).has_value());
  for (size_t i = 0; i < bytes.size(); i += 37) {
    EXPECT_FALSE(DecodeManifest(std::string_view(bytes).substr(0, i)).ok()) << i;
    std::string flipped = bytes;
    flipped[i] = static_cast<char>(flipped[i] ^ 16);
    EXPECT_FALSE(DecodeManifest(flipped).ok()) << i;
  }
  std::string newer = bytes;
  newer[0] = 2;
  EXPECT_EQ(Reason(DecodeManifest(newer).status()), "FORMAT_VERSION");
}

// A manifest whose checksums are right was not written by a server all the same.
TEST_F(ManifestTest, NamesThatNoServerGivesAreRefused) {
  manifest_.aliases.push_back({"a", "dense", 17});
  ASSERT_TRUE(DecodeManifest(EncodeManifest(manifest_)).ok());
  const auto refuses = [&](std::string_view what, const auto& change) {
    SCOPED_TRACE(what);
    Manifest changed = manifest_;
    change(changed);
    const auto read = DecodeManifest(EncodeManifest(changed));
    EXPECT_TRUE(absl::IsDataLoss(read.status())) << read.status();
    EXPECT_EQ(Reason(read.status()), "CORRUPT");
  };
  using std::string_literals::operator""s;
  for (const std::string& name :
       {"../ce"s, "fa\0es"s, "Faces"s, ""s, "\xff"s, std::string(64, 'a')}) {
    refuses("memory", [&](Manifest& m) { m.memories[0].info.name = name; });
    refuses("alias", [&](Manifest& m) { m.aliases[0].alias = name; });
    refuses("target", [&](Manifest& m) { m.aliases[0].memory = name; });
  }
  refuses("twice", [](Manifest& m) { m.memories[1].info.name = m.memories[0].info.name; });
  refuses("label", [](Manifest& m) { m.memories[0].info.labels.labels["k"] = "\xc3"; });
  refuses("labels", [](Manifest& m) {
    for (size_t i = 0; i <= kLabelsMax; ++i)
      m.memories[0].info.labels.labels[absl::StrCat(i)] = "x";
  });
  refuses("text", [](Manifest& m) { m.description = "\xed\xa0\x80"; });
  refuses("long", [](Manifest& m) { m.description = std::string(kDescriptionBytesMax + 1, 'x'); });
}

TEST(SampleQuota, IsInProportionWithSomeForEach) {
  EXPECT_EQ(SampleQuota(100, 100, 1), kBackupSamples);
  EXPECT_EQ(SampleQuota(0, 100, 2), kSamplesPerMemory);
  EXPECT_EQ(SampleQuota(100, 100, 2), kBackupSamples - kSamplesPerMemory);
  EXPECT_EQ(SampleQuota(0, 0, 5), kSamplesPerMemory);
  EXPECT_EQ(SampleQuota(1, 10'000, 10'000), 1u);
  for (const size_t memories : {1u, 7u, 99u, 500u}) {
    size_t sum = 0;
    for (size_t i = 0; i < memories; ++i) sum += SampleQuota(10, 10 * memories, memories);
    EXPECT_LE(sum, kBackupSamples) << memories;
    EXPECT_GT(sum, kBackupSamples / 2 - memories) << memories;
  }
}

}  // namespace
}  // namespace mneme::engine
