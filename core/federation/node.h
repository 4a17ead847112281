// One node of a federation, as a pure state machine: events in, actions out.
//
// It keeps its own linear memory and learns, beside its own items, those of the nodes that it has
// an interest in: its parameters go out along its routing tree, gradients come back and are added
// up on the way (or factors, or statistics: spec.h). It takes part in the trees of others.
// Time comes with each event, randomness from the seed: the same events give the same actions.
//
// Threads     not thread-safe: one thread, or one lock, drives it. What Publish holds never
//             changes.
// Invariants  1. The memory is finite and inside the ball, whatever arrives.
//             2. A frame of another epoch, of a past incarnation, or seen before changes nothing.
//             3. An item is evaluated at most once for each root, over restarts too; what it gave
//                enters that root's memory at most once.
//             4. Every queue has a bound (QueueSizes); what is let go is counted (Drop).
//             5. No event throws or ends the process. A peer that sent kBadFramesMax bad frames
//                loses its stream.
//             6. Own items, and the memory for readers, never wait for the network.
// Source      distributed online gradient descent notes, sections 2, 4 and 5.
#ifndef MNEME_CORE_FEDERATION_NODE_H_
#define MNEME_CORE_FEDERATION_NODE_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/random.h"
#include "core/federation/arrivals.h"
#include "core/federation/checkpoint.h"
#include "core/federation/drops.h"
#include "core/federation/edge.h"
#include "core/federation/events.h"
#include "core/federation/frame.h"
#include "core/federation/item_log.h"
#include "core/federation/node_status.h"
#include "core/federation/plan.h"
#include "core/federation/ranges.h"
#include "core/federation/regret_meter.h"
#include "core/federation/served_tree.h"
#include "core/federation/spec.h"
#include "core/federation/steps.h"

namespace mneme::federation {

inline constexpr uint32_t kBadFramesMax = 10;      // of one stream
inline constexpr size_t kArrivedPerChildMax = 8;   // sums of one child; beyond, they are joined
inline constexpr uint32_t kParamsInFlightMax = 8;  // of one root, to one child
inline constexpr uint32_t kFetchRounds = 20;       // between requests for a plan
inline constexpr uint32_t kRefreshTags = 50;       // the whole memory goes out at least so often
inline constexpr double kUnchangedShare = 1e-6;    // a smaller move is none
inline constexpr uint32_t kHelloRounds = 4;        // between hellos that nobody answered
inline constexpr uint32_t kResendRounds = 8;       // without an acknowledgement; doubles
inline constexpr uint32_t kResendRoundsMax = 32;
inline constexpr uint32_t kProbeRounds = 64;       // between measurements of an edge
inline constexpr uint32_t kWarmAnswerRounds = 40;  // for a neighbour to show its memory
inline constexpr uint32_t kWarmRoundsMax = 400;    // with a plan; then the node begins with zeros
inline constexpr uint32_t kWarmPlanRoundsMax = 2'000;  // likewise, until there is a plan
inline constexpr uint64_t kWarmStepsMax = 10'000;      // of a neighbour that count for this node
// Incarnations are counts, or seconds since 1970: none is more than a day beyond this node's clock.
inline constexpr uint64_t kIncarnationAheadMax = 86'400;
inline constexpr double kCancelMax = 64;  // norms of the parts of a sum, against that of the sum
inline constexpr size_t kArrivedFactorRowsMax = 65536;  // items of others that wait for the tick

struct NodeOptions {
  std::string name;
  FederationId federation = {};
  Spec spec;
  // From Coordinator::Register: higher than that of any start before, durably so.
  uint64_t incarnation = 1;
  // Own items that were stored before this start: what is below was, or may have been, evaluated
  // for the other roots by an earlier incarnation. 0 for a first start.
  uint64_t items_stored = 0;
  bool trace = false;
};

class Node {
 public:
  // `state`: what DecodeCheckpoint gave; null: a memory of zeros. Give the own items from
  // replay_from() on again.
  //
  // Errors   InvalidArgument (SPEC, LIMIT), FailedPrecondition (CHECKPOINT) where the state is of
  //          another spec or of an incarnation that is not older.
  static absl::StatusOr<std::unique_ptr<Node>> Create(NodeOptions options, const Checkpoint* state,
                                                      uint64_t seed);

  // Appends to `actions`; they are to be carried out in order. `now_nanos`, since 1970, may jump:
  // it is used for what is shown and measured, and to know incarnations that cannot be
  // (kIncarnationAheadMax).
  void Handle(const Event& event, int64_t now_nanos, std::vector<Action>* actions);

  // The first of the own items that this node has still to see.
  uint64_t replay_from() const;
  uint64_t round() const { return round_; }
  uint64_t epoch() const { return epoch_; }
  const std::vector<float>& memory() const { return *memory_; }
  NodeStatus Status(int64_t now_nanos) const;
  const std::vector<RegretReading>& regret() const { return meter_.readings(); }
  QueueSizes queue_sizes() const;

 private:
  // A node whose items this one wants; by name, so that it outlives plans.
  struct Source {
    uint64_t incarnation = 0;
    // In the epoch before; 0: nothing is to be held against what it says of its items.
    uint64_t incarnation_before = 0;
    uint64_t newest_evaluation = 0;
    ArrivalShare share;
    Ranges items;  // factor transport
    uint64_t items_arrived = 0;
    double delay = 0;
    bool heard = false;  // in this epoch
    uint64_t heard_round = 0;
    int64_t heard_at = 0;
  };
  // Another root, whatever the plan.
  struct Toward {
    uint64_t cursor = 0;
    uint64_t evaluations = 0;  // for it, by this incarnation
  };
  // Sums from one child that wait for the tick.
  struct Arrived {
    Arrived(std::string its_child, size_t d_v, size_t d_k)
        : child(std::move(its_child)), gradient(d_v, d_k), stat(d_v, d_k) {}
    std::string child;
    GradientSum gradient;
    StatSum stat;
    Tally tally;
    double length = 0;  // as of PendingSum
  };
  // Items of another node that wait for the tick; `stat` in place of rows where they were summed.
  struct ArrivedFactors {
    std::string source;
    Batch batch;
    StatSum stat;
    uint64_t items = 0;
  };
  // The gradient of a batch at one point, its mean over the batch.
  struct Evaluation {
    Evaluation(size_t d_v, size_t d_k) : gradient(d_v, d_k) {}
    GradientSum gradient;
    double norm = 0;
    double loss = 0;
    double key_squared_max = 0;
  };
  struct StepInput {
    StepInput(size_t d_v, size_t d_k) : gradient(d_v, d_k) {}
    GradientSum gradient;
    bool any = false;
  };

  Node(NodeOptions options, uint64_t seed);
  bool Restore(const Checkpoint& state);

  // node.cc: events
  void On(const Tick& event);
  void On(const FrameIn& event);
  void On(const Items& event);
  void On(const PlanChanged& event);
  void On(const PlanLost& event);
  void On(const StreamUp& event);
  void On(const StreamDown& event);
  void On(const CheckpointTimer& event);
  void On(const Drain& event);
  void On(const Stop& event);
  bool FitsShapes(const Items& items) const;
  size_t ZeroBadRows(Items& items) const;
  void ReleaseItems();
  Edge* FindOrAddEdge(const std::string& peer);
  Checkpoint MakeCheckpoint(bool clean);
  void Note(Trace trace);

  // node_plan.cc: epochs
  void SwitchTo(std::shared_ptr<const Plan> plan, NodeIndex me);
  // `ended`: a newer one begins; else a node that has just started finds its place in it.
  void DropOldEpoch(bool ended);
  void OpenTrees();
  void OpenEdges();
  std::vector<TreeNode> Interest() const;
  StepDelays DelaysOfInterest() const;
  bool active() const { return plan_ != nullptr && !plan_lost_; }
  const std::string& NameOf(NodeIndex node) const { return plan_->nodes[node].name; }
  Edge* EdgeOf(NodeIndex node);
  double OwnWeight() const;

  // node_receive.cc: what frames pass before they count
  void Receive(Edge& edge, const Frame& frame);
  void AskForPlan();
  bool FenceEpoch(Edge& edge, const Frame& frame);
  bool FenceSession(Edge& edge, const Frame& frame);
  bool FenceRole(Edge& edge, const Frame& frame);
  bool FenceSequence(Edge& edge, const Frame& frame);
  bool FenceStarts(Edge& edge, const Frame& frame);
  uint64_t IncarnationMax() const;
  void Refuse(Edge& edge, Drop reason, std::optional<NackCode> code, NodeIndex root = 0);
  void Bad(Edge& edge, Drop reason, NackCode code, std::string_view what);
  void Greeted(Edge& edge);
  void NewSession(Edge& edge, uint64_t incarnation);

  // node_frames.cc: what frames do that passed
  void Take(Edge& edge, const Frame& frame, const Hello& hello);
  void Take(Edge& edge, const Frame& frame, const ParamDown& down);
  bool TakeMemory(Edge& edge, ServedTree& tree, const ParamDown& down);
  void Take(Edge& edge, const Frame& frame, const GradUp& up);
  void Take(Edge& edge, const Frame& frame, const StatUp& up);
  void Take(Edge& edge, const Frame& frame, const Factor& factor);
  void Take(Edge& edge, const Frame& frame, const Ack& ack);
  void Take(Edge& edge, const Frame& frame, const Nack& nack);
  void Take(Edge& edge, const Frame& frame, const Probe& probe);
  void Take(Edge& edge, const Frame& frame, const ProbeReply& reply);
  void Take(Edge& edge, const Frame& frame, const WarmAsk& ask);
  void Take(Edge& edge, const Frame& frame, const WarmReply& reply);
  void ForgetRoot(ServedTree& tree, uint64_t incarnation);
  bool Admits(ServedTree& tree, PendingSum& pending, uint64_t root_incarnation);
  bool ExceedsClip(double norm, double weight) const;
  void Accepted(const Edge& edge, const Header& header, NodeIndex root, uint64_t tag);
  bool JoinBooks(Edge& edge, NodeIndex root, const Tally& more, double more_length, Tally& tally,
                 double& length);
  bool Arrive(Edge& edge, NodeIndex root, const GradientSum* gradient, const StatSum* stat,
              const Tally& tally, double length);
  Source& HearFrom(const std::string& name);
  void Hear(const Tally& tally, bool applied);

  // node_factors.cc: items of others, and the queues of those that pass through
  void TakeFactorSums(const StatUp& up);
  void ForgetItemsToCome(Source& source, const Factor& factor);
  void CountItems(Source& source, uint64_t count, uint64_t end_before);
  void QueueArrived(ArrivedFactors arrived);
  bool ReadRows(const Factor& factor, Batch& batch) const;
  void KeepRows(const std::vector<Ranges::Range>& fresh, Batch& batch) const;
  void ForwardFactors(NodeIndex source, const Body& body);
  void PutBack(Edge& edge, NodeIndex source, Body body);
  void FlushFactors(Edge& edge);
  void BoundFactors(Edge& edge);
  void SumFactors(Edge& edge);
  static bool Continues(const QueuedFactors& before, const QueuedFactors& after);
  QueuedFactors SumOf(const std::deque<QueuedFactors>& queued, size_t from, size_t to) const;

  // node_evaluate.cc: own items for the roots that want them
  Toward& TowardRoot(NodeIndex root);
  void TakeBatch(uint64_t& cursor);
  double KeySquaredMax(const Batch& batch) const;
  std::optional<Evaluation> Evaluate(const Batch& batch, std::span<const float> memory);
  Contributor NewEntry(uint64_t tag) const;
  void CountEvaluation(const ServedTree& tree, uint64_t tag, double weight, Contributor& entry);
  void EvaluateGradient(ServedTree& tree);
  void AddCompressed(ServedTree& tree, const GradientSum& gradient, double weight,
                     GradientSum& sum);
  void AddProbe(ServedTree& tree, const Contributor& entry, double loss);
  void EvaluateStatistic(ServedTree& tree);
  void MulticastFactors();

  void AddNoise(Evaluation& made);

  // node_warm.cc: a neighbour's memory to begin with
  void WarmUp();

  // node_step.cc: the step of a round
  void Step();
  void AddOwn(StepInput& input, bool barrier);
  void AddArrived(StepInput& input);
  void AddArrivedGradient(const Arrived& arrived, StepInput& input);
  void AddArrivedStat(const Arrived& arrived, StepInput& input);
  void AddStat(const StatSum& stat, double weight, StepInput& input);
  void AddFactors(StepInput& input);
  void AddBarrier(StepInput& input);
  void Apply(const StepInput& input);
  void KeepStep(const StepInput& input, double scale, double factor);
  double DampingAt(uint64_t delay) const;
  void MeasureSeen();
  void MeasureRegret();

  // node_send.cc: frames out
  bool Usable(const Edge& edge) const { return active() && edge.up && edge.greeted; }
  struct SendAs {
    uint64_t edge_seq = 0;
    std::optional<uint64_t> to_incarnation;  // another than the one that the edge knows
  };
  void SendPlain(Edge& edge, Body body, const SendAs& as);
  void SendPlain(Edge& edge, Body body) { SendPlain(edge, std::move(body), SendAs{}); }
  uint64_t SendKept(Edge& edge, Lane lane, Body body);
  void SendHello(Edge& edge, bool wants_reply);
  void Acked(Edge& edge);
  void Resend(Edge& edge);
  const Numbers& WholeMemory(ServedTree& tree) const;
  std::optional<Body> NewestParam(Edge& edge, NodeIndex root);
  void FlushParams(Edge& edge);
  void WantParams(const ServedTree& tree);
  std::vector<Boost> Boosts() const;
  void AnnounceOwn();
  void Maintain();

  // node_upload.cc: sums on their way up
  PendingSum* OpenTag(ServedTree& tree, uint64_t tag);
  PendingSum& OpenNewTag(ServedTree& tree, uint64_t tag);
  void ClearSum(ServedTree& tree, PendingSum& pending, Drop reason);
  bool IsSound(const ServedTree& tree, const PendingSum& pending) const;
  bool MayPass(ServedTree& tree, PendingSum& pending);
  void Upload(ServedTree& tree);
  void UploadSum(ServedTree& tree, Edge& parent, PendingSum& pending);
  void UploadBarrier(ServedTree& tree, Edge& parent);
  void UploadProbe(ServedTree& tree, Edge& parent);
  void SendSum(ServedTree& tree, Edge& parent, PendingSum& pending);

  // node_status.cc
  double Coverage() const;
  std::vector<SourceStatus> SourceStatuses(int64_t now_nanos) const;
  std::vector<EdgeStatus> EdgeStatuses() const;

  NodeOptions options_;
  Spec spec_;
  Random random_;
  std::vector<Action>* actions_ = nullptr;  // of the event at hand
  int64_t now_ = 0;

  std::shared_ptr<const std::vector<float>> memory_;
  uint64_t round_ = 0;
  StepSizes steps_;
  ItemLog items_;
  uint64_t own_cursor_ = 0;
  uint64_t multicast_cursor_ = 0;
  uint64_t contribute_from_ = 0;  // where the cursor of a root that is new here starts
  // Until a neighbour has shown its memory: own items wait.
  bool warm_pending_;
  uint64_t warm_rounds_ = 0;       // that it has waited so far
  uint64_t warm_plan_rounds_ = 0;  // of these, with a plan
  std::string warm_from_;
  bool draining_ = false;
  std::map<std::string, Toward> toward_;
  std::map<std::string, Source> sources_;
  RegretMeter meter_;
  StatSum seen_;  // by the memory itself since the last point
  double seen_loss_ = 0;
  double seen_weight_ = 0;
  DropCounts drops_;

  std::shared_ptr<const Plan> plan_;
  Place place_;
  uint64_t epoch_ = 0;  // the newest that was ever seen
  bool plan_lost_ = false;
  bool stopped_ = false;
  uint64_t fetch_asked_ = 0;               // the newest epoch that a frame was of
  uint64_t fetch_round_ = 0;               // the plan is not asked for again before it
  bool epoch_ahead_ = false;               // frames of an epoch to come came since
  std::map<NodeIndex, ServedTree> trees_;  // of this plan, my own too
  std::map<std::string, Edge> edges_;
  std::vector<Arrived> arrived_;
  std::vector<ArrivedFactors> factors_;
  size_t factor_rows_ = 0;

  Batch batch_;  // what TakeBatch took
  std::vector<float> errors_;
  std::vector<float> scratch_;
  double gradient_norm_ = 0;
  double eta_ = 0;
  uint64_t projections_ = 0;
  uint64_t clipped_ = 0;
};

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_NODE_H_
