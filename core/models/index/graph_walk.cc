#include "core/models/index/graph_walk.h"

#include <algorithm>
#include <cstring>

namespace mneme::models {
namespace {

constexpr size_t kLineBytes = 64;
constexpr size_t kBuriedPerWidth = 3;
constexpr size_t kPrefetchBytesMax = 1024;  // of a row; the machine goes on by itself

inline void Prefetch(const void* from, size_t bytes) {
  for (size_t i = 0; i < bytes; i += kLineBytes) {
    __builtin_prefetch(static_cast<const char*>(from) + i);
  }
}

}  // namespace

std::span<const uint32_t> GraphField::links(size_t i) const {
  uint16_t count;
  std::memcpy(&count, element(i), sizeof(count));
  return {reinterpret_cast<const uint32_t*>(element(i)) + 1, count};
}

void GraphWalk::Begin(size_t rows, size_t width) {
  // Few bits are cleared one by one, many all at once.
  if (seen_list_.size() < seen_.size() / 4) {
    for (const uint32_t position : seen_list_) seen_[position / 64] = 0;
  } else {
    std::ranges::fill(seen_, 0);
  }
  seen_list_.clear();
  if (seen_.size() * 64 < rows) seen_.resize((rows + 63) / 64);
  width_ = width;
  in_sight_ = 0;
  live_ = 0;
  next_ = 0;
}

// No branch depends on what was seen: that is as good as random.
size_t GraphWalk::LookAround(const GraphField& field, uint32_t position) {
  size_t count = 0;
  for (const uint32_t neighbour : field.links(position)) {
    uint64_t& word = seen_[neighbour / 64];
    const uint64_t fresh = ~word >> (neighbour % 64) & 1;
    word |= uint64_t{1} << (neighbour % 64);
    neighbours_[count] = neighbour;
    neighbour_rows_[count] = field.row(neighbour);
    count += fresh;
  }
  const size_t bytes = std::min(field.element_bytes - field.row_offset, kPrefetchBytesMax);
  for (size_t i = 0; i < count; ++i) Prefetch(neighbour_rows_[i], bytes);
  const auto end = neighbours_.begin() + static_cast<ptrdiff_t>(count);
  seen_list_.insert(seen_list_.end(), neighbours_.begin(), end);
  return count;
}

// Behind all that are not farther; without branches, likewise.
size_t GraphWalk::PlaceOf(float distance) const {
  const InSight* first = sight_.data();
  for (size_t left = in_sight_; left > 0;) {
    const size_t half = (left + 1) / 2;
    first += first[half - 1].distance <= distance ? half : 0;
    left -= half;
  }
  return static_cast<size_t>(first - sight_.data());
}

void GraphWalk::Insert(InSight found) {
  if (in_sight_ == sight_.size()) sight_.resize(2 * in_sight_ + 64);
  const size_t place = PlaceOf(found.distance);
  std::memmove(sight_.data() + place + 1, sight_.data() + place,
               (in_sight_ - place) * sizeof(InSight));
  sight_[place] = found;
  ++in_sight_;
  live_ += found.buried ? 0 : 1;
  next_ = std::min(next_, place);
  DropTheUseless();
}

// What lies behind the last live row that counts.
void GraphWalk::DropTheUseless() {
  while (live_ > width_ || in_sight_ > (1 + kBuriedPerWidth) * width_ ||
         (live_ == width_ && sight_[in_sight_ - 1].buried)) {
    live_ -= sight_[in_sight_ - 1].buried ? 0 : 1;
    --in_sight_;
  }
}

std::vector<GraphWalk::Near> GraphWalk::Search(const GraphField& field, const GraphRows& rows,
                                               const void* cue, uint32_t entry, size_t width) {
  Begin(field.rows, width);
  seen_[entry / 64] |= uint64_t{1} << (entry % 64);
  seen_list_.push_back(entry);
  Insert({.distance = rows.Distance(cue, field.row(entry)),
          .position = entry,
          .buried = field.IsBuried(entry),
          .visited = 0});
  while (next_ < in_sight_) {
    sight_[next_].visited = 1;
    const size_t count = LookAround(field, sight_[next_].position);
    while (next_ < in_sight_ && sight_[next_].visited) ++next_;
    // Meanwhile the links of what is likely next come nearer.
    if (next_ < in_sight_) Prefetch(field.element(sight_[next_].position), field.row_offset);
    rows.Distances(cue, neighbour_rows_.data(), count, distances_.data());
    for (size_t i = 0; i < count; ++i) {
      if (IsFull() && distances_[i] >= farthest()) continue;
      Insert({.distance = distances_[i],
              .position = neighbours_[i],
              .buried = field.IsBuried(neighbours_[i]),
              .visited = 0});
    }
  }
  std::vector<Near> out;
  out.reserve(live_);
  for (size_t i = 0; i < in_sight_; ++i) {
    const InSight& found = sight_[i];
    if (!found.buried) out.push_back({.distance = found.distance, .position = found.position});
  }
  return out;
}

}  // namespace mneme::models
