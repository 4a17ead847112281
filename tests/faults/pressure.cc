#include "tests/faults/pressure.h"

#include <poll.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <utility>

namespace mneme::test {
namespace {

constexpr int kSampleMillis = 10;

uint64_t ResidentBytes(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  std::string word;
  while (file >> word) {
    uint64_t kilobytes = 0;
    if (word == "VmRSS:" && file >> kilobytes) return kilobytes << 10;
  }
  return 0;
}

}  // namespace

ResidentWatch::ResidentWatch(pid_t pid)
    : pid_(pid), thread_([this] {
        while (!over_) {
          most_ = std::max(most_.load(), ResidentBytes(pid_));
          poll(nullptr, 0, kSampleMillis);
        }
      }) {}

ResidentWatch::~ResidentWatch() {
  over_ = true;
  thread_.join();
}

struct Flood::Call {
  grpc::ClientContext context;
  v1::StoreRequest request;
  v1::StoreResponse response;
  uint64_t number = 0;
  std::chrono::steady_clock::time_point start;
};

Flood::Flood(const Daemon& daemon, std::string memory, int rows, int cols, int connections)
    : memory_(std::move(memory)), rows_(rows), cols_(cols), keys_(UnitRows(9, rows, cols)) {
  for (int i = 0; i < connections; ++i)
    stubs_.push_back(v1::MemoryService::NewStub(daemon.Connect()));
}

bool Flood::Send(size_t outstanding_max) {
  if (outstanding_ >= outstanding_max) return false;
  ++outstanding_;
  auto* const call = new Call;
  call->number = next_++;
  call->request.set_memory(memory_);
  SetMatrix(keys_, cols_, call->request.mutable_keys());
  for (uint64_t row = 0; row < static_cast<uint64_t>(rows_); ++row)
    call->request.add_ids()->set_number(call->number * static_cast<uint64_t>(rows_) + row);
  call->start = std::chrono::steady_clock::now();
  stubs_[call->number % stubs_.size()]->async()->Store(
      &call->context, &call->request, &call->response, [this, call](const grpc::Status& status) {
        Ended(*call, status);
        delete call;
        --outstanding_;
      });
  return true;
}

void Flood::Ended(Call& call, const grpc::Status& status) {
  if (status.ok()) times_.Add(call.start);
  std::lock_guard<std::mutex> lock(mutex_);
  if (status.ok()) {
    ++acknowledged_;
    done_.push_back(call.number);
    return;
  }
  const ErrorParts parts = Unpack(status);
  ++refused_[parts.reason];
  // FULL by items or bytes of a memory goes away only when something is done about it: no time can
  // be named.
  const bool promised =
      parts.code == grpc::StatusCode::RESOURCE_EXHAUSTED && (parts.retry || parts.reason == "FULL");
  const bool gone =
      parts.code == grpc::StatusCode::UNAVAILABLE || parts.code == grpc::StatusCode::CANCELLED;
  unknown_ += gone ? 1 : 0;
  if (!promised && !gone && wrong_.empty())
    wrong_ = std::to_string(parts.code) + " " + parts.reason + ": " + parts.message;
}

void Flood::Wait() {
  while (outstanding_ > 0) poll(nullptr, 0, 1);
}

uint64_t Flood::refused(const std::string& reason) const {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto it = refused_.find(reason);
  return it == refused_.end() ? 0 : it->second;
}

std::string Flood::wrong() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return wrong_;
}

uint64_t Flood::CountLost(v1::MemoryService::Stub& stub) const {
  std::map<uint64_t, int> rows;
  v1::ListItemsRequest request;
  request.set_memory(memory_);
  request.set_page_size(10'000);
  do {
    v1::ListItemsResponse page;
    if (!MNEME_CALL(&stub, ListItems, request, &page).ok()) return acknowledged_.load();
    for (const v1::Item& item : page.items())
      ++rows[item.id().number() / static_cast<uint64_t>(rows_)];
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  std::lock_guard<std::mutex> lock(mutex_);
  return static_cast<uint64_t>(std::count_if(
      done_.begin(), done_.end(), [&](uint64_t number) { return rows[number] != rows_; }));
}

void NoteMillis(Tally& tally, const std::string& name, const Times& times) {
  tally.Note(name + " p50 ms", static_cast<uint64_t>(times.Quantile(0.5) + 0.5));
  tally.Note(name + " p99 ms", static_cast<uint64_t>(times.Quantile(0.99) + 0.5));
}

void CheckResident(Tally& tally, const ResidentWatch& watch, uint64_t limit) {
  tally.Note("resident MiB", watch.most() >> 20);
  const uint64_t allowed = limit + limit / 20;
  const bool over = watch.most() > allowed;
  tally.Note("memory over limit", over ? 1 : 0);
  if (over) {
    tally.Report(Finding::kWrong, 0,
                 "the daemon held " + std::to_string(watch.most()) + " bytes, allowed were " +
                     std::to_string(allowed));
  }
}

}  // namespace mneme::test
