// An engine over a real data directory in a temporary folder, with calls that wait.
#ifndef MNEME_TESTS_UNIT_CORE_ENGINE_ENGINE_FIXTURE_H_
#define MNEME_TESTS_UNIT_CORE_ENGINE_ENGINE_FIXTURE_H_

#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/random.h"
#include "core/base/status.h"
#include "core/engine/engine.h"
#include "core/storage/storage.h"
#include "gtest/gtest.h"

namespace mneme::engine {

// Calls an asynchronous method and waits for its answer.
template <typename T, typename Call>
absl::StatusOr<T> Await(Call call) {
  auto promise = std::make_shared<std::promise<absl::StatusOr<T>>>();
  std::future<absl::StatusOr<T>> future = promise->get_future();
  call([promise](absl::StatusOr<T> result) { promise->set_value(std::move(result)); });
  return future.get();
}

inline std::string Reason(const absl::Status& status) {
  const std::optional<ErrorDetail> detail = GetErrorDetail(status);
  return detail.has_value() ? detail->reason
                            : std::string("(no detail) ") + std::string(status.message());
}

class EngineTest : public ::testing::Test {
 protected:
  EngineTest() {
    std::string name = (std::filesystem::temp_directory_path() / "mneme-engine-XXXXXX").string();
    MNEME_CHECK(mkdtemp(name.data()) != nullptr);
    directory_ = name;
    Open();
  }
  ~EngineTest() override {
    engine_.reset();
    std::filesystem::remove_all(directory_);
  }

  void Open() {
    auto storage = storage::OpenRocksDbStorage({.directory = directory_ + "/data"});
    MNEME_CHECK(storage.ok());
    EngineOptions options = options_;
    options.limits = limits_;
    auto engine = Engine::Open(wrap_(*std::move(storage)), clock_, options);
    ASSERT_TRUE(engine.ok()) << engine.status();
    engine_ = *std::move(engine);
  }
  // With `clean`, as on SIGTERM; otherwise the data directory is copied as it is and opened from
  // the copy, as after a kill.
  void Reopen(bool clean) {
    if (clean) {
      EXPECT_TRUE(engine_->Close().ok());
      engine_.reset();
    } else {
      const std::string copy = directory_ + "/copy";
      CopyData(copy);
      engine_.reset();
      std::filesystem::remove_all(directory_ + "/data");
      std::filesystem::rename(copy, directory_ + "/data");
    }
    Open();
  }

  // Copies the data directory of the running engine, as a kill would leave it. RocksDB may take old
  // files away meanwhile: a copy counts if the same files were there before and after.
  void CopyData(const std::string& copy) const {
    for (bool whole = false; !whole;) {
      std::filesystem::remove_all(copy);
      const std::set<std::string> before = Files();
      std::error_code vanished;
      std::filesystem::copy(directory_ + "/data", copy, std::filesystem::copy_options::recursive,
                            vanished);
      whole = !vanished && Files() == before;
    }
  }

  std::set<std::string> Files() const {
    std::set<std::string> out;
    std::error_code vanished;
    for (const auto& entry : std::filesystem::directory_iterator(directory_ + "/data/db", vanished))
      out.insert(entry.path());
    return out;
  }

  absl::StatusOr<MemoryInfo> Create(std::string name, models::MemorySpec spec) {
    return Await<MemoryInfo>([&](auto done) {
      engine_->CreateMemory({.name = std::move(name), .spec = std::move(spec)}, done);
    });
  }
  absl::StatusOr<MemoryInfo> Create(CreateCommand command) {
    return Await<MemoryInfo>([&](auto done) { engine_->CreateMemory(std::move(command), done); });
  }
  absl::StatusOr<MemoryInfo> Update(UpdateCommand command) {
    return Await<MemoryInfo>([&](auto done) { engine_->UpdateMemory(std::move(command), done); });
  }
  // What the thread that sweeps would do now.
  absl::StatusOr<uint64_t> Sweep() {
    return Await<uint64_t>([&](auto done) { engine_->SweepExpired(done); });
  }
  absl::StatusOr<WriteReply> Store(StoreCommand command) {
    return Await<WriteReply>([&](auto done) { engine_->Store(std::move(command), done); });
  }
  absl::StatusOr<WriteReply> Delete(DeleteCommand command) {
    return Await<WriteReply>([&](auto done) { engine_->DeleteItems(std::move(command), done); });
  }
  absl::StatusOr<QueryReply> Query(QueryCommand command) {
    return Await<QueryReply>([&](auto done) { engine_->Query(std::move(command), done); });
  }
  absl::StatusOr<ItemRecord> GetItem(std::string memory, ItemId id) {
    return Await<ItemRecord>(
        [&](auto done) { engine_->GetItem(std::move(memory), std::move(id), done); });
  }
  absl::StatusOr<bool> Drop(std::string name) {
    return Await<bool>([&](auto done) { engine_->DropMemory({.name = std::move(name)}, done); });
  }

  static Matrix UnitRows(size_t rows, size_t cols, uint64_t seed) {
    Random random(seed);
    Matrix out(rows, cols);
    for (size_t i = 0; i < rows; ++i) random.FillUnit(out.row(i));
    return out;
  }
  static std::vector<ItemId> Numbers(uint64_t first, size_t count) {
    std::vector<ItemId> ids;
    for (size_t i = 0; i < count; ++i) ids.emplace_back(first + i);
    return ids;
  }

  ManualClock clock_{1'700'000'000'000'000'000};
  Limits limits_;
  // No thread sweeps: a test says when.
  EngineOptions options_{.scan_nice = 0, .seed = 17, .sweep_ms = 0};
  // What a test puts between the engine and its storage.
  std::function<std::unique_ptr<storage::Storage>(std::unique_ptr<storage::Storage>)> wrap_ =
      [](std::unique_ptr<storage::Storage> storage) { return storage; };
  std::string directory_;
  std::unique_ptr<Engine> engine_;
};

inline models::MemorySpec DenseSpecOf(size_t dim, size_t response_dim = 0) {
  return {.key_dim = dim, .response_dim = response_dim, .model = models::DenseSpec{}};
}
inline models::MemorySpec LinearSpecOf(size_t key_dim, size_t response_dim, models::LinearRule rule,
                                       models::Retain retain = models::Retain::kAll) {
  return {.key_dim = key_dim,
          .response_dim = response_dim,
          .retain = retain,
          .model = models::LinearSpec{.rule = rule}};
}

}  // namespace mneme::engine

#endif  // MNEME_TESTS_UNIT_CORE_ENGINE_ENGINE_FIXTURE_H_
