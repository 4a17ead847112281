// Studies of a memory: what is asked and what is found. Plain values, no protobuf; fields mean what
// their namesakes in proto/mneme/v1/analysis.proto mean. What is left at 0 or absent is chosen by
// the server.
//
//   auto begun = client.Analyze("faces", BasinsAnalysis{});
//   auto ended = client.WaitOperation(begun->name);
//   if (ended.ok() && ended->report) Use(ended->report->Get("swallowed"));
//
// Threads: plain values.
#ifndef MNEME_CLIENT_CPP_INCLUDE_MNEME_ANALYSIS_H_
#define MNEME_CLIENT_CPP_INCLUDE_MNEME_ANALYSIS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mneme/memory.h"
#include "mneme/types.h"

namespace mneme::client {

// Which stored items have a place of their own.
struct BasinsAnalysis {
  uint32_t items = 0;
  std::optional<uint32_t> probes;
  uint32_t steps_max = 0;
  std::optional<double> beta;
  uint64_t seed = 0;
};

// The energy of each step of the recalls of some cues.
struct RecallAnalysis {
  Matrix cues;
  uint32_t steps_max = 0;
  std::optional<double> beta;
};

// How many patterns a memory of this kernel and dimension holds.
struct CapacityAnalysis {
  double correlation = 0;
  uint32_t block = 0;
  double share_positive = 0;
  uint32_t min_hamming = 0;
  double flip = 0;
  std::optional<double> tolerance;
  uint32_t probes = 0;
  uint32_t load_max = 0;
  uint32_t seeds = 0;
  uint64_t seed = 0;
};

// The patterns of a simulation: the memory's keys, or generated ones.
struct PatternSource {
  uint32_t generated = 0;
  std::optional<ItemId> start;
};

// Stochastic exponential memory.
struct SedamAnalysis {
  PatternSource patterns;
  std::optional<double> flip;
  double beta = 0;
  uint32_t steps = 0;
  uint32_t burn_in = 0;
  double coincidence = 0;
  uint64_t seed = 0;
};

// Phase oscillators.
struct OscillatorsAnalysis {
  PatternSource patterns;
  double k2 = 0;
  std::optional<double> k4;
  double temperature = 0;
  std::optional<double> flip;
  std::optional<double> jitter;
  double dt = 0;
  uint32_t steps = 0;
  uint32_t loop_points = 0;
  double loop_k2 = 0;
  uint32_t loop_steps = 0;
  uint64_t seed = 0;
};

// The activation of a layer is the gradient of its Lagrangian.
enum class Lagrangian {
  kDefault = 0,
  kIdentity = 1,
  kRelu = 2,
  kTanh = 3,
  kSoftmax = 4,
  kLayerNorm = 5,
  kSpherical = 6
};

// The memory's keys as layers that descend one energy.
struct EnergyGraphAnalysis {
  PatternSource patterns;
  Lagrangian visible = Lagrangian::kDefault;
  Lagrangian hidden = Lagrangian::kDefault;
  std::optional<double> beta;
  std::optional<double> noise;
  double hold = 0;
  double tau_hidden = 0;
  double dt = 0;
  uint32_t steps = 0;
  uint64_t seed = 0;
};

// Whether the share of the best item says how often it is the right one.
struct ConfidenceAnalysis {
  uint32_t items = 0;
  double cue_noise = 0;
  std::optional<double> beta;
  uint64_t seed = 0;
};

using AnalysisSpec = std::variant<BasinsAnalysis, RecallAnalysis, CapacityAnalysis, SedamAnalysis,
                                  OscillatorsAnalysis, EnergyGraphAnalysis, ConfidenceAnalysis>;

struct AnalysisFigure {
  std::string name;  // stable
  double value = 0;  // NaN: not defined by the data
  std::optional<double> spread;
  std::string meaning;
};

struct AnalysisColumn {
  std::string name;
  std::vector<double> values;
};

struct AnalysisTable {
  std::string name;
  std::vector<AnalysisColumn> columns;

  // The values of a column; null without it.
  const std::vector<double>* Get(std::string_view column) const;
};

struct AnalysisFinding {
  ItemId id;
  std::string verdict;
  std::optional<ItemId> other;
  double share = 0;
  double margin = 0;
};

struct AnalysisReport {
  std::string analysis;  // "basins", "recall", "capacity", ...: its name
  std::string summary;
  std::vector<AnalysisFigure> figures;
  std::vector<AnalysisTable> tables;
  std::vector<AnalysisFinding> findings;
  std::vector<Warning> advice;

  // The value of a figure; NaN without it.
  double Get(std::string_view figure) const;
  // Null without it.
  const AnalysisTable* Table(std::string_view table) const;
};

struct AnalysisSample {
  std::vector<std::string> observables;  // in the first one only
  uint64_t step = 0;
  std::vector<double> values;
  uint64_t missed = 0;  // samples between the one before and this
};

}  // namespace mneme::client

#endif  // MNEME_CLIENT_CPP_INCLUDE_MNEME_ANALYSIS_H_
