// Which coordinates of the cues are known, as the user says it.
//
// Threads: plain values.
#ifndef MNEME_CLIENT_CLI_MASK_H_
#define MNEME_CLIENT_CLI_MASK_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace mneme::cli {

class Mask {
 public:
  Mask() = default;  // all are known

  // "0-391,500": these are known, the others not; or the name of an .npy of 0 (not known) and 1,
  // with one row for all cues or one row a cue. `cols` is the length of a cue.
  static absl::StatusOr<Mask> Parse(const std::string& text, size_t cols);

  // The bits for cues [begin, begin + count), as client::RetrieveOptions takes them;
  // InvalidArgument past the last row.
  absl::StatusOr<std::span<const uint8_t>> ForCues(size_t begin, size_t count) const;

 private:
  std::vector<uint8_t> bits_;
  size_t rows_ = 0;
  size_t row_bytes_ = 0;
};

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_MASK_H_
