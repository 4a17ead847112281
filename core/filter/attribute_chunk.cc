#include "core/filter/attribute_chunk.h"

#include <algorithm>
#include <cstring>

namespace mneme::filter {

std::string_view ByteArena::Add(std::string_view bytes) {
  if (bytes.size() > left_) {
    left_ = std::max(bytes.size(), block_bytes_);
    block_bytes_ = std::min(2 * block_bytes_, kBlockBytesMax);
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(left_));
    next_ = blocks_.back().get();
    bytes_ += left_;
  }
  char* const place = next_;
  std::memcpy(place, bytes.data(), bytes.size());
  next_ += bytes.size();
  left_ -= bytes.size();
  return {place, bytes.size()};
}

AttributeChunk::AttributeChunk(size_t capacity, uint64_t number)
    : capacity_(capacity),
      number_(number),
      entries_(std::make_unique<Entry[]>(capacity)),
      arena_(std::make_shared<ByteArena>()) {}

AttributeChunk::AttributeChunk(size_t capacity, uint64_t number, const AttributeChunk& smaller)
    : capacity_(capacity),
      number_(number),
      rows_(smaller.rows_),
      entries_(std::make_unique<Entry[]>(capacity)),
      arena_(smaller.arena_) {
  std::copy_n(smaller.entries_.get(), smaller.rows_, entries_.get());
}

size_t AttributeChunk::bytes() const {
  return sizeof(*this) + capacity_ * sizeof(Entry) + arena_->bytes();
}

void AttributeChunk::Append(uint64_t row, std::string_view attribute_bytes) {
  const std::string_view kept = arena_->Add(attribute_bytes);
  entries_[rows_++] = {.row = row, .data = kept.data(), .size = kept.size()};
}

ChunkAnswer AttributeChunk::Ask(const Filter& filter, size_t rows) const {
  ChunkAnswer answer;
  for (size_t at = 0; at < rows; ++at) {
    const absl::StatusOr<bool> passes = filter.Matches(attributes(at));
    if (!passes.ok()) {
      answer.fails.Set(at);
    } else if (*passes) {
      answer.passes.Set(at);
    }
  }
  return answer;
}

}  // namespace mneme::filter
