// What a linear memory can hold and recall: the laws of core/theory asked for a memory that is
// there or planned, and a probe that measures one that is there.
//
// Values. Immutable once made.
#ifndef MNEME_CORE_ENGINE_FORECAST_H_
#define MNEME_CORE_ENGINE_FORECAST_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/engine/limits.h"
#include "core/engine/types.h"
#include "core/theory/phase.h"

namespace mneme::engine {

enum class ProbeMode { kNewest, kNow, kNone };

struct ForecastCommand {
  std::string memory;  // an existing one; empty: `planned`
  models::MemorySpec planned;
  uint64_t planned_items = 0;
  double key_dim_effective = 0;  // of a planned memory; 0: that of the spec
  double response_dim_effective = 0;
  std::vector<uint32_t> list_sizes;  // empty: 1, 10, 100
  double cue_cosine = 1;             // in (0, 1]
  double error_target = 0.05;        // in (0, 1)
  ProbeMode probe = ProbeMode::kNewest;
  size_t probe_items = kProbeItemsDefault;
  uint64_t seed = 1;
  size_t curve_points = 0;
  std::function<bool()> cancelled;  // stops the probe; may be empty
};

// A measurement of a memory: a sample of its items, each asked for by its own key with noise.
struct Probe {
  int64_t time_unix_nanos = 0;
  uint64_t position = 0;
  double cue_cosine = 1;
  uint64_t competitors = 0;     // of each sampled item
  std::vector<uint64_t> ranks;  // ascending, one a sampled item; 1 is first
  double score_std = 0;         // mean over cues of the standard deviation of all scores
  double key_dim_effective = 0;
  double response_dim_effective = 0;
};

struct ForecastQuantity {
  std::string quantity;
  double value = 0;  // what to rely on
  std::optional<double> theory;
  std::optional<double> measured;
  double measured_error = 0;
  bool probe_disagrees = false;
  std::string formula;
  std::string assumption;
};

struct ForecastCurvePoint {
  double load = 0;
  double items = 0;
  std::vector<double> hits;  // one a list size
};

struct ForecastProfilePoint {
  double percentile = 0;
  double theory = 0;
  std::optional<double> measured;
};

struct ForecastReply {
  MemoryUid uid = 0;
  uint64_t items = 0;
  double load = 0;
  double load_effective = 0;
  double key_dim_effective = 0;
  double response_dim_effective = 0;
  theory::Phase phase = theory::Phase::kSatisfiable;
  std::vector<ForecastQuantity> quantities;
  uint64_t capacity_items = 0;
  uint64_t items_left = 0;
  std::string capacity_formula;
  std::vector<models::ByteAccount> bytes;
  std::optional<Probe> probe;
  double score_std_ratio = 0;  // measured over expected at the raw dimensions; 0: not measured
  std::vector<Warning> warnings;
  std::vector<ForecastCurvePoint> curve;
  std::vector<ForecastProfilePoint> profile;
  std::vector<uint32_t> list_sizes;
};

// What a memory can hold, by theory at its raw dimensions; does not depend on what it holds.
struct Capacity {
  uint32_t partitions = 1;
  uint64_t items = 0;
  std::string criterion;
  double critical_load = 0;  // where the phase stops being satisfiable
};

// How much of its capacity a memory uses.
struct LoadMeter {
  double load = 0;
  uint64_t capacity_items = 0;
  double used = 0;
  std::string criterion;
  theory::Phase phase = theory::Phase::kSatisfiable;
};

// n / (d_k d_v partitions); nullopt for a memory that is not linear.
std::optional<double> LoadOf(const models::MemorySpec& spec, uint64_t items, uint32_t partitions);

// Capacity of that many partitions: the items certified (rule TAM), or recalled within the first
// 10 in 95 of 100 cases. nullopt where there is no law. Cost: up to 50 ms.
std::optional<Capacity> CapacityOf(const models::MemorySpec& spec, uint32_t partitions);
LoadMeter MeterOf(const models::MemorySpec& spec, const Capacity& capacity, uint64_t items);

// Probe and theory differ by more than this share of theory, and by more than this many standard
// errors of the probe: the probe wins.
inline constexpr double kProbeDisagrees = 0.2;
inline constexpr double kProbeErrors = 2;

// The forecast of a spec and its state, with what was measured of it (null: nothing).
absl::StatusOr<ForecastReply> MakeForecast(const ForecastCommand& command,
                                           const models::MemorySpec& spec,
                                           const models::ModelStats& stats, const Probe* probe);

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_FORECAST_H_
