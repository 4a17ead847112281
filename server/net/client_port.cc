#include "server/net/client_port.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "core/base/status.h"
#include "server/net/unix_socket.h"

namespace mneme::server {
namespace {

constexpr int kEventsMax = 256;
constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr int64_t kLookNanos = int64_t{kLookMs} * 1'000'000;
// Ids of listeners and of the wake-up among those of connections.
constexpr uint64_t kWakeId = ~uint64_t{0};
constexpr uint64_t kFirstListenerId = kWakeId - 1'024;

bool IsUnix(const std::string& listen) { return listen.starts_with("unix:"); }

void Control(const Socket& events, int operation, int socket, uint32_t what, uint64_t id) {
  epoll_event event = {};
  event.events = what;
  event.data.u64 = id;
  epoll_ctl(events.get(), operation, socket, &event);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ClientPort>> ClientPort::Open(const ClientPortOptions& options,
                                                             const Clock& clock, OnCut on_cut) {
  std::unique_ptr<ClientPort> out(new ClientPort(options, clock, std::move(on_cut)));
  if (IsUnix(options.listen)) {
    MNEME_RETURN_IF_ERROR(CheckNobodyListens(options.listen));
    return out;
  }
  MNEME_ASSIGN_OR_RETURN(out->listeners_, ListenOn(options.listen));
  out->events_ = Socket(epoll_create1(EPOLL_CLOEXEC));
  out->wake_ = Socket(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  MNEME_CHECK(out->events_ && out->wake_);
  Control(out->events_, EPOLL_CTL_ADD, out->wake_.get(), EPOLLIN, kWakeId);
  return out;
}

ClientPort::ClientPort(ClientPortOptions options, const Clock& clock, OnCut on_cut)
    : options_(std::move(options)),
      clock_(clock),
      on_cut_(std::move(on_cut)),
      ledger_(options_.bounds) {}

ClientPort::~ClientPort() { Close(); }

void ClientPort::AddTo(grpc::ServerBuilder& builder,
                       std::shared_ptr<grpc::ServerCredentials> credentials, int* port) {
  if (IsUnix(options_.listen)) {
    builder.AddListeningPort(options_.listen, std::move(credentials), port);
    return;
  }
  builder.AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 1);  // CallCounter asks it
  hand_over_ = std::make_unique<HandOver>(builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      std::move(credentials)));
  *port = PortOf(listeners_.front());
  calls_.SetPort(*port);
}

void ClientPort::Serve() {
  if (IsUnix(options_.listen)) return;
  looked_nanos_ = clock_.NowMonotonicNanos();
  deliveries_.Take();  // from now on they are kept
  Listen(true);
  thread_ = std::thread([this] { Run(); });
}

void ClientPort::Close() {
  if (!thread_.joinable()) return;
  closing_.store(true, std::memory_order_release);
  const uint64_t one = 1;
  static_cast<void>(!write(wake_.get(), &one, sizeof(one)));
  thread_.join();
  // One that is being given to gRPC ends, so that the thread that brings it does.
  const std::optional<Id> came = hand_over_->Stop();
  const auto found = came.has_value() ? connections_.find(*came) : connections_.end();
  if (found != connections_.end()) shutdown(found->second.socket.get(), SHUT_RDWR);
  listeners_.clear();
  connections_.clear();
}

void ClientPort::Listen(bool on) {
  if (std::exchange(listens_, on) == on) return;
  for (size_t i = 0; i < listeners_.size(); ++i) {
    Control(events_, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, listeners_[i].get(), EPOLLIN,
            kFirstListenerId + i);
  }
}

void ClientPort::Run() {
  while (!closing_.load(std::memory_order_acquire)) {
    Wait();
    const int64_t now = clock_.NowMonotonicNanos();
    if (now - looked_nanos_ < kLookNanos) continue;
    ledger_.Forgive(now - looked_nanos_);
    looked_nanos_ = now;
    Look();
    Listen(true);  // where no descriptor was left, there may be one now
  }
}

void ClientPort::Wait() {
  epoll_event events[kEventsMax];
  const bool idle = connections_.empty() && listens_;
  const int count = epoll_wait(events_.get(), events, kEventsMax, idle ? -1 : kLookMs);
  for (int i = 0; i < count; ++i) {
    const uint64_t id = events[i].data.u64;
    if (id == kWakeId) continue;
    if (id >= kFirstListenerId) {
      AcceptAll(listeners_[id - kFirstListenerId]);
    } else {
      End(id);
    }
  }
}

void ClientPort::AcceptAll(const Socket& listener) {
  for (int i = 0; i < kAcceptedInARowMax; ++i) {
    bool failed = false;
    Accepted accepted = AcceptFrom(listener, &failed);
    if (failed) Listen(false);  // until the next look
    if (!accepted.socket) return;
    if (const std::optional<Refusal> refusal = Refuse(accepted.origin); refusal.has_value()) {
      ++refused_[static_cast<size_t>(*refusal)];
      accepted.socket.Reset();
    } else {
      Take(std::move(accepted), listener.get());
    }
  }
}

std::optional<Refusal> ClientPort::Refuse(const std::string& origin) {
  const auto penalty = penalties_.find(origin);
  if (penalty != penalties_.end()) {
    if (clock_.NowMonotonicNanos() < penalty->second) return Refusal::kPenalty;
    penalties_.erase(penalty);
  }
  if (connections_.size() >= options_.connections_max) return Refusal::kFull;
  const auto same = of_origin_.find(origin);
  const bool full =
      same != of_origin_.end() && same->second >= options_.connections_per_address_max;
  return full ? std::optional(Refusal::kAddressFull) : std::nullopt;
}

void ClientPort::Take(Accepted accepted, int listener) {
  Connection connection{.socket = Socket(fcntl(accepted.socket.get(), F_DUPFD_CLOEXEC, 0)),
                        .peer = std::move(accepted.peer),
                        .origin = std::move(accepted.origin)};
  if (!connection.socket) {
    accepted.socket.Reset();
    Listen(false);
    return;
  }
  const Id id = next_id_++;
  Control(events_, EPOLL_CTL_ADD, connection.socket.get(), 0, id);  // its end is told anyway
  ++of_origin_[connection.origin];
  ids_[connection.peer] = id;
  ledger_.Open(id);
  connections_.emplace(id, std::move(connection));
  ++accepted_;
  count_ = connections_.size();
  hand_over_->Add(id, std::move(accepted.socket), listener);
}

void ClientPort::End(Id id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  const Connection& connection = found->second;
  const auto same = of_origin_.find(connection.origin);
  if (--same->second == 0) of_origin_.erase(same);
  const auto named = ids_.find(connection.peer);
  if (named != ids_.end() && named->second == id) {
    ids_.erase(named);
    calls_.Forget(connection.peer);
  }
  ledger_.Close(id);
  hand_over_->Remove(id);
  connections_.erase(found);
  count_ = connections_.size();
}

void ClientPort::Look() {
  // Before the traffic: what is delivered had come in by then.
  const std::unordered_map<std::string, uint64_t> delivered = deliveries_.Take();
  for (const auto& [id, connection] : connections_) ledger_.Count(id, TrafficOf(connection.socket));
  for (const auto& [peer, bytes] : delivered) {
    const auto named = ids_.find(peer);
    if (named != ids_.end()) ledger_.Deliver(named->second, bytes);
  }
  for (const Id id : ledger_.ToCount(kCountedFromBytes, kCountedPerLookMax)) {
    const std::optional<CallCounts> counts = calls_.Of(connections_.at(id).peer);
    if (counts.has_value()) ledger_.Count(id, *counts);
  }
  for (const Ledger::Offender& offender : ledger_.Judge()) Cut(offender);
  owed_ = ledger_.bytes_owed();
}

void ClientPort::Cut(const Ledger::Offender& offender) {
  const Connection& connection = connections_.at(offender.id);
  shutdown(connection.socket.get(), SHUT_RDWR);
  ++cut_[static_cast<size_t>(offender.breach)];
  // Who had the most of what is too much together may be honest, and come back at once.
  if (offender.breach != Breach::kTogether) Punish(connection.origin);
  on_cut_(connection.peer, offender.breach);
  End(offender.id);
}

void ClientPort::Punish(const std::string& origin) {
  const auto first = [](const auto& a, const auto& b) { return a.second < b.second; };
  if (penalties_.size() >= kPenaltiesMax && !penalties_.contains(origin)) {
    penalties_.erase(std::min_element(penalties_.begin(), penalties_.end(), first));
  }
  penalties_[origin] = clock_.NowMonotonicNanos() + kPenaltySeconds * kNanosPerSecond;
}

ClientPortCounters ClientPort::counters() const {
  ClientPortCounters out{
      .connections = count_.load(), .bytes_owed = owed_.load(), .accepted = accepted_.load()};
  for (size_t i = 0; i < kRefusals; ++i) out.refused[i] = refused_[i].load();
  for (size_t i = 0; i < kBreaches; ++i) out.cut[i] = cut_[i].load();
  return out;
}

}  // namespace mneme::server
