// Writes of one row, as load.
//
// Threads: the calls may be started from any thread.
#ifndef MNEME_TESTS_BENCH_STORES_H_
#define MNEME_TESTS_BENCH_STORES_H_

#include <string>

#include "tests/bench/load.h"
#include "tests/bench/ours.h"

namespace mneme::bench {

inline constexpr size_t kStoredDim = 128;

// Each call stores one row of 128 numbers under an id that the server makes, durable (DISK).
StartCall SingleStores(Server& server, const std::string& name);

}  // namespace mneme::bench

#endif  // MNEME_TESTS_BENCH_STORES_H_
