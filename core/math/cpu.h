// What the vector kernels run on.
#ifndef MNEME_CORE_MATH_CPU_H_
#define MNEME_CORE_MATH_CPU_H_

#include <string>

namespace mneme::math {

// The best instruction set that this machine has and the kernels use, e.g. "AVX3_ZEN4", "AVX2".
std::string InstructionSet();

}  // namespace mneme::math

#endif  // MNEME_CORE_MATH_CPU_H_
