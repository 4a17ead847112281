// A bounded number of threads for one call, and nothing after it.
#ifndef MNEME_CORE_LEARNING_PARALLEL_H_
#define MNEME_CORE_LEARNING_PARALLEL_H_

#include <cstddef>
#include <thread>
#include <vector>

namespace mneme::learning {

// Calls work(0) .. work(threads - 1), the first on the calling thread, and returns when all have.
template <typename Work>
void RunOnThreads(size_t threads, const Work& work) {
  std::vector<std::jthread> others;
  for (size_t t = 1; t < threads; ++t) others.emplace_back([&work, t] { work(t); });
  work(0);
}

}  // namespace mneme::learning

#endif  // MNEME_CORE_LEARNING_PARALLEL_H_
