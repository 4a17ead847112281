#include "core/theory/phase.h"

#include "core/base/status.h"

namespace mneme::theory {

std::string_view Name(Phase phase) {
  switch (phase) {
    case Phase::kSatisfiable:
      return "satisfiable";
    case Phase::kUnsatisfiable:
      return "unsatisfiable";
    case Phase::kCollapsed:
      return "collapsed";
  }
  CheckFailed(__FILE__, __LINE__, "phase");
}

}  // namespace mneme::theory
