// What a linear memory, existing or planned, can hold and recall: theory beside measurement. Plain
// values, no protobuf. Fields mean what their namesakes in proto/mneme/v1/memory_service.proto
// mean; rates and shares are 0 to 1.
//
// Threads: plain values.
#ifndef MNEME_CLIENT_CPP_INCLUDE_MNEME_FORECAST_H_
#define MNEME_CLIENT_CPP_INCLUDE_MNEME_FORECAST_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "mneme/memory.h"

namespace mneme::client {

// The newest measurement (made if there is none, or if items came or went since); one made now;
// theory alone.
enum class ProbeMode { kDefault = 0, kNewest = 1, kNow = 2, kNone = 3 };

std::string Name(ProbeMode value);

// A linear memory that is not there yet.
struct PlannedMemory {
  MemorySpec spec;  // the name may be left out
  uint64_t items = 0;
  double key_dim_effective = 0;  // if known; 0: that of the spec
  double response_dim_effective = 0;
};

// One figure.
struct Prediction {
  std::string quantity;  // as in "top1", "hit@10", "certified", "mean_percentile", "inverse_snr"
  double value = 0;      // what to rely on
  std::optional<double> theory;
  std::optional<double> measured;
  double measured_error = 0;     // standard error
  bool probe_disagrees = false;  // by more than 20 %: `value` is the measurement then
  std::string formula;           // the law, by its stable name
  std::string assumption;        // what it takes for granted
};

// A measurement of a memory.
struct Probe {
  Timestamp time;
  Epoch epoch;
  uint64_t items = 0;     // sampled
  double cue_cosine = 0;  // of its cues with the stored keys
  double score_std_ratio =
      0;  // of competitors' scores, seen / expected; above 1.3: anisotropic keys
};

// Hit rates at a load, one for each of ForecastResult::list_sizes.
struct CurvePoint {
  double load = 0;
  double items = 0;
  std::vector<double> hits;
};

// Share of the items that rank within `percentile` of the list.
struct ProfilePoint {
  double percentile = 0;
  double theory = 0;
  std::optional<double> measured;
};

struct ForecastResult {
  uint64_t items = 0;         // assumed
  double load = 0;            // items / (key_dim * response_dim * partitions)
  double load_effective = 0;  // the same with the effective dimensions
  double key_dim_effective = 0;
  double response_dim_effective = 0;
  LoadPhase phase = LoadPhase::kUnspecified;
  std::vector<Prediction> predictions;
  uint64_t capacity_items = 0;  // that the memory holds within the error target
  uint64_t items_left = 0;
  std::string capacity_formula;
  std::vector<ByteAccount> bytes;  // of a planned memory: what they will be
  uint64_t memory_bytes = 0;       // all of them
  std::optional<Probe> probe;      // the measurement used
  std::vector<Warning> warnings;
  std::vector<CurvePoint> curve;
  std::vector<ProfilePoint> profile;
  std::vector<uint32_t> list_sizes;  // meant by the curve
};

}  // namespace mneme::client

#endif  // MNEME_CLIENT_CPP_INCLUDE_MNEME_FORECAST_H_
