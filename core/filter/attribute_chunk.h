// Up to 1,024 items with attributes, in the order of their rows.
//
// Threads: one writer appends at the end; readers look only at rows below a count that was handed
// to them after those rows were written, so that no row is read and written at once.
#ifndef MNEME_CORE_FILTER_ATTRIBUTE_CHUNK_H_
#define MNEME_CORE_FILTER_ATTRIBUTE_CHUNK_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "core/filter/filter.h"
#include "core/filter/filter_cache.h"
#include "core/filter/row_bits.h"

namespace mneme::filter {

// Bytes that never move, appended by one writer.
class ByteArena {
 public:
  std::string_view Add(std::string_view bytes);
  size_t bytes() const { return bytes_; }

 private:
  static constexpr size_t kBlockBytesMin = 512;
  static constexpr size_t kBlockBytesMax = 64 << 10;

  std::vector<std::unique_ptr<char[]>> blocks_;
  char* next_ = nullptr;
  size_t left_ = 0;
  size_t block_bytes_ = kBlockBytesMin;  // of the next block: each is twice the last
  size_t bytes_ = 0;
};

class AttributeChunk {
 public:
  AttributeChunk(size_t capacity, uint64_t number);
  // A larger chunk with the items of a smaller one; the bytes stay where they are.
  AttributeChunk(size_t capacity, uint64_t number, const AttributeChunk& smaller);

  // Of the writer.
  size_t rows() const { return rows_; }
  size_t bytes() const;
  void Append(uint64_t row, std::string_view attribute_bytes);

  size_t capacity() const { return capacity_; }
  uint64_t number() const { return number_; }  // of FilterCache
  uint64_t row(size_t at) const { return entries_[at].row; }
  std::string_view attributes(size_t at) const { return {entries_[at].data, entries_[at].size}; }

  // What the filter says about the first `rows`.
  ChunkAnswer Ask(const Filter& filter, size_t rows) const;

 private:
  struct Entry {
    uint64_t row = 0;
    const char* data = nullptr;
    size_t size = 0;
  };

  size_t capacity_;
  uint64_t number_;
  size_t rows_ = 0;
  std::unique_ptr<Entry[]> entries_;
  std::shared_ptr<ByteArena> arena_;
};

}  // namespace mneme::filter

#endif  // MNEME_CORE_FILTER_ATTRIBUTE_CHUNK_H_
