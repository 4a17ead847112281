#include "core/engine/sweeper.h"

#include <utility>

#include "core/engine/engine.h"
#include "core/engine/ops.h"

namespace mneme::engine {
namespace {

// A sweep over several memories; answers when the last of them has let go of it.
class Sweep : public std::enable_shared_from_this<Sweep> {
 public:
  Sweep(Committer& committer, int64_t now_unix_nanos, Done<uint64_t> done)
      : committer_(committer), now_unix_nanos_(now_unix_nanos), done_(std::move(done)) {}
  ~Sweep() {
    if (failed_.ok()) {
      done_(removed_);
    } else {
      done_(failed_);
    }
  }

  void Start(const std::shared_ptr<Memory>& memory) {
    if (memory->dropped() || memory->expiry().earliest() > now_unix_nanos_) return;
    if (!memory->CheckServing().ok()) return;
    committer_.Submit(MakeExpireOp(
        memory, [self = shared_from_this(), memory](const absl::StatusOr<WriteReply>& reply) {
          // A memory that was deleted meanwhile, or degraded, has nothing to sweep.
          if (memory->dropped() || !memory->CheckServing().ok()) return;
          self->Take(reply);
          // Each round takes rows out or fails, so it ends.
          if (reply.ok() && reply->deleted > 0) self->Start(memory);
        }));
  }

 private:
  void Take(const absl::StatusOr<WriteReply>& reply) {
    MutexLock lock(&mutex_);
    if (reply.ok()) {
      removed_ += reply->deleted;
    } else {
      failed_.Update(reply.status());
    }
  }

  Committer& committer_;
  const int64_t now_unix_nanos_;
  const Done<uint64_t> done_;
  Mutex mutex_;
  uint64_t removed_ = 0;
  absl::Status failed_;
};

}  // namespace

Sweeper::Sweeper(std::chrono::milliseconds interval, std::function<void()> sweep)
    : interval_(interval), sweep_(std::move(sweep)), thread_([this] { Run(); }) {}

Sweeper::~Sweeper() { Stop(); }

void Sweeper::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void Sweeper::Run() {
  for (;;) {
    {
      MutexLock lock(&mutex_);
      const auto end = std::chrono::steady_clock::now() + interval_;
      for (auto left = interval_; !stopping_ && left.count() > 0;
           left = std::chrono::ceil<std::chrono::milliseconds>(end -
                                                               std::chrono::steady_clock::now())) {
        wake_.WaitFor(&mutex_, left);
      }
      if (stopping_) return;
    }
    sweep_();
  }
}

void SweepDue(Committer& committer, const std::vector<std::shared_ptr<Memory>>& memories,
              int64_t now_unix_nanos, Done<uint64_t> done) {
  const auto sweep = std::make_shared<Sweep>(committer, now_unix_nanos, std::move(done));
  for (const std::shared_ptr<Memory>& memory : memories) sweep->Start(memory);
}

void Engine::StartSweeping() {
  if (options_.sweep_ms == 0) return;
  sweeper_ = std::make_unique<Sweeper>(std::chrono::milliseconds(options_.sweep_ms), [this] {
    KeepIndexes();
    if (sweeping_.exchange(true)) return;  // the one before is not done
    SweepExpired([this](const absl::StatusOr<uint64_t>&) { sweeping_ = false; });
  });
}

void Engine::SweepExpired(Done<uint64_t> done) {
  SweepDue(*committer_, catalogue_.List("", catalogue_.size()), clock_.NowUnixNanos(),
           std::move(done));
}

}  // namespace mneme::engine
