#include "core/models/dense/auto_beta.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/models/dense/nearest_distances.h"

namespace mneme::models {
namespace {

constexpr size_t kSamplesMax = 512;
constexpr double kLeak = 1e-3;      // ε
constexpr double kQuantile = 0.05;  // of the nearest-neighbour distances

// ‖x-ξ‖² between stored keys is at most 4 max‖ξ‖².
double Clamp(double beta, double squared_norm_max) {
  constexpr double kFloatMax = std::numeric_limits<float>::max();
  const double reach = std::max(1.0, 4 * squared_norm_max);
  constexpr double kFloatMin = std::numeric_limits<float>::min();
  return std::clamp(beta, kFloatMin, std::max(kFloatMin, kFloatMax / reach));
}

}  // namespace

BetaEstimate EstimateBeta(const StoreView& view, Similarity similarity, StateSpace state) {
  BetaEstimate estimate{.rows = view.live_rows()};
  if (view.live_rows() == 0) {
    estimate.fallback = true;
    return estimate;
  }
  const KeyNorms norms = MeasureNorms(view);
  const double duplicate = kDuplicateShare * std::sqrt(norms.mean);
  estimate.nearest_distance =
      LowerQuantile(NearestDistances(view, duplicate, kSamplesMax, similarity), kQuantile);
  const bool is_l1 = similarity == Similarity::kL1;
  const double delta = estimate.nearest_distance;
  if (delta > 0) {
    const double nats = std::log(static_cast<double>(view.live_rows() - 1) / kLeak);
    estimate.beta = is_l1 ? nats / delta : 2 * nats / (delta * delta);
  } else {
    double spread = MeasureSpread(view);
    const bool spreads = spread > duplicate * duplicate;
    if (is_l1) spread = std::sqrt(spread * static_cast<double>(view.tile(0).key_dim));
    estimate.beta = spreads ? 1 / spread : 1;
    estimate.fallback = true;
  }
  if (state == StateSpace::kSphere && norms.mean > 0) estimate.beta *= std::sqrt(norms.mean);
  estimate.beta = Clamp(estimate.beta, norms.max);
  return estimate;
}

bool IsDue(const BetaEstimate& estimate, uint64_t live_rows) {
  if (live_rows == 0) return false;
  return estimate.rows == 0 || live_rows >= 2 * estimate.rows || 2 * live_rows <= estimate.rows;
}

namespace {

constexpr uint32_t kVersion = 1;
constexpr size_t kEncodedBytes = 4 + 4 + 3 * 8;

template <typename Word>
void AppendLittleEndian(Word word, std::string& out) {
  for (size_t i = 0; i < sizeof(Word); ++i) out.push_back(static_cast<char>(word >> (8 * i)));
}

template <typename Word>
Word TakeLittleEndian(std::string_view& in) {
  Word word = 0;
  for (size_t i = 0; i < sizeof(Word); ++i) {
    word |= static_cast<Word>(static_cast<unsigned char>(in[i])) << (8 * i);
  }
  in.remove_prefix(sizeof(Word));
  return word;
}

absl::Status Unreadable(std::string_view given, std::string_view expected) {
  return DataLoss(
      absl::StrCat("state of a dense memory: ", AbslView(given), ", expected ", AbslView(expected)),
      {.reason = "MODEL_STATE",
       .given = std::string(given),
       .expected = std::string(expected),
       .next_step = "Restore the memory from a backup, or open it with the version of "
                    "mneme that wrote it."});
}

}  // namespace

std::string Encode(const BetaEstimate& estimate) {
  std::string out;
  AppendLittleEndian<uint32_t>(kVersion, out);
  AppendLittleEndian<uint32_t>(estimate.fallback ? 1 : 0, out);
  AppendLittleEndian(std::bit_cast<uint64_t>(estimate.beta), out);
  AppendLittleEndian(std::bit_cast<uint64_t>(estimate.nearest_distance), out);
  AppendLittleEndian<uint64_t>(estimate.rows, out);
  return out;
}

absl::StatusOr<BetaEstimate> DecodeBetaEstimate(std::string_view blob) {
  if (blob.size() != kEncodedBytes) {
    return Unreadable(absl::StrCat(blob.size(), " bytes"), absl::StrCat(kEncodedBytes, " bytes"));
  }
  const auto version = TakeLittleEndian<uint32_t>(blob);
  if (version != kVersion) {
    return Unreadable(absl::StrCat("version ", version), absl::StrCat("version ", kVersion));
  }
  BetaEstimate estimate;
  estimate.fallback = TakeLittleEndian<uint32_t>(blob) != 0;
  estimate.beta = std::bit_cast<double>(TakeLittleEndian<uint64_t>(blob));
  estimate.nearest_distance = std::bit_cast<double>(TakeLittleEndian<uint64_t>(blob));
  estimate.rows = TakeLittleEndian<uint64_t>(blob);
  if (!std::isfinite(estimate.beta) || estimate.beta <= 0) {
    return Unreadable(absl::StrCat("beta ", estimate.beta), "a positive finite beta");
  }
  return estimate;
}

}  // namespace mneme::models
