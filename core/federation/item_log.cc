#include "core/federation/item_log.h"

#include <algorithm>

namespace mneme::federation {
namespace {

constexpr size_t kRoomFirst = 64;

}  // namespace

ItemLog::ItemLog(size_t d_k, size_t d_v, size_t capacity, uint64_t head)
    : d_k_(d_k), d_v_(d_v), capacity_(std::max<size_t>(capacity, 1)), head_(head), tail_(head) {}

void ItemLog::Append(uint64_t first, std::span<const float> keys, std::span<const float> responses,
                     std::span<const float> gates) {
  if (first > head_) head_ = tail_ = first;
  const size_t count = keys.size() / d_k_;
  for (size_t i = 0; i < count; ++i) {
    if (first + i < head_) continue;
    Put(keys.data() + i * d_k_, responses.data() + i * d_v_, gates.empty() ? 1.0F : gates[i]);
  }
}

void ItemLog::Put(const float* key, const float* response, float gate) {
  if (size() == capacity_) ++tail_;
  if (size() == room_) Grow();
  const size_t row = static_cast<size_t>(head_ % room_);
  std::copy_n(key, d_k_, keys_.data() + row * d_k_);
  std::copy_n(response, d_v_, responses_.data() + row * d_v_);
  gates_[row] = gate;
  ++head_;
}

void ItemLog::Grow() {
  const size_t room = std::min(capacity_, std::max(kRoomFirst, room_ * 2));
  std::vector<float> keys(room * d_k_);
  std::vector<float> responses(room * d_v_);
  std::vector<float> gates(room);
  for (uint64_t at = tail_; at < head_; ++at) {
    const auto from = static_cast<size_t>(at % room_);
    const auto to = static_cast<size_t>(at % room);
    std::copy_n(keys_.data() + from * d_k_, d_k_, keys.data() + to * d_k_);
    std::copy_n(responses_.data() + from * d_v_, d_v_, responses.data() + to * d_v_);
    gates[to] = gates_[from];
  }
  keys_ = std::move(keys);
  responses_ = std::move(responses);
  gates_ = std::move(gates);
  room_ = room;
}

void ItemLog::Release(uint64_t position) { tail_ = std::clamp(position, tail_, head_); }

void ItemLog::CopyRow(uint64_t position, Batch& batch) const {
  const auto row = static_cast<size_t>(position % room_);
  const float* key = keys_.data() + row * d_k_;
  const float* response = responses_.data() + row * d_v_;
  batch.keys.insert(batch.keys.end(), key, key + d_k_);
  batch.responses.insert(batch.responses.end(), response, response + d_v_);
  batch.gates.push_back(gates_[row]);
  ++batch.count;
}

void ItemLog::Take(uint64_t cursor, size_t rows_max, size_t lag_max, Random& random,
                   Batch& batch) const {
  batch.count = 0;
  batch.keys.clear();
  batch.responses.clear();
  batch.gates.clear();
  batch.from = batch.to = cursor;
  if (cursor >= head_) return;
  const bool sampled = head_ - cursor > lag_max;
  const uint64_t first = std::max(cursor, tail_);
  uint64_t wanted = std::min<uint64_t>(rows_max, head_ - first);
  batch.to = sampled ? head_ : first + wanted;
  for (uint64_t at = first; at < batch.to && wanted > 0; ++at) {
    if (sampled && random.Below(head_ - at) >= wanted) continue;
    CopyRow(at, batch);
    --wanted;
  }
}

}  // namespace mneme::federation
