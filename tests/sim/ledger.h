// Follows every evaluation of every item through the sums of a simulated federation, beside the
// nodes and knowing nothing of how they do it, and says what breaks a promise.
//
// It hears what nodes trace (federation::Trace) and what they send. Checked:
//   - a frame enters sums at most once, and only in the epoch and the incarnation it is for;
//   - an evaluation reaches its root at most once, whoever crashed in between;
//   - an item is evaluated at most once for each root, over restarts too;
//   - a frame's contributors are exactly the evaluations that are in it;
//   - what reaches a root has enough contributors and items.
//
// Threads  not thread-safe.
#ifndef MNEME_TESTS_SIM_LEDGER_H_
#define MNEME_TESTS_SIM_LEDGER_H_

#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "core/federation/events.h"
#include "core/federation/ranges.h"
#include "core/federation/spec.h"

namespace mneme::sim {

// One start of one node.
struct Process {
  std::string name;
  uint64_t incarnation = 0;
  friend auto operator<=>(const Process&, const Process&) = default;
};

class Ledger {
 public:
  explicit Ledger(const federation::Spec& spec) : spec_(spec) {}

  void Traced(const Process& at, uint64_t epoch, const federation::Trace& trace,
              const std::vector<federation::Action>& actions);
  // `root_name`: by the plan of the frame.
  void Sent(const Process& at, const federation::Send& send, const std::string& root_name);
  void Broken(std::string text) { broken_.push_back(std::move(text)); }
  // What is in sums that hold frames of this node is not known from now on; empty: nobody lies.
  void Distrust(std::string name) { liar_ = std::move(name); }

  const std::vector<std::string>& broken() const { return broken_; }
  uint64_t evaluations() const { return evaluations_; }
  uint64_t applied() const { return applied_.size(); }
  uint64_t accepted() const { return accepted_.size(); }

 private:
  struct Evaluation {
    Process of;
    std::string root;
    uint64_t number = 0;
    uint64_t items = 0;
    friend auto operator<=>(const Evaluation&, const Evaluation&) = default;
  };
  struct Contents {
    std::vector<Evaluation> evaluations;
    bool lies = false;  // and what a liar says of others
  };
  struct FrameId {
    Process from;
    Process to;
    uint64_t epoch = 0;
    uint64_t seq = 0;
    friend auto operator<=>(const FrameId&, const FrameId&) = default;
  };
  // A sum that a process holds.
  using SumId = std::tuple<Process, std::string, uint64_t>;  // root, tag

  void Evaluated(const Process& at, const federation::Trace& trace);
  void Accepted(const Process& at, uint64_t epoch, const federation::Trace& trace);
  void Uploaded(const Process& at, const federation::Trace& trace,
                const std::vector<federation::Action>& actions);
  void CompareTally(const federation::Tally& tally, const Contents& contents,
                    const std::string& what);

  federation::Spec spec_;
  std::string liar_;
  std::map<SumId, Contents> sums_;
  std::map<FrameId, Contents> frames_;
  std::set<FrameId> accepted_;
  std::set<Evaluation> applied_;
  std::map<std::pair<std::string, std::string>, federation::Ranges> evaluated_;  // node, root
  uint64_t evaluations_ = 0;
  std::vector<std::string> broken_;
};

}  // namespace mneme::sim

#endif  // MNEME_TESTS_SIM_LEDGER_H_
