#include "client/cli/mask.h"

#include <limits>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/cli/context.h"
#include "client/cli/matrix_file.h"

namespace mneme::cli {
namespace {

void SetBit(std::vector<uint8_t>& bits, size_t row_bytes, size_t row, size_t column) {
  bits[row * row_bytes + column / 8] |= static_cast<uint8_t>(1u << (column % 8));
}

}  // namespace

absl::StatusOr<Mask> Mask::Parse(const std::string& text, size_t cols) {
  Mask mask;
  mask.row_bytes_ = (cols + 7) / 8;
  if (text.ends_with(".npy")) {
    auto file = OpenMatrix(text);
    if (!file.ok()) return file.status();
    if ((*file)->cols() != cols) {
      return UsageError("the mask has another length than the cues", absl::StrCat((*file)->cols()),
                        absl::StrCat(cols), "Give one 0 or 1 for each coordinate.");
    }
    auto numbers = (*file)->Read(std::numeric_limits<size_t>::max());
    if (!numbers.ok()) return numbers.status();
    mask.rows_ = numbers->rows;
    mask.bits_.resize(mask.rows_ * mask.row_bytes_);
    for (size_t i = 0; i < numbers->data.size(); ++i) {
      if (numbers->data[i] != 0) SetBit(mask.bits_, mask.row_bytes_, i / cols, i % cols);
    }
    return mask;
  }
  mask.rows_ = 1;
  mask.bits_.resize(mask.row_bytes_);
  for (const absl::string_view range : absl::StrSplit(text, ',')) {
    const std::pair<absl::string_view, absl::string_view> ends =
        absl::StrSplit(range, absl::MaxSplits('-', 1));
    uint64_t first = 0;
    uint64_t last = 0;
    const bool parsed = absl::SimpleAtoi(ends.first, &first) &&
                        absl::SimpleAtoi(ends.second.empty() ? ends.first : ends.second, &last);
    if (!parsed || first > last || last >= cols) {
      return UsageError("the mask is not a list of coordinates of the cues",
                        std::string(range.data(), range.size()),
                        absl::StrCat("ranges like 0-391,500 within 0 to ", cols - 1),
                        "Name the coordinates that are known, from 0 on, ends included.");
    }
    for (uint64_t column = first; column <= last; ++column) {
      SetBit(mask.bits_, mask.row_bytes_, 0, column);
    }
  }
  return mask;
}

absl::StatusOr<std::span<const uint8_t>> Mask::ForCues(size_t begin, size_t count) const {
  if (rows_ <= 1) return std::span(bits_);
  if (begin + count > rows_) {
    return UsageError("the mask has fewer rows than there are cues", absl::StrCat(rows_),
                      absl::StrCat("1, or at least ", begin + count), "Give one row a cue.");
  }
  return std::span(bits_).subspan(begin * row_bytes_, count * row_bytes_);
}

}  // namespace mneme::cli
