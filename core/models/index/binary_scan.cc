#include "core/models/index/binary_scan.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/status.h"

namespace mneme::models {
namespace {

using math::HammingHit;
using math::kHammingGroup;

constexpr size_t kSampleEvery = 16;         // groups, or more apart, so that at most
constexpr size_t kSampleGroupsMax = 1024;   // are in the sample,
constexpr size_t kSampleGroupsOfOne = 256;  // of one cue, which waits for each of them
constexpr size_t kPieceBytes = 32768;       // of codes, which all cues pass while they are near
constexpr size_t kSampleCountMin = 8;       // rows of the sample within the first bound
constexpr size_t kSurvivorsPerDepth = 16;   // a list beyond this is cut back to depth
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

// Some of the groups, side by side.
struct Sample {
  size_t every = kSampleEvery;
  std::vector<uint8_t> live;  // of each group, which rows
  BasicMatrix<uint64_t> codes;
};

Sample TakeSample(const CodeView& view, size_t groups_max) {
  Sample out;
  out.every = std::max(kSampleEvery, view.rows() / kHammingGroup / groups_max + 1);
  std::vector<const uint64_t*> groups;
  size_t next = 0;  // of all groups
  for (size_t b = 0; b < view.blocks(); ++b) {
    const CodeBlockView block = view.block(b);
    const size_t first = b * kTileRows / kHammingGroup;
    for (; next < first + block.full_groups; next += out.every) {
      const size_t group = next - first;
      groups.push_back(block.full + group * view.words() * kHammingGroup);
      uint8_t live = 0;
      for (size_t i = 0; i < kHammingGroup; ++i) {
        live |= static_cast<uint8_t>(!block.IsDead(group * kHammingGroup + i) << i);
      }
      out.live.push_back(live);
    }
  }
  out.codes = BasicMatrix<uint64_t>(groups.size(), view.words() * kHammingGroup);
  for (size_t g = 0; g < groups.size(); ++g) {
    std::copy_n(groups[g], out.codes.cols(), out.codes.row(g).data());
  }
  return out;
}

// How many rows of the sample lie at each distance of a cue.
std::vector<uint32_t> SampleDistances(const Sample& sample, size_t words, const uint64_t* cue,
                                      const ScanOptions& options) {
  std::vector<uint32_t> distances(sample.live.size() * kHammingGroup);
  math::HammingDistances(options.kernel, sample.codes.data(), sample.live.size(), words, cue,
                         distances.data());
  std::vector<uint32_t> counts(words * 64 + 1);
  for (size_t i = 0; i < distances.size(); ++i) {
    counts[distances[i]] += (sample.live[i / kHammingGroup] >> (i % kHammingGroup)) & 1;
  }
  return counts;
}

// Some groups of a block.
struct Piece {
  size_t index;  // of the block
  const CodeBlockView& block;
  const uint64_t* codes;
  size_t groups;
  size_t first_row;  // in the block
};

// Calls visit(piece) for all of a view, in order: in blocks for one cue, in small pieces for more.
template <typename Visit>
void VisitPieces(const CodeView& view, size_t cues, const Visit& visit) {
  const size_t group_words = view.words() * kHammingGroup;
  const size_t most = cues == 1
                          ? kTileRows / kHammingGroup
                          : std::max<size_t>(1, kPieceBytes / (group_words * sizeof(uint64_t)));
  for (size_t b = 0; b < view.blocks(); ++b) {
    const CodeBlockView block = view.block(b);
    for (size_t g = 0; g < block.full_groups; g += most) {
      visit(Piece{.index = b,
                  .block = block,
                  .codes = block.full + g * group_words,
                  .groups = std::min(most, block.full_groups - g),
                  .first_row = g * kHammingGroup});
    }
    if (block.rest != nullptr) {
      visit(Piece{.index = b,
                  .block = block,
                  .codes = block.rest,
                  .groups = 1,
                  .first_row = block.full_groups * kHammingGroup});
    }
  }
}

// One cue's way through the pieces.
class CueScan {
 public:
  CueScan(const CodeView& view, const Sample& sample, const uint64_t* cue, size_t depth,
          const ScanOptions& options)
      : view_(view), cue_(cue), depth_(depth), options_(options) {
    wanted_ = std::min(depth, view.live_rows());
    sampled_ = SampleDistances(sample, view.words(), cue, options);
    SetBound(std::max(kSampleCountMin, 2 * depth / sample.every));
  }

  bool done() const { return done_; }

  void Visit(const Piece& piece) {
    if (closed_) return;
    std::array<HammingHit, kTileRows> hits;
    const size_t count = math::CollectWithinHamming(options_.kernel, piece.codes, piece.groups,
                                                    view_.words(), cue_, bound_, hits.data());
    for (size_t i = 0; i < count; ++i) {
      const size_t row = piece.first_row + hits[i].row;
      if (row >= piece.block.rows || piece.block.IsDead(row)) continue;
      found_.push_back({.position = static_cast<uint32_t>(piece.index * kTileRows + row),
                        .distance = hits[i].distance});
      ++survivors_;
    }
    if (found_.size() > std::max(kSurvivorsBeforeCut, kSurvivorsPerDepth * depth_)) Cut();
  }

  // After all pieces: done, or to be scanned again with a higher bound.
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
  const bool one = cues.size() == view.words();
  const Sample sample = TakeSample(view, one ? kSampleGroupsOfOne : kSampleGroupsMax);
  std::vector<CueScan> scans;
  for (size_t first = 0; first < cues.size(); first += view.words()) {
    scans.emplace_back(view, sample, cues.data() + first, depth, options);
  }
  std::vector<CueScan*> open;
  for (CueScan& scan : scans) open.push_back(&scan);
  while (!open.empty()) {
    VisitPieces(view, open.size(), [&open](const Piece& piece) {
      for (CueScan* const scan : open) scan->Visit(piece);
    });
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
