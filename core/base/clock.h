// Time, handed in through constructors so that a test can drive it.
#ifndef MNEME_CORE_BASE_CLOCK_H_
#define MNEME_CORE_BASE_CLOCK_H_

#include <atomic>
#include <cstdint>

namespace mneme {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual int64_t NowUnixNanos() const = 0;       // wall clock, ns since 1970
  virtual int64_t NowMonotonicNanos() const = 0;  // never goes back
  static const Clock& Real();
};

class ManualClock final : public Clock {
 public:
  explicit ManualClock(int64_t unix_nanos = 0) : now_(unix_nanos) {}
  int64_t NowUnixNanos() const override { return now_.load(); }
  int64_t NowMonotonicNanos() const override { return now_.load(); }
  void Advance(int64_t nanos) { now_.fetch_add(nanos); }

 private:
  std::atomic<int64_t> now_;
};

}  // namespace mneme

#endif  // MNEME_CORE_BASE_CLOCK_H_
