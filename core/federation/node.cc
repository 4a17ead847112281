#include "core/federation/node.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/status.h"
#include "core/federation/ball.h"
#include "core/federation/tally.h"

namespace mneme::federation {
namespace {

bool ItemFits(std::span<const float> key, std::span<const float> response, float gate) {
  const double key_norm = Norm(key);
  const double response_norm = Norm(response);
  return key_norm * key_norm <= kItemSquaredMax &&
         response_norm * response_norm <= kItemSquaredMax && gate >= 0 && gate <= kGateMax;
}

absl::Status CheckState(const Checkpoint& state, const NodeOptions& options, size_t numbers) {
  if (state.spec_hash == Hash(options.spec) && state.memory.size() == numbers &&
      AllFinite(state.memory) && state.incarnation < options.incarnation) {
    return absl::OkStatus();
  }
  return FailedPrecondition(
      absl::StrCat("federation node '", options.name,
                   "': the checkpoint is of another spec, or of ",
                   "an incarnation that is not older"),
      {.reason = "CHECKPOINT",
       .given = absl::StrCat("incarnation ", state.incarnation),
       .expected = absl::StrCat("one below ", options.incarnation, ", and the same spec"),
       .next_step = "Register again for a new incarnation, or start without the checkpoint."});
}

}  // namespace

absl::StatusOr<std::unique_ptr<Node>> Node::Create(NodeOptions options, const Checkpoint* state,
                                                   uint64_t seed) {
  MNEME_RETURN_IF_ERROR(Validate(options.spec));
  if (options.name.empty() || options.name.size() > kNodeNameBytesMax || options.incarnation == 0) {
    return InvalidArgument(absl::StrCat("federation node: name '", options.name, "', incarnation ",
                                        options.incarnation),
                           {.reason = "NODE",
                            .given = options.name,
                            .expected = absl::StrCat("a name of 1 to ", kNodeNameBytesMax,
                                                     " bytes and an incarnation above 0"),
                            .next_step = "Name the node as the plan does, and register it first."});
  }
  const size_t numbers = size_t{options.spec.d_v} * options.spec.d_k;
  if (state != nullptr) MNEME_RETURN_IF_ERROR(CheckState(*state, options, numbers));
  std::unique_ptr<Node> node(new Node(std::move(options), seed));
  if (state != nullptr && !node->Restore(*state)) {
    return InvalidArgument("federation node: the checkpoint's regret has other shapes",
                           {.reason = "CHECKPOINT",
                            .given = "other shapes",
                            .expected = "those of the spec",
                            .next_step = "Start without the checkpoint."});
  }
  return node;
}

Node::Node(NodeOptions options, uint64_t seed)
    : options_(std::move(options)),
      spec_(options_.spec),
      random_(seed, options_.incarnation),
      memory_(std::make_shared<std::vector<float>>(size_t{spec_.d_v} * spec_.d_k)),
      steps_(spec_, {}),
      items_(spec_.d_k, spec_.d_v, size_t{spec_.lag_max} + spec_.b_max),
      contribute_from_(options_.incarnation > 1 ? options_.items_stored : 0),
      warm_pending_(spec_.warm_start == WarmStart::kNeighbour),
      meter_(spec_),
      seen_(spec_.d_v, spec_.d_k) {}

bool Node::Restore(const Checkpoint& state) {
  memory_ = std::make_shared<std::vector<float>>(state.memory);
  round_ = state.round;
  epoch_ = state.epoch;
  steps_ = StepSizes(spec_, {}, state.steps);
  warm_pending_ = warm_pending_ && state.steps.steps == 0;
  own_cursor_ = state.own_cursor;
  multicast_cursor_ = state.multicast_cursor;
  // Exact only where nothing was evaluated behind it.
  if (state.clean && state.incarnation + 1 == options_.incarnation) {
    contribute_from_ = state.contribute_from;
    for (const auto& [root, cursor] : state.cursors) toward_[root].cursor = cursor;
  }
  for (const Checkpoint::Source& saved : state.sources) {
    Source& source = sources_[saved.node];
    source.incarnation = saved.incarnation;
    source.newest_evaluation = saved.newest_evaluation;
    source.share.Set(saved.received, saved.expected);
    for (const auto& [from, to] : saved.items) source.items.Add(from, to);
  }
  drops_.Set(state.drops);
  items_ = ItemLog(spec_.d_k, spec_.d_v, items_.capacity(), replay_from());
  return meter_.SetState(state.regret);
}

uint64_t Node::replay_from() const {
  uint64_t first = own_cursor_;
  if (spec_.transport == Transport::kFactor) first = std::min(first, multicast_cursor_);
  for (const auto& [root, toward] : toward_) first = std::min(first, toward.cursor);
  return first;
}

void Node::Handle(const Event& event, int64_t now_nanos, std::vector<Action>* actions) {
  if (stopped_) return;
  now_ = now_nanos;
  actions_ = actions;
  std::visit([this](const auto& one) { On(one); }, event);
  actions_ = nullptr;
}

void Node::On(const Tick& /*event*/) {
  if (active()) {
    for (auto& [root, tree] : trees_) {
      if (spec_.transport == Transport::kStatistic && root != place_.me) EvaluateStatistic(tree);
    }
    if (spec_.transport == Transport::kFactor) MulticastFactors();
  }
  AskForPlan();
  if (warm_pending_) WarmUp();
  if (!warm_pending_ && !draining_) Step();
  steps_.EndRound();
  ++round_;
  actions_->push_back(Publish{.round = round_, .epoch = epoch_, .matrix = memory_});
  if (round_ % spec_.probe_rounds == 0) MeasureRegret();
  if (active()) {
    AnnounceOwn();
    for (auto& [root, tree] : trees_) {
      if (root != place_.me) Upload(tree);
    }
    Maintain();
  }
  ReleaseItems();
  if (round_ % spec_.checkpoint_rounds == 0) On(CheckpointTimer{});
}

bool Node::FitsShapes(const Items& items) const {
  const size_t rows = items.keys.size() / spec_.d_k;
  return rows * spec_.d_k == items.keys.size() && rows * spec_.d_v == items.responses.size() &&
         (items.weights.empty() || items.weights.size() == rows) &&
         items.first + rows >= items.first;
}

size_t Node::ZeroBadRows(Items& items) const {
  size_t bad = 0;
  const size_t rows = items.keys.size() / spec_.d_k;
  for (size_t i = 0; i < rows; ++i) {
    const std::span<float> key(items.keys.data() + i * spec_.d_k, spec_.d_k);
    const std::span<float> response(items.responses.data() + i * spec_.d_v, spec_.d_v);
    if (ItemFits(key, response, items.weights.empty() ? 1.0F : items.weights[i])) continue;
    ++bad;
    if (items.weights.empty()) items.weights.assign(rows, 1.0F);
    items.weights[i] = 0;
    std::ranges::fill(key, 0.0F);
    std::ranges::fill(response, 0.0F);
  }
  return bad;
}

void Node::On(const Items& event) {
  if (draining_) return;
  if (!FitsShapes(event)) return drops_.Add(Drop::kBadItems);
  Items items = event;
  // A bad row keeps its position and counts for nothing.
  drops_.Add(Drop::kBadItems, ZeroBadRows(items));
  if (items.first > items_.head()) {
    if (items_.head() > 0) drops_.Add(Drop::kItemsBehind, items.first - items_.head());
    own_cursor_ = std::max(own_cursor_, items.first);
    multicast_cursor_ = std::max(multicast_cursor_, items.first);
    contribute_from_ = std::max(contribute_from_, items.first);
    for (auto& [root, toward] : toward_) toward.cursor = std::max(toward.cursor, items.first);
  }
  items_.Append(items.first, items.keys, items.responses, items.weights);
}

void Node::ReleaseItems() {
  if (!active()) return;  // a plan may come: what fits is kept for its roots
  uint64_t needed = own_cursor_;
  for (auto& [root, tree] : trees_) {
    if (root == place_.me) {
      if (spec_.transport == Transport::kFactor) needed = std::min(needed, multicast_cursor_);
    } else if (tree.role.weight > 0 && spec_.transport != Transport::kFactor) {
      needed = std::min(needed, TowardRoot(root).cursor);
    }
  }
  items_.Release(needed);
}

void Node::On(const StreamUp& event) {
  Edge* edge = FindOrAddEdge(event.peer);
  if (edge == nullptr) {
    drops_.Add(Drop::kQueueFull);
    actions_->push_back(CloseStream{.peer = event.peer, .reason = "too many peers"});
    return;
  }
  edge->up = true;
  edge->greeted = edge->refused = false;
  edge->bad_frames = 0;
  edge->hello_round = round_ + kHelloRounds;
  if (active() && edge->index != kNoNode) SendHello(*edge, true);
}

void Node::On(const StreamDown& event) {
  const auto found = edges_.find(event.peer);
  if (found == edges_.end()) return;
  found->second.up = found->second.greeted = false;
  for (auto& [root, lane] : found->second.params) lane.sent = false;
  if (active() && found->second.index == kNoNode) edges_.erase(found);
}

void Node::On(const Drain& /*event*/) {
  draining_ = true;
  warm_pending_ = false;
}

void Node::On(const CheckpointTimer& /*event*/) {
  actions_->push_back(WriteCheckpoint{.bytes = Encode(MakeCheckpoint(false))});
}

void Node::On(const Stop& /*event*/) {
  actions_->push_back(WriteCheckpoint{.bytes = Encode(MakeCheckpoint(true))});
  for (auto& [name, edge] : edges_) {
    if (edge.up) actions_->push_back(CloseStream{.peer = name, .reason = "the node stops"});
  }
  stopped_ = true;
}

Edge* Node::FindOrAddEdge(const std::string& peer) {
  const auto found = edges_.find(peer);
  if (found != edges_.end()) return &found->second;
  if (edges_.size() >= 2 * kPlanNodesMax || peer.size() > kNodeNameBytesMax) return nullptr;
  Edge& edge = edges_[peer];
  edge.name = peer;
  if (plan_ != nullptr) {
    const std::optional<NodeIndex> index = FindNode(*plan_, peer);
    if (index.has_value() && place_.IsNeighbour(*index)) edge.index = *index;
  }
  return &edge;
}

void Node::Note(Trace trace) {
  if (options_.trace) actions_->push_back(std::move(trace));
}

Checkpoint Node::MakeCheckpoint(bool clean) {
  MeasureSeen();
  Checkpoint out{.spec_hash = Hash(options_.spec),
                 .incarnation = options_.incarnation,
                 .clean = clean,
                 .epoch = epoch_,
                 .round = round_,
                 .memory = *memory_,
                 .steps = steps_.state(),
                 .own_cursor = own_cursor_,
                 .multicast_cursor = multicast_cursor_,
                 .contribute_from = contribute_from_,
                 .regret = meter_.state(),
                 .drops = drops_.all()};
  for (const auto& [root, toward] : toward_) out.cursors.emplace_back(root, toward.cursor);
  for (const auto& [name, source] : sources_) {
    out.sources.push_back({.node = name,
                           .incarnation = source.incarnation,
                           .newest_evaluation = source.newest_evaluation,
                           .received = source.share.received(),
                           .expected = source.share.expected(),
                           .items = {source.items.all().begin(), source.items.all().end()}});
  }
  return out;
}

}  // namespace mneme::federation
