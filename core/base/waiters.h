// Those who wait for something that happens once.
//
// Who waits may give up at any moment, and what he waits for may happen at that very moment: he is
// either called or may leave, never both, and whichever comes first knows it was the first.
#ifndef MNEME_CORE_BASE_WAITERS_H_
#define MNEME_CORE_BASE_WAITERS_H_

#include <atomic>
#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace mneme {

// One who waits, to be told `What`. Copies stand for the same one: who keeps one may leave with it.
// Thread-safe.
template <typename... What>
class Waiter {
 public:
  // `ready` is called once or never.
  template <std::invocable<const What&...> Ready>
  Waiter(Ready ready) : state_(std::make_shared<State>(std::move(ready))) {}

  void Call(const What&... what) const {
    if (Leave()) state_->ready(what...);
  }
  // True: he is not called any more. False: he was, or is just now, or has left before.
  bool Leave() const { return !state_->over.exchange(true); }
  bool is_over() const { return state_->over; }

 private:
  struct State {
    explicit State(std::function<void(const What&...)> ready_fn) : ready(std::move(ready_fn)) {}
    const std::function<void(const What&...)> ready;
    std::atomic<bool> over{false};
  };
  std::shared_ptr<State> state_;
};

// Those who wait for things of one kind, each for `For`; at most `most` who have not left. Guarded
// by a lock of its owner, who calls those that it gives out without it.
template <typename For, typename... What>
class Waiters {
 public:
  explicit Waiters(size_t most) : most_(most) {}

  // False: as many wait already.
  bool Add(For what_for, Waiter<What...> waiter) {
    if (waiting_.size() >= most_) {
      std::erase_if(waiting_, [](const auto& one) { return one.second.is_over(); });
    }
    if (waiting_.size() >= most_) return false;
    waiting_.emplace_back(std::move(what_for), std::move(waiter));
    return true;
  }

  // Those for whom it has happened: has_happened(what_for). They wait no more.
  template <typename HasHappened>
  std::vector<Waiter<What...>> Take(HasHappened has_happened) {
    std::vector<Waiter<What...>> out;
    std::erase_if(waiting_, [&](const auto& one) {
      if (!has_happened(one.first)) return false;
      out.push_back(one.second);
      return true;
    });
    return out;
  }

 private:
  const size_t most_;
  std::vector<std::pair<For, Waiter<What...>>> waiting_;  // some of whom may have left
};

}  // namespace mneme

#endif  // MNEME_CORE_BASE_WAITERS_H_
