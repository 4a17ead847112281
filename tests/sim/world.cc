#include "tests/sim/world.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/crc32c.h"
#include "core/base/status.h"
#include "core/federation/ball.h"
#include "core/federation/checkpoint.h"
#include "core/math/blas.h"

namespace mneme::sim {
namespace {

using federation::Node;
using federation::PlanChanged;

constexpr int64_t kHealNanos = 180 * kRoundNanos;
// What a liar said of keys and of the lengths of sums counts for less than 512 rounds.
constexpr int64_t kHealOfLiesNanos = 1'000 * kRoundNanos;
constexpr int64_t kLastNanos = 50 * kRoundNanos;
constexpr int64_t kReopenNanos = 200 * kMilli;
constexpr double kBallSlack = 1 + 1e-5;
constexpr double kCosineMin = 0.9;
constexpr double kLearnedMin = 1.0 / 3;
constexpr size_t kCheckpointsKept = 2;

}  // namespace

World::World(const Scenario& scenario)
    : scenario_(scenario),
      random_(scenario.seed, 2),
      at_(scenario.nodes()),
      disks_(scenario.nodes()),
      links_(scenario.nodes(), std::vector<Link>(scenario.nodes())),
      cut_(scenario.nodes(), std::vector<bool>(scenario.nodes())),
      ledger_(scenario.spec) {
  if (!scenario.liar.has_value()) return;
  liar_.emplace(*scenario.liar, scenario.spec, scenario.seed);
  ledger_.Distrust(NameOf(liar_->node()));
}

void World::After(int64_t nanos, std::function<void()> run) {
  events_.push({.at = now_ + nanos, .order = order_++, .run = std::move(run)});
}

// Once a round for each kind of trouble.
bool World::Happens(double expected_in_trouble) {
  const double rounds =
      static_cast<double>(scenario_.trouble_nanos) / static_cast<double>(kRoundNanos);
  return expected_in_trouble > 0 && random_.Uniform() < expected_in_trouble / rounds;
}

RunResult World::Run() {
  planner_revision_ = *coordinator_.BecomePlanner("sim");
  Commit();
  for (size_t index = 0; index < scenario_.nodes(); ++index) Start(index);
  std::function<void()> trouble = [&] {
    engine_.AdvanceTo(now_);
    coordinator_.KeepAlive();
    if (!in_trouble()) return Heal();
    if (Happens(scenario_.crashes)) Crash(random_.Below(scenario_.nodes()), false);
    if (Happens(scenario_.zombies)) Crash(random_.Below(scenario_.nodes()), true);
    if (Happens(scenario_.cuts)) Cut();
    if (Happens(scenario_.replans)) Replan();
    if (Happens(scenario_.outages)) Outage();
    if (Happens(scenario_.leaves)) Leave(random_.Below(scenario_.nodes()));
    After(kRoundNanos, trouble);
  };
  After(kRoundNanos, trouble);
  const int64_t end =
      scenario_.trouble_nanos + (scenario_.liar.has_value() ? kHealOfLiesNanos : kHealNanos);
  After(end - kLastNanos, [this] { NoteStatuses(); });
  while (!events_.empty() && events_.top().at <= end && ledger_.broken().empty()) {
    Event event = events_.top();
    events_.pop();
    now_ = event.at;
    event.run();
  }
  if (ledger_.broken().empty()) CheckCoverage();
  if (ledger_.broken().empty() && !scenario_.truth.empty()) CheckLearned();
  if (ledger_.broken().empty()) CheckNothingRefused();
  RunResult result{.hash = HashOf(),
                   .broken = ledger_.broken(),
                   .evaluations = ledger_.evaluations(),
                   .applied = ledger_.applied(),
                   .frames = frames_,
                   .crashes = crashes_};
  for (const auto& running : processes_) {
    const auto drops = running->node->Status(now_).drops;
    for (size_t i = 0; i < drops.size(); ++i) result.drops[i] += drops[i];
  }
  return result;
}

void World::Start(size_t index) {
  const absl::StatusOr<uint64_t> incarnation = coordinator_.Register(NameOf(index), "sim:1");
  if (!incarnation.ok()) {
    // Without an incarnation of its own it says nothing to anybody.
    return After(kReopenNanos, [this, index] {
      if (at_[index] == nullptr) Start(index);
    });
  }
  Disk& disk = disks_[index];
  absl::StatusOr<federation::Checkpoint> state = NotFound("", {});
  for (auto it = disk.checkpoints.rbegin(); it != disk.checkpoints.rend() && !state.ok(); ++it) {
    state = federation::DecodeCheckpoint(*it);
  }
  federation::NodeOptions options{.name = NameOf(index),
                                  .federation = {1},
                                  .spec = scenario_.spec,
                                  .incarnation = *incarnation,
                                  .items_stored = disk.rows,
                                  .trace = true};
  auto node = Node::Create(options, state.ok() ? &*state : nullptr, scenario_.seed + index);
  if (!node.ok()) return ledger_.Broken(std::string(StdView(node.status().message())));
  processes_.push_back(std::make_unique<Running>());
  Running* running = processes_.back().get();
  running->node = *std::move(node);
  running->process = {NameOf(index), *incarnation};
  running->index = index;
  running->alive = true;
  at_[index] = running;
  const auto first =
      static_cast<size_t>(std::min<uint64_t>(running->node->replay_from(), disk.rows));
  const size_t d_k = scenario_.spec.d_k;
  const size_t d_v = scenario_.spec.d_v;
  Give(running,
       federation::Items{
           .first = first,
           .keys = {disk.keys.begin() + static_cast<ptrdiff_t>(first * d_k), disk.keys.end()},
           .responses = {disk.responses.begin() + static_cast<ptrdiff_t>(first * d_v),
                         disk.responses.end()}});
  TellPlan(index);
  for (size_t other = 0; other < scenario_.nodes(); ++other) {
    if (scenario_.linked[index][other]) OpenStream(index, other);
  }
  TickLater(running);
}

void World::Crash(size_t index, bool zombie) {
  Running* running = at_[index];
  if (running == nullptr) return;
  ++crashes_;
  at_[index] = nullptr;
  if (zombie) {
    running->zombie = true;
    After(static_cast<int64_t>(1 + random_.Below(30)) * kRoundNanos,
          [running] { running->alive = false; });
  } else {
    running->alive = false;
    std::vector<std::string>& checkpoints = disks_[index].checkpoints;
    // The one that was being written.
    if (!checkpoints.empty() && random_.Below(2) == 0) {
      std::string& last = checkpoints.back();
      if (random_.Below(2) == 0) {
        last.resize(random_.Below(last.size()));
      } else {
        last[random_.Below(last.size())] ^= static_cast<char>(1 + random_.Below(255));
      }
    }
  }
  for (size_t other = 0; other < scenario_.nodes(); ++other) {
    if (scenario_.linked[index][other]) CloseStream(index, other, false);
  }
  After(static_cast<int64_t>(1 + random_.Below(20)) * kRoundNanos, [this, index] {
    if (at_[index] == nullptr) Start(index);
  });
}

// A node drains for a while, stops in order, and joins again.
void World::Leave(size_t index) {
  Running* running = at_[index];
  if (running == nullptr) return;
  Give(running, federation::Drain{});
  After(static_cast<int64_t>(5 + random_.Below(20)) * kRoundNanos, [this, index, running] {
    if (at_[index] != running) return;  // it has crashed
    Give(running, federation::Stop{});
    running->alive = false;
    at_[index] = nullptr;
    for (size_t other = 0; other < scenario_.nodes(); ++other) {
      if (scenario_.linked[index][other]) CloseStream(index, other, false);
    }
    After(static_cast<int64_t>(1 + random_.Below(20)) * kRoundNanos, [this, index] {
      if (at_[index] == nullptr) Start(index);
    });
  });
}

void World::TickLater(Running* running) {
  int64_t round = in_trouble() ? scenario_.round_nanos[running->index] : kRoundNanos;
  round += static_cast<int64_t>(random_.Below(static_cast<uint64_t>(round) / 10));
  After(round, [this, running] { Tick(running); });
}

void World::Tick(Running* running) {
  if (!running->alive) return;
  if (!in_trouble() || random_.Uniform() < scenario_.store_chance) {
    if (!running->zombie) {
      StoreSomething(running->index, 1 + random_.Below(scenario_.store_rows_max));
    }
  }
  Give(running, federation::Tick{});
  TickLater(running);
}

void World::StoreSomething(size_t index, size_t rows) {
  Disk& disk = disks_[index];
  const uint64_t first = disk.rows;
  federation::Items items{.first = first};
  items.keys.resize(rows * scenario_.spec.d_k);
  items.responses.resize(rows * scenario_.spec.d_v);
  for (size_t i = 0; i < rows; ++i) {
    random_.FillUnit(
        std::span<float>(items.keys).subspan(i * scenario_.spec.d_k, scenario_.spec.d_k));
    random_.FillUnit(
        std::span<float>(items.responses).subspan(i * scenario_.spec.d_v, scenario_.spec.d_v));
  }
  if (!scenario_.truth.empty()) {
    math::Gemm(math::Transpose::kNo, math::Transpose::kYes, rows, scenario_.spec.d_v,
               scenario_.spec.d_k, 1.0F, items.keys.data(), scenario_.spec.d_k,
               scenario_.truth.data(), scenario_.spec.d_k, 0.0F, items.responses.data(),
               scenario_.spec.d_v);
  }
  // Stored first, then told; a row of nonsense now and then.
  if (random_.Below(200) == 0) items.keys[0] = std::numeric_limits<float>::quiet_NaN();
  if (random_.Below(200) == 0) items.responses[0] = 1e20F;
  disk.keys.insert(disk.keys.end(), items.keys.begin(), items.keys.end());
  disk.responses.insert(disk.responses.end(), items.responses.begin(), items.responses.end());
  disk.rows += rows;
  Give(at_[index], items);
}

void World::Give(Running* running, const federation::Event& event) {
  if (running == nullptr || !running->alive) return;
  std::vector<federation::Action> actions;
  running->node->Handle(event, now_, &actions);
  Carry(running, actions);
  CheckRunning(*running);
}

void World::Carry(Running* running, const std::vector<federation::Action>& actions) {
  for (const federation::Action& action : actions) {
    if (const auto* trace = std::get_if<federation::Trace>(&action)) {
      ledger_.Traced(running->process, running->node->epoch(), *trace, actions);
    } else if (const auto* send = std::get_if<federation::Send>(&action)) {
      SendFrame(running, *send);
    } else if (const auto* write = std::get_if<federation::WriteCheckpoint>(&action)) {
      if (running->zombie) continue;
      std::vector<std::string>& kept = disks_[running->index].checkpoints;
      kept.push_back(write->bytes);
      if (kept.size() > kCheckpointsKept) kept.erase(kept.begin());
    } else if (const auto* close = std::get_if<federation::CloseStream>(&action)) {
      if (!running->zombie) {
        CloseStream(running->index, static_cast<size_t>(close->peer[0] - 'a'), true);
      }
    } else if (std::holds_alternative<federation::FetchPlan>(action)) {
      const size_t index = running->index;
      ++running->fetches;
      After(10 * kMilli, [this, index] { TellPlan(index); });
    }
  }
}

void World::SendFrame(Running* from, const federation::Send& send) {
  ++frames_;
  const auto to = static_cast<size_t>(send.peer[0] - 'a');
  uint32_t root = federation::kNoNode;
  if (const auto* up = std::get_if<federation::GradUp>(&send.frame.body)) root = up->root;
  if (const auto* up = std::get_if<federation::StatUp>(&send.frame.body)) root = up->root;
  if (root != federation::kNoNode) ledger_.Sent(from->process, send, NameOf(root));
  if (!from->zombie && !links_[from->index][to].up) return;
  if (!liar_.has_value() || from->index != liar_->node()) {
    return SendOnce(from->index, to, send.frame);
  }
  for (const federation::Frame& said : liar_->Say(send.frame)) SendOnce(from->index, to, said);
}

void World::SendOnce(size_t from, size_t to, const federation::Frame& frame) {
  Link& link = links_[from][to];
  const NetworkFaults& network = scenario_.network;
  if (cut_[from][to]) return;
  if (in_trouble() && random_.Uniform() < network.lose) return;
  const uint64_t copies = in_trouble() && random_.Uniform() < network.duplicate ? 2 : 1;
  for (uint64_t copy = 0; copy < copies; ++copy) {
    int64_t at = now_ + network.delay_min +
                 static_cast<int64_t>(random_.Below(
                     static_cast<uint64_t>(network.delay_max - network.delay_min) + 1));
    if (network.in_order) at = std::max(at, link.last_arrival);
    link.last_arrival = std::max(link.last_arrival, at);
    const bool corrupt = in_trouble() && random_.Uniform() < network.corrupt;
    After(at - now_,
          [this, from, to, stream = link.stream, sent = corrupt ? Corrupted(frame) : frame] {
            Arrive(from, to, stream, sent);
          });
  }
}

void World::Arrive(size_t from, size_t to, uint64_t stream, const federation::Frame& frame) {
  const Link& link = links_[from][to];
  if (!link.up || link.stream != stream) return;
  Give(at_[to], federation::FrameIn{.peer = NameOf(from), .frame = frame});
}

// What a broken or hostile peer might send: nothing of it may enter a memory.
federation::Frame World::Corrupted(federation::Frame frame) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  auto spoil = [&](federation::Numbers& numbers) {
    if (numbers.bytes.size() < 4 || random_.Below(2) == 0) {
      numbers.bytes.push_back('x');
    } else if (numbers.type == federation::WireType::kFloat32) {
      std::memcpy(numbers.bytes.data(), &nan, sizeof(nan));
    } else {
      numbers.bytes[1] = '\x7f';
      numbers.bytes[0] = '\xff';
    }
  };
  if (auto* up = std::get_if<federation::GradUp>(&frame.body)) {
    if (random_.Below(3) == 0) {
      up->tally.items += 7;
    } else {
      spoil(up->values);
    }
  } else if (auto* stat = std::get_if<federation::StatUp>(&frame.body)) {
    spoil(stat->products);
  } else if (auto* down = std::get_if<federation::ParamDown>(&frame.body)) {
    spoil(down->memory);
  } else if (auto* factor = std::get_if<federation::Factor>(&frame.body)) {
    spoil(factor->keys);
  } else if (random_.Below(2) == 0) {
    frame.header.federation = {9};
  } else {
    frame.header.sender = 77;
  }
  return frame;
}

void World::CheckRunning(const Running& running) {
  const std::vector<float>& memory = running.node->memory();
  const double norm = federation::Norm(std::span<const float>(memory));
  if (!(norm <= kBallSlack * federation::BallRadius(scenario_.spec))) {
    ledger_.Broken(absl::StrCat(running.process.name, ": |M| = ", norm));
  }
  CheckBounds(running);
}

void World::CheckBounds(const Running& running) {
  const federation::QueueSizes sizes = running.node->queue_sizes();
  const federation::Spec& spec = scenario_.spec;
  const bool barrier = spec.combine == federation::Combine::kBarrier;
  const size_t lane = std::max<size_t>(spec.wire.edge_queue_frames,
                                       barrier ? spec.max_delay : federation::kParamsInFlightMax);
  const uint64_t frame_bytes = 4 * spec.b_max * (spec.d_k + spec.d_v + 1);
  if (sizes.in_flight_per_lane > lane || sizes.frames_ahead > federation::Inbox::kAheadMax ||
      sizes.arrived > federation::kArrivedPerChildMax || sizes.items > spec.lag_max + spec.b_max ||
      sizes.factor_queue_bytes > spec.wire.factor_queue_bytes + frame_bytes ||
      sizes.pending_tags > spec.max_delay + 1) {
    ledger_.Broken(absl::StrCat(running.process.name, ": a queue is beyond its bound"));
  }
  if (running.fetches > 1 + running.node->round() / federation::kFetchRounds) {
    ledger_.Broken(absl::StrCat(running.process.name, " asks for plans all the time"));
  }
}

void World::OpenStream(size_t a, size_t b) {
  if (at_[a] == nullptr || at_[b] == nullptr || cut_[a][b] || links_[a][b].up) return;
  for (const auto& [from, to] : {std::pair(a, b), std::pair(b, a)}) {
    Link& link = links_[from][to];
    link.up = true;
    ++link.stream;
    link.last_arrival = now_;
  }
  Give(at_[a], federation::StreamUp{.peer = NameOf(b)});
  Give(at_[b], federation::StreamUp{.peer = NameOf(a)});
}

void World::CloseStream(size_t a, size_t b, bool reopen) {
  if (!links_[a][b].up) return;
  links_[a][b].up = links_[b][a].up = false;
  Give(at_[a], federation::StreamDown{.peer = NameOf(b)});
  Give(at_[b], federation::StreamDown{.peer = NameOf(a)});
  if (reopen) After(kReopenNanos, [this, a, b] { OpenStream(a, b); });
}

// Some nodes against the others. Streams break, or frames vanish without a word.
void World::Cut() {
  std::vector<bool> side(scenario_.nodes());
  for (size_t node = 0; node < side.size(); ++node) side[node] = random_.Below(2) == 0;
  const bool silent = random_.Below(2) == 0;
  std::vector<std::pair<size_t, size_t>> cut;
  for (size_t a = 0; a < side.size(); ++a) {
    for (size_t b = 0; b < a; ++b) {
      if (side[a] == side[b] || !scenario_.linked[a][b] || cut_[a][b]) continue;
      cut_[a][b] = cut_[b][a] = true;
      cut.emplace_back(a, b);
      if (!silent) CloseStream(a, b, false);
    }
  }
  After(static_cast<int64_t>(1 + random_.Below(40)) * kRoundNanos, [this, cut] {
    for (const auto& [a, b] : cut) {
      cut_[a][b] = cut_[b][a] = false;
      OpenStream(a, b);
    }
  });
}

// A plan of those that are registered; its revision is the epoch.
void World::Commit() {
  const absl::StatusOr<federation::Contents> contents = coordinator_.ReadAll();
  if (!contents.ok()) return;
  std::vector<uint64_t> incarnations(scenario_.nodes(), 1);
  for (size_t index = 0; index < scenario_.nodes(); ++index) {
    const auto counter = contents->records.find(absl::StrCat("inc/", NameOf(index)));
    if (counter != contents->records.end())
      incarnations[index] = std::stoull(counter->second.value);
  }
  federation::PlanGuard guard{.planner_revision = planner_revision_};
  if (plan_ != nullptr) guard.plan_revision = plan_->epoch;
  const auto made = MakePlan(scenario_, 1, incarnations, random_);
  const absl::StatusOr<uint64_t> epoch = coordinator_.CommitPlan(guard, *made);
  const auto read = coordinator_.ReadAll();
  auto plan = federation::PlanOf(read->records.at(federation::kPlanKey));
  if (!epoch.ok() || !plan.ok() || plan->epoch != *epoch) {
    return ledger_.Broken("a plan was not committed as it was made");
  }
  plan_ = std::make_shared<const federation::Plan>(*std::move(plan));
}

void World::Replan() {
  if (!engine_.up()) return;
  Commit();
  for (size_t index = 0; index < scenario_.nodes(); ++index) {
    After(static_cast<int64_t>(random_.Below(20)) * kRoundNanos,
          [this, index] { TellPlan(index); });
  }
}

void World::TellPlan(size_t index) {
  Running* running = at_[index];
  if (!engine_.up() || running == nullptr) return;
  Give(running, PlanChanged{.plan = plan_});
}

// Too long for the plan in hand: nodes learn alone until it ends.
void World::Outage() {
  engine_.SetUp(false);
  for (size_t index = 0; index < scenario_.nodes(); ++index) {
    Give(at_[index], federation::PlanLost{});
  }
  After(static_cast<int64_t>(5 + random_.Below(20)) * kRoundNanos, [this] {
    engine_.SetUp(true);
    for (size_t index = 0; index < scenario_.nodes(); ++index) TellPlan(index);
  });
}

// Its server is started again with the program that all have; a plan follows, as of every member
// that was away.
void World::EndLies() {
  const size_t index = liar_->node();
  for (size_t other = 0; other < scenario_.nodes(); ++other) {
    if (scenario_.linked[index][other]) CloseStream(index, other, false);
  }
  if (at_[index] != nullptr) at_[index]->alive = false;
  at_[index] = nullptr;
  ledger_.Distrust("");
  liar_.reset();
  Start(index);
  Commit();
}

void World::Heal() {
  engine_.SetUp(true);
  for (const auto& running : processes_) running->alive = running->alive && !running->zombie;
  if (liar_.has_value()) EndLies();
  for (size_t index = 0; index < scenario_.nodes(); ++index) {
    if (at_[index] == nullptr) Start(index);
    TellPlan(index);
  }
  for (size_t a = 0; a < scenario_.nodes(); ++a) {
    for (size_t b = 0; b < a; ++b) {
      cut_[a][b] = cut_[b][a] = false;
      if (scenario_.linked[a][b]) OpenStream(a, b);
    }
  }
}

// Everybody hears again of everybody, unless a branch of the tree has too few to hide among.
void World::CheckCoverage() {
  const federation::Spec& spec = scenario_.spec;
  const federation::Plan& plan = *plan_;
  for (size_t index = 0; index < scenario_.nodes(); ++index) {
    const federation::NodeStatus status = at_[index]->node->Status(now_);
    if (status.epoch != plan.epoch || !status.planned) {
      ledger_.Broken(absl::StrCat(status.name, " is not in the last epoch"));
    }
    bool hidden = spec.transport != federation::Transport::kFactor &&
                  spec.privacy.min_contributors > 1 && !spec.privacy.share_items;
    if (hidden || status.coverage > 1 - 1e-9) continue;
    ledger_.Broken(absl::StrCat(status.name, ": coverage ", status.coverage,
                                " after everything worked for a while"));
  }
}

// What all nodes were told in the end is what their memories say, whatever they were told before.
void World::CheckLearned() {
  const std::span<const float> truth = scenario_.truth;
  for (size_t index = 0; index < scenario_.nodes(); ++index) {
    const std::span<const float> memory = at_[index]->node->memory();
    double product = 0;
    for (size_t i = 0; i < truth.size(); ++i) product += double{memory[i]} * double{truth[i]};
    const double norm = federation::Norm(memory);
    const double length = federation::Norm(truth);
    const federation::NodeStatus status = at_[index]->node->Status(now_);
    // Its steps are those of an old node where a warm start said so: it needs longer.
    if (status.steps >= federation::kWarmStepsMax) continue;
    // NaN too. Inner products know no length but that of the ball.
    if (product >= kCosineMin * norm * length && norm >= kLearnedMin * length) continue;
    ledger_.Broken(absl::StrCat(status.name, ": |M| = ", norm, " at the cosine ",
                                product / (norm * length), " to the truth of length ", length));
  }
}

void World::NoteStatuses() {
  noted_.clear();
  for (const Running* running : at_) noted_.push_back(running->node->Status(now_));
}

// In the last rounds nothing that honest nodes say is refused, or taken for what came before.
void World::CheckNothingRefused() {
  using federation::Drop;
  constexpr Drop kKinds[] = {Drop::kWrongFederation, Drop::kOldEpoch,     Drop::kNewEpoch,
                             Drop::kOldIncarnation,  Drop::kWrongSession, Drop::kNotNeighbour,
                             Drop::kBadFrame,        Drop::kOldRoot};
  for (size_t index = 0; index < scenario_.nodes(); ++index) {
    const federation::NodeStatus status = at_[index]->node->Status(now_);
    for (const Drop kind : kKinds) {
      const auto at = static_cast<size_t>(kind);
      if (status.drops[at] == noted_[index].drops[at]) continue;
      ledger_.Broken(absl::StrCat(status.name, " drops ",
                                  status.drops[at] - noted_[index].drops[at], " as ",
                                  AbslView(Name(kind)), " after everything worked for a while"));
    }
    if (scenario_.spec.transport == federation::Transport::kFactor) CheckItemsCome(index, status);
  }
}

// Numbers of its own items that a node made up stay its own.
void World::CheckItemsCome(size_t index, const federation::NodeStatus& status) {
  for (size_t i = 0; i < status.sources.size(); ++i) {
    const federation::SourceStatus& source = status.sources[i];
    const bool lied = scenario_.liar.has_value() && source.node == NameOf(scenario_.liar->node);
    if (lied || source.node == status.name || source.items > noted_[index].sources[i].items) {
      continue;
    }
    ledger_.Broken(absl::StrCat(status.name, " takes no items of ", source.node,
                                " after everything worked for a while"));
  }
}

uint64_t World::HashOf() const {
  std::string all;
  const auto put = [&all](const auto& value) {
    all.append(reinterpret_cast<const char*>(&value), sizeof(value));
  };
  for (const auto& running : processes_) {
    const federation::NodeStatus status = running->node->Status(now_);
    put(status.round);
    put(status.epoch);
    put(status.coverage);
    for (const uint64_t drop : status.drops) put(drop);
    for (const float value : running->node->memory()) put(value);
  }
  put(frames_);
  const uint64_t low = Crc32c(all);
  return (uint64_t{Crc32c(all, 0x9e3779b9)} << 32) | low;
}

}  // namespace mneme::sim
