#include "core/engine/samples.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/status.h"
#include "core/engine/scan_pool.h"

namespace mneme::engine {
namespace {

constexpr size_t kCuesAtOnce = 64;
// Streams of the seed: cues count from 0.
constexpr uint64_t kProjectionStream = uint64_t{1} << 63;

// Scores and projections smaller than this are held against it.
constexpr double kScaleMin = 1e-3;

bool Near(double a, double b, double scale = kScaleMin) {
  return std::abs(a - b) <= kSampleTolerance * std::max({std::abs(a), std::abs(b), scale});
}

// Of the recall, as far as its projections tell: one that happens to be nearly orthogonal to a
// direction is not held to more digits than it has.
double ScaleOf(const Sample& sample) {
  double scale = kScaleMin;
  for (const double projection : sample.projections) scale = std::max(scale, std::abs(projection));
  return scale;
}

class Sampler {
 public:
  Sampler(const storage::Storage& storage, const Memory& memory, uint64_t seed)
      : storage_(storage),
        memory_(memory),
        seed_(seed),
        feature_(std::get_if<models::FeatureSpec>(&memory.spec().model)),
        view_(memory.published().view) {
    const models::MemorySpec& spec = memory.spec();
    const size_t dim = spec.response_dim > 0 ? spec.response_dim : spec.key_dim;
    for (size_t j = 0; j < kProjections; ++j) {
      directions_[j].resize(dim);
      Random(seed, kProjectionStream + j).FillGaussian(std::span<double>(directions_[j]));
    }
  }

  absl::Status Ask(std::span<const uint64_t> numbers, const std::function<bool()>& cancelled,
                   std::vector<Sample>& out) const {
    Matrix cues(numbers.size(), memory_.spec().key_dim);
    for (size_t i = 0; i < numbers.size(); ++i)
      MNEME_RETURN_IF_ERROR(MakeCue(numbers[i], cues.row(i)));
    // Two, to see whether the first is ahead.
    const bool names_items = memory_.keeps_ids() && feature_ == nullptr;
    const models::QuerySpec spec{.top = names_items ? size_t{2} : size_t{0}, .exact = true};
    MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<models::Query> query,
                           view_->Begin({.cues = cues.view()}, spec));
    MNEME_ASSIGN_OR_RETURN(const models::Answer answer, RunQuery(*query, cancelled));
    for (size_t i = 0; i < numbers.size(); ++i) out.push_back(SampleOf(numbers[i], answer, i));
    return absl::OkStatus();
  }

 private:
  absl::Status MakeCue(uint64_t number, std::span<float> cue) const {
    if (!memory_.keeps_keys()) {
      Random(seed_, number).FillUnit(cue);
      if (feature_ != nullptr && feature_->kind == models::FeatureKind::kQuadratic) {
        for (float& x : cue) x = x < 0 ? -1.0f : 1.0f;
      }
      return absl::OkStatus();
    }
    return storage_.ReadRow(
        memory_.uid(), number, [&](const storage::RowView& row) -> absl::Status {
          if (row.key.size() != cue.size()) {
            return DataLoss(
                absl::StrFormat("row %d has %d key columns, expected %d", number, row.key.size(),
                                cue.size()),
                {.reason = "CORRUPT", .next_step = "Restore the memory from a backup."});
          }
          std::copy(row.key.begin(), row.key.end(), cue.begin());
          return absl::OkStatus();
        });
  }

  Sample SampleOf(uint64_t number, const models::Answer& answer, size_t i) const {
    const models::CueAnswer& cue = answer.cues[i];
    Sample sample{.number = number,
                  .status = static_cast<uint8_t>(cue.status),
                  .failed = !cue.error.ok(),
                  .has_top = !cue.top.empty()};
    if (sample.failed) return sample;
    if (sample.has_top) {
      sample.top = cue.top[0].id;
      sample.score = cue.top[0].score;
      sample.tie = cue.top.size() > 1 && Near(cue.top[1].score, sample.score);
    }
    if (answer.recalls.rows() == 0) return sample;
    const std::span<const float> recall = answer.recalls.row(i);
    for (size_t j = 0; j < kProjections; ++j) {
      double sum = 0;
      for (size_t k = 0; k < recall.size(); ++k) sum += directions_[j][k] * recall[k];
      sample.projections[j] = sum;
    }
    return sample;
  }

  const storage::Storage& storage_;
  const Memory& memory_;
  const uint64_t seed_;
  const models::FeatureSpec* const feature_;  // null: another model
  const std::shared_ptr<const models::View> view_;
  std::array<std::vector<double>, kProjections> directions_;
};

std::string TopOf(const Sample& sample) {
  if (sample.failed) return "an error";
  if (!sample.has_top) return "no item";
  return absl::StrFormat("item '%s', score %.9g", sample.top.ToString(), sample.score);
}

}  // namespace

absl::StatusOr<std::vector<Sample>> TakeSamples(const storage::Storage& storage,
                                                const Memory& memory,
                                                const std::vector<uint64_t>& numbers, uint64_t seed,
                                                const std::function<bool()>& cancelled) {
  std::vector<Sample> out;
  const Sampler sampler(storage, memory, seed);
  for (size_t first = 0; first < numbers.size(); first += kCuesAtOnce) {
    const size_t count = std::min(kCuesAtOnce, numbers.size() - first);
    MNEME_RETURN_IF_ERROR(sampler.Ask({numbers.data() + first, count}, cancelled, out));
  }
  return out;
}

std::optional<SampleDifference> Compare(const Sample& given, const Sample& expected) {
  const bool same_item = given.top == expected.top || (given.tie && expected.tie);
  if (given.failed != expected.failed || given.has_top != expected.has_top || !same_item ||
      !Near(given.score, expected.score)) {
    return SampleDifference{TopOf(given), TopOf(expected)};
  }
  if (given.status != expected.status) {
    return SampleDifference{absl::StrCat("answer status ", given.status),
                            absl::StrCat("answer status ", expected.status)};
  }
  for (size_t j = 0; j < kProjections; ++j) {
    if (Near(given.projections[j], expected.projections[j], ScaleOf(expected))) continue;
    return SampleDifference{
        absl::StrFormat("projection %d of the recall is %.9g", j, given.projections[j]),
        absl::StrFormat("%.9g", expected.projections[j])};
  }
  return std::nullopt;
}

void RowReservoir::Show(uint64_t row) {
  ++seen_;
  if (rows_.size() < most_) {
    rows_.push_back(row);
  } else if (const uint64_t place = random_.Below(seen_); place < most_) {
    rows_[place] = row;
  }
}

std::vector<uint64_t> RowReservoir::Take() {
  std::sort(rows_.begin(), rows_.end());
  return std::move(rows_);
}

}  // namespace mneme::engine
