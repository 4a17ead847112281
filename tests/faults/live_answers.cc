// What a memory answers, against a fresh one of the same batches.
#include <algorithm>
#include <cmath>

#include "tests/faults/live_memory.h"

namespace mneme::test {
namespace {

constexpr double kTolerance = 1e-4;
constexpr int kCuesMax = 16;

}  // namespace

// Auto-association finds each item; association recalls what a fresh memory of the same batches
// recalls.
void LiveMemory::CheckAnswers(v1::MemoryService::Stub& stub, const Batches& batches) const {
  if (batches.empty()) return;
  v1::RetrieveRequest retrieve;
  retrieve.set_memory(name());
  std::vector<float> cues;
  std::vector<uint64_t> ids;
  v1::StoreRequest all;
  std::vector<float> keys, responses;
  for (const auto& [batch, write] : batches) {
    const std::vector<float> own = Keys(batch, write), answers = Responses(batch, write);
    keys.insert(keys.end(), own.begin(), own.end());
    responses.insert(responses.end(), answers.begin(), answers.end());
    if (ids.size() >= kCuesMax) continue;
    cues.insert(cues.end(), own.begin(), own.begin() + kLiveKeyDim);
    ids.push_back(batch * kIdsPerLiveBatch);
  }
  SetMatrix(cues, kLiveKeyDim, retrieve.mutable_cues());
  if (!kind_.associates) retrieve.set_top(1);
  v1::RetrieveResponse recalled;
  grpc::Status status = CallLive(stub, &v1::MemoryService::Stub::Retrieve, retrieve, &recalled);
  if (!status.ok()) return Report(Finding::kLost, "does not answer: " + status.error_message());
  if (!kind_.associates) {
    for (size_t i = 0; i < ids.size(); ++i) {
      const v1::CueResult& result = recalled.results(static_cast<int>(i));
      if (result.top_size() != 1 || result.top(0).id().number() != ids[i])
        Report(Finding::kWrong, "the key of item " + std::to_string(ids[i]) + " finds another");
    }
    return;
  }
  v1::CreateMemoryRequest create;
  create.set_memory_id("fresh");
  *create.mutable_memory() = kind_.spec();
  v1::Memory fresh;
  status = CallLive(stub, &v1::MemoryService::Stub::CreateMemory, create, &fresh);
  all.set_memory("memories/fresh");
  all.set_durability(v1::DURABILITY_MEMORY);
  SetMatrix(keys, kLiveKeyDim, all.mutable_keys());
  SetMatrix(responses, kLiveResponseDim, all.mutable_responses());
  v1::StoreResponse stored;
  if (status.ok()) status = CallLive(stub, &v1::MemoryService::Stub::Store, all, &stored);
  retrieve.set_memory("memories/fresh");
  v1::RetrieveResponse expected;
  if (status.ok()) status = CallLive(stub, &v1::MemoryService::Stub::Retrieve, retrieve, &expected);
  v1::DeleteMemoryRequest drop;
  drop.set_name("memories/fresh");
  google::protobuf::Empty nothing;
  if (status.ok()) status = CallLive(stub, &v1::MemoryService::Stub::DeleteMemory, drop, &nothing);
  if (!status.ok()) return Report(Finding::kWrong, "a fresh memory: " + status.error_message());
  CompareRecalls(recalled.recalls().data(), expected.recalls().data());
}

// Matrices of float32, as on the wire.
void LiveMemory::CompareRecalls(const std::string& given, const std::string& expected) const {
  const auto* const a = reinterpret_cast<const float*>(given.data());
  const auto* const b = reinterpret_cast<const float*>(expected.data());
  const size_t numbers = given.size() / sizeof(float);
  double worst = given.size() == expected.size() ? 0 : 1;
  for (size_t i = 0; worst < 1 && i < numbers; ++i) {
    worst = std::max(worst, std::fabs(a[i] - b[i]) / (1.0 + std::fabs(b[i])));
  }
  if (!(worst <= kTolerance)) {
    Report(Finding::kWrong, "a recall is " + std::to_string(worst) +
                                " away from that of a fresh memory of the same batches");
  }
}

}  // namespace mneme::test
