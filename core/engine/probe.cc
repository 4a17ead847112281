#include "core/engine/probe.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "core/base/random.h"
#include "core/base/status.h"
#include "core/engine/scan_pool.h"
#include "core/theory/effective_dimension.h"

namespace mneme::engine {
namespace {

constexpr size_t kCuesAtOnce = 64;
// Row numbers that hold nothing any more are tried again this often before all rows are read.
constexpr size_t kTriesPerItem = 8;
// Rows read between two looks at whether the caller is still there.
constexpr size_t kRowsPerLook = 256;

struct Sample {
  std::vector<uint64_t> rows;
  std::vector<std::vector<float>> keys;
  std::vector<std::vector<float>> responses;

  void Add(const storage::RowView& row) {
    rows.push_back(row.row);
    keys.emplace_back(row.key.begin(), row.key.end());
    responses.emplace_back(row.response.begin(), row.response.end());
  }
};

absl::Status Stopped() {
  return Cancelled("the measurement was stopped: its caller is gone, or the memory was deleted",
                   {.reason = "CANCELLED", .next_step = "Ask again."});
}

bool Usable(const storage::RowView& row) {
  return row.flags == 0 && !row.key.empty() && !row.response.empty();
}

// Row numbers are dense but for deletions: drawing them at random finds live rows quickly unless
// most were deleted; then one pass over all rows keeps a reservoir.
absl::StatusOr<Sample> Draw(const storage::Storage& storage, const Memory& memory, uint64_t end_row,
                            size_t count, const std::function<bool()>& cancelled, Random& random) {
  Sample sample;
  absl::flat_hash_set<uint64_t> tried;
  for (size_t i = 0; i < kTriesPerItem * count && sample.rows.size() < count; ++i) {
    if (i % kRowsPerLook == 0 && cancelled()) return Stopped();
    const uint64_t row = random.Below(std::max<uint64_t>(1, end_row));
    if (!tried.insert(row).second) continue;
    const absl::Status read = storage.ReadRow(memory.uid(), row, [&](const storage::RowView& view) {
      if (Usable(view)) sample.Add(view);
      return absl::OkStatus();
    });
    if (!read.ok() && !absl::IsNotFound(read)) return read;
  }
  if (sample.rows.size() >= std::min<size_t>(count, memory.published().view->stats().items)) {
    return sample;
  }
  Sample reservoir;
  uint64_t seen = 0, looked_at = 0;
  MNEME_RETURN_IF_ERROR(
      storage.ScanRows(memory.uid(), 0, end_row, [&](const storage::RowView& row) -> absl::Status {
        if (looked_at++ % kRowsPerLook == 0 && cancelled()) return Stopped();
        if (!Usable(row)) return absl::OkStatus();
        ++seen;
        if (reservoir.rows.size() < count) {
          reservoir.Add(row);
          return absl::OkStatus();
        }
        const uint64_t place = random.Below(seen);
        if (place < count) {
          reservoir.rows[place] = row.row;
          reservoir.keys[place].assign(row.key.begin(), row.key.end());
          reservoir.responses[place].assign(row.response.begin(), row.response.end());
        }
        return absl::OkStatus();
      }));
  return reservoir;
}

// The cue at the given cosine to the key, in the coordinates in which keys are stored.
void MakeCue(std::span<const float> key, const models::LinearSpec& spec, double cosine,
             Random& random, std::span<float> cue) {
  const std::vector<double> unit = UnitKey(key, spec.key_mean);
  const size_t d = key.size();
  if (unit.empty() || cosine >= 1 || d < 2) {
    std::copy(key.begin(), key.end(), cue.begin());
    return;
  }
  std::vector<double> noise(d);
  double along = 0, squares = 0, key_squares = 0;
  for (size_t j = 0; j < d; ++j) {
    noise[j] = random.Gaussian();
    along += noise[j] * unit[j];
  }
  for (size_t j = 0; j < d; ++j) {
    noise[j] -= along * unit[j];
    squares += noise[j] * noise[j];
    const double centred = key[j] - (spec.key_mean.empty() ? 0.0 : spec.key_mean[j]);
    key_squares += centred * centred;
  }
  const double length = std::sqrt(key_squares);
  const double noise_share = std::sqrt(1 - cosine * cosine) / std::sqrt(squares);
  for (size_t j = 0; j < d; ++j) {
    const double mean = spec.key_mean.empty() ? 0.0 : spec.key_mean[j];
    cue[j] = static_cast<float>(mean + length * (cosine * unit[j] + noise_share * noise[j]));
  }
}

Matrix UnitRows(const std::vector<std::vector<float>>& rows, std::span<const float> mean) {
  Matrix out(rows.size(), rows.empty() ? 0 : rows.front().size());
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::vector<double> unit = UnitKey(rows[i], mean);
    for (size_t j = 0; j < unit.size(); ++j) out.at(i, j) = static_cast<float>(unit[j]);
  }
  return out;
}

// 0 where all pairs are orthogonal, or there are none.
double DimensionOf(MatrixView rows, Random& random) {
  const absl::StatusOr<double> d = theory::EffectiveDimension(rows, kDimensionPairs, random);
  return d.ok() && std::isfinite(*d) ? *d : 0;
}

}  // namespace

std::vector<double> UnitKey(std::span<const float> key, std::span<const float> mean) {
  std::vector<double> unit(key.size());
  double squares = 0;
  for (size_t j = 0; j < key.size(); ++j) {
    unit[j] = static_cast<double>(key[j]) - (mean.empty() ? 0.0 : mean[j]);
    squares += unit[j] * unit[j];
  }
  if (squares == 0) return {};
  for (double& x : unit) x /= std::sqrt(squares);
  return unit;
}

absl::StatusOr<Probe> MeasureMemory(const storage::Storage& storage, const Memory& memory,
                                    const ProbeOptions& options) {
  const Memory::Published published = memory.published();
  const models::LinearSpec& linear = std::get<models::LinearSpec>(memory.spec().model);
  if (!memory.keeps_keys()) {
    return FailedPrecondition(
        absl::StrFormat("memory '%s' keeps no keys to ask for its items by", memory.name()),
        {.reason = "PROBE_NEEDS_KEYS",
         .given = absl::StrCat("retain ", AbslView(models::Name(memory.spec().retain))),
         .expected = "retain ALL",
         .next_step = "Ask for the forecast without a probe."});
  }
  if (published.view->stats().items < 2) {
    return FailedPrecondition(absl::StrFormat("memory '%s' has nothing to measure", memory.name()),
                              {.reason = "NO_ITEMS",
                               .given = "fewer than 2 items",
                               .expected = "at least 2 items",
                               .next_step = "Store items first."});
  }
  const auto cancelled = [&memory, &options] {
    return memory.dropped() || (options.cancelled && options.cancelled());
  };
  Random random(options.seed);
  MNEME_ASSIGN_OR_RETURN(const uint64_t end_row, storage.NextRow(memory.uid()));
  MNEME_ASSIGN_OR_RETURN(Sample sample,
                         Draw(storage, memory, end_row, options.items, cancelled, random));
  Probe probe{.time_unix_nanos = options.now_unix_nanos,
              .position = published.position,
              .cue_cosine = options.cue_cosine};
  double std_sum = 0;
  for (size_t first = 0; first < sample.rows.size(); first += kCuesAtOnce) {
    if (cancelled()) return Stopped();
    const size_t count = std::min(kCuesAtOnce, sample.rows.size() - first);
    Matrix cues(count, memory.spec().key_dim);
    models::QuerySpec spec{.kind = models::QueryKind::kList, .top = 1};
    for (size_t i = 0; i < count; ++i) {
      MakeCue(sample.keys[first + i], linear, options.cue_cosine, random, cues.row(i));
      spec.target_rows.push_back(sample.rows[first + i]);
    }
    MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<models::Query> query,
                           published.view->Begin({.cues = cues.view()}, spec));
    MNEME_ASSIGN_OR_RETURN(const models::Answer answer, RunQuery(*query, cancelled));
    for (const models::CueAnswer& cue : answer.cues) {
      // A row stored or deleted since the view was pinned is not there.
      if (!cue.error.ok() || !cue.target.found) continue;
      probe.ranks.push_back(cue.target.rank);
      probe.competitors = cue.target.competitors;
      std_sum += cue.score_std;
    }
  }
  if (!probe.ranks.empty()) probe.score_std = std_sum / static_cast<double>(probe.ranks.size());
  std::sort(probe.ranks.begin(), probe.ranks.end());
  probe.key_dim_effective = DimensionOf(UnitRows(sample.keys, linear.key_mean), random);
  probe.response_dim_effective = DimensionOf(UnitRows(sample.responses, {}), random);
  return probe;
}

}  // namespace mneme::engine
