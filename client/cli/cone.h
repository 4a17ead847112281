// Which items several cues certify together.
//
// For the cues that certify an item, its margin over the mean of its k best competitors is concave
// and grows with the length of the cue, so they form a convex cone: an item whose margin is
// positive at each of some cues is in the list of k for every sum of them with weights that are not
// negative. The margin is taken from the list itself: what stands behind its end scores no more
// than its last.
//
// Threads: one.
#ifndef MNEME_CLIENT_CLI_CONE_H_
#define MNEME_CLIENT_CLI_CONE_H_

#include <optional>
#include <vector>

#include "mneme/client.h"

namespace mneme::cli {

class Cone {
 public:
  // The certified list of one more cue, of a memory with one partition. A cue with an error leaves
  // nothing.
  void Add(const client::CueList& list);

  // Items with a positive margin at every cue so far, in the order of the first cue's list.
  std::vector<client::ItemId> items() const {
    return items_.value_or(std::vector<client::ItemId>());
  }

 private:
  std::optional<std::vector<client::ItemId>> items_;  // absent before the first cue
};

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_CONE_H_
