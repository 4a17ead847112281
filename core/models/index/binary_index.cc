#include "core/models/index/binary_index.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace mneme::models {
namespace {

// Live rows of `store` above `last`, a run of neighbours at a time.
template <typename Visit>
absl::Status VisitRuns(const TileView& tile, std::optional<uint64_t> last, const Visit& visit) {
  size_t begin = 0;
  while (begin < tile.rows) {
    if (tile.IsDead(begin) || (last && tile.row_numbers[begin] <= *last)) {
      ++begin;
      continue;
    }
    size_t end = begin;
    while (end < tile.rows && !tile.IsDead(end)) ++end;
    MNEME_RETURN_IF_ERROR(visit(
        MatrixView{
            .data = tile.keys + begin * tile.key_dim, .rows = end - begin, .cols = tile.key_dim},
        std::span<const uint64_t>(tile.row_numbers + begin, end - begin)));
    begin = end;
  }
  return absl::OkStatus();
}

absl::Status EncodeInto(const BinaryCode& code, MatrixView keys,
                        std::span<const uint64_t> row_numbers, CodeStore& codes) {
  std::vector<uint64_t> encoded(keys.rows * code.words());
  MNEME_RETURN_IF_ERROR(code.EncodeKeys(keys, row_numbers, encoded));
  return codes.Append(encoded, row_numbers);
}

class BinaryRebuild final : public IndexRebuild {
 public:
  BinaryRebuild(uint64_t number, const BinaryCode& old, StoreView store)
      : number_(number),
        spec_(old.spec()),
        similarity_(old.similarity()),
        store_(std::move(store)),
        codes_(0) {}

  absl::StatusOr<bool> Step(size_t rows_max) override {
    if (code_ == nullptr) {
      MNEME_ASSIGN_OR_RETURN(code_, BinaryCode::Make(spec_, similarity_, store_));
      codes_ = CodeStore(code_->words());
    }
    for (size_t worked = 0; next_tile_ < store_.tiles() && worked < rows_max; ++next_tile_) {
      const TileView tile = store_.tile(next_tile_);
      MNEME_RETURN_IF_ERROR(VisitRuns(tile, std::nullopt,
                                      [&](MatrixView keys, std::span<const uint64_t> row_numbers) {
                                        return EncodeInto(*code_, keys, row_numbers, codes_);
                                      }));
      worked += tile.rows;
    }
    return done();
  }

  uint64_t number() const { return number_; }
  bool done() const { return code_ != nullptr && next_tile_ >= store_.tiles(); }
  std::shared_ptr<const BinaryCode> code() const { return code_; }
  CodeStore TakeCodes() { return std::move(codes_); }

 private:
  uint64_t number_;
  BinaryCodeSpec spec_;
  Similarity similarity_;
  StoreView store_;
  size_t next_tile_ = 0;
  std::shared_ptr<const BinaryCode> code_;
  CodeStore codes_;
};

}  // namespace

std::vector<std::shared_ptr<const BinaryView>> BinaryView::Parts(size_t count) const {
  std::vector<std::shared_ptr<const BinaryView>> out;
  const size_t parts = std::min(std::max<size_t>(count, 1), std::max<size_t>(codes_.blocks(), 1));
  for (size_t i = 0, first = 0; i < parts; ++i) {
    const size_t last = codes_.blocks() * (i + 1) / parts;
    out.push_back(std::make_shared<BinaryView>(code_, codes_.Part(first, last - first), options_));
    first = last;
  }
  return out;
}

absl::StatusOr<std::vector<Selection>> BinaryView::Select(MatrixView cues, size_t depth) const {
  std::vector<uint64_t> codes(cues.rows * code_->words());
  MNEME_RETURN_IF_ERROR(code_->EncodeCues(cues, codes));
  return SelectNearest(codes_, codes, depth, options_);
}

absl::StatusOr<std::vector<CandidateList>> BinaryView::Find(MatrixView cues, size_t depth) const {
  MNEME_ASSIGN_OR_RETURN(const std::vector<Selection> selections, Select(cues, depth));
  std::vector<CandidateList> out;
  for (const Selection& selection : selections) {
    CandidateList& list = out.emplace_back();
    list.reserve(selection.nearest.size());
    for (const CodeHit& hit : selection.nearest) {
      list.push_back({.row_number = codes_.row_number(hit.position),
                      .distance = static_cast<float>(hit.distance)});
    }
  }
  return out;
}

absl::StatusOr<std::unique_ptr<BinaryIndex>> BinaryIndex::Make(
    std::shared_ptr<const BinaryCode> code, const ScanOptions& options) {
  const bool tiles = options.tile_size != 0 || options.tile_keep != 0;
  if (tiles && (options.tile_size > kTileRows || options.tile_keep == 0 ||
                options.tile_keep > options.tile_size)) {
    return InvalidArgument(
        absl::StrCat("tiles of ", options.tile_size, " rows that keep ", options.tile_keep),
        {.reason = "TILE",
         .given = absl::StrCat(options.tile_size, "/", options.tile_keep),
         .expected = absl::StrCat("1 <= keep <= size <= ", kTileRows),
         .next_step = "Choose such tiles, or 0/0 for none."});
  }
  if (!math::HasHammingKernel(options.kernel)) {
    return InvalidArgument("this machine does not have the Hamming kernel asked for",
                           {.reason = "KERNEL",
                            .given = absl::StrCat(static_cast<int>(options.kernel)),
                            .expected = "a kernel that the processor has",
                            .next_step = "Leave the choice to the program."});
  }
  return std::unique_ptr<BinaryIndex>(new BinaryIndex(std::move(code), options));
}

absl::Status BinaryIndex::Add(MatrixView keys, std::span<const uint64_t> row_numbers) {
  if (keys.rows != row_numbers.size() || (keys.rows > 0 && keys.cols != code_->key_dim())) {
    return Internal("index: keys have another shape than the index");
  }
  MNEME_RETURN_IF_ERROR(EncodeInto(*code_, keys, row_numbers, codes_));
  for (size_t i = 0; i < keys.rows && !uncovered_; ++i) uncovered_ = !code_->Covers(keys.row(i));
  return absl::OkStatus();
}

absl::Status BinaryIndex::Remove(std::span<const uint64_t> row_numbers) {
  MNEME_RETURN_IF_ERROR(codes_.Remove(row_numbers));
  if (rebuilding_) {
    removed_since_begin_.insert(removed_since_begin_.end(), row_numbers.begin(), row_numbers.end());
  }
  return absl::OkStatus();
}

std::shared_ptr<const BinaryView> BinaryIndex::PublishBinary() {
  return std::make_shared<BinaryView>(code_, codes_.Publish(), options_);
}

std::unique_ptr<IndexRebuild> BinaryIndex::BeginRebuild(const StoreView& store) {
  removed_since_begin_.clear();
  rebuilding_ = true;
  return std::make_unique<BinaryRebuild>(++rebuilds_, *code_, store);
}

absl::Status BinaryIndex::InstallRebuild(std::unique_ptr<IndexRebuild> rebuild,
                                         const StoreView& now) {
  auto* const made = dynamic_cast<BinaryRebuild*>(rebuild.get());
  if (made == nullptr || !rebuilding_ || made->number() != rebuilds_ || !made->done()) {
    return FailedPrecondition("this rebuild of the index is void or not done",
                              {.reason = "REBUILD_VOID",
                               .given = "a rebuild before the last one, or one still at work",
                               .expected = "the rebuild begun last, stepped until it said done",
                               .next_step = "Begin a rebuild again."});
  }
  const std::shared_ptr<const BinaryCode> code = made->code();
  CodeStore codes = made->TakeCodes();
  const std::optional<uint64_t> last = codes.last_row();
  std::vector<uint64_t> gone;
  for (const uint64_t row : removed_since_begin_) {
    if (last && row <= *last) gone.push_back(row);
  }
  MNEME_RETURN_IF_ERROR(codes.Remove(gone));
  bool uncovered = false;
  for (size_t i = 0; i < now.tiles(); ++i) {
    const TileView tile = now.tile(i);
    if (last && tile.rows > 0 && tile.row_numbers[tile.rows - 1] <= *last) continue;
    MNEME_RETURN_IF_ERROR(
        VisitRuns(tile, last, [&](MatrixView keys, std::span<const uint64_t> row_numbers) {
          for (size_t r = 0; r < keys.rows; ++r) {
            uncovered = uncovered || !code->Covers(keys.row(r));
          }
          return EncodeInto(*code, keys, row_numbers, codes);
        }));
  }
  code_ = code;
  codes_ = std::move(codes);
  uncovered_ = uncovered;
  removed_since_begin_.clear();
  rebuilding_ = false;
  return absl::OkStatus();
}

}  // namespace mneme::models
