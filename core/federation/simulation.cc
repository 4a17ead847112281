#include "core/federation/simulation.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/status.h"
#include "core/federation/ball.h"
#include "core/federation/losses.h"
#include "core/math/blas.h"

namespace mneme::federation {
namespace {

constexpr double kRateWindow = 200;  // rounds over which arrivals are counted
constexpr double kRatePrior = 10;    // arrivals that are taken for granted at the start
constexpr double kRateLeast = 0.2;
constexpr double kRateCorrectedBelow = 0.8;  // by loss_correction auto
constexpr size_t kGemmNumbersLeast = 4096;   // below it a plain loop is faster than a call

absl::Status Impossible(std::string_view what, std::string_view expected,
                        std::string_view next_step = "Change one of the two.") {
  return InvalidArgument(
      absl::StrCat("simulation: given ", AbslView(what), ", expected ", AbslView(expected)),
      {.reason = "SIMULATION",
       .given = std::string(what),
       .expected = std::string(expected),
       .next_step = std::string(next_step)});
}

absl::Status CheckShapes(const SimulationOptions& options) {
  const size_t nodes = options.graph.size();
  const bool fit = nodes > 0 && options.weights.rows() == nodes &&
                   options.weights.cols() == nodes && options.routes.parents.size() == nodes &&
                   (options.slow_rounds.empty() || options.slow_rounds.size() == nodes) &&
                   options.batch > 0;
  if (fit) return absl::OkStatus();
  return InvalidArgument("simulation: weights, routes or slow rounds do not fit the graph",
                         {.reason = "SHAPE",
                          .given = absl::StrCat(options.weights.rows(), " rows of weights"),
                          .expected = absl::StrCat(nodes, " of each, at least one node and item"),
                          .next_step = "Make all of them for the same nodes."});
}

absl::Status CheckTogether(const SimulationOptions& options) {
  const Mode mode = options.mode;
  const bool sends_gradients = mode == Mode::kCentral || mode == Mode::kGradient ||
                               mode == Mode::kBarrier || mode == Mode::kWrongPoint;
  if (options.spec.loss != Loss::kLeastSquares) {
    return Impossible(Name(options.spec.loss), "the loss least_squares");
  }
  const bool is_for_gradients =
      options.rounding == Rounding::kTopK || options.rounding == Rounding::kSign;
  if (is_for_gradients && !sends_gradients) {
    return Impossible(absl::StrCat("rounding ", AbslView(Name(options.rounding)), " in mode ",
                                   AbslView(Name(mode))),
                      "a mode that sends gradients: central, gradient, barrier or wrong_point");
  }
  if (options.spec.steps.schedule == Schedule::kAdaptive && mode == Mode::kStatistic) {
    return Impossible("adaptive steps in mode statistic",
                      "another schedule: a statistic has no norm before it is applied");
  }
  if (!(options.drop >= 0 && options.drop < 1)) {
    return Impossible(absl::StrFormat("drop %.9g", options.drop), "a share from 0 to below 1",
                      "Give another share.");
  }
  return absl::OkStatus();
}

// Before anything is allocated. Lanes are counted as if every pair had its own.
absl::Status CheckSize(const SimulationOptions& options) {
  const double nodes = static_cast<double>(options.weights.rows());
  const double d_k = options.spec.d_k, d_v = options.spec.d_v;
  const double items = nodes * static_cast<double>(options.batch);
  uint32_t longest = 0;
  const std::vector<SimulatedPair> pairs = PairsOf(options);
  for (const SimulatedPair& pair : pairs) longest = std::max(longest, pair.rounds);
  const bool is_gated =
      options.spec.privacy.min_contributors > 1 || options.spec.privacy.min_items > 1;
  const double each = options.rounding == Rounding::kTopK ? 1 : 0;
  const double lanes = is_gated ? static_cast<double>(pairs.size()) : nodes;
  const double waiting = lanes * (d_v * d_k + (options.mode == Mode::kStatistic ? d_k * d_k : 0));
  const double numbers = (1.0 + longest) * (waiting + items * (d_k + d_v)) +
                         (2 * nodes + each * static_cast<double>(pairs.size())) * d_v * d_k +
                         items * nodes * d_v;
  if (numbers <= static_cast<double>(kSimulatedNumbersMax)) return absl::OkStatus();
  return Impossible(absl::StrFormat("%.3g numbers on their way", numbers),
                    absl::StrFormat("at most %.3g", static_cast<double>(kSimulatedNumbersMax)),
                    "Take fewer nodes, smaller matrices, smaller batches or shorter delays.");
}

// a(i,j) = 1 / (1 + max degree) of linked nodes, the rest on the diagonal.
std::vector<double> MetropolisWeights(const Graph& graph) {
  const size_t nodes = graph.size();
  std::vector<double> out(nodes * nodes, 0);
  for (NodeIndex a = 0; a < nodes; ++a) {
    double rest = 1;
    for (const Graph::Edge& edge : graph.From(a)) {
      const size_t degree = std::max(graph.From(a).size(), graph.From(edge.to).size());
      const double weight = 1 / (1 + static_cast<double>(degree));
      out[a * nodes + edge.to] = weight;
      rest -= weight;
    }
    out[a * nodes + a] = rest;
  }
  return out;
}

}  // namespace

template <typename T>
absl::StatusOr<Simulation<T>> Simulation<T>::Create(SimulationOptions options,
                                                    const ItemSource& source) {
  MNEME_RETURN_IF_ERROR(Validate(options.spec));
  MNEME_RETURN_IF_ERROR(CheckShapes(options));
  MNEME_RETURN_IF_ERROR(CheckTogether(options));
  MNEME_RETURN_IF_ERROR(CheckSize(options));
  Simulation simulation(std::move(options), source);
  const size_t wait = simulation.horizon_ * simulation.lanes_.size();
  simulation.pending_.resize(wait * simulation.payload_);
  simulation.arrivals_.resize(wait);
  return simulation;
}

template <typename T>
Simulation<T>::Simulation(SimulationOptions options, const ItemSource& source)
    : options_(std::move(options)),
      source_(&source),
      pairs_(PairsOf(options_)),
      loss_stream_(options_.seed, kLossTag) {
  const size_t d_k = options_.spec.d_k, d_v = options_.spec.d_v, items = nodes() * options_.batch;
  size_ = d_v * d_k;
  payload_ = options_.mode == Mode::kStatistic ? d_k * d_k + size_ : size_;
  size_t lanes = 0, next = 0;
  for (NodeIndex root = 0; root < nodes(); ++root) {
    pair_first_.push_back(next);
    lane_first_.push_back(lanes);
    uint32_t branches = 0, longest = 0;
    double delay = 0;
    for (; next < pairs_.size() && pairs_[next].root == root; ++next) {
      branches = std::max(branches, pairs_[next].branch);
      longest = std::max(longest, pairs_[next].rounds);
      delay += pairs_[next].weight * pairs_[next].rounds;
    }
    horizon_ = std::max<uint64_t>(horizon_, longest + 1);
    lanes += IsGated() ? branches + 1 : 1;
    const bool is_stale = options_.mode == Mode::kGradient || options_.mode == Mode::kBarrier;
    steps_.emplace_back(options_.spec,
                        StepDelays{.mean = delay, .point_max = is_stale ? longest : 0});
  }
  pair_first_.push_back(next);
  lanes_.resize(lanes);
  memories_.resize(nodes() * size_);
  losses_.resize(nodes(), 0);
  drawn_keys_ = MatrixD(items, d_k);
  drawn_responses_ = MatrixD(items, d_v);
  keys_.resize(horizon_ * items * d_k);
  responses_.resize(horizon_ * items * d_v);
  recalls_.resize(items * nodes() * d_v);
  errors_.resize(options_.batch * d_v);
  gradient_.resize(payload_);
  sum_.resize(payload_);
  if (options_.mode == Mode::kFactor) {
    stacked_keys_.resize(items * d_k);
    stacked_responses_.resize(items * d_v);
    stacked_weights_.resize(items);
    stacked_errors_.resize(items * d_v);
  }
  if (options_.mode == Mode::kConsensus) {
    mixing_ = MetropolisWeights(options_.graph);
    mixed_.resize(memories_.size());
  }
  lost_.resize(horizon_ * pairs_.size());
  rates_.resize(pairs_.size(), 1);
  if (options_.rounding == Rounding::kTopK) {
    feedback_.assign(pairs_.size(), ErrorFeedback<T>(size_, options_.spec.wire.error_feedback));
  }
}

template <typename T>
bool Simulation<T>::IsGated() const {
  const PrivacySpec& privacy = options_.spec.privacy;
  const bool sums = options_.mode == Mode::kGradient || options_.mode == Mode::kStatistic ||
                    options_.mode == Mode::kBarrier;
  return sums && !privacy.share_items && (privacy.min_contributors > 1 || privacy.min_items > 1);
}

template <typename T>
bool Simulation<T>::NotesArrivals() const {
  return IsGated() || options_.spec.steps.schedule == Schedule::kAdaptive;
}

template <typename T>
size_t Simulation<T>::LaneOf(const SimulatedPair& pair) const {
  return lane_first_[pair.root] + (IsGated() ? pair.branch : 0);
}

template <typename T>
std::span<T> Simulation<T>::PendingOf(uint64_t round, size_t lane) {
  return std::span<T>(pending_).subspan(((round % horizon_) * lanes_.size() + lane) * payload_,
                                        payload_);
}

template <typename T>
void Simulation<T>::Step() {
  Draw();
  RecallAll();
  for (size_t i = 0; i < pairs_.size(); ++i) {
    Charge(pairs_[i]);
    if (pairs_[i].served) Send(i);
  }
  // Own gradients are of the memories before they are averaged.
  if (options_.mode == Mode::kConsensus) Average();
  for (NodeIndex node = 0; node < nodes(); ++node) Apply(node);
  UpdateArrivalRates();
  ++round_;
}

template <typename T>
void Simulation<T>::Draw() {
  source_->Fill(round_, drawn_keys_.flat(), drawn_responses_.flat());
  const auto keys = drawn_keys_.flat(), responses = drawn_responses_.flat();
  std::transform(keys.begin(), keys.end(), keys_.begin() + (KeysOf(round_) - keys_.data()),
                 [](double x) { return static_cast<T>(x); });
  std::transform(responses.begin(), responses.end(),
                 responses_.begin() + (ResponsesOf(round_) - responses_.data()),
                 [](double x) { return static_cast<T>(x); });
}

// Every item at every memory.
template <typename T>
void Simulation<T>::RecallAll() {
  const size_t d_k = options_.spec.d_k, width = nodes() * options_.spec.d_v;
  math::Gemm(math::Transpose::kNo, math::Transpose::kYes, nodes() * options_.batch, width, d_k,
             T{1}, KeysOf(round_), d_k, memories_.data(), d_k, T{0}, recalls_.data(), width);
}

// errors_: of the items that `node` got in this round, at the memory of another. Adds their mean
// loss.
template <typename T>
void Simulation<T>::ErrorsAt(NodeIndex memory, NodeIndex node, double& loss) {
  const size_t d_v = options_.spec.d_v, width = nodes() * d_v, batch = options_.batch;
  double sum = 0;
  for (size_t j = 0; j < batch; ++j) {
    const size_t item = node * batch + j;
    sum +=
        LossAndError<T>(options_.spec.loss, options_.spec.huber_delta,
                        {recalls_.data() + item * width + memory * d_v, d_v},
                        {ResponsesOf(round_) + item * d_v, d_v}, {errors_.data() + j * d_v, d_v});
  }
  loss += sum / static_cast<double>(batch);
}

template <typename T>
void Simulation<T>::Charge(const SimulatedPair& pair) {
  double loss = 0;
  ErrorsAt(pair.root, pair.node, loss);
  losses_[pair.root] += pair.weight * loss;
}

// errors_ are those that Charge left: of this pair.
template <typename T>
void Simulation<T>::Send(size_t index) {
  const SimulatedPair& pair = pairs_[index];
  const Mode mode = options_.mode;
  if (mode == Mode::kLocal || mode == Mode::kConsensus) return;
  const uint64_t arrival = round_ + pair.rounds;
  const bool is_lost = IsLost(pair, arrival);
  lost_[(arrival % horizon_) * pairs_.size() + index] = is_lost ? 1 : 0;
  if (is_lost) ++dropped_;
  if (is_lost || mode == Mode::kFactor) return;
  double ignored = 0;
  if (mode == Mode::kWrongPoint) ErrorsAt(pair.node, pair.node, ignored);
  const size_t lane = LaneOf(pair);
  const double scale = pair.weight * BoostOf(index) / static_cast<double>(options_.batch);
  const std::span<T> pending = PendingOf(arrival, lane);
  if (mode == Mode::kStatistic && options_.rounding == Rounding::kNone) {
    AddStatistic(pair, scale, pending);
  } else if (options_.rounding == Rounding::kNone &&
             options_.spec.steps.schedule != Schedule::kAdaptive) {
    AddGradient(pair, scale, pending);
  } else {
    std::ranges::fill(gradient_, T{0});
    if (mode == Mode::kStatistic) {
      AddStatistic(pair, scale, gradient_);
    } else {
      AddGradient(pair, scale, gradient_);
    }
    if (pair.rounds > 0) Compress(index, gradient_);
    AddScaled<T>(gradient_, T{1}, pending);
  }
  if (!NotesArrivals()) return;
  ArrivalsOf(arrival, lane)
      .push_back({pair.node, pair.rounds, Norm(std::span<const T>(gradient_))});
}

template <typename T>
bool Simulation<T>::IsLost(const SimulatedPair& pair, uint64_t arrival) const {
  if (pair.rounds == 0) return false;
  if (options_.drop > 0) {
    const uint64_t index = (arrival * nodes() + pair.root) * nodes() + pair.node;
    if (loss_stream_.Uniform(index) < options_.drop) return true;
  }
  if (pair.crosses && arrival >= options_.cut->from && arrival <= options_.cut->to) return true;
  const uint64_t every = options_.replan_every;
  return every > 0 && round_ / every != arrival / every;
}

// What makes up for contributions of this pair that were lost.
template <typename T>
double Simulation<T>::BoostOf(size_t index) const {
  const LossCorrection correction = options_.spec.loss_correction;
  const double rate = std::max(kRateLeast, rates_[index]);
  if (correction == LossCorrection::kOff) return 1;
  if (correction == LossCorrection::kAuto && rate >= kRateCorrectedBelow) return 1;
  return 1 / rate;
}

template <typename T>
void Simulation<T>::UpdateArrivalRates() {
  for (size_t i = 0; i < pairs_.size(); ++i) {
    const SimulatedPair& pair = pairs_[i];
    if (pair.rounds == 0 || pair.rounds > round_) continue;
    const double got = lost_[(round_ % horizon_) * pairs_.size() + i] == 0 ? 1 : 0;
    const auto counted = static_cast<double>(round_ - pair.rounds) + kRatePrior + 1;
    rates_[i] += (got - rates_[i]) / std::min(kRateWindow, counted);
  }
}

// to += scale * sum of e k^T over errors_ and the keys of this round.
template <typename T>
void Simulation<T>::AddGradient(const SimulatedPair& pair, double scale, std::span<T> to) {
  const size_t d_k = options_.spec.d_k, d_v = options_.spec.d_v, batch = options_.batch;
  const T* keys = KeysOf(round_) + pair.node * batch * d_k;
  for (T& e : errors_) e *= static_cast<T>(scale);
  if (batch * size_ >= kGemmNumbersLeast) {
    return AddOuterProducts(errors_.data(), keys, batch, d_v, d_k, to.data());
  }
  for (size_t j = 0; j < batch; ++j) {
    const std::span<const T> key(keys + j * d_k, d_k);
    for (size_t r = 0; r < d_v; ++r) {
      AddScaled(key, errors_[j * d_v + r], to.subspan(r * d_k, d_k));
    }
  }
}

// to: sum of scale k k^T, then sum of scale v k^T.
template <typename T>
void Simulation<T>::AddStatistic(const SimulatedPair& pair, double scale, std::span<T> to) {
  const size_t d_k = options_.spec.d_k, d_v = options_.spec.d_v, batch = options_.batch;
  const T* keys = KeysOf(round_) + pair.node * batch * d_k;
  const T* responses = ResponsesOf(round_) + pair.node * batch * d_v;
  const T factor = static_cast<T>(scale);
  math::Gemm(math::Transpose::kYes, math::Transpose::kNo, d_k, d_k, batch, factor, keys, d_k, keys,
             d_k, T{1}, to.data(), d_k);
  math::Gemm(math::Transpose::kYes, math::Transpose::kNo, d_v, d_k, batch, factor, responses, d_v,
             keys, d_k, T{1}, to.data() + d_k * d_k, d_k);
}

template <typename T>
void Simulation<T>::Compress(size_t index, std::span<T> gradient) {
  switch (options_.rounding) {
    case Rounding::kNone:
      return;
    case Rounding::kBfloat16:
      return RoundToBfloat16(gradient);
    case Rounding::kSign:
      return SignWithMeanScale(gradient);
    case Rounding::kTopK:
      feedback_[index].Compress(gradient, TopKCount(options_.spec.wire.topk_share, size_),
                                /*bfloat16=*/false, sparse_);
      std::ranges::fill(gradient, T{0});
      AddSparse(sparse_, gradient);
      return;
  }
}

template class Simulation<float>;
template class Simulation<double>;

}  // namespace mneme::federation
