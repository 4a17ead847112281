#include "server/peer/federation_runner.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "absl/strings/ascii.h"
#include "core/base/status.h"
#include "core/engine/blocking.h"
#include "core/federation/checkpoint.h"

namespace mneme::server {
namespace {

namespace fed = mneme::federation;

constexpr int64_t kRedialNanos = std::chrono::nanoseconds(kRedialPause).count();

absl::Status MemoryDiffers(const engine::MemoryInfo& info, const fed::Spec& spec) {
  return FailedPrecondition(
      absl::StrFormat("memory '%s' is not of the kind that the federation needs", info.name),
      {.reason = "MEMORY_DIFFERS",
       .given = absl::StrFormat("%d x %d", info.spec.response_dim, info.spec.key_dim),
       .expected =
           absl::StrFormat("a linear memory of rule FEDERATED, %d x %d", spec.d_v, spec.d_k),
       .next_step = absl::StrFormat("mnemectl memory create NAME --model linear --rule federated "
                                    "--dim %d --response-dim %d",
                                    spec.d_k, spec.d_v)});
}

// What the node says of a state that is not its own, for who runs the server.
absl::Status OtherSpec(const std::string& memory, const absl::Status& status) {
  const std::optional<ErrorDetail> detail = GetErrorDetail(status);
  if (!detail.has_value() || detail->reason != "CHECKPOINT") return status;
  return FailedPrecondition(
      absl::StrFormat("memory '%s' has learned under another spec of the federation", memory),
      {.reason = detail->reason,
       .given = detail->given,
       .expected = detail->expected,
       .next_step = absl::StrFormat("Put the spec back as it was, or make the memory anew: "
                                    "mnemectl memory delete %s, then create it",
                                    memory)});
}

std::string Explain(const absl::Status& status) {
  std::string text(status.message());
  const std::optional<ErrorDetail> detail = GetErrorDetail(status);
  if (detail.has_value() && !detail->next_step.empty()) text += ". " + detail->next_step;
  return text;
}

// What a peer says goes to terminals and into messages that must be UTF-8.
std::string Printable(std::string_view text) {
  std::string out(text.substr(0, kClosedReasonBytesMax));
  std::ranges::replace_if(
      out, [](char c) { return !absl::ascii_isprint(c); }, '?');
  return out;
}

}  // namespace

uint64_t IncarnationByTime(const Clock& clock) {
  return static_cast<uint64_t>(clock.NowUnixNanos() / 1'000'000'000);
}

absl::Status CheckFederatedMemory(const engine::MemoryInfo& info, const fed::Spec& spec) {
  const auto* linear = std::get_if<models::LinearSpec>(&info.spec.model);
  const bool fits = linear != nullptr && linear->rule == models::LinearRule::kFederated &&
                    info.spec.key_dim == spec.d_k && info.spec.response_dim == spec.d_v;
  return fits ? absl::OkStatus() : MemoryDiffers(info, spec);
}

struct FederationRunner::Inbox {
  // False: full, or nobody reads any more.
  bool Put(Input input) {
    MutexLock lock(&mutex);
    if (stopping || inputs.size() >= kInputsMax) return false;
    inputs.push_back(std::move(input));
    wake.NotifyOne();
    return true;
  }
  // What has come, after waiting for it until `nanos` have passed.
  std::deque<Input> TakeAll(int64_t nanos) {
    MutexLock lock(&mutex);
    if (inputs.empty() && !stopping && nanos > 0)
      wake.WaitFor(&mutex, std::chrono::nanoseconds(nanos));
    return std::exchange(inputs, {});
  }
  bool stopped() {
    MutexLock lock(&mutex);
    return stopping;
  }
  void Stop() {
    MutexLock lock(&mutex);
    stopping = true;
    wake.NotifyOne();
  }

  Mutex mutex;  // a leaf
  CondVar wake;
  std::deque<Input> inputs ABSL_GUARDED_BY(mutex);
  bool stopping ABSL_GUARDED_BY(mutex) = false;
};

FederationRunner::FederationRunner(engine::Engine& engine, const Clock& clock,
                                   RunnerOptions options)
    : engine_(engine),
      clock_(clock),
      options_(std::move(options)),
      inbox_(std::make_shared<Inbox>()),
      thread_([this] { Run(); }) {}

FederationRunner::~FederationRunner() { Stop(); }

void FederationRunner::SetPlan(std::shared_ptr<const fed::Plan> plan) {
  inbox_->Put(std::move(plan));
}

void FederationRunner::LosePlan() { inbox_->Put(fed::PlanLost{}); }

void FederationRunner::Drain() { inbox_->Put(fed::Drain{}); }

void FederationRunner::Stop() {
  inbox_->Stop();
  if (thread_.joinable()) thread_.join();
}

// ---- the thread

void FederationRunner::Run() {
  int64_t next_round = clock_.NowMonotonicNanos();
  while (!inbox_->stopped()) {
    std::deque<Input> inputs = inbox_->TakeAll(next_round - clock_.NowMonotonicNanos());
    for (Input& input : inputs) Take(std::move(input));
    const int64_t now = clock_.NowMonotonicNanos();
    if (now < next_round) continue;
    Round();
    // Rounds that were missed are not made up for.
    next_round = std::max(next_round + options_.round.count(), now);
  }
  models::FederatedExchange last;
  {
    MutexLock lock(&mutex_);
    if (node_ != nullptr) Handle(fed::Stop{});
    CloseLinks(absl::StrFormat("node '%s' stops", options_.node));
    last = std::exchange(next_, {});
  }
  if (last.state != nullptr) ExchangeNow(std::move(last)).IgnoreError();
}

absl::Status FederationRunner::Begin() {
  MNEME_ASSIGN_OR_RETURN(const engine::MemoryInfo info, engine_.GetMemory(options_.memory));
  MNEME_RETURN_IF_ERROR(CheckFederatedMemory(info, options_.spec));
  MNEME_ASSIGN_OR_RETURN(const models::FederatedRows rows, ExchangeNow({}));
  fed::NodeOptions options{.name = options_.node,
                           .federation = options_.id,
                           .spec = options_.spec,
                           .incarnation = options_.incarnation_least};
  options.incarnation = std::max(options.incarnation, last_incarnation_ + 1);
  std::optional<fed::Checkpoint> state;
  if (!rows.state->empty()) {
    MNEME_ASSIGN_OR_RETURN(state, fed::DecodeCheckpoint(*rows.state));
    options.incarnation = std::max(options.incarnation, state->incarnation + 1);
    options.items_stored = rows.first + rows.weights.size();
  }
  last_incarnation_ = options.incarnation;
  uid_ = info.uid;
  seen_position_.reset();
  absl::StatusOr<std::unique_ptr<fed::Node>> node =
      fed::Node::Create(std::move(options), state.has_value() ? &*state : nullptr, options_.seed);
  if (!node.ok()) return OtherSpec(options_.memory, node.status());
  models::FederatedExchange first;
  {
    MutexLock lock(&mutex_);
    node_ = *std::move(node);
    GiveItems(rows);
    Handle(fed::CheckpointTimer{});
    first = std::exchange(next_, {});
  }
  const absl::Status saved = ExchangeNow(std::move(first)).status();
  MutexLock lock(&mutex_);
  if (!saved.ok()) {
    node_ = nullptr;
    return saved;
  }
  if (plan_ != nullptr) Handle(fed::PlanChanged{plan_});
  return absl::OkStatus();
}

void FederationRunner::Round() {
  bool begins = false;
  {
    MutexLock lock(&mutex_);
    begins = node_ == nullptr;
  }
  if (begins) {
    const int64_t now = clock_.NowMonotonicNanos();
    if (now < begin_at_) return;
    begin_at_ = now + kRedialNanos;
    const absl::Status begun = Begin();
    MutexLock lock(&mutex_);
    waiting_for_ = begun.ok() ? "" : Explain(begun);
    if (!begun.ok()) return;
  }
  {
    MutexLock lock(&mutex_);
    Handle(fed::Tick{});
    KeepLinks();
  }
  Exchange();
}

// Gives the memory what changed, and asks for rows where the memory's log has grown.
void FederationRunner::Exchange() {
  if (exchanging_) return;  // the round before still waits for the committer
  const absl::StatusOr<engine::MemoryInfo> info = engine_.GetMemory(options_.memory);
  if (info.ok() && info->uid != uid_) return StartOver();
  models::FederatedExchange exchange;
  {
    MutexLock lock(&mutex_);
    if (!info.ok()) {
      waiting_for_ = Explain(info.status());
      return;
    }
    waiting_for_.clear();
    const bool gives = next_.weights != nullptr || next_.state != nullptr;
    if (!gives && info->position == seen_position_) return;
    exchange = std::exchange(next_, {});
    exchange.from = rows_from_;
  }
  seen_position_ = info->position;
  exchanging_ = true;
  engine_.Exchange(options_.memory, std::move(exchange),
                   [inbox = inbox_](absl::StatusOr<models::FederatedRows> rows) {
                     inbox->Put(TakenRows{std::move(rows)});
                   });
}

void FederationRunner::StartOver() {
  MutexLock lock(&mutex_);
  CloseLinks(absl::StrFormat("node '%s' starts over", options_.node));
  node_ = nullptr;
  next_ = {};
  published_ = nullptr;
  rows_from_ = 0;
}

absl::StatusOr<models::FederatedRows> FederationRunner::ExchangeNow(
    models::FederatedExchange exchange) {
  engine::Blocking<models::FederatedRows> blocking;
  engine_.Exchange(options_.memory, std::move(exchange), blocking.callback());
  return blocking.Wait();
}

void FederationRunner::Take(Input input) {
  if (auto* event = std::get_if<StreamEvent>(&input)) return TakeEvent(std::move(*event));
  if (auto* rows = std::get_if<TakenRows>(&input)) return TakeRows(rows->rows);
  MutexLock lock(&mutex_);
  if (auto* plan = std::get_if<std::shared_ptr<const fed::Plan>>(&input)) {
    if (plan_ != nullptr && (*plan)->epoch < plan_->epoch) return;
    plan_ = std::move(*plan);
    if (node_ == nullptr) return;
    Handle(fed::PlanChanged{plan_});
    KeepLinks();
  } else if (node_ != nullptr && std::holds_alternative<fed::Drain>(input)) {
    Handle(fed::Drain{});
  } else if (node_ != nullptr) {
    Handle(fed::PlanLost{});
  }
}

void FederationRunner::TakeRows(const absl::StatusOr<models::FederatedRows>& rows) {
  exchanging_ = false;
  MutexLock lock(&mutex_);
  if (!rows.ok()) {
    // Whatever the memory did not take is made anew by the next step and the next checkpoint.
    waiting_for_ = Explain(rows.status());
    published_ = nullptr;
    seen_position_.reset();  // the rows are still there
    return;
  }
  if (node_ != nullptr) GiveItems(*rows);
}

void FederationRunner::GiveItems(const models::FederatedRows& rows) {
  rows_missed_ = rows.missed;
  rows_from_ = rows.first + rows.weights.size();
  if (rows.weights.empty()) return;
  Handle(fed::Items{.first = rows.first,
                    .keys = rows.keys,
                    .responses = rows.responses,
                    .weights = rows.weights});
}

void FederationRunner::TakeEvent(StreamEvent event) {
  MutexLock lock(&mutex_);
  const auto link = links_.find(event.peer);
  if (node_ == nullptr || link == links_.end() || link->second.serial != event.serial) return;
  // Over already: what else came of it came too late.
  if (link->second.stream == nullptr) return;
  if (std::holds_alternative<std::monostate>(event.what)) {
    const std::shared_ptr<PeerStream> stream = link->second.stream;
    Handle(fed::StreamUp{event.peer});
    return stream->Next();  // of none where the node has closed it
  }
  if (const std::string* reason = std::get_if<std::string>(&event.what)) {
    EndStream(link->second, *reason);
    return Handle(fed::StreamDown{event.peer});
  }
  auto& frame = std::get<absl::StatusOr<fed::Frame>>(event.what);
  if (!frame.ok()) return CloseLink(event.peer, Explain(frame.status()));
  Handle(fed::FrameIn{event.peer, *std::move(frame)});
  const auto still = links_.find(event.peer);
  if (still != links_.end() && still->second.serial == event.serial &&
      still->second.stream != nullptr) {
    still->second.stream->Next();
  }
}

// ---- what the node wants done

void FederationRunner::Handle(const fed::Event& event) {
  actions_.clear();
  node_->Handle(event, clock_.NowUnixNanos(), &actions_);
  std::vector<fed::Action> actions = std::exchange(actions_, {});
  for (fed::Action& action : actions) CarryOut(action);
  if (actions_.empty()) actions_ = std::move(actions);  // its room
}

void FederationRunner::CarryOut(fed::Action& action) {
  if (auto* send = std::get_if<fed::Send>(&action)) {
    const auto link = links_.find(send->peer);
    if (link == links_.end() || link->second.stream == nullptr) return;
    link->second.stream->Send(std::move(send->frame));
  } else if (auto* publish = std::get_if<fed::Publish>(&action)) {
    if (publish->matrix == published_) return;
    published_ = publish->matrix;
    auto weights = std::make_shared<Matrix>(options_.spec.d_v, options_.spec.d_k);
    std::ranges::copy(*publish->matrix, weights->flat().begin());
    next_.weights = std::move(weights);
  } else if (auto* checkpoint = std::get_if<fed::WriteCheckpoint>(&action)) {
    next_.state = std::make_shared<const std::string>(std::move(checkpoint->bytes));
    next_.learned = node_->replay_from();
  } else if (auto* close = std::get_if<fed::CloseStream>(&action)) {
    CloseLink(close->peer, close->reason);
  } else if (auto* fetch = std::get_if<fed::FetchPlan>(&action)) {
    options_.fetch_plan(fetch->epoch);
  }
}

PeerCallbacks FederationRunner::CallbacksFor(const std::string& peer, uint64_t serial) {
  const auto put = [inbox = inbox_, peer, serial](auto what) {
    inbox->Put(StreamEvent{.peer = peer, .serial = serial, .what = std::move(what)});
  };
  return {.delivered = nullptr,
          .frame = [put](absl::StatusOr<fed::Frame> frame) { put(std::move(frame)); },
          .up = [put] { put(std::monostate()); },
          .down = put};
}

void FederationRunner::KeepLinks() {
  if (plan_ == nullptr) return;
  const std::optional<fed::NodeIndex> me = fed::FindNode(*plan_, options_.node);
  neighbours_.clear();
  if (me.has_value()) {
    for (const fed::NodeIndex node : fed::PlaceOf(*plan_, *me).neighbours)
      neighbours_.push_back(plan_->nodes[node].name);
  }
  for (auto& [peer, link] : links_)
    if (std::ranges::find(neighbours_, peer) == neighbours_.end())
      CloseLink(peer, "no neighbours any more");
  for (auto entry = links_.begin(); entry != links_.end();) {
    if (fed::FindNode(*plan_, entry->first).has_value()) {
      ++entry;
      continue;
    }
    wire_bytes_gone_ += entry->second.wire_bytes_before;
    entry = links_.erase(entry);
  }
  const int64_t now = clock_.NowMonotonicNanos();
  for (const std::string& peer : neighbours_) {
    if (peer < options_.node) continue;  // it opens the stream
    Link& link = links_[peer];
    if (link.stream != nullptr || now < link.dial_at) continue;
    link.serial = ++serials_;
    link.dial_at = now + kRedialNanos;
    const fed::PlanNode& node = plan_->nodes[*fed::FindNode(*plan_, peer)];
    link.stream = options_.dial(node, limits(), CallbacksFor(peer, link.serial));
  }
}

void FederationRunner::CloseLink(const std::string& peer, const std::string& reason) {
  const auto link = links_.find(peer);
  if (link == links_.end() || link->second.stream == nullptr) return;
  link->second.stream->Close(reason);
  EndStream(link->second, reason);
  if (node_ != nullptr) Handle(fed::StreamDown{peer});
}

void FederationRunner::CloseLinks(const std::string& reason) {
  for (const auto& [peer, link] : links_) CloseLink(peer, reason);
}

void FederationRunner::EndStream(Link& link, std::string_view reason) {
  link.closed_reason = Printable(reason);
  link.wire_bytes_before += link.stream->bytes_sent();
  link.stream = nullptr;
  link.dial_at = clock_.NowMonotonicNanos() + kRedialNanos;
}

absl::StatusOr<AcceptedStream> FederationRunner::Accept(
    const std::string& peer, std::function<void(uint64_t bytes)> delivered) {
  MutexLock lock(&mutex_);
  if (node_ == nullptr || plan_ == nullptr) {
    return Unavailable(absl::StrFormat("node '%s' has no plan yet", options_.node),
                       {.reason = "NO_PLAN", .next_step = "Open the stream again soon."});
  }
  if (std::ranges::find(neighbours_, peer) == neighbours_.end() || peer >= options_.node) {
    return MakeError(absl::StatusCode::kPermissionDenied,
                     absl::StrFormat("by plan %d, '%s' opens no stream to '%s'", plan_->epoch, peer,
                                     options_.node),
                     {.reason = "NOT_A_NEIGHBOUR",
                      .given = peer,
                      .expected = "a neighbour in the plan whose name is less",
                      .next_step = "Compare the plans of both nodes: mnemectl federation plan."});
  }
  CloseLink(peer, "the peer has opened another stream");
  Link& link = links_[peer];
  link.serial = ++serials_;
  PeerCallbacks callbacks = CallbacksFor(peer, link.serial);
  callbacks.delivered = std::move(delivered);
  AcceptedStream accepted = AcceptPeerStream(limits(), std::move(callbacks));
  link.stream = accepted.stream;
  return accepted;
}

RunnerStatus FederationRunner::Status() const {
  MutexLock lock(&mutex_);
  RunnerStatus status{.waiting_for = waiting_for_,
                      .wire_bytes_gone = wire_bytes_gone_,
                      .rows_missed = rows_missed_};
  if (node_ != nullptr) status.node = node_->Status(clock_.NowUnixNanos());
  if (status.waiting_for.empty() && plan_ == nullptr) {
    status.waiting_for = "a plan; until it comes this node learns its own items only";
  } else if (status.waiting_for.empty() && !fed::FindNode(*plan_, options_.node).has_value()) {
    status.waiting_for = absl::StrFormat(
        "a plan with this node; the one of epoch %d was made without it", plan_->epoch);
  } else if (status.waiting_for.empty() && plan_->epoch < status.node.epoch) {
    status.waiting_for = absl::StrFormat(
        "a newer plan; that of epoch %d is older than epoch %d, which memory '%s' has followed "
        "before, elsewhere. To begin here make the memory anew",
        plan_->epoch, status.node.epoch, options_.memory);
  }
  if (status.waiting_for.empty() && status.node.warming) {
    status.waiting_for = "a neighbour's memory to begin with; its own items wait";
  }
  for (const auto& [peer, link] : links_) {
    status.links[peer] = {
        .wire_bytes_sent =
            link.wire_bytes_before + (link.stream == nullptr ? 0 : link.stream->bytes_sent()),
        .closed_reason = link.closed_reason};
  }
  return status;
}

std::vector<fed::RegretReading> FederationRunner::Regret() const {
  MutexLock lock(&mutex_);
  return node_ == nullptr ? std::vector<fed::RegretReading>() : node_->regret();
}

}  // namespace mneme::server
