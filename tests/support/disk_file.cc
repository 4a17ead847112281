#include "tests/support/disk_file.h"

#include <algorithm>
#include <array>
#include <memory>

namespace mneme::test {

DiskImage::Bytes DiskFile::Share() const {
  return image_ != nullptr ? image_ : std::make_shared<const std::string>(written_);
}

void DiskFile::FailSync() {
  doubtful_.push_back({.first = synced_bytes_, .end = bytes().size()});
  synced_bytes_ = bytes().size();
}

DiskImage::Bytes DiskFile::Survive(Random& random) const {
  if (image_ != nullptr) return image_;
  // How much of what was not synced had reached the disk: nothing, some, most, all.
  constexpr std::array kShares = {0.0, 0.5, 0.9, 1.0};
  const double share = kShares[random.Below(kShares.size())];
  const bool length_survives = random.Below(4) == 0;
  const std::string& all = written_;
  std::string out = all;
  uint64_t end = doubtful_.empty() ? synced_bytes_ : doubtful_.front().first;
  const auto lose = [&](uint64_t first, uint64_t last) {
    for (uint64_t at = first; at < last;) {
      const uint64_t next = std::min(last, (at / kPageBytes + 1) * kPageBytes);
      if (random.Uniform() < share) {
        end = std::max(end, next);
      } else {
        std::fill(out.begin() + static_cast<ptrdiff_t>(at),
                  out.begin() + static_cast<ptrdiff_t>(next), '\0');
      }
      at = next;
    }
  };
  for (const Extent& extent : doubtful_) lose(extent.first, extent.end);
  if (!doubtful_.empty() && synced_bytes_ > doubtful_.back().end)
    end = std::max(end, synced_bytes_);
  lose(synced_bytes_, all.size());
  if (!length_survives) out.resize(end);
  return std::make_shared<const std::string>(std::move(out));
}

}  // namespace mneme::test
