// kill -9 at any moment, twenty times over one data directory: no acknowledged item is lost, no
// batch is half there, and the two kinds of memory agree with their items.
#include <signal.h>

#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "gtest/gtest.h"
#include "tests/integration/live.h"

namespace mneme::test {
namespace {

constexpr int kKills = 20;
constexpr int kWriters = 6;
constexpr int kBatchRows = 5;
constexpr int kDim = 16;
constexpr uint64_t kSeed = 20;

// The rows of a batch follow from its number, so that they can be checked without being kept.
std::vector<float> BatchKeys(uint64_t batch) { return UnitRows(1'000 + batch, kBatchRows, kDim); }

struct Acknowledged {
  std::mutex mutex;
  std::set<uint64_t> stored;
  std::set<uint64_t> deleted;   // acknowledged deletions
  std::set<uint64_t> deleting;  // deletions whose outcome may be unknown
};

std::string MemoryOf(uint64_t batch) {
  return batch % 2 == 0 ? "memories/dense" : "memories/linear";
}

void FillIds(uint64_t batch, google::protobuf::RepeatedPtrField<v1::ItemId>* ids) {
  for (int row = 0; row < kBatchRows; ++row) ids->Add()->set_number(batch * kBatchRows + row);
}

// Stores new batches (and now and then takes an old one of its own out) until the daemon is gone.
void Write(v1::MemoryService::Stub& stub, std::atomic<uint64_t>& next, Acknowledged& acknowledged,
           Random random) {
  std::vector<uint64_t> own;
  while (true) {
    const uint64_t batch = next++;
    v1::StoreRequest store;
    store.set_memory(MemoryOf(batch));
    SetMatrix(BatchKeys(batch), kDim, store.mutable_keys());
    if (batch % 2 == 1) SetMatrix(UnitRows(batch, kBatchRows, 4), 4, store.mutable_responses());
    FillIds(batch, store.mutable_ids());
    v1::StoreResponse stored;
    if (!MNEME_CALL(&stub, Store, store, &stored).ok()) return;
    own.push_back(batch);
    {
      std::lock_guard<std::mutex> lock(acknowledged.mutex);
      acknowledged.stored.insert(batch);
    }
    if (random.Below(4) != 0) continue;
    const uint64_t victim = own[random.Below(own.size())];
    {
      std::lock_guard<std::mutex> lock(acknowledged.mutex);
      if (!acknowledged.deleting.insert(victim).second) continue;
    }
    v1::DeleteItemsRequest erase;
    erase.set_memory(MemoryOf(victim));
    FillIds(victim, erase.mutable_ids());
    v1::DeleteItemsResponse erased;
    if (!MNEME_CALL(&stub, DeleteItems, erase, &erased).ok()) return;
    std::lock_guard<std::mutex> lock(acknowledged.mutex);
    acknowledged.deleted.insert(victim);
  }
}

// Rows found of each batch.
std::map<uint64_t, int> ListBatches(v1::MemoryService::Stub& stub, const std::string& memory) {
  std::map<uint64_t, int> out;
  v1::ListItemsRequest request;
  request.set_memory(memory);
  request.set_page_size(10'000);
  do {
    v1::ListItemsResponse page;
    const grpc::Status status = MNEME_CALL(&stub, ListItems, request, &page);
    EXPECT_TRUE(status.ok()) << status.error_message();
    for (const v1::Item& item : page.items()) ++out[item.id().number() / kBatchRows];
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return out;
}

void Check(v1::MemoryService::Stub& stub, const Acknowledged& acknowledged) {
  for (const std::string memory : {"memories/dense", "memories/linear"}) {
    const std::map<uint64_t, int> found = ListBatches(stub, memory);
    for (const auto& [batch, rows] : found) {
      EXPECT_EQ(rows, kBatchRows) << "batch " << batch << " is half there";
      EXPECT_FALSE(acknowledged.deleted.contains(batch))
          << "batch " << batch << " was deleted and is back";
    }
    for (uint64_t batch : acknowledged.stored) {
      if (MemoryOf(batch) != memory || acknowledged.deleting.contains(batch)) continue;
      EXPECT_TRUE(found.contains(batch)) << "batch " << batch << " was acknowledged and is lost";
    }
    v1::GetMemoryRequest get;
    get.set_name(memory);
    v1::Memory described;
    ASSERT_TRUE(MNEME_CALL(&stub, GetMemory, get, &described).ok());
    EXPECT_EQ(described.state().item_count(), found.size() * kBatchRows)
        << memory << ": the model and the items disagree";
    if (memory != "memories/dense" || found.empty()) continue;
    // The newest batch that is there answers with itself.
    v1::RetrieveRequest retrieve;
    retrieve.set_memory(memory);
    SetMatrix(BatchKeys(found.rbegin()->first), kDim, retrieve.mutable_cues());
    retrieve.set_top(1);
    v1::RetrieveResponse recalled;
    ASSERT_TRUE(MNEME_CALL(&stub, Retrieve, retrieve, &recalled).ok());
    for (int row = 0; row < kBatchRows; ++row) {
      EXPECT_EQ(recalled.results(row).top(0).id().number(),
                found.rbegin()->first * kBatchRows + row);
    }
  }
}

TEST(Kill, LosesNothingAcknowledgedAndShowsNoHalfBatch) {
  RecordProperty("seed", std::to_string(kSeed));
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  const TemporaryDirectory directory;
  Random random(kSeed);
  Acknowledged acknowledged;
  std::atomic<uint64_t> next{0};
  for (int kill = 0; kill < kKills; ++kill) {
    const auto daemon = Daemon::Mnemed(MNEMED_PATH, directory.path(), {"--log.level=warning"});
    ASSERT_NE(daemon->port(), 0) << "after kill " << kill;
    const auto stub = v1::MemoryService::NewStub(daemon->Connect());
    if (kill == 0) {
      for (const char* id : {"dense", "linear"}) {
        v1::CreateMemoryRequest create;
        create.set_memory_id(id);
        create.mutable_memory()->set_key_dim(kDim);
        if (id == std::string("linear")) {
          create.mutable_memory()->set_response_dim(4);
          create.mutable_memory()->mutable_linear();
        } else {
          create.mutable_memory()->mutable_dense();
        }
        v1::Memory memory;
        ASSERT_TRUE(MNEME_CALL(stub, CreateMemory, create, &memory).ok());
      }
    }
    Check(*stub, acknowledged);
    if (HasFailure()) return;
    // Killed after a number of acknowledgements that chance picks: at any moment of whatever is
    // under way then.
    const size_t acknowledged_before = acknowledged.stored.size();
    const size_t wait_for = 1 + random.Below(120);
    std::vector<std::thread> writers;
    for (int w = 0; w < kWriters; ++w) {
      writers.emplace_back(
          [&, w] { Write(*stub, next, acknowledged, Random(kSeed + kill, w + 1)); });
    }
    while (true) {
      std::lock_guard<std::mutex> lock(acknowledged.mutex);
      if (acknowledged.stored.size() >= acknowledged_before + wait_for) break;
    }
    daemon->Stop(SIGKILL);
    for (std::thread& writer : writers) writer.join();
  }
  const auto daemon = Daemon::Mnemed(MNEMED_PATH, directory.path(), {"--log.level=warning"});
  ASSERT_NE(daemon->port(), 0);
  Check(*v1::MemoryService::NewStub(daemon->Connect()), acknowledged);
  std::printf("%d kills, %zu batches acknowledged, %zu deletions acknowledged, seed %llu\n", kKills,
              acknowledged.stored.size(), acknowledged.deleted.size(),
              static_cast<unsigned long long>(kSeed));
  EXPECT_EQ(daemon->Stop(SIGTERM), 0);
}

}  // namespace
}  // namespace mneme::test
