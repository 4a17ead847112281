// Studies of a memory, beside serving: what each is told, what it sees of the memory, and how it
// reports. A further study is a struct here, a file with its three functions, and a member of
// AnalysisSpec.
//
// Threads: an analysis runs on one thread, that of its caller. Subject and Host are its own.
#ifndef MNEME_CORE_ANALYSIS_ANALYSIS_H_
#define MNEME_CORE_ANALYSIS_ANALYSIS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "core/analysis/report.h"
#include "core/base/ids.h"
#include "core/dynamics/lagrangian.h"
#include "core/math/matrix.h"
#include "core/models/model.h"
#include "core/models/spec.h"

namespace mneme::analysis {

// What an analysis may ask for.
inline constexpr size_t kBasinItemsMax = 16'384;
inline constexpr size_t kBasinProbesMax = 4'096;
inline constexpr int kRecallStepsMax = 1'000;
inline constexpr size_t kTraceStepsMax = 100;
inline constexpr size_t kTraceCuesMax = 16;
inline constexpr size_t kCapacitySeedsMin = 4;
inline constexpr size_t kCapacitySeedsMax = 32;
inline constexpr size_t kCapacityLoadMax = 65'536;
inline constexpr size_t kSimulationStepsMax = 1'000'000;
inline constexpr size_t kLoopPointsMax = 100;
// Numbers that one analysis holds in main memory: patterns, series, samples of items.
inline constexpr uint64_t kAnalysisBytesMax = 512ull << 20;
// Samples that one analysis gives to those who watch it.
inline constexpr size_t kSamplesPerRun = 4'096;

// Which stored items have a place of their own, and which are swallowed by a neighbour or a blend;
// what the memory recalls that nobody stored. Dense memories.
struct BasinsSpec {
  size_t items = 1'024;        // drawn at random, at most
  size_t probes = 256;         // recalls begun between items; 0: none
  int steps_max = 64;          // of a recall
  std::optional<double> beta;  // absent: the memory's
  uint64_t seed = 1;
};

// The energy of each step of the recalls of some cues. Dense memories.
struct RecallSpec {
  Matrix cues;  // [1 to kTraceCuesMax, key_dim]
  size_t steps_max = 16;
  std::optional<double> beta;
};

// How many patterns a memory of this kernel and dimension holds: it is filled with fresh ones until
// it fails. Dense and feature memories.
struct CapacitySpec {
  double correlation = 0;       // of bits within a block, in [0, 1]
  size_t block = 8;             // bits
  double share_positive = 0.5;  // in (0, 1); separation is 2 q (1 - q)
  size_t min_hamming = 0;       // between any two patterns
  double flip = 0;              // share of a cue's bits turned, in [0, 0.5]
  double tolerance = 0.02;      // an error above it is failure
  size_t probes = 64;           // cues a load
  size_t load_max = 0;          // 0: 8,192, or as many as may be held
  size_t seeds = kCapacitySeedsMin;
  uint64_t seed = 1;  // of the first
};

// The patterns of a simulation: the memory's keys, of +1 and -1 where it says so, or random ones.
struct PatternSource {
  size_t generated = 0;         // random patterns of the memory's dimension; 0: its keys
  std::optional<ItemId> start;  // the item at which it begins; absent: the first
};

// Noise that turns bits and recall that repairs them, in turn (core/dynamics/sedam.h).
struct SedamSpec {
  PatternSource patterns;
  double flip = 0.25;  // p, of each neuron and step, in [0, 0.5]
  double beta = 1;     // 1 / overlap
  size_t steps = 20'000;
  size_t burn_in = 0;
  double coincidence = 0.05;  // share of neurons that change at once
  uint64_t seed = 1;
};

// Phases with pairwise and quartic couplings (core/dynamics/oscillators.h): retrieval from a
// damaged start, and the hysteresis loop.
struct OscillatorsSpec {
  PatternSource patterns;
  double k2 = 0;
  double k4 = 1;
  double temperature = 0;
  double flip = 0.1;    // share of the start's bits turned, in [0, 0.5]
  double jitter = 0.1;  // radians
  double dt = 0;        // 0: automatic
  size_t steps = 600;
  // Couplings of a loop up to `loop_k2` and down again, `loop_steps` each; 0: no loop.
  size_t loop_points = 0;
  double loop_k2 = 0;  // 0: 3 (k2 + 1)
  size_t loop_steps = 300;
  uint64_t seed = 1;
};

// The memory's keys as layers that descend one energy (core/dynamics/energy_graph.h): a visible one
// that begins near an item, and a hidden one with a neuron for each item. Items weigh 1. Dense
// memories of exp under dot, cosine or l2.
struct EnergyGraphSpec {
  PatternSource patterns;  // any numbers
  dynamics::Lagrangian visible = dynamics::Lagrangian::kIdentity;
  dynamics::Lagrangian hidden = dynamics::Lagrangian::kSoftmax;
  std::optional<double> beta;  // of softmax layers; absent: the memory's
  // Standard deviation of what the start's numbers are off by, of their root mean square.
  double noise = 0.3;
  double hold = 0;        // share of the item's numbers that are known and held, in [0, 1]
  double tau_hidden = 1;  // time constant of the hidden layer, in those of the visible one
  double dt = 0;          // 0: a tenth of the smaller time constant; halved where the energy rises
  size_t steps = 3'000;
  uint64_t seed = 1;
};

// Whether the share of the best item says how often it is the right one, for the keys of items with
// Gaussian noise, and the beta with which it does. Dense memories of exp.
struct ConfidenceSpec {
  size_t items = 1'024;        // drawn at random, at most kBasinItemsMax
  double cue_noise = 0;        // standard deviation of what a cue's numbers are off by, > 0
  std::optional<double> beta;  // absent: the memory's
  uint64_t seed = 1;
};

using AnalysisSpec = std::variant<BasinsSpec, RecallSpec, CapacitySpec, SedamSpec, OscillatorsSpec,
                                  EnergyGraphSpec, ConfidenceSpec>;

// The memory that is studied, as it was when the analysis began.
class Subject {
 public:
  using VisitFn =
      std::function<absl::Status(uint64_t row, const ItemId& id, std::span<const float> key)>;

  virtual ~Subject() = default;
  virtual const models::MemorySpec& spec() const = 0;
  virtual uint64_t items() const = 0;
  virtual double beta() const = 0;  // of a dense memory
  virtual absl::StatusOr<models::Answer> Ask(const models::CueBatch& cues,
                                             const models::QuerySpec& spec) = 0;
  // The live items with their keys as they were stored, in the order of their rows. Errors of
  // `visit` end it. FailedPrecondition where keys are not kept.
  virtual absl::Status VisitItems(const VisitFn& visit) = 0;
  // The key of an item. NotFound where it is gone by now.
  virtual absl::StatusOr<std::vector<float>> KeyOf(uint64_t row) = 0;
  // Room in main memory until the subject goes. ResourceExhausted (FULL, LIMIT).
  virtual absl::Status Reserve(uint64_t bytes) = 0;
};

// Who has an analysis carried out.
class Host {
 public:
  virtual ~Host() = default;
  // How far it is. Cancelled: stop.
  virtual absl::Status Progress(std::string_view phase, double share) = 0;
  // A sample of the observables, one value each.
  virtual void Observe(uint64_t step, std::span<const double> values) = 0;
};

// "basins", "recall", "capacity", "sedam", "oscillators", "energy-graph", "confidence".
std::string_view NameOf(const AnalysisSpec& spec);
// What its samples hold, by name.
std::vector<std::string> ObservablesOf(const AnalysisSpec& spec);
// Whether it can be asked of such a memory at all, before anything is read.
//
// Errors   InvalidArgument (RANGE, SHAPE, NOT_FINITE): a number of the spec. Unimplemented
//          (NOT_FOR_MODEL): the memory's model has no such thing.
absl::Status Check(const AnalysisSpec& spec, const models::MemorySpec& memory);
// Carries it out.
//
// Errors   those of Subject and Host; FailedPrecondition (NO_ITEMS): nothing is stored;
//          InvalidArgument (NOT_BINARY): keys of other numbers than +1 and -1; NotFound: the start.
absl::StatusOr<Report> Analyze(const AnalysisSpec& spec, Subject& subject, Host& host);

}  // namespace mneme::analysis

#endif  // MNEME_CORE_ANALYSIS_ANALYSIS_H_
