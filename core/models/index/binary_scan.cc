#include "core/models/index/binary_scan.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/status.h"

namespace mneme::models {
namespace {

using math::HammingHit;
using math::kHammingGroup;

constexpr size_t kSampleEvery = 16;        // groups
constexpr size_t kSampleCountMin = 8;      // rows of the sample within the first bound
constexpr size_t kSurvivorsPerDepth = 16;  // a list beyond this is cut back to depth
constexpr size_t kSurvivorsBeforeCut = 1024;

// The first `depth` of `hits` by distance, equal distances in the order given.
std::vector<CodeHit> CountingSelect(const std::vector<CodeHit>& hits, size_t depth, size_t bits) {
  std::vector<uint32_t> starts(bits + 2);
  for (const CodeHit& hit : hits) ++starts[hit.distance + 1];
  for (size_t d = 1; d < starts.size(); ++d) starts[d] += starts[d - 1];
  std::vector<CodeHit> out(std::min(depth, hits.size()));
  for (const CodeHit& hit : hits) {
    const uint32_t place = starts[hit.distance]++;
    if (place < out.size()) out[place] = hit;
  }
  return out;
}

// How many rows of the sample lie at each distance of a cue.
std::vector<uint32_t> SampleDistances(const CodeView& view, const uint64_t* cue,
                                      const ScanOptions& options) {
  std::vector<uint32_t> counts(view.words() * 64 + 1);
  std::array<uint32_t, kHammingGroup> distances;
  for (size_t b = 0; b < view.blocks(); ++b) {
    const CodeBlockView block = view.block(b);
    for (size_t g = 0; g < block.full_groups; g += kSampleEvery) {
      math::HammingDistances(options.kernel, block.full + g * view.words() * kHammingGroup, 1,
                             view.words(), cue, distances.data());
      for (size_t i = 0; i < kHammingGroup; ++i) {
        if (!block.IsDead(g * kHammingGroup + i)) ++counts[distances[i]];
      }
    }
  }
  return counts;
}

// One cue's way through the blocks.
class CueScan {
 public:
  CueScan(const CodeView& view, const uint64_t* cue, size_t depth, const ScanOptions& options)
      : view_(view), cue_(cue), depth_(depth), options_(options) {
    const size_t all = view.live_rows();
    wanted_ = std::min(depth, all);
    sampled_ = SampleDistances(view, cue, options);
    SetBound(std::max(kSampleCountMin, 2 * depth / kSampleEvery));
  }

  bool done() const { return done_; }

  void Visit(size_t index, const CodeBlockView& block) {
    if (closed_) return;
    std::array<HammingHit, kTileRows> hits;
    size_t count = math::CollectWithinHamming(options_.kernel, block.full, block.full_groups,
                                              view_.words(), cue_, bound_, hits.data());
    if (block.rest != nullptr) {
      const size_t more = math::CollectWithinHamming(options_.kernel, block.rest, 1, view_.words(),
                                                     cue_, bound_, hits.data() + count);
      for (size_t i = 0; i < more; ++i) {
        hits[count + i].row += static_cast<uint32_t>(block.full_groups * kHammingGroup);
      }
      count += more;
    }
    for (size_t i = 0; i < count; ++i) {
      if (hits[i].row >= block.rows || block.IsDead(hits[i].row)) continue;
      found_.push_back({.position = static_cast<uint32_t>(index * kTileRows) + hits[i].row,
                        .distance = hits[i].distance});
      ++survivors_;
    }
    if (found_.size() > std::max(kSurvivorsBeforeCut, kSurvivorsPerDepth * depth_)) Cut();
  }

  // After all blocks: done, or to be scanned again with a higher bound.
  void Finish() {
    if (found_.size() >= wanted_) {
      done_ = true;
      return;
    }
    found_.clear();
    survivors_ = 0;
    SetBound(2 * sample_count_);
  }

  Selection Take() {
    return {.nearest = CountingSelect(found_, depth_, view_.words() * 64), .survivors = survivors_};
  }

 private:
  // The least bound within which the sample has `count` rows; all rows, where it has not.
  void SetBound(size_t count) {
    sample_count_ = count;
    size_t within = 0;
    bound_ = 0;
    while (bound_ + 1 < sampled_.size() && (within += sampled_[bound_]) < count) ++bound_;
  }

  // Keeps the nearest. Rows to come lie behind these: at the distance of the last one they lose.
  void Cut() {
    found_ = CountingSelect(found_, depth_, view_.words() * 64);
    const uint32_t last = found_.back().distance;
    closed_ = last == 0;
    bound_ = last == 0 ? 0 : last - 1;
  }

  const CodeView& view_;
  const uint64_t* cue_;
  size_t depth_;
  size_t wanted_ = 0;
  const ScanOptions& options_;
  std::vector<uint32_t> sampled_;
  size_t sample_count_ = 0;
  uint32_t bound_ = 0;
  bool closed_ = false;
  bool done_ = false;
  std::vector<CodeHit> found_;
  uint64_t survivors_ = 0;
};

std::vector<Selection> SelectBySample(const CodeView& view, std::span<const uint64_t> cues,
                                      size_t depth, const ScanOptions& options) {
  std::vector<CueScan> scans;
  for (size_t first = 0; first < cues.size(); first += view.words()) {
    scans.emplace_back(view, cues.data() + first, depth, options);
  }
  std::vector<CueScan*> open;
  for (CueScan& scan : scans) open.push_back(&scan);
  while (!open.empty()) {
    for (size_t b = 0; b < view.blocks(); ++b) {
      const CodeBlockView block = view.block(b);
      for (CueScan* const scan : open) scan->Visit(b, block);
    }
    for (CueScan* const scan : open) scan->Finish();
    std::erase_if(open, [](const CueScan* scan) { return scan->done(); });
  }
  std::vector<Selection> out;
  for (CueScan& scan : scans) out.push_back(scan.Take());
  return out;
}

// The survivors of the tiles of one block.
void KeepOfTiles(const CodeBlockView& block, size_t words, const uint64_t* cue, size_t first,
                 const ScanOptions& options, std::vector<CodeHit>& found) {
  std::array<uint32_t, kTileRows> distances;
  math::HammingDistances(options.kernel, block.full, block.full_groups, words, cue,
                         distances.data());
  if (block.rest != nullptr) {
    math::HammingDistances(options.kernel, block.rest, 1, words, cue,
                           distances.data() + block.full_groups * kHammingGroup);
  }
  std::vector<CodeHit> tile;
  for (size_t begin = 0; begin < block.rows; begin += options.tile_size) {
    tile.clear();
    for (size_t row = begin; row < std::min(block.rows, begin + options.tile_size); ++row) {
      if (block.IsDead(row)) continue;
      tile.push_back({.position = static_cast<uint32_t>(first + row), .distance = distances[row]});
    }
    const size_t kept = std::min(options.tile_keep, tile.size());
    std::stable_sort(tile.begin(), tile.end(),
                     [](const CodeHit& a, const CodeHit& b) { return a.distance < b.distance; });
    found.insert(found.end(), tile.begin(), tile.begin() + static_cast<ptrdiff_t>(kept));
  }
}

std::vector<Selection> SelectByTiles(const CodeView& view, std::span<const uint64_t> cues,
                                     size_t depth, const ScanOptions& options) {
  std::vector<std::vector<CodeHit>> found(cues.size() / view.words());
  for (size_t b = 0; b < view.blocks(); ++b) {
    const CodeBlockView block = view.block(b);
    for (size_t c = 0; c < found.size(); ++c) {
      KeepOfTiles(block, view.words(), cues.data() + c * view.words(), b * kTileRows, options,
                  found[c]);
    }
  }
  std::vector<Selection> out;
  for (std::vector<CodeHit>& hits : found) {
    // Within a tile hits stand by distance: put equal distances back into the order of rows.
    std::sort(hits.begin(), hits.end(),
              [](const CodeHit& a, const CodeHit& b) { return a.position < b.position; });
    out.push_back(
        {.nearest = CountingSelect(hits, depth, view.words() * 64), .survivors = hits.size()});
  }
  return out;
}

}  // namespace

std::vector<Selection> SelectNearest(const CodeView& view, std::span<const uint64_t> cues,
                                     size_t depth, const ScanOptions& options) {
  if (view.live_rows() == 0) return std::vector<Selection>(cues.size() / view.words());
  return options.tile_size == 0 ? SelectBySample(view, cues, depth, options)
                                : SelectByTiles(view, cues, depth, options);
}

}  // namespace mneme::models
