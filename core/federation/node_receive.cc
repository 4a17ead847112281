// What a frame passes before it counts: federation, epoch, sender, session, sequence, contents,
// role, starts. Whatever stops it is counted.
#include <algorithm>
#include <limits>
#include <utility>

#include "core/base/status.h"
#include "core/federation/node.h"

namespace mneme::federation {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;

bool IsSequenced(const Body& body) {
  if (const auto* factor = std::get_if<Factor>(&body)) return factor->count > 0;
  return std::holds_alternative<ParamDown>(body) || std::holds_alternative<GradUp>(body) ||
         std::holds_alternative<StatUp>(body);
}

// The tree that a body belongs to, and which way it goes.
struct Way {
  NodeIndex root = kNoNode;
  bool down = false;
};
std::optional<Way> WayOf(const Body& body) {
  if (const auto* down = std::get_if<ParamDown>(&body)) return Way{down->root, true};
  if (const auto* up = std::get_if<GradUp>(&body)) return Way{up->root, false};
  if (const auto* up = std::get_if<StatUp>(&body))
    return Way{up->root, up->kind == StatKind::kFactors};
  if (const auto* factor = std::get_if<Factor>(&body)) return Way{factor->source, true};
  return std::nullopt;
}

const Tally* TallyOf(const Body& body) {
  if (const auto* up = std::get_if<GradUp>(&body)) return &up->tally;
  if (const auto* up = std::get_if<StatUp>(&body)) return &up->tally;
  return nullptr;
}

}  // namespace

void Node::On(const FrameIn& event) {
  const auto found = edges_.find(event.peer);
  if (found == edges_.end() || !found->second.up) return drops_.Add(Drop::kWrongSession);
  Edge& edge = found->second;
  ++edge.received.frames;
  edge.received.payload_bytes += PayloadBytes(event.frame);
  const Header& header = event.frame.header;
  if (header.federation != options_.federation) {
    return Bad(edge, Drop::kWrongFederation, NackCode::kWrongFederation, "another federation");
  }
  Receive(edge, event.frame);
}

bool Node::FenceEpoch(Edge& edge, const Frame& frame) {
  const uint64_t epoch = frame.header.epoch;
  if (epoch > epoch_) {
    // Nothing is kept that cannot be checked. Nothing is lost by it either: a peer sends more than
    // hellos in an epoch only to whom it has heard in it.
    drops_.Add(Drop::kNewEpoch);
    epoch_ahead_ = true;
    fetch_asked_ = std::max(fetch_asked_, epoch);
    AskForPlan();
    return false;
  }
  if (epoch < epoch_) {
    Refuse(edge, Drop::kOldEpoch, NackCode::kOldEpoch);
    return false;
  }
  if (!active()) {
    drops_.Add(Drop::kNoPlan);
    return false;
  }
  return true;
}

// Not more often than that, whatever numbers a peer makes up.
void Node::AskForPlan() {
  if (!epoch_ahead_ || round_ < fetch_round_) return;
  actions_->push_back(FetchPlan{.epoch = fetch_asked_});
  epoch_ahead_ = false;  // until the next such frame
  fetch_round_ = round_ + kFetchRounds;
}

void Node::Receive(Edge& edge, const Frame& frame) {
  if (!FenceEpoch(edge, frame)) return;
  const NodeIndex sender = frame.header.sender;
  if (edge.index == kNoNode || sender != edge.index) {
    return Bad(edge, Drop::kNotNeighbour, NackCode::kNotNeighbour, "not a neighbour in the plan");
  }
  if (!FenceSession(edge, frame)) return;
  // Before the contents: what is refused for them is acknowledged too, or it came again for ever.
  if (!FenceSequence(edge, frame)) return;
  if (const absl::Status status = Check(frame, *plan_); !status.ok()) {
    return Bad(edge, Drop::kBadFrame, NackCode::kBadFrame, StdView(status.message()));
  }
  if (!FenceRole(edge, frame) || !FenceStarts(edge, frame)) return;
  std::visit([&](const auto& body) { Take(edge, frame, body); }, frame.body);
}

bool Node::FenceSession(Edge& edge, const Frame& frame) {
  const Header& header = frame.header;
  const bool hello = std::holds_alternative<Hello>(frame.body);
  const bool is_nack = std::holds_alternative<Nack>(frame.body);
  if (header.incarnation < std::max<uint64_t>(edge.incarnation, 1)) {
    drops_.Add(Drop::kOldIncarnation);
    // To the one that sent it, not to its successor.
    const Nack nack{.code = NackCode::kOldIncarnation, .my_epoch = epoch_};
    if (!is_nack) SendPlain(edge, nack, {.to_incarnation = header.incarnation});
    return false;
  }
  if (header.incarnation > IncarnationMax()) {
    Bad(edge, Drop::kBadFrame, NackCode::kBadFrame, "is of a start that is still to come");
    return false;
  }
  if (header.incarnation > edge.incarnation) NewSession(edge, header.incarnation);
  if (header.to_incarnation != options_.incarnation) {
    if (hello) return true;
    if (is_nack) {
      drops_.Add(Drop::kWrongSession);
    } else {
      Refuse(edge, Drop::kWrongSession, NackCode::kWrongSession);
    }
    return false;
  }
  size_t acked = 0;
  if (!edge.out.Ack(header.ack_seq, acked)) {
    Bad(edge, Drop::kBadFrame, NackCode::kBadFrame, "acknowledges what was never sent");
    return false;
  }
  if (!hello) Greeted(edge);
  if (acked > 0) Acked(edge);
  return true;
}

bool Node::FenceRole(Edge& edge, const Frame& frame) {
  const std::optional<Way> way = WayOf(frame.body);
  if (!way.has_value()) return true;
  const Role* role = place_.RoleIn(way->root);
  bool fits = role != nullptr;
  if (fits) {
    fits = way->down ? role->parent == edge.index
                     : std::ranges::binary_search(role->children, edge.index);
  }
  if (const Tally* tally = TallyOf(frame.body); fits && tally != nullptr) {
    // A child speaks for its own branch: nobody else is blamed for what it says.
    const ServedTree& tree = trees_.at(way->root);
    fits = std::ranges::all_of(tally->contributors, [&](const Contributor& contributor) {
      return tree.BranchOf(contributor.node) == edge.index;
    });
  }
  if (!fits) {
    Bad(edge, Drop::kNotNeighbour, NackCode::kNotNeighbour, "not an edge of that tree");
  }
  return fits;
}

uint64_t Node::IncarnationMax() const {
  const auto seconds = static_cast<uint64_t>(std::max<int64_t>(now_, 0) / kNanosPerSecond);
  const uint64_t known = std::max(seconds, options_.incarnation);
  return known + std::min(kIncarnationAheadMax, std::numeric_limits<uint64_t>::max() - known);
}

// One that cannot be would silence the real ones for good.
bool Node::FenceStarts(Edge& edge, const Frame& frame) {
  uint64_t newest = 0;
  if (const auto* down = std::get_if<ParamDown>(&frame.body)) newest = down->root_incarnation;
  if (const auto* up = std::get_if<GradUp>(&frame.body)) newest = up->root_incarnation;
  if (const auto* up = std::get_if<StatUp>(&frame.body)) newest = up->root_incarnation;
  if (const auto* factor = std::get_if<Factor>(&frame.body)) newest = factor->source_incarnation;
  if (const Tally* tally = TallyOf(frame.body); tally != nullptr) {
    for (const Contributor& one : tally->contributors) newest = std::max(newest, one.incarnation);
  }
  if (newest <= IncarnationMax()) return true;
  Bad(edge, Drop::kBadFrame, NackCode::kBadFrame, "tells of a start that is still to come");
  return false;
}

bool Node::FenceSequence(Edge& edge, const Frame& frame) {
  if (!IsSequenced(frame.body)) return true;
  if (frame.header.edge_seq == 0) {
    Bad(edge, Drop::kBadFrame, NackCode::kBadFrame, "has no number");
    return false;
  }
  edge.ack_due = true;
  switch (edge.in.Accept(frame.header.edge_seq)) {
    case Inbox::Seen::kNew:
      return true;
    case Inbox::Seen::kDuplicate:
      drops_.Add(Drop::kDuplicate);
      return false;
    case Inbox::Seen::kTooFarAhead:
      drops_.Add(Drop::kTooFarAhead);
      return false;
  }
  return false;
}

void Node::Refuse(Edge& edge, Drop reason, std::optional<NackCode> code, NodeIndex root) {
  drops_.Add(reason);
  if (code.has_value() && active() && edge.up) {
    SendPlain(edge, Nack{.code = *code, .my_epoch = epoch_, .root = root});
  }
}

void Node::Bad(Edge& edge, Drop reason, NackCode code, std::string_view what) {
  Refuse(edge, reason, code);
  if (++edge.bad_frames < kBadFramesMax) return;
  edge.up = edge.greeted = false;
  actions_->push_back(CloseStream{
      .peer = edge.name,
      .reason = absl::StrCat(kBadFramesMax, " bad frames, the last one: ", AbslView(what))});
}

void Node::Greeted(Edge& edge) {
  if (edge.greeted) return;
  edge.greeted = true;
  edge.resend_after = kResendRounds;
  Resend(edge);
  for (auto& [root, lane] : edge.params) lane.wanted = true;
  FlushParams(edge);
  FlushFactors(edge);
}

void Node::NewSession(Edge& edge, uint64_t incarnation) {
  edge.incarnation = incarnation;
  edge.greeted = edge.refused = false;
  edge.in.Reset();
  edge.ack_due = false;
  uint64_t dropped = 0;
  auto sent = edge.out.Reset();
  // What the one before may have taken is not sent again; items go by their own numbers, so they
  // may be.
  for (auto it = sent.rbegin(); it != sent.rend(); ++it) {
    if (it->lane.kind == LaneKind::kFactor) {
      PutBack(edge, it->lane.root, std::move(it->body));
    } else if (it->lane.kind != LaneKind::kParam) {
      ++dropped;
    }
  }
  drops_.Add(Drop::kPeerRestarted, dropped);
  for (auto& [root, lane] : edge.params) lane = {.wanted = true};
}

}  // namespace mneme::federation
