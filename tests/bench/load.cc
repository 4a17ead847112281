#include "tests/bench/load.h"

#include <sys/prctl.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <thread>

#include "core/base/mutex.h"
#include "core/base/random.h"
#include "core/base/status.h"
#include "tests/bench/stats.h"

namespace mneme::bench {
namespace {

absl::Status FromGrpc(const grpc::Status& status) {
  return {static_cast<absl::StatusCode>(status.error_code()), status.error_message()};
}

// What the calls of one load share.
class Tally {
 public:
  explicit Tally(size_t calls) : micros_(calls) {}

  void Begin() {
    const MutexLock lock(&mutex_);
    ++in_flight_;
  }
  // The number of the next call of a chain, counted as begun; none when all are, or one failed.
  std::optional<size_t> Next() {
    const MutexLock lock(&mutex_);
    if (next_ == micros_.size() || !status_.ok()) return std::nullopt;
    ++in_flight_;
    return next_++;
  }
  void End(size_t i, double since, double now, const grpc::Status& status) {
    const MutexLock lock(&mutex_);
    micros_[i] = now - since;
    last_end_ = std::max(last_end_, now);
    if (!status.ok() && status_.ok()) status_ = FromGrpc(status);
    if (--in_flight_ == 0) changed_.NotifyAll();
  }
  bool failed() const {
    const MutexLock lock(&mutex_);
    return !status_.ok();
  }
  absl::StatusOr<LoadResult> Take(double start) {
    const MutexLock lock(&mutex_);
    while (in_flight_ > 0) changed_.Wait(&mutex_);
    if (!status_.ok()) return status_;
    return LoadResult{.seconds = (last_end_ - start) / 1e6,
                      .calls = micros_.size(),
                      .micros = std::move(micros_)};
  }

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  size_t next_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  double last_end_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<double> micros_ ABSL_GUARDED_BY(mutex_);
};

// Calls one after the other: each starts when the one before has ended, on the thread that it
// ended on. The next is begun before the last is counted as ended, so that the tally outlives it.
void GoOn(Tally& tally, const StartCall& start, size_t i) {
  start(i, [&tally, &start, i, since = NowMicros()](const grpc::Status& status) {
    const double now = NowMicros();
    if (const std::optional<size_t> next = status.ok() ? tally.Next() : std::nullopt) {
      GoOn(tally, start, *next);
    }
    tally.End(i, since, now, status);
  });
}

}  // namespace

absl::StatusOr<LoadResult> ClosedLoop(size_t in_flight, size_t calls, const StartCall& start) {
  Tally tally(calls);
  const double begin = NowMicros();
  for (size_t chain = 0; chain < in_flight; ++chain) {
    if (const std::optional<size_t> next = tally.Next()) GoOn(tally, start, *next);
  }
  return tally.Take(begin);
}

absl::StatusOr<LoadResult> OpenLoop(double per_second, size_t calls, const StartCall& start) {
  Tally tally(calls);
  Random random(1);
  prctl(PR_SET_TIMERSLACK, 1);  // nanoseconds: arrivals when they are due
  const auto origin = std::chrono::steady_clock::now();
  const double begin = NowMicros();
  double due = 0;  // microseconds after `begin`
  for (size_t i = 0; i < calls && !tally.failed(); ++i) {
    due -= std::log(1 - random.Uniform()) / per_second * 1e6;
    std::this_thread::sleep_until(origin +
                                  std::chrono::nanoseconds(static_cast<int64_t>(due * 1e3)));
    tally.Begin();
    start(i, [&tally, i, since = begin + due](const grpc::Status& status) {
      tally.End(i, since, NowMicros(), status);
    });
  }
  return tally.Take(begin);
}

absl::StatusOr<LoadResult> OneAtATime(size_t calls,
                                      const std::function<grpc::Status(size_t)>& call) {
  LoadResult out{.seconds = 0, .calls = calls, .micros = {}};
  const double begin = NowMicros();
  for (size_t i = 0; i < calls; ++i) {
    const double start = NowMicros();
    if (const grpc::Status status = call(i); !status.ok()) return FromGrpc(status);
    out.micros.push_back(NowMicros() - start);
  }
  out.seconds = (NowMicros() - begin) / 1e6;
  return out;
}

}  // namespace mneme::bench
