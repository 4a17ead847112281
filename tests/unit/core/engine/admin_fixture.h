// Memories of every kind, with what is needed to tell whether two of them are the same.
#ifndef MNEME_TESTS_UNIT_CORE_ENGINE_ADMIN_FIXTURE_H_
#define MNEME_TESTS_UNIT_CORE_ENGINE_ADMIN_FIXTURE_H_

#include <future>
#include <string>
#include <vector>

#include "tests/unit/core/engine/engine_fixture.h"
#include "tests/unit/core/engine/storage_wrapper.h"

namespace mneme::engine {

struct MemoryKind {
  std::string name;
  models::MemorySpec spec;
};

inline std::vector<MemoryKind> MemoryKinds() {
  using models::LinearRule;
  using models::Retain;
  models::MemorySpec partitioned = LinearSpecOf(24, 12, LinearRule::kCmm);
  std::get<models::LinearSpec>(partitioned.model).partitions = 3;
  models::MemorySpec tam = LinearSpecOf(24, 12, LinearRule::kTam);
  std::get<models::LinearSpec>(tam.model).list_size = 12;
  return {{"dense", DenseSpecOf(24)},
          {"hetero", DenseSpecOf(24, 12)},
          {"ridge", LinearSpecOf(24, 12, LinearRule::kRidge)},
          {"partitioned", partitioned},
          {"responses", LinearSpecOf(24, 12, LinearRule::kRidge, Retain::kResponses)},
          {"statistics", LinearSpecOf(24, 12, LinearRule::kRidge, Retain::kStatistics)},
          {"tam", tam}};
}

// Stops a copy of a memory before it begins (kBefore) or when all of it is in the storage (kAfter).
class GatedCopyStorage final : public StorageWrapper {
 public:
  enum class Where { kNowhere, kBefore, kAfter };
  using StorageWrapper::StorageWrapper;

  absl::Status CopyMemory(const storage::Storage& source, Uid source_uid, Uid uid,
                          std::string_view scope, const storage::ProgressFn& progress) override {
    if (where == Where::kBefore) Stop();
    absl::Status copied = StorageWrapper::CopyMemory(source, source_uid, uid, scope, progress);
    if (where == Where::kAfter) Stop();
    return copied;
  }

  void WaitUntilReached() { reached_.get_future().wait(); }
  void Open() { gate_.set_value(); }

  Where where = Where::kNowhere;

 private:
  void Stop() {
    where = Where::kNowhere;
    reached_.set_value();
    opened_.wait();
  }

  std::promise<void> reached_;
  std::promise<void> gate_;
  std::shared_future<void> opened_ = gate_.get_future().share();
};

class AdminTest : public EngineTest {
 protected:
  AdminTest() {
    engine_.reset();
    options_.backup_dir = directory_ + "/backups";
    options_.train_nice = 0;  // jobs are what is tested: they need not wait for others
    Open();
  }

  // An engine over the same data whose copies stop.
  void OpenGated(GatedCopyStorage::Where where) {
    EXPECT_TRUE(engine_->Close().ok());
    engine_.reset();
    auto storage = storage::OpenRocksDbStorage({.directory = directory_ + "/data"});
    MNEME_CHECK(storage.ok());
    auto gated = std::make_unique<GatedCopyStorage>(*std::move(storage));
    gate_ = gated.get();
    gate_->where = where;
    auto engine = Engine::Open(std::move(gated), clock_, options_);
    ASSERT_TRUE(engine.ok()) << engine.status();
    engine_ = *std::move(engine);
  }

  void StoreRange(const MemoryKind& kind, const std::string& name, size_t first, size_t count,
                  std::string request_id = "") {
    StoreCommand command{.memory = name,
                         .keys = keys_.view().slice(first, count),
                         .request_id = std::move(request_id),
                         .body_hash = first};
    if (kind.spec.response_dim > 0) command.responses = responses_.view().slice(first, count);
    if (kind.spec.retain != models::Retain::kStatistics) {
      command.ids = Numbers(first, count);
      for (size_t i = 0; i < count; ++i) command.payloads.push_back({.payload = "p"});
    }
    auto reply = Store(command);
    ASSERT_TRUE(reply.ok()) << kind.name << reply.status();
  }
  void MakeAll() {
    for (const MemoryKind& kind : MemoryKinds()) {
      ASSERT_TRUE(Create(kind.name, kind.spec).ok()) << kind.name;
      StoreRange(kind, kind.name, 0, 60);
      StoreRange(kind, kind.name, 60, 20, "last");
    }
    const absl::StatusOr<JobInfo> job =
        engine_->Train({.memory = "tam", .spec = {.steps_max = 20}});
    const JobInfo trained = End(job);
    ASSERT_TRUE(trained.status.ok()) << trained.status;
  }
  QueryReply Ask(const MemoryKind& kind, const std::string& name) {
    auto reply =
        Query({.memory = name,
               .cues = {.cues = cues_},
               .spec = {.top = kind.spec.retain == models::Retain::kStatistics ? 0u : 3u}});
    EXPECT_TRUE(reply.ok()) << name << reply.status();
    return reply.ok() ? *std::move(reply) : QueryReply{};
  }
  static void ExpectSame(const std::string& name, const QueryReply& a, const QueryReply& b) {
    SCOPED_TRACE(name);
    EXPECT_EQ(a.position, b.position);
    ASSERT_EQ(a.answer.recalls.flat().size(), b.answer.recalls.flat().size());
    for (size_t i = 0; i < a.answer.recalls.flat().size(); ++i)
      ASSERT_NEAR(a.answer.recalls.flat()[i], b.answer.recalls.flat()[i], 2e-5);
    ASSERT_EQ(a.answer.cues.size(), b.answer.cues.size());
    for (size_t i = 0; i < a.answer.cues.size(); ++i) {
      ASSERT_EQ(a.answer.cues[i].top.size(), b.answer.cues[i].top.size());
      for (size_t j = 0; j < a.answer.cues[i].top.size(); ++j)
        EXPECT_EQ(a.answer.cues[i].top[j].id, b.answer.cues[i].top[j].id);
    }
  }

  // Waits for the job; its refusal as an ended job, where it was refused.
  JobInfo End(const absl::StatusOr<JobInfo>& job) {
    if (!job.ok()) return {.done = true, .status = job.status()};
    std::promise<JobInfo> end;
    EXPECT_TRUE(engine_->jobs().Wait(job->id, [&](JobInfo i) { end.set_value(i); }).ok());
    return end.get_future().get();
  }
  BackupInfo BackUp() {
    const JobInfo job = End(engine_->CreateBackup("a test"));
    EXPECT_TRUE(job.status.ok()) << job.status;
    return job.status.ok() ? std::get<BackupInfo>(job.result) : BackupInfo{};
  }
  // Memories on disk that no catalogue knows, once the engine is gone.
  size_t Orphans() {
    engine_.reset();
    auto storage = storage::OpenRocksDbStorage({.directory = directory_ + "/data"});
    MNEME_CHECK(storage.ok());
    return (*storage)->FindOrphans()->size();
  }

  const Matrix keys_ = UnitRows(200, 24, 5);
  const Matrix responses_ = UnitRows(200, 12, 6);
  const Matrix cues_ = UnitRows(6, 24, 7);
  GatedCopyStorage* gate_ = nullptr;
};

}  // namespace mneme::engine

#endif  // MNEME_TESTS_UNIT_CORE_ENGINE_ADMIN_FIXTURE_H_
