#include "core/math/cpu.h"

#include <hwy/targets.h>

namespace mneme::math {

std::string InstructionSet() {
  const int64_t targets = hwy::SupportedTargets();
  return hwy::TargetName(targets & -targets);  // the lowest bit is the best target
}

}  // namespace mneme::math
