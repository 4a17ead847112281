// All nodes of a federation in one process, round by round, with ideal delays: what the algorithm
// does where frames arrive when they should. The state machine over a real network is compared with
// it.
//
// A round: the loss of every node's memory on the round's items is charged; then every node takes
// one step with what arrives in this round, its own gradient included.
//
//   M_n(t+1) = Proj( M_n(t) - eta(t) sum_m w(n,m) grad f_m,t-d(M_n,t-d) )
//
// Shapes      memories [nodes][d_v, d_k] row-major of T.
// Threads     not safe for concurrent use. A Step allocates nothing once it has run a few times.
// Invariants  1. Equal options and sources give equal digits.
//             2. Every memory is inside the ball.
// Source      distributed online gradient descent notes, sections 2, 7 and 9.
#ifndef MNEME_CORE_FEDERATION_SIMULATION_H_
#define MNEME_CORE_FEDERATION_SIMULATION_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "core/federation/compress.h"
#include "core/federation/item_source.h"
#include "core/federation/portable_data.h"
#include "core/federation/simulated_pairs.h"
#include "core/federation/simulation_options.h"
#include "core/federation/steps.h"
#include "core/math/matrix.h"

namespace mneme::federation {

template <typename T>
class Simulation {
 public:
  // `source` outlives it. InvalidArgument: a spec that is not valid; SHAPE of weights, routes or
  // slow_rounds that do not fit the graph; SIMULATION for modes and options that do not go
  // together, or more than kSimulatedNumbersMax numbers on their way.
  static absl::StatusOr<Simulation> Create(SimulationOptions options, const ItemSource& source);

  // Cost  2 N^2 batch d_k d_v multiply-adds, and those of what arrives.
  void Step();

  uint64_t round() const { return round_; }
  std::span<const T> memory(NodeIndex node) const {
    return std::span<const T>(memories_).subspan(node * size_, size_);
  }
  // Charged to a node so far.
  double loss(NodeIndex node) const { return losses_[node]; }
  // Contributions that never arrived.
  uint64_t dropped() const { return dropped_; }
  // The items of the last round.
  MatrixViewD keys() const { return drawn_keys_; }
  MatrixViewD responses() const { return drawn_responses_; }
  const std::vector<SimulatedPair>& pairs() const { return pairs_; }
  const SimulationOptions& options() const { return options_; }

 private:
  // What waits for one root: of all its nodes, or of one branch where sums must be large enough.
  struct Lane {
    uint32_t held_rounds = 0;
    std::vector<T> held;
    std::vector<NodeIndex> contributors;  // of what is held, each once
    uint64_t items = 0;
  };
  struct Arrival {
    NodeIndex node;
    uint32_t rounds;
    double norm;
  };

  Simulation(SimulationOptions options, const ItemSource& source);

  size_t nodes() const { return options_.weights.rows(); }
  bool IsGated() const;
  bool NotesArrivals() const;
  size_t LaneOf(const SimulatedPair& pair) const;
  std::span<T> PendingOf(uint64_t round, size_t lane);
  std::vector<Arrival>& ArrivalsOf(uint64_t round, size_t lane) {
    return arrivals_[(round % horizon_) * lanes_.size() + lane];
  }
  const T* KeysOf(uint64_t round) const {
    return keys_.data() + round % horizon_ * nodes() * options_.batch * options_.spec.d_k;
  }
  const T* ResponsesOf(uint64_t round) const {
    return responses_.data() + round % horizon_ * nodes() * options_.batch * options_.spec.d_v;
  }

  void Draw();
  void RecallAll();
  void ErrorsAt(NodeIndex memory, NodeIndex node, double& loss);
  void Charge(const SimulatedPair& pair);
  void Send(size_t index);
  bool IsLost(const SimulatedPair& pair, uint64_t arrival) const;
  double BoostOf(size_t index) const;
  void AddGradient(const SimulatedPair& pair, double scale, std::span<T> to);
  void AddStatistic(const SimulatedPair& pair, double scale, std::span<T> to);
  void Compress(size_t index, std::span<T> gradient);

  void Apply(NodeIndex node);
  void NoteKeys(NodeIndex node);
  void GatherLanes(NodeIndex node);
  void GatherFactors(NodeIndex node);
  void GatherOwn(NodeIndex node);
  void ReleaseOrHold(size_t lane);
  void StatisticToGradient(NodeIndex node);
  void UpdateArrivalRates();
  void Average();

  SimulationOptions options_;
  const ItemSource* source_;
  std::vector<SimulatedPair> pairs_;
  std::vector<size_t> pair_first_;  // of a root; one more than nodes
  std::vector<size_t> lane_first_;
  size_t size_ = 0;     // numbers of a memory
  size_t payload_ = 0;  // numbers of what waits in a lane
  uint64_t horizon_ = 1;
  uint64_t round_ = 0;
  uint64_t dropped_ = 0;
  PortableStream loss_stream_;
  std::vector<T> memories_, mixed_;
  std::vector<StepSizes> steps_;
  std::vector<double> losses_;
  std::vector<double> mixing_;  // consensus: [nodes, nodes]
  MatrixD drawn_keys_, drawn_responses_;
  std::vector<T> keys_, responses_;  // of the last horizon_ rounds
  std::vector<T> recalls_;           // [nodes * batch, nodes * d_v]
  std::vector<T> errors_, gradient_, sum_;
  std::vector<T> stacked_keys_, stacked_responses_, stacked_weights_, stacked_errors_;
  std::vector<T> pending_;  // [horizon_][lanes][payload_]
  std::vector<Lane> lanes_;
  std::vector<std::vector<Arrival>> arrivals_;
  std::vector<uint8_t> lost_;  // [horizon_][pairs]
  std::vector<double> rates_;  // of arrival, by pair
  std::vector<ErrorFeedback<T>> feedback_;
  Sparse<T> sparse_;
};

extern template class Simulation<float>;
extern template class Simulation<double>;

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_SIMULATION_H_
