// Where a memory stands against its capacity.
//
// Thread-safe.
#ifndef MNEME_CORE_THEORY_PHASE_H_
#define MNEME_CORE_THEORY_PHASE_H_

#include <string_view>

namespace mneme::theory {

enum class Phase {
  kSatisfiable,    // every item can be kept in its list
  kUnsatisfiable,  // overloaded: a share of the items is
  kCollapsed,      // W = 0 is the best that training for the tail-average margin can find
};

// "satisfiable", "unsatisfiable", "collapsed".
std::string_view Name(Phase phase);

}  // namespace mneme::theory

#endif  // MNEME_CORE_THEORY_PHASE_H_
