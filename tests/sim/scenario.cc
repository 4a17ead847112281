#include "tests/sim/scenario.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <numeric>

#include "core/base/status.h"

namespace mneme::sim {
namespace {

using federation::Spec;

bool OneIn(Random& random, uint64_t n) { return random.Below(n) == 0; }

void ChooseSteps(Spec& spec, Random& random) {
  constexpr federation::Schedule kSchedules[] = {
      federation::Schedule::kSqrt, federation::Schedule::kSqrt, federation::Schedule::kAdaptive,
      federation::Schedule::kConstant};
  spec.steps.schedule = kSchedules[random.Below(4)];
  spec.steps.eta = 0.2;
  spec.steps.stability_cap = OneIn(random, 2);
}

void ChooseTransport(Spec& spec, Random& random) {
  using federation::Transport;
  constexpr Transport kTransports[] = {Transport::kGradient, Transport::kGradient,
                                       Transport::kGradient, Transport::kStatistic,
                                       Transport::kFactor};
  spec.transport = kTransports[random.Below(5)];
  spec.privacy = {.min_contributors = 1, .min_items = 1};
  if (spec.transport == Transport::kFactor) {
    spec.privacy.share_items = true;
    spec.wire.factor_queue_bytes = OneIn(random, 2) ? 2'000 : 8 << 20;
  } else if (OneIn(random, 3)) {
    spec.privacy = {.min_contributors = 3, .min_items = 4};
  } else if (OneIn(random, 3)) {
    spec.privacy.share_items = true;
  }
  if (spec.transport != Transport::kStatistic) {
    constexpr federation::Loss kLosses[] = {
        federation::Loss::kLeastSquares, federation::Loss::kLeastSquares, federation::Loss::kHuber,
        federation::Loss::kInnerProduct};
    spec.loss = kLosses[random.Below(4)];
  }
  if (spec.transport != Transport::kGradient) return;
  if (OneIn(random, 8)) spec.combine = federation::Combine::kBarrier;
  if (OneIn(random, 4)) {
    spec.wire.compression = federation::Compression::kTopK;
    spec.wire.topk_share = 0.2;
  }
}

// Where items may be seen: of dimensions that several of them are fewer numbers than.
void ChooseLowRank(Spec& spec, Random& random) {
  if (spec.transport != federation::Transport::kGradient || spec.noise.clip > 0 ||
      spec.wire.compression != federation::Compression::kNone ||
      (spec.privacy.min_contributors > 1 && !spec.privacy.share_items) || OneIn(random, 2)) {
    return;
  }
  spec.wire.compression = federation::Compression::kLowRank;
  spec.d_k = static_cast<uint32_t>(8 + random.Below(24));
  spec.d_v = static_cast<uint32_t>(8 + random.Below(24));
}

Spec ChooseSpec(Random& random) {
  Spec spec{.d_k = static_cast<uint32_t>(4 + random.Below(3)),
            .d_v = static_cast<uint32_t>(4 + random.Below(3))};
  ChooseTransport(spec, random);
  ChooseSteps(spec, random);
  spec.wire.type =
      OneIn(random, 2) ? federation::WireType::kFloat32 : federation::WireType::kBfloat16;
  spec.wire.edge_queue_frames = OneIn(random, 3) ? 2 : 8;
  spec.b_max = OneIn(random, 3) ? 2 : 16;
  spec.lag_max = OneIn(random, 3) ? 16 : 64;
  // More than the longest way there and back takes, with windows of two frames on it.
  spec.max_delay = OneIn(random, 2) ? 64 : 96;
  if (spec.combine == federation::Combine::kBarrier) {
    // It must outlast the slowest way there and back, and joins nothing on the way.
    spec.max_delay = 64;
    spec.wire.edge_queue_frames = 64;
  }
  spec.checkpoint_rounds = 10 + static_cast<uint32_t>(random.Below(40));
  spec.probe_rounds = OneIn(random, 3) ? 1000 : 20;
  if (OneIn(random, 4)) spec.clip = 0.5;
  if (OneIn(random, 3)) spec.radius = 0.3;
  if (OneIn(random, 6)) spec.decay = 0.01;
  if (OneIn(random, 6)) spec.staleness_damping = 10;
  return spec;
}

// A random tree, and some links more.
std::vector<std::vector<bool>> ChooseLinks(size_t nodes, Random& random) {
  std::vector<std::vector<bool>> linked(nodes, std::vector<bool>(nodes));
  const auto link = [&](size_t a, size_t b) { linked[a][b] = linked[b][a] = a != b; };
  for (size_t node = 1; node < nodes; ++node) link(node, random.Below(node));
  for (uint64_t more = random.Below(nodes); more > 0; --more) {
    link(random.Below(nodes), random.Below(nodes));
  }
  return linked;
}

std::vector<std::vector<double>> ChooseWeights(size_t nodes, Random& random) {
  const bool sparse = OneIn(random, 2);
  std::vector<std::vector<double>> weights(nodes, std::vector<double>(nodes));
  for (size_t root = 0; root < nodes; ++root) {
    std::vector<double>& row = weights[root];
    for (size_t node = 0; node < nodes; ++node) {
      if (node == root || !sparse || OneIn(random, 2)) row[node] = 0.1 + random.Uniform();
    }
    const double sum = std::accumulate(row.begin(), row.end(), 0.0);
    for (double& weight : row) weight /= sum;
  }
  return weights;
}

void ChooseTrouble(Scenario& out, Random& random) {
  NetworkFaults& network = out.network;
  network.delay_max = network.delay_min + static_cast<int64_t>(random.Below(120)) * kMilli;
  network.in_order = OneIn(random, 2);
  if (OneIn(random, 2)) network.lose = 0.1 * random.Uniform();
  if (OneIn(random, 2)) network.duplicate = 0.1 * random.Uniform();
  if (OneIn(random, 4)) network.corrupt = 0.02 * random.Uniform();
  out.trouble_nanos = static_cast<int64_t>(50 + random.Below(70)) * kRoundNanos;
  if (OneIn(random, 2)) out.crashes = 3;
  if (OneIn(random, 4)) out.zombies = 2;
  if (OneIn(random, 2)) out.cuts = 3;
  if (OneIn(random, 2)) out.replans = 4;
  if (OneIn(random, 4)) out.outages = 1;
  out.store_chance = 0.3 + 0.7 * random.Uniform();
  out.store_rows_max = 1 + random.Below(4);
}

// A node that lies, and something to learn for the others: as long as half the ball is wide.
void ChooseLiar(Scenario& out, Random& random) {
  LiarOptions liar{.node = random.Below(out.nodes()), .share = 0.02 + 0.5 * random.Uniform()};
  for (size_t lie = 0; lie < kLies; ++lie) {
    if (OneIn(random, 3)) liar.lies.push_back(static_cast<Lie>(lie));
  }
  if (liar.lies.empty()) liar.lies.push_back(static_cast<Lie>(random.Below(kLies)));
  out.liar = std::move(liar);
  out.spec.d_k = std::min(out.spec.d_k, 8U);
  out.spec.d_v = std::min(out.spec.d_v, 8U);
  out.spec.noise = {};  // it may be longer than what is to be learned
  out.truth.resize(size_t{out.spec.d_v} * out.spec.d_k);
  random.FillUnit(std::span<float>(out.truth));
  for (float& value : out.truth) value *= static_cast<float>(BallRadius(out.spec) / 2);
}

// Parents of a breadth-first walk that meets neighbours in random order.
std::vector<size_t> ParentsFrom(const Scenario& scenario, size_t root, Random& random,
                                std::vector<size_t>& order) {
  constexpr size_t kNone = std::numeric_limits<size_t>::max();
  std::vector<size_t> parents(scenario.nodes(), kNone);
  std::deque<size_t> open = {root};
  std::vector<bool> seen(scenario.nodes());
  seen[root] = true;
  while (!open.empty()) {
    const size_t at = open.front();
    open.pop_front();
    order.push_back(at);
    std::vector<size_t> next;
    for (size_t node = 0; node < scenario.nodes(); ++node) {
      if (scenario.linked[at][node] && !seen[node]) next.push_back(node);
    }
    random.Shuffle(std::span<size_t>(next));
    for (const size_t node : next) {
      seen[node] = true;
      parents[node] = at;
      open.push_back(node);
    }
  }
  return parents;
}

}  // namespace

std::string NameOf(size_t node) { return std::string(1, static_cast<char>('a' + node)); }

Scenario MakeScenario(uint64_t seed) {
  Random random(seed, 1);
  Scenario out{.seed = seed, .spec = ChooseSpec(random)};
  const size_t nodes = 3 + random.Below(4);
  out.linked = ChooseLinks(nodes, random);
  out.weights = ChooseWeights(nodes, random);
  for (size_t node = 0; node < nodes; ++node) {
    const int64_t slower = OneIn(random, 6) ? 2 + static_cast<int64_t>(random.Below(6)) : 1;
    out.round_nanos.push_back(slower * kRoundNanos);
  }
  ChooseTrouble(out, random);
  // Behind all else: what came before is as it was for the seeds of old.
  if (OneIn(random, 4)) out.spec.warm_start = federation::WarmStart::kNeighbour;
  if (OneIn(random, 4)) out.leaves = 2;
  const bool plain = out.spec.transport == federation::Transport::kGradient &&
                     out.spec.wire.compression == federation::Compression::kNone &&
                     !out.spec.privacy.share_items && out.spec.clip == 0;
  if (plain && OneIn(random, 4)) out.spec.noise = {.clip = 0.5, .sigma = 0.1};
  ChooseLowRank(out.spec, random);
  if (OneIn(random, 8)) ChooseLiar(out, random);
  return out;
}

std::shared_ptr<const federation::Plan> MakePlan(const Scenario& scenario, uint64_t epoch,
                                                 const std::vector<uint64_t>& incarnations,
                                                 Random& random) {
  auto plan = std::make_shared<federation::Plan>();
  plan->epoch = epoch;
  plan->created_by = "sim";
  plan->spec = scenario.spec;
  for (size_t node = 0; node < scenario.nodes(); ++node) {
    plan->nodes.push_back({.name = NameOf(node),
                           .address = absl::StrCat(NameOf(node), ":1"),
                           .incarnation = incarnations[node]});
  }
  for (size_t root = 0; root < scenario.nodes(); ++root) {
    std::vector<size_t> order;
    const std::vector<size_t> parents = ParentsFrom(scenario, root, random, order);
    federation::Tree tree{.root = static_cast<uint32_t>(root)};
    std::vector<uint32_t> depth(scenario.nodes());
    for (const size_t node : order) {
      if (node != root) depth[node] = depth[parents[node]] + 1;
      const bool factor = scenario.spec.transport == federation::Transport::kFactor;
      const double weight = factor ? scenario.weights[node][root] : scenario.weights[root][node];
      tree.nodes.push_back(
          {.node = static_cast<uint32_t>(node),
           .parent = node == root ? federation::kNoNode : static_cast<uint32_t>(parents[node]),
           .depth = depth[node],
           .weight = weight});
    }
    plan->trees.push_back(std::move(tree));
  }
  return plan;
}

std::string Describe(const Scenario& scenario) {
  const Spec& spec = scenario.spec;
  const NetworkFaults& network = scenario.network;
  std::string liar;
  if (scenario.liar.has_value()) {
    liar = absl::StrFormat("; %s lies in %.2f of its frames:", NameOf(scenario.liar->node),
                           scenario.liar->share);
    for (const Lie lie : scenario.liar->lies)
      absl::StrAppend(&liar, " ", AbslView(federation::Name(lie)));
  }
  return absl::StrFormat(
      "%d nodes, %d x %d, %s %s %s %s, min_contributors %d; lose %.2f duplicate %.2f corrupt %.3f "
      "%s, crashes %g zombies %g cuts %g replans %g outages %g leaves %g, warm start %s, noise %g, "
      "compression %s, %s steps%s",
      scenario.nodes(), spec.d_v, spec.d_k, federation::Name(spec.transport),
      federation::Name(spec.combine), federation::Name(spec.loss), federation::Name(spec.wire.type),
      spec.privacy.min_contributors, network.lose, network.duplicate, network.corrupt,
      network.in_order ? "in order" : "reordered", scenario.crashes, scenario.zombies,
      scenario.cuts, scenario.replans, scenario.outages, scenario.leaves,
      federation::Name(spec.warm_start), spec.noise.sigma, federation::Name(spec.wire.compression),
      federation::Name(spec.steps.schedule), liar);
}

}  // namespace mneme::sim
