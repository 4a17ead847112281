#include "core/models/index/binary_code.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "absl/strings/str_cat.h"
#include "core/base/random.h"
#include "core/base/status.h"
#include "core/math/kernels.h"
#include "core/math/rotation.h"

namespace mneme::models {
namespace {

constexpr size_t kBitsPerWord = 64;
constexpr size_t kBitsMin = 64;
constexpr size_t kAutomaticBitsMin = 256;
constexpr double kAutomaticBitsPerDimension = 2.5;
// Lengths within this share of the largest count as equal.
constexpr double kEqualLengths = 0.01;
// The coordinate that L2 adds, in root mean square lengths.
constexpr float kLift = 0.5f;
constexpr uint64_t kSampleStream = 1;

absl::Status CheckSpec(const BinaryCodeSpec& spec, Similarity similarity) {
  if (similarity == Similarity::kL1) {
    return InvalidArgument("a binary index cannot serve similarity L1: it is no angle",
                           {.reason = "METRIC",
                            .given = "L1",
                            .expected = "COSINE, DOT or L2",
                            .next_step = "Use the exact scan or a graph index for L1."});
  }
  if (spec.bits == 0) return absl::OkStatus();
  if (spec.bits % kBitsPerWord != 0 || spec.bits < kBitsMin || spec.bits > kCodeBitsMax) {
    return InvalidArgument(
        absl::StrCat("a binary index of ", spec.bits, " bits"),
        {.reason = "BITS",
         .given = absl::StrCat(spec.bits),
         .expected = absl::StrCat("a multiple of 64 from ", kBitsMin, " to ", kCodeBitsMax),
         .next_step = "Choose such a number, or 0 for the automatic one."});
  }
  return absl::OkStatus();
}

absl::Status NoDirection(std::string_view what, uint64_t which) {
  return InvalidArgument(absl::StrCat(AbslView(what), " ", which, " is zero and has no direction"),
                         {.reason = "ZERO_VECTOR",
                          .given = "a vector of length 0",
                          .expected = "a vector of positive length, for similarity COSINE",
                          .next_step = "Leave it out, or use a memory with similarity L2."});
}

absl::Status NotFinite(std::string_view what, uint64_t which) {
  return InvalidArgument(
      absl::StrCat(AbslView(what), " ", which, " holds a number that is not finite"),
      {.reason = "NOT_FINITE",
       .given = "infinity or not-a-number, or a length beyond float32",
       .expected = "finite numbers",
       .next_step = "Leave it out."});
}

struct SampledRow {
  std::span<const float> key;
  uint64_t row_number;
};

// At most kCodeSampleRows live rows: the same ones for the same seed and rows.
std::vector<SampledRow> SampleRows(const StoreView& rows, uint64_t seed) {
  Random random(seed, kSampleStream);
  std::vector<SampledRow> sample;
  uint64_t seen = 0;
  for (size_t i = 0; i < rows.tiles(); ++i) {
    const TileView tile = rows.tile(i);
    tile.VisitLive([&](size_t row) {
      const SampledRow here = {.key = {tile.keys + row * tile.key_dim, tile.key_dim},
                               .row_number = tile.row_numbers[row]};
      ++seen;
      if (sample.size() < kCodeSampleRows) {
        sample.push_back(here);
      } else if (const uint64_t at = random.Below(seen); at < sample.size()) {
        sample[at] = here;
      }
    });
  }
  return sample;
}

double SquaredLength(std::span<const float> x) {
  return static_cast<double>(math::SquaredNorm(x.data(), x.size()));
}

}  // namespace

size_t AutomaticCodeBits(size_t dim) {
  const double wanted = std::max(kAutomaticBitsPerDimension * static_cast<double>(dim),
                                 static_cast<double>(kAutomaticBitsMin));
  const size_t words = static_cast<size_t>(std::ceil(wanted / kBitsPerWord));
  return std::min(words * kBitsPerWord, kCodeBitsMax);
}

struct BinaryCode::Lengths {
  double least_square = std::numeric_limits<double>::infinity();
  double most_square = 0;
  double mean_square = 0;
};

size_t BinaryCode::ExtraCoordinates(Extension extension) {
  return extension == Extension::kNone ? 0 : 1;
}

absl::StatusOr<std::shared_ptr<const BinaryCode>> BinaryCode::Make(const BinaryCodeSpec& spec,
                                                                   Similarity similarity,
                                                                   const StoreView& rows) {
  MNEME_RETURN_IF_ERROR(CheckSpec(spec, similarity));
  const std::vector<SampledRow> sample = SampleRows(rows, spec.rotation_seed);
  if (sample.empty()) {
    return FailedPrecondition("a binary index needs rows to learn their mean from",
                              {.reason = "TOO_FEW_ROWS",
                               .given = "0 rows",
                               .expected = "at least 1",
                               .next_step = "Store first, then index."});
  }
  Lengths lengths;
  std::vector<std::span<const float>> keys;
  for (const SampledRow& row : sample) {
    const double square = SquaredLength(row.key);
    if (!std::isfinite(square)) return NotFinite("row", row.row_number);
    if (square == 0 && similarity == Similarity::kCosine) return NoDirection("row", row.row_number);
    lengths.least_square = std::min(lengths.least_square, square);
    lengths.most_square = std::max(lengths.most_square, square);
    lengths.mean_square += square / static_cast<double>(sample.size());
    keys.push_back(row.key);
  }
  std::shared_ptr<BinaryCode> code(
      new BinaryCode(spec, similarity, sample.front().key.size(), lengths));
  code->LearnMean(keys);
  return std::shared_ptr<const BinaryCode>(std::move(code));
}

BinaryCode::BinaryCode(const BinaryCodeSpec& spec, Similarity similarity, size_t key_dim,
                       const Lengths& lengths)
    : spec_(spec), similarity_(similarity), key_dim_(key_dim) {
  const double least = std::sqrt(lengths.least_square), most = std::sqrt(lengths.most_square);
  most_length_ = std::numeric_limits<double>::infinity();
  if (similarity != Similarity::kCosine) {
    if (least > 0 && most - least <= kEqualLengths * most) {
      least_length_ = most * (1 - kEqualLengths);
      most_length_ = least / (1 - kEqualLengths);
    } else {
      extension_ = similarity == Similarity::kL2 ? Extension::kL2 : Extension::kDot;
      radius_ = std::sqrt(extension_ == Extension::kL2 ? lengths.mean_square : lengths.most_square);
    }
  }
  rotation_ = math::RandomRotation(spec.bits != 0 ? spec.bits : AutomaticCodeBits(key_dim),
                                   extended_dim(), spec.rotation_seed);
  mean_.resize(extended_dim());
}

bool BinaryCode::KeyDirection(std::span<const float> key, std::span<float> out) const {
  const double square = SquaredLength(key);
  const double length = extension_ == Extension::kNone ? std::sqrt(square) : radius_;
  const double factor = length > 0 ? 1 / length : 0;
  for (size_t j = 0; j < key.size(); ++j) {
    out[j] = static_cast<float>(factor * static_cast<double>(key[j]));
  }
  if (extension_ == Extension::kL2) out.back() = kLift;
  if (extension_ == Extension::kDot) {
    const double rest = std::max(0.0, radius_ * radius_ - square);
    out.back() = static_cast<float>(factor * std::sqrt(rest));
  }
  return length > 0;
}

bool BinaryCode::CueDirection(std::span<const float> cue, std::span<float> out) const {
  if (extension_ != Extension::kDot) return KeyDirection(cue, out);
  const double length = std::sqrt(SquaredLength(cue));
  const double factor = length > 0 ? 1 / length : 0;
  for (size_t j = 0; j < cue.size(); ++j) {
    out[j] = static_cast<float>(factor * static_cast<double>(cue[j]));
  }
  out.back() = 0;
  return length > 0;
}

void BinaryCode::LearnMean(const std::vector<std::span<const float>>& sample) {
  if (!spec_.centred) return;
  std::vector<double> sum(extended_dim());
  std::vector<float> direction(extended_dim());
  for (const std::span<const float> key : sample) {
    KeyDirection(key, direction);
    for (size_t j = 0; j < sum.size(); ++j) sum[j] += static_cast<double>(direction[j]);
  }
  for (size_t j = 0; j < sum.size(); ++j) {
    mean_[j] = static_cast<float>(sum[j] / static_cast<double>(sample.size()));
  }
  if (extension_ == Extension::kL2) mean_.back() = 0;  // all have it: it is what lifts them
}

void BinaryCode::Signs(std::span<float> direction, std::span<float> projections,
                       std::span<uint64_t> code) const {
  for (size_t j = 0; j < direction.size(); ++j) direction[j] -= mean_[j];
  math::DotRows(rotation_.data(), rotation_.cols(), rotation_.rows(), direction.data(),
                direction.size(), projections.data());
  for (size_t w = 0; w < code.size(); ++w) {
    uint64_t word = 0;
    for (size_t i = 0; i < kBitsPerWord; ++i) {
      word |= static_cast<uint64_t>(projections[w * kBitsPerWord + i] > 0) << i;
    }
    code[w] = word;
  }
}

absl::Status BinaryCode::EncodeKeys(MatrixView keys, std::span<const uint64_t> row_numbers,
                                    std::span<uint64_t> codes) const {
  MNEME_CHECK(keys.cols == key_dim_ && codes.size() == keys.rows * words());
  std::vector<float> direction(extended_dim()), projections(bits());
  for (size_t i = 0; i < keys.rows; ++i) {
    if (!std::isfinite(SquaredLength(keys.row(i)))) return NotFinite("row", row_numbers[i]);
    if (!KeyDirection(keys.row(i), direction) && similarity_ == Similarity::kCosine) {
      return NoDirection("row", row_numbers[i]);
    }
    Signs(direction, projections, codes.subspan(i * words(), words()));
  }
  return absl::OkStatus();
}

absl::Status BinaryCode::EncodeCues(MatrixView cues, std::span<uint64_t> codes) const {
  MNEME_CHECK(cues.cols == key_dim_ && codes.size() == cues.rows * words());
  std::vector<float> direction(extended_dim()), projections(bits());
  for (size_t i = 0; i < cues.rows; ++i) {
    if (!std::isfinite(SquaredLength(cues.row(i)))) return NotFinite("cue", i);
    if (!CueDirection(cues.row(i), direction) && similarity_ == Similarity::kCosine) {
      return NoDirection("cue", i);
    }
    Signs(direction, projections, codes.subspan(i * words(), words()));
  }
  return absl::OkStatus();
}

bool BinaryCode::Covers(std::span<const float> key) const {
  const double length = std::sqrt(SquaredLength(key));
  switch (extension_) {
    case Extension::kL2:
      return true;
    case Extension::kDot:
      return length <= radius_;
    case Extension::kNone:
      break;
  }
  return least_length_ <= length && length <= most_length_;
}

double BinaryCode::EstimatedCosine(uint32_t distance) const {
  return std::cos(std::numbers::pi * static_cast<double>(distance) / static_cast<double>(bits()));
}

}  // namespace mneme::models
