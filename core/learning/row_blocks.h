// The rows of a batch, block by block, on a bounded number of threads that end with the call.
#ifndef MNEME_CORE_LEARNING_ROW_BLOCKS_H_
#define MNEME_CORE_LEARNING_ROW_BLOCKS_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

namespace mneme::learning {

// Each thread has one range of rows, so that who works on which does not depend on who is fast:
// the same number of threads gives the same bits.
struct RowBlocks {
  size_t rows = 0;
  size_t block = 0;  // rows of a block, at most
  size_t threads = 1;

  // No thread for fewer rows than `least`, no more than `most` threads.
  static RowBlocks Split(size_t rows, size_t block, size_t least, int most) {
    const size_t threads = std::clamp<size_t>(rows / least, 1, static_cast<size_t>(most));
    return {
        .rows = rows, .block = std::min(block, (rows + threads - 1) / threads), .threads = threads};
  }
};

// Calls work(thread, first, count) for every block, ascending within a thread; thread 0 is the
// caller's. keep_going() is asked by the caller's thread before each of its blocks: false ends all
// and is returned.
template <typename KeepGoing, typename Work>
bool ForEachBlock(const RowBlocks& blocks, const KeepGoing& keep_going, const Work& work) {
  std::atomic<bool> stopped = false;
  const auto run = [&](size_t thread) {
    const size_t end = blocks.rows * (thread + 1) / blocks.threads;
    for (size_t first = blocks.rows * thread / blocks.threads; first < end; first += blocks.block) {
      if (thread == 0 && !keep_going()) stopped = true;
      if (stopped) return;
      work(thread, first, std::min(blocks.block, end - first));
    }
  };
  std::vector<std::jthread> others;
  for (size_t t = 1; t < blocks.threads; ++t) others.emplace_back(run, t);
  run(0);
  others.clear();  // joins them
  return !stopped;
}

}  // namespace mneme::learning

#endif  // MNEME_CORE_LEARNING_ROW_BLOCKS_H_
