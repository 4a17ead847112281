#include "tests/faults/live_memory.h"

#include <algorithm>
#include <utility>

namespace mneme::test {
namespace {

std::string RequestId(const LiveWrite& write) { return "write-" + std::to_string(write.number); }

std::string Payload(uint64_t batch, int row, uint64_t write) {
  return std::to_string(batch) + "/" + std::to_string(row) + "/" + std::to_string(write);
}

}  // namespace

LiveWrite& LiveMemory::Next(LiveWrite::Kind kind, uint64_t batch, bool upsert,
                            v1::Durability level) {
  const uint64_t number = next_write_++;
  return writes_[number] = {
             .number = number, .kind = kind, .batch = batch, .upsert = upsert, .level = level};
}

std::map<uint64_t, uint64_t> LiveMemory::held() const {
  Batches batches = settled_;
  for (const auto& [number, write] : writes_) {
    if (write.state == LiveWrite::State::kAcknowledged) Apply(write, batches);
  }
  return batches;
}

void LiveMemory::Acknowledged(LiveWrite& write, uint64_t position, v1::Durability reached) {
  if (reached < write.level) Report(Finding::kWrong, "acknowledged at a lower level than asked");
  write.state = LiveWrite::State::kAcknowledged;
  write.position = position;
  write.survives = reached >= v1::DURABILITY_OS;
}

void LiveMemory::Refused(const LiveWrite& write) { writes_.erase(write.number); }

std::vector<float> LiveMemory::Keys(uint64_t batch, uint64_t write) const {
  return UnitRows(batch * 1'000'003 + write, kind_.rows, kLiveKeyDim);
}
std::vector<float> LiveMemory::Responses(uint64_t batch, uint64_t write) const {
  return UnitRows(batch * 1'000'033 + write, kind_.rows, kLiveResponseDim);
}

v1::StoreRequest LiveMemory::StoreOf(const LiveWrite& write) const {
  v1::StoreRequest request;
  request.set_memory(name());
  request.set_request_id(RequestId(write));
  request.set_durability(write.level);
  request.set_upsert(write.upsert);
  for (const std::string& etag : write.etags) request.add_etags(etag);
  if (kind_.ttl_ms > 0)
    request.mutable_ttl()->set_nanos(static_cast<int>(kind_.ttl_ms * 1'000'000));
  SetMatrix(Keys(write.batch, write.number), kLiveKeyDim, request.mutable_keys());
  if (kind_.associates) {
    SetMatrix(Responses(write.batch, write.number), kLiveResponseDim, request.mutable_responses());
  }
  if (!kind_.keeps_items) return request;
  for (int row = 0; row < kind_.rows; ++row) {
    request.add_ids()->set_number(write.batch * kIdsPerLiveBatch + static_cast<uint64_t>(row));
    request.add_payloads(Payload(write.batch, row, write.number));
    (*request.add_attributes()->mutable_values())["batch"].set_int64_value(
        static_cast<int64_t>(write.batch));
  }
  return request;
}

v1::DeleteItemsRequest LiveMemory::DeleteOf(const LiveWrite& write) const {
  v1::DeleteItemsRequest request;
  request.set_memory(name());
  request.set_request_id(RequestId(write));
  request.set_durability(write.level);
  if (!kind_.keeps_items) {
    SetMatrix(Keys(write.batch, write.stored_by), kLiveKeyDim, request.mutable_keys());
    SetMatrix(Responses(write.batch, write.stored_by), kLiveResponseDim,
              request.mutable_responses());
    return request;
  }
  if (write.kind == LiveWrite::Kind::kDeleteByFilter) {
    request.set_filter("batch = " + std::to_string(write.batch));
    return request;
  }
  for (int row = 0; row < kind_.rows; ++row) {
    request.add_ids()->set_number(write.batch * kIdsPerLiveBatch + static_cast<uint64_t>(row));
  }
  return request;
}

grpc::Status LiveMemory::Send(v1::MemoryService::Stub& stub, LiveWrite& write, bool* replayed) {
  grpc::Status status;
  uint64_t position = 0;
  v1::Durability reached = v1::DURABILITY_UNSPECIFIED;
  const auto note = [&](const auto& response) {
    position = response.position();
    reached = response.durability();
    if (replayed != nullptr) *replayed = response.replayed();
  };
  if (write.kind == LiveWrite::Kind::kStore) {
    v1::StoreResponse response;
    status = CallLive(stub, &v1::MemoryService::Stub::Store, StoreOf(write), &response);
    note(response);
  } else {
    v1::DeleteItemsResponse response;
    status = CallLive(stub, &v1::MemoryService::Stub::DeleteItems, DeleteOf(write), &response);
    note(response);
  }
  switch (EndOf(status)) {
    case Ended::kDone:
      Acknowledged(write, position, reached);
      break;
    case Ended::kWrong:
      Report(Finding::kWrong,
             "write " + std::to_string(write.number) + ": " + status.error_message());
      [[fallthrough]];
    case Ended::kNotDone:
      Refused(write);
      break;
    case Ended::kUnknown:
      break;
  }
  return status;
}

// True when the item is what the batch's write stored; which that was is in its payload.
bool LiveMemory::CheckItem(const v1::Item& item, uint64_t* write) const {
  const uint64_t batch = item.id().number() / kIdsPerLiveBatch;
  const int row = static_cast<int>(item.id().number() % kIdsPerLiveBatch);
  const std::string id = std::to_string(item.id().number());
  const size_t slash = item.payload().rfind('/');
  *write = slash == std::string::npos ? 0 : std::strtoull(&item.payload()[slash + 1], nullptr, 10);
  if (row >= kind_.rows || item.payload() != Payload(batch, row, *write)) {
    Report(Finding::kWrong, "item " + id + " has payload '" + item.payload() + "'");
    return false;
  }
  v1::Matrix key;
  const std::vector<float> keys = Keys(batch, *write);
  SetMatrix({keys.begin() + row * kLiveKeyDim, keys.begin() + (row + 1) * kLiveKeyDim}, kLiveKeyDim,
            &key);
  if (item.key().data() == key.data()) return true;
  Report(Finding::kWrong, "item " + id + " has another key than it was stored with");
  return false;
}

std::optional<LiveMemory::Batches> LiveMemory::List(v1::MemoryService::Stub& stub) const {
  std::map<uint64_t, std::vector<uint64_t>> rows;  // of each batch, the write of each row
  v1::ListItemsRequest request;
  request.set_memory(name());
  request.set_page_size(1'000);
  request.set_include_vectors(true);
  request.set_include_payloads(true);
  do {
    v1::ListItemsResponse page;
    const grpc::Status status = CallLive(stub, &v1::MemoryService::Stub::ListItems, request, &page);
    if (!status.ok()) {
      Report(Finding::kLost, "its items cannot be listed: " + status.error_message());
      return std::nullopt;
    }
    for (const v1::Item& item : page.items()) {
      uint64_t write = 0;
      if (CheckItem(item, &write)) rows[item.id().number() / kIdsPerLiveBatch].push_back(write);
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  Batches out;
  for (const auto& [batch, writes] : rows) {
    const bool one = std::all_of(writes.begin(), writes.end(),
                                 [&](uint64_t write) { return write == writes.front(); });
    // Pages of items that expire are not of one moment.
    const bool whole = static_cast<int>(writes.size()) == kind_.rows || kind_.ttl_ms > 0;
    if (!one || !whole)
      Report(Finding::kGhost, "batch " + std::to_string(batch) + " is half there");
    out[batch] = writes.front();
  }
  return out;
}

void LiveMemory::Apply(const LiveWrite& write, Batches& batches) const {
  if (write.kind != LiveWrite::Kind::kStore) {
    batches.erase(write.batch);
    return;
  }
  batches[write.batch] = write.number;
  // New batches have rising numbers: the first is the oldest.
  while (kind_.batches_max > 0 && batches.size() > kind_.batches_max)
    batches.erase(batches.begin());
}

// Whether a write of unknown outcome, the first one after `before`, was done.
bool LiveMemory::InEffect(const LiveWrite& write, const Batches& before, const Batches* found,
                          uint64_t items) const {
  const uint64_t items_before = before.size() * static_cast<uint64_t>(kind_.rows);
  if (found == nullptr) {
    return write.kind == LiveWrite::Kind::kStore ? items > items_before : items < items_before;
  }
  const auto it = found->find(write.batch);
  if (write.kind == LiveWrite::Kind::kStore)
    return it != found->end() && it->second >= write.number;
  return it == found->end();
}

// What must be there at `position`; writes that turn out not to be done are forgotten.
LiveMemory::Batches LiveMemory::Expected(uint64_t position, const Batches* found, uint64_t items) {
  Batches out = settled_;
  for (auto it = writes_.begin(); it != writes_.end();) {
    const LiveWrite& write = it->second;
    const bool acknowledged = write.state == LiveWrite::State::kAcknowledged;
    if (acknowledged && write.position > position && write.survives) {
      Report(Finding::kLost, "write " + std::to_string(write.number) +
                                 " was acknowledged at position " + std::to_string(write.position) +
                                 ", the memory is at " + std::to_string(position));
    }
    const bool done =
        acknowledged ? write.position <= position : InEffect(write, out, found, items);
    if (done) Apply(write, out);
    // A write of unknown outcome stays until it has been sent again.
    it = done || !acknowledged ? std::next(it) : writes_.erase(it);
  }
  return out;
}

void LiveMemory::Compare(const Batches& expected, const Batches& found) const {
  for (const auto& [batch, write] : found) {
    const auto it = expected.find(batch);
    if (it == expected.end() || it->second != write) {
      Report(Finding::kGhost, "batch " + std::to_string(batch) + " of write " +
                                  std::to_string(write) + " is there, expected " +
                                  (it == expected.end() ? "none" : std::to_string(it->second)));
    }
  }
  if (kind_.ttl_ms > 0) return;  // those that are missing may have expired
  for (const auto& [batch, write] : expected) {
    if (!found.contains(batch)) {
      Report(Finding::kLost,
             "batch " + std::to_string(batch) + " of write " + std::to_string(write) + " is gone");
    }
  }
}

void LiveMemory::CheckPosition(uint64_t position) const {
  if (kind_.ttl_ms > 0) return;  // what expires takes positions too
  uint64_t last = settled_position_, unknown = 0;
  for (const auto& [number, write] : writes_) {
    last = std::max(last, write.position);
    unknown += write.state == LiveWrite::State::kUnknown ? 1 : 0;
  }
  if (position > last + unknown) {
    Report(Finding::kGhost, "at position " + std::to_string(position) + " of " +
                                std::to_string(last) + " acknowledged and " +
                                std::to_string(unknown) + " unknown");
  }
}

void LiveMemory::Check(v1::MemoryService::Stub& stub) {
  v1::GetMemoryRequest get;
  get.set_name(name());
  v1::Memory described;
  const grpc::Status status = CallLive(stub, &v1::MemoryService::Stub::GetMemory, get, &described);
  if (!status.ok() || described.state().health() != v1::HEALTH_SERVING) {
    return Report(Finding::kLost,
                  "does not serve: " + status.error_message() + described.state().health_reason());
  }
  const v1::MemoryState& state = described.state();
  CheckPosition(state.position());
  std::optional<Batches> found;
  if (kind_.keeps_items && !(found = List(stub)).has_value()) return;
  const Batches expected =
      Expected(state.position(), found.has_value() ? &*found : nullptr, state.item_count());
  if (found.has_value()) Compare(expected, *found);
  const uint64_t rows = expected.size() * static_cast<uint64_t>(kind_.rows);
  if (kind_.ttl_ms == 0 && state.item_count() != rows) {
    Report(Finding::kWrong, "counts " + std::to_string(state.item_count()) + " items, expected " +
                                std::to_string(rows));
  }
  CheckAnswers(stub, kind_.ttl_ms > 0 ? Batches() : expected);
  const std::map<uint64_t, LiveWrite> writes = std::exchange(writes_, {});
  Batches done = settled_;
  settled_ = expected;
  settled_position_ = std::max(settled_position_, state.position());
  for (const auto& [number, write] : writes) {
    const bool in_effect =
        write.state == LiveWrite::State::kAcknowledged ||
        InEffect(write, done, found.has_value() ? &*found : nullptr, state.item_count());
    if (in_effect) settled_last_ = number;
    if (in_effect) Apply(write, done);
    if (write.state == LiveWrite::State::kUnknown && kind_.name != std::string("stream")) {
      Retry(stub, write, in_effect);
    }
  }
  if (kind_.name == std::string("stream")) next_write_ = settled_last_ + 1;
}

void LiveMemory::Retry(v1::MemoryService::Stub& stub, LiveWrite write, bool in_effect) {
  bool replayed = false;
  LiveWrite& again = writes_[write.number] = std::move(write);
  const uint64_t number = again.number;
  const grpc::Status status = Send(stub, again, &replayed);
  tally_.Note("retries");
  if (!status.ok()) return;
  // Whether a write of items that have expired since was done cannot be seen from outside.
  if (kind_.ttl_ms == 0 && replayed != in_effect) {
    Report(Finding::kWrong, "write " + std::to_string(number) + " tried again was " +
                                (replayed ? "not done, and it was not yet" : "done twice"));
  }
}

}  // namespace mneme::test
