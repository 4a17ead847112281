// A whole federation in one process: nodes, their disks, the streams between them and the
// coordination, in virtual time, with everything that may go wrong.
//
// Threads     not thread-safe; one world is one run.
// Invariants  1. Equal scenarios give equal hashes.
#ifndef MNEME_TESTS_SIM_WORLD_H_
#define MNEME_TESTS_SIM_WORLD_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "core/base/random.h"
#include "core/federation/node.h"
#include "tests/sim/ledger.h"
#include "tests/sim/liar.h"
#include "tests/sim/memory_coordinator.h"
#include "tests/sim/scenario.h"

namespace mneme::sim {

struct RunResult {
  uint64_t hash = 0;
  std::vector<std::string> broken;
  uint64_t evaluations = 0;
  uint64_t applied = 0;
  uint64_t frames = 0;
  uint64_t crashes = 0;
  std::array<uint64_t, federation::kDropReasons> drops = {};
};

class World {
 public:
  explicit World(const Scenario& scenario);

  // Trouble, then a time in which everything works; then what must hold is looked at.
  RunResult Run();

 private:
  // Items that a node stored, and what it wrote of its state: what a crash leaves.
  struct Disk {
    std::vector<float> keys;
    std::vector<float> responses;
    size_t rows = 0;
    std::vector<std::string> checkpoints;
  };
  struct Running {
    std::unique_ptr<federation::Node> node;
    Process process;
    size_t index = 0;
    bool zombie = false;
    bool alive = false;
    uint64_t known_epoch = 0;
    uint64_t fetches = 0;  // of the plan
  };
  struct Event {
    int64_t at;
    uint64_t order;
    std::function<void()> run;
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      return a.at != b.at ? a.at > b.at : a.order > b.order;
    }
  };
  // One direction between two nodes.
  struct Link {
    bool up = false;
    uint64_t stream = 0;  // counts openings; what was sent on an earlier one is gone
    int64_t last_arrival = 0;
  };

  void After(int64_t nanos, std::function<void()> run);
  bool Happens(double expected_in_trouble);
  bool in_trouble() const { return now_ < scenario_.trouble_nanos; }

  void Start(size_t index);
  void Crash(size_t index, bool zombie);
  void Leave(size_t index);
  void TickLater(Running* running);
  void Tick(Running* running);
  void StoreSomething(size_t index, size_t rows);
  void Give(Running* running, const federation::Event& event);
  void Carry(Running* running, const std::vector<federation::Action>& actions);
  void SendFrame(Running* from, const federation::Send& send);
  void Arrive(size_t from, size_t to, uint64_t stream, const federation::Frame& frame);
  void SendOnce(size_t from, size_t to, const federation::Frame& frame);
  federation::Frame Corrupted(federation::Frame frame);
  void CheckRunning(const Running& running);
  void CheckBounds(const Running& running);

  void OpenStream(size_t a, size_t b);
  void CloseStream(size_t a, size_t b, bool reopen);
  void Cut();
  void Commit();
  void Replan();
  void TellPlan(size_t index);
  void Outage();
  void Heal();
  void CheckCoverage();
  void CheckLearned();
  void NoteStatuses();
  void CheckNothingRefused();
  void CheckItemsCome(size_t index, const federation::NodeStatus& status);
  // Of the node that lied an honest one.
  void EndLies();
  uint64_t HashOf() const;

  Scenario scenario_;
  Random random_;
  int64_t now_ = 0;
  uint64_t order_ = 0;
  std::priority_queue<Event, std::vector<Event>, Later> events_;
  std::vector<std::unique_ptr<Running>> processes_;  // all that ever were
  std::vector<Running*> at_;                         // the present one of each node, or null
  std::vector<Disk> disks_;
  MemoryEngine engine_;
  MemoryCoordinator coordinator_{engine_};
  uint64_t planner_revision_ = 0;
  std::vector<std::vector<Link>> links_;
  std::vector<std::vector<bool>> cut_;
  std::shared_ptr<const federation::Plan> plan_;  // the newest
  Ledger ledger_;
  std::optional<Liar> liar_;
  std::vector<federation::NodeStatus> noted_;  // of each node, before the last rounds
  uint64_t frames_ = 0;
  uint64_t crashes_ = 0;
};

}  // namespace mneme::sim

#endif  // MNEME_TESTS_SIM_WORLD_H_
