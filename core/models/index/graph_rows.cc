#include "core/models/index/graph_rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/math/code_records.h"
#include "core/math/kernels.h"

namespace mneme::models {
namespace {

constexpr size_t kSampleRows = 4096, kSampleRowsMin = 64;
constexpr size_t kProbes = 64;
constexpr double kErrorShare = 0.1;    // of the distance to the nearest, that an error may have
constexpr double kCoarseShare = 0.02;  // of the sample, beyond which there are no codes

// Live rows, evenly over all of them: the same ones for the same rows.
Matrix SampleRows(const StoreView& rows, size_t key_dim) {
  const size_t live = rows.live_rows(), wanted = std::min(live, kSampleRows);
  Matrix out(wanted, key_dim);
  size_t seen = 0, taken = 0;
  for (size_t i = 0; i < rows.tiles(); ++i) {
    const TileView tile = rows.tile(i);
    tile.VisitLive([&](size_t row) {
      if (taken < wanted && seen++ * wanted >= taken * live) {
        std::copy_n(tile.keys + row * key_dim, key_dim, out.row(taken++).data());
      }
    });
  }
  return out;
}

std::vector<float> MeanOf(const Matrix& rows) {
  std::vector<double> sum(rows.cols());
  for (size_t i = 0; i < rows.rows(); ++i) {
    for (size_t j = 0; j < sum.size(); ++j) sum[j] += static_cast<double>(rows.at(i, j));
  }
  std::vector<float> out;
  for (const double s : sum)
    out.push_back(static_cast<float>(s / static_cast<double>(rows.rows())));
  return out;
}

// The median over some rows of the distance to the nearest other one.
double NearestDistance(const Matrix& rows) {
  std::vector<float> squares(rows.rows()), nearest;
  for (size_t p = 0; p < kProbes; ++p) {
    const size_t row = p * rows.rows() / kProbes;
    math::SquaredDistanceRows(rows.data(), rows.cols(), rows.rows(), rows.row(row).data(),
                              rows.cols(), squares.data());
    squares[row] = std::numeric_limits<float>::infinity();
    nearest.push_back(*std::ranges::min_element(squares));
  }
  std::ranges::nth_element(nearest, nearest.begin() + kProbes / 2);
  return std::sqrt(static_cast<double>(nearest[kProbes / 2]));
}

math::CodeRecordKind KindOf(Similarity similarity) {
  return similarity == Similarity::kL2 ? math::CodeRecordKind::kL2 : math::CodeRecordKind::kDot;
}

}  // namespace

std::shared_ptr<const GraphRows> GraphRows::Plain(Similarity similarity, size_t key_dim) {
  return std::shared_ptr<const GraphRows>(new GraphRows(similarity, key_dim));
}

std::shared_ptr<const GraphRows> GraphRows::For(Similarity similarity, size_t key_dim,
                                                const StoreView& rows) {
  std::shared_ptr<GraphRows> out(new GraphRows(similarity, key_dim));
  if (!out->ChooseCodes(rows)) return Plain(similarity, key_dim);
  return out;
}

bool GraphRows::ChooseCodes(const StoreView& rows) {
  if (similarity_ == Similarity::kL1 || !HasCodes(key_dim_)) return false;
  if (rows.live_rows() < kSampleRowsMin) return false;
  const Matrix sample = SampleRows(rows, key_dim_);
  for (size_t i = 0; i < sample.rows(); ++i) {
    if (!std::isfinite(math::SquaredNorm(sample.row(i).data(), key_dim_))) return false;
  }
  coarse_from_ = kErrorShare * NearestDistance(sample);
  // Below this, squares of distances are lost; above, the mean's are.
  if (!(coarse_from_ > 1e-15 && coarse_from_ < 1e15)) return false;
  coded_ = true;
  centre_ = MeanOf(sample);
  if (similarity_ != Similarity::kL2) constant_ = math::SquaredNorm(centre_.data(), key_dim_);
  std::vector<char> row(row_bytes());
  size_t coarse = 0;
  for (size_t i = 0; i < sample.rows(); ++i) {
    coarse += Write(sample.row(i).data(), row.data()) ? 1 : 0;
  }
  return static_cast<double>(coarse) <= kCoarseShare * static_cast<double>(sample.rows());
}

size_t GraphRows::row_bytes() const {
  return coded_ ? math::CodeRecordBytes(key_dim_) : key_dim_ * sizeof(float);
}

bool GraphRows::Write(const float* key, void* row) const {
  if (!coded_) {
    std::memcpy(row, key, row_bytes());
    return false;
  }
  return math::EncodeRecord(KindOf(similarity_), key, centre_.data(), key_dim_, row) > coarse_from_;
}

float GraphRows::PlainDistance(const float* a, const float* b) const {
  constexpr float kMost = std::numeric_limits<float>::max();
  float out = kMost;
  switch (similarity_) {
    case Similarity::kDot:
    case Similarity::kCosine:
      out = -math::Dot(a, b, key_dim_);
      break;
    case Similarity::kL2:
      out = math::SquaredDistance(a, b, key_dim_);
      break;
    case Similarity::kL1:
      out = math::L1Distance(a, b, key_dim_);
      break;
  }
  return out < kMost ? std::max(out, -kMost) : kMost;
}

float GraphRows::Distance(const void* a, const void* b) const {
  if (coded_) return math::CodeRecordDistance(KindOf(similarity_), a, b, key_dim_);
  return PlainDistance(static_cast<const float*>(a), static_cast<const float*>(b));
}

void GraphRows::Distances(const void* a, const void* const* rows, size_t count, float* out) const {
  if (coded_) {
    math::CodeRecordDistances(KindOf(similarity_), a, rows, count, key_dim_, out);
    return;
  }
  for (size_t i = 0; i < count; ++i) {
    out[i] = PlainDistance(static_cast<const float*>(a), static_cast<const float*>(rows[i]));
  }
}

}  // namespace mneme::models
