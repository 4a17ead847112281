// The machine and the build that a run was made with, in words that name neither host nor owner.
//
// Threads: plain functions.
#ifndef MNEME_TESTS_BENCH_MACHINE_H_
#define MNEME_TESTS_BENCH_MACHINE_H_

#include <nlohmann/json.hpp>

namespace mneme::bench {

nlohmann::json DescribeMachine();

}  // namespace mneme::bench

#endif  // MNEME_TESTS_BENCH_MACHINE_H_
