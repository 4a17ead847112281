// One file of a disk: its bytes, and which of them would outlive a power cut.
//
// Not thread-safe.
#ifndef MNEME_TESTS_SUPPORT_DISK_FILE_H_
#define MNEME_TESTS_SUPPORT_DISK_FILE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/random.h"
#include "tests/support/disk_image.h"

namespace mneme::test {

inline constexpr uint64_t kPageBytes = 4096;

class DiskFile {
 public:
  DiskFile() = default;
  // As it lies on the disk: durable, and not written any more.
  explicit DiskFile(DiskImage::Bytes image)
      : image_(std::move(image)), synced_bytes_(image_->size()) {}

  const std::string& bytes() const { return image_ != nullptr ? *image_ : written_; }
  DiskImage::Bytes Share() const;

  void Append(std::string_view bytes) { written_ += bytes; }
  void Sync() { synced_bytes_ = bytes().size(); }
  // What it should have made durable is not, and a later Sync passes it over.
  void FailSync();
  bool sync_failed() const { return !doubtful_.empty(); }

  // What is left of it after a power cut: the durable bytes, and of the pages behind them those
  // that had reached the disk by chance; zeros where a page is missing before one that is there.
  DiskImage::Bytes Survive(Random& random) const;

 private:
  struct Extent {
    uint64_t first = 0;
    uint64_t end = 0;
  };

  DiskImage::Bytes image_;        // the bytes, if nothing may be written
  std::string written_;           // else
  uint64_t synced_bytes_ = 0;     // durable, but for `doubtful_`
  std::vector<Extent> doubtful_;  // what failed syncs left behind
};

}  // namespace mneme::test

#endif  // MNEME_TESTS_SUPPORT_DISK_FILE_H_
