// Nodes whose frames arrive when the algorithm's description says: one round a hop.
//
// Round s: sums and items of others that were sent at the end of round s - 1 arrive; each node gets
// its items of round s; its round ends (Tick); parameters that were sent at the end of round s - 1
// arrive. So the parameters of tag T reach depth h behind the items of round T + h - 1, and what
// they give arrives in round T + 2 h.
//
// By the cursor rule a node at depth h answers tag T with its items of round T + h - 1, and the
// first tag with those of all rounds up to there. With h = 1 these are the items of round T.
//
// Threads  not thread-safe.
#ifndef MNEME_TESTS_SIM_IDEAL_NETWORK_H_
#define MNEME_TESTS_SIM_IDEAL_NETWORK_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/federation/node.h"
#include "core/federation/plan.h"

namespace mneme::sim {

class IdealNetwork {
 public:
  // Ends the process where the plan or its spec is refused.
  explicit IdealNetwork(std::shared_ptr<const federation::Plan> plan);

  // One round.
  //
  // Shapes   keys [nodes * batch, d_k], responses [nodes * batch, d_v], node by node.
  void Round(std::span<const float> keys, std::span<const float> responses, size_t batch);

  const std::vector<float>& memory(size_t node) const { return nodes_[node]->memory(); }
  const federation::Node& node(size_t index) const { return *nodes_[index]; }
  // Payload of sums and of parameters that were sent so far, and their frames.
  uint64_t up_bytes() const { return up_bytes_; }
  uint64_t down_bytes() const { return down_bytes_; }
  uint64_t up_frames() const { return up_frames_; }
  uint64_t down_frames() const { return down_frames_; }

 private:
  struct Flying {
    size_t from;
    size_t to;
    federation::Frame frame;
  };

  void Give(size_t to, const federation::Event& event);
  void Deliver(std::vector<Flying>& flying);

  std::shared_ptr<const federation::Plan> plan_;
  std::vector<std::unique_ptr<federation::Node>> nodes_;
  std::vector<Flying> before_tick_;  // of the next round
  std::vector<Flying> after_tick_;
  uint64_t round_ = 0;
  uint64_t items_ = 0;
  uint64_t up_bytes_ = 0;
  uint64_t down_bytes_ = 0;
  uint64_t up_frames_ = 0;
  uint64_t down_frames_ = 0;
};

}  // namespace mneme::sim

#endif  // MNEME_TESTS_SIM_IDEAL_NETWORK_H_
