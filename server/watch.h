// What the main thread does while others serve: signals, how far start-up is, signs of life, the
// drain and the stop.
#ifndef MNEME_SERVER_WATCH_H_
#define MNEME_SERVER_WATCH_H_

#include <grpcpp/grpcpp.h>
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "core/engine/engine.h"
#include "server/config/reload.h"

namespace mneme::server {

// Signals are taken by the main thread in Await; all others inherit the block, but for those that a
// library made before (OpenBLAS's): they pass on what they are given while the main thread does
// something else.
sigset_t BlockSignals();

// What grpc.health.v1 answers.
void SetHealth(grpc::Server& server, bool memories, bool administration);

// Health says NOT_SERVING, but calls are served: who balances load sees it and turns elsewhere. A
// second SIGTERM or SIGINT ends it.
void Drain(const sigset_t& signals, std::chrono::seconds time);

// Calls under way have `grace`; those that still run are cancelled; what still holds one after that
// is ended under it. Returns the engine's word on closing; leaves the process where a call does not
// end at all, with `code_if_stuck` (everything acknowledged is on disk).
absl::Status StopServing(grpc::Server& server, engine::Engine& engine, std::chrono::seconds grace,
                         int code_if_stuck);

// Reads the memories on a thread of its own; tells the main thread when it is done.
class Recovery {
 public:
  explicit Recovery(engine::Engine& engine) : thread_([this, &engine] { Run(engine); }) {}
  ~Recovery() {
    if (thread_.joinable()) thread_.join();
  }
  bool ended() const { return ended_.load(std::memory_order_acquire); }
  // Once it has ended.
  const absl::Status& status() const { return status_; }

 private:
  void Run(engine::Engine& engine);

  const pthread_t main_thread_ = pthread_self();
  absl::Status status_;
  std::atomic<bool> ended_{false};
  std::thread thread_;  // last: starts when all else is there
};

// From the moment that calls can come until a signal says stop. All that it is given must outlive
// it.
class Watch {
 public:
  Watch(Reloader& reloader, bool recovery_mode, engine::Engine& engine, grpc::Server& server,
        int port);

  // Until a signal says stop, or the memories cannot be read.
  absl::Status Await(const sigset_t& signals);
  // Whether the memories were served by then: who never came for them need not be drained.
  bool served() const { return served_; }

 private:
  absl::Status BeginServing();
  std::string Serving() const;
  void Reload(bool reading);

  Reloader& reloader_;
  const bool recovery_mode_;
  engine::Engine& engine_;
  grpc::Server& server_;
  const int port_;
  bool served_ = false;
  Recovery recovery_;  // last: starts when all else is there
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_WATCH_H_
