// A machine for fault tests: a disk that may fail, the storage and the engine over it, and the
// writes that are tried on it. Every batch of items follows from its number, so that what was sent
// need not be kept to be compared.
//
// A machine is used by one thread; the engine's own threads are its own affair.
#ifndef MNEME_TESTS_FAULTS_MACHINE_H_
#define MNEME_TESTS_FAULTS_MACHINE_H_

#include <atomic>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/random.h"
#include "core/base/status.h"
#include "core/engine/engine.h"
#include "rocksdb/env.h"
#include "tests/support/fault_file_system.h"

namespace mneme::test {

inline constexpr size_t kKeyDim = 16;
inline constexpr size_t kResponseDim = 8;
inline constexpr uint64_t kIdsPerBatch = 16;  // the ids of batch b begin at kIdsPerBatch * b

struct MemoryKind {
  const char* name;
  models::MemorySpec spec;
  // A fresh memory of the same items recalls the same. Not so with an automatic beta, which stands
  // for the rows there were when it was due.
  bool repeatable = true;
  bool associates() const { return spec.response_dim > 0; }
};
// dense, cmm, ridge, auto: each keeps its items.
const std::vector<MemoryKind>& MemoryKinds();

// A batch of items, wholly told by its number. Batches take turns among the memories.
struct Batch {
  explicit Batch(uint64_t number);
  const MemoryKind& kind() const { return MemoryKinds()[number % MemoryKinds().size()]; }
  std::vector<ItemId> ids() const;
  engine::StoreCommand Store(engine::Sync sync) const;    // borrows from the batch
  engine::DeleteCommand Delete(engine::Sync sync) const;  // likewise
  // Empty when the item is row `row` of this batch, exactly; else what differs.
  std::string Difference(const engine::ItemRecord& item, uint64_t row) const;

  uint64_t number;
  Matrix keys;
  Matrix responses;
  std::vector<std::string> payloads;
};

// Reason of an error made by us; empty for others.
std::string ReasonOf(const absl::Status& status);

// Calls an asynchronous method; the future is its answer.
template <typename T, typename Call>
std::future<absl::StatusOr<T>> Ask(Call call) {
  auto promise = std::make_shared<std::promise<absl::StatusOr<T>>>();
  std::future<absl::StatusOr<T>> future = promise->get_future();
  call([promise](absl::StatusOr<T> result) { promise->set_value(std::move(result)); });
  return future;
}

class Machine {
 public:
  // `memory_bytes` small: flushes, compactions and new logs happen within a test.
  explicit Machine(const DiskImage& image, uint64_t memory_bytes = 512u << 10);
  ~Machine();

  absl::Status Start();
  // Creates the memories; those that are there already are fine.
  absl::Status CreateMemories();
  // As on SIGTERM: checkpoints are written.
  absl::Status Stop();
  // The power goes; the machine is gone.
  DiskImage LosePower(Random& random);

  FaultFileSystem& files() { return *files_; }
  engine::Engine& engine() { return *engine_; }
  bool running() const { return engine_ != nullptr; }
  // Time of this machine goes by: none does otherwise.
  void Wait(int64_t nanos) { clock_.Advance(nanos); }
  int fatal_calls() const { return fatal_calls_; }

  std::future<absl::StatusOr<engine::WriteReply>> Store(const Batch& batch, engine::Sync sync);
  std::future<absl::StatusOr<engine::WriteReply>> Delete(const Batch& batch, engine::Sync sync);
  absl::StatusOr<std::vector<engine::ItemRecord>> ListItems(const std::string& memory);
  absl::StatusOr<engine::ItemRecord> GetItem(const std::string& memory, const ItemId& id);
  absl::StatusOr<engine::QueryReply> Retrieve(const std::string& memory, MatrixView cues,
                                              size_t top);

 private:
  const std::shared_ptr<FaultFileSystem> files_;
  const std::unique_ptr<rocksdb::Env> env_;
  const uint64_t memory_bytes_;
  ManualClock clock_{1'700'000'000'000'000'000};
  std::atomic<int> fatal_calls_{0};
  std::unique_ptr<engine::Engine> engine_;
};

}  // namespace mneme::test

#endif  // MNEME_TESTS_FAULTS_MACHINE_H_
