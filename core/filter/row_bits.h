// One bit for each row of a chunk of attributes.
#ifndef MNEME_CORE_FILTER_ROW_BITS_H_
#define MNEME_CORE_FILTER_ROW_BITS_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace mneme::filter {

inline constexpr size_t kChunkRows = 1024;

class RowBits {
 public:
  static RowBits FirstRows(size_t count) {
    RowBits bits;
    for (size_t word = 0; word < kWords; ++word) {
      const size_t below = word * 64;
      if (count > below)
        bits.words_[word] = ~uint64_t{0} >> (count >= below + 64 ? 0 : below + 64 - count);
    }
    return bits;
  }

  bool Test(size_t row) const { return (words_[row / 64] >> (row % 64) & 1) != 0; }
  void Set(size_t row) { words_[row / 64] |= uint64_t{1} << (row % 64); }

  // visit(row) for each set bit, ascending, until one returns false; whether none did.
  template <typename Visit>
  bool ForEach(Visit visit) const {
    for (size_t word = 0; word < kWords; ++word) {
      for (uint64_t left = words_[word]; left != 0; left &= left - 1) {
        if (!visit(word * 64 + static_cast<size_t>(std::countr_zero(left)))) return false;
      }
    }
    return true;
  }

  friend bool operator==(const RowBits&, const RowBits&) = default;
  RowBits operator~() const {
    RowBits out;
    for (size_t i = 0; i < kWords; ++i) out.words_[i] = ~words_[i];
    return out;
  }
  friend RowBits operator&(const RowBits& a, const RowBits& b) {
    RowBits out;
    for (size_t i = 0; i < kWords; ++i) out.words_[i] = a.words_[i] & b.words_[i];
    return out;
  }

 private:
  static constexpr size_t kWords = kChunkRows / 64;
  std::array<uint64_t, kWords> words_ = {};
};

}  // namespace mneme::filter

#endif  // MNEME_CORE_FILTER_ROW_BITS_H_
