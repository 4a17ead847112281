#include "core/models/index/graph_walk.h"

#include <algorithm>
#include <cstring>

namespace mneme::models {
namespace {

constexpr size_t kLineBytes = 64;
constexpr size_t kBuriedPerWidth = 3;
constexpr size_t kPrefetchBytesMax = 1024;  // of a row; the machine goes on by itself

template <typename T>
T ReadAs(const char* from) {
  T out;
  std::memcpy(&out, from, sizeof(out));
  return out;
}

void Prefetch(const void* from, size_t bytes) {
  for (size_t i = 0; i < bytes; i += kLineBytes) {
    __builtin_prefetch(static_cast<const char*>(from) + i);
  }
}

}  // namespace

size_t GraphField::links(size_t i) const { return ReadAs<uint16_t>(element(i)); }

uint32_t GraphField::link(size_t i, size_t which) const {
  return ReadAs<uint32_t>(element(i) + sizeof(uint32_t) * (1 + which));
}

void GraphWalk::Begin(size_t rows) {
  for (const uint32_t position : seen_list_) seen_[position / 64] = 0;
  seen_list_.clear();
  if (seen_.size() * 64 < rows) seen_.resize((rows + 63) / 64);
  sight_.clear();
  live_ = 0;
  next_ = 0;
}

// False: it was before.
bool GraphWalk::MarkSeen(uint32_t position) {
  uint64_t& word = seen_[position / 64];
  const uint64_t bit = uint64_t{1} << (position % 64);
  const bool fresh = (word & bit) == 0;
  word |= bit;
  return fresh;
}

void GraphWalk::LookAround(const GraphField& field, uint32_t position) {
  neighbours_.clear();
  row_list_.clear();
  const size_t bytes = std::min(field.element_bytes - field.row_offset, kPrefetchBytesMax);
  const size_t links = field.links(position);
  for (size_t i = 0; i < links; ++i) {
    const uint32_t neighbour = field.link(position, i);
    if (!MarkSeen(neighbour)) continue;
    Prefetch(field.row(neighbour), bytes);
    neighbours_.push_back(neighbour);
    row_list_.push_back(field.row(neighbour));
  }
  seen_list_.insert(seen_list_.end(), neighbours_.begin(), neighbours_.end());
}

void GraphWalk::Measure(const GraphField& field, const GraphRows& rows, const void* cue) {
  distances_.resize(neighbours_.size());
  rows.Distances(cue, row_list_.data(), row_list_.size(), distances_.data());
  for (size_t i = 0; i < neighbours_.size(); ++i) {
    if (live_ >= width_ && distances_[i] >= sight_.back().distance) continue;
    Insert({.distance = distances_[i],
            .position = neighbours_[i],
            .buried = field.IsBuried(neighbours_[i]),
            .visited = 0});
  }
}

void GraphWalk::Insert(InSight found) {
  const auto at = std::upper_bound(
      sight_.begin(), sight_.end(), found.distance,
      [](float distance, const InSight& other) { return distance < other.distance; });
  next_ = std::min(next_, static_cast<size_t>(at - sight_.begin()));
  sight_.insert(at, found);
  live_ += found.buried ? 0 : 1;
  // What lies behind the last live one that counts is of no use.
  while (live_ > width_ || sight_.size() > (1 + kBuriedPerWidth) * width_ ||
         (live_ == width_ && sight_.back().buried)) {
    live_ -= sight_.back().buried ? 0 : 1;
    sight_.pop_back();
  }
}

std::vector<GraphWalk::Near> GraphWalk::Search(const GraphField& field, const GraphRows& rows,
                                               const void* cue, uint32_t entry, size_t width) {
  Begin(field.rows);
  width_ = width;
  MarkSeen(entry);
  seen_list_.push_back(entry);
  Insert({.distance = rows.Distance(cue, field.row(entry)),
          .position = entry,
          .buried = field.IsBuried(entry),
          .visited = 0});
  while (next_ < sight_.size()) {
    InSight& here = sight_[next_];
    here.visited = 1;
    const uint32_t position = here.position;
    while (next_ < sight_.size() && sight_[next_].visited) ++next_;
    LookAround(field, position);
    // Meanwhile the links of what is likely next come nearer.
    if (next_ < sight_.size()) Prefetch(field.element(sight_[next_].position), field.row_offset);
    Measure(field, rows, cue);
  }
  std::vector<Near> out;
  out.reserve(live_);
  for (const InSight& found : sight_) {
    if (!found.buried) out.push_back({.distance = found.distance, .position = found.position});
  }
  return out;
}

}  // namespace mneme::models
