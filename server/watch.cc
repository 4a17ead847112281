#include "server/watch.h"

#include <grpcpp/health_check_service_interface.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <future>

#include "core/base/status.h"
#include "server/doors.h"
#include "server/observe/log.h"
#include "server/observe/service_manager.h"

namespace mneme::server {
namespace {

// Between two lines of the log on how far start-up is.
constexpr std::chrono::seconds kProgressPause{3};
// The manager of services waits for so long after such a line.
constexpr std::chrono::seconds kStartupPatience{60};
// Calls that were cancelled after the grace, then calls whose work was ended under them, have so
// long.
constexpr std::chrono::seconds kCancelledCalls{2};
constexpr std::chrono::seconds kLastCalls{5};
// The recovery thread's word to the main thread that it is done.
constexpr int kRecoveryEnded = SIGUSR1;

pthread_t main_thread;  // for PassOn, which takes no parameter

void PassOn(int signal) { pthread_kill(main_thread, signal); }

// The signal that came, or 0 when none did.
int WaitForSignal(const sigset_t& signals, std::chrono::microseconds longest) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(longest);
  const timespec wait{.tv_sec = seconds.count(),
                      .tv_nsec = std::chrono::nanoseconds(longest - seconds).count()};
  const int taken = sigtimedwait(&signals, nullptr, &wait);
  return taken > 0 ? taken : 0;
}

void LogProgress(const engine::Startup& startup) {
  const double elapsed = static_cast<double>(startup.elapsed_nanos) / 1e9;
  const std::string remaining =
      startup.remaining_nanos.has_value()
          ? fmt::format("about {:.0f} s to go", static_cast<double>(*startup.remaining_nanos) / 1e9)
          : "time to go not known yet";
  const std::string line =
      fmt::format("reading memories: {} of {}, {} of {} rows, at '{}', {:.0f} s so far, {}",
                  startup.memories_done, startup.memories_total, startup.rows_done,
                  startup.rows_total, startup.memory, elapsed, remaining);
  spdlog::info("{}", line);
  TellStarting(line, kStartupPatience);
}

void LogRecovered(engine::Engine& engine) {
  const engine::Startup startup = engine.startup();
  size_t degraded = 0;
  for (const engine::MemoryInfo& info : engine.ListMemories("", engine.memory_count())) {
    if (info.health != engine::Health::kDegraded) continue;
    ++degraded;
    spdlog::error("memory '{}' is degraded: {}", info.name, info.health_reason);
  }
  spdlog::info("read {} memories in {:.3f} s, {} of them degraded", engine.memory_count(),
               static_cast<double>(startup.elapsed_nanos) / 1e9, degraded);
}

}  // namespace

sigset_t BlockSignals() {
  main_thread = pthread_self();
  sigset_t signals;
  sigemptyset(&signals);
  for (const int taken : {SIGTERM, SIGINT, SIGHUP, kRecoveryEnded}) sigaddset(&signals, taken);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  for (const int taken : {SIGTERM, SIGINT, SIGHUP}) signal(taken, PassOn);
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

void SetHealth(grpc::Server& server, bool memories, bool administration) {
  grpc::HealthCheckServiceInterface* health = server.GetHealthCheckService();
  health->SetServingStatus("", memories);
  health->SetServingStatus("mneme.v1.MemoryService", memories);
  health->SetServingStatus("mneme.v1.AdminService", administration);
}

void Drain(const sigset_t& signals, std::chrono::seconds time) {
  if (time.count() > 0) spdlog::info("draining for {} s", time.count());
  const auto end = std::chrono::steady_clock::now() + time;
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(
        end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return;
    const int taken = WaitForSignal(signals, left);
    if (taken == SIGTERM || taken == SIGINT) return;
  }
}

absl::Status StopServing(grpc::Server& server, engine::Engine& engine, std::chrono::seconds grace,
                         int code_if_stuck) {
  engine.StopRecovery();
  engine.jobs().CancelAll();
  std::promise<void> promise;
  std::future<void> ended = promise.get_future();
  std::thread shutdown([&] {
    server.Shutdown(std::chrono::system_clock::now() + grace);
    server.Wait();
    promise.set_value();
  });
  absl::Status closed;
  if (ended.wait_for(grace + kCancelledCalls) == std::future_status::timeout) {
    spdlog::warn("calls are still running after they were cancelled: their work is ended");
    closed = engine.Close();
    if (ended.wait_for(kLastCalls) == std::future_status::timeout) {
      spdlog::error("a call does not end; leaving without it");
      spdlog::shutdown();
      _exit(code_if_stuck);
    }
  }
  shutdown.join();
  closed.Update(engine.Close());
  return closed;
}

void Recovery::Run(engine::Engine& engine) {
  status_ = engine.Recover();
  ended_.store(true, std::memory_order_release);
  pthread_kill(main_thread_, kRecoveryEnded);  // waits there until it is taken
}

Watch::Watch(Reloader& reloader, bool recovery_mode, engine::Engine& engine, grpc::Server& server,
             int port)
    : reloader_(reloader),
      recovery_mode_(recovery_mode),
      engine_(engine),
      server_(server),
      port_(port),
      recovery_(engine) {}

absl::Status Watch::Await(const sigset_t& signals) {
  bool reading = true;
  // Twice as often as is asked for: one may come late.
  const std::chrono::microseconds asked = SignOfLifeInterval() / 2;
  const std::chrono::microseconds pause =
      asked.count() > 0 ? std::min<std::chrono::microseconds>(asked, kProgressPause)
                        : kProgressPause;
  while (true) {
    const int taken = WaitForSignal(signals, pause);
    if (taken == SIGTERM || taken == SIGINT) return absl::OkStatus();
    if (asked.count() > 0) TellAlive();
    if (taken == SIGHUP) Reload(reading);
    if (!reading) continue;
    if (!recovery_.ended()) {
      LogProgress(engine_.startup());
      continue;
    }
    reading = false;
    MNEME_RETURN_IF_ERROR(recovery_.status());
    MNEME_RETURN_IF_ERROR(BeginServing());
  }
}

absl::Status Watch::BeginServing() {
  if (recovery_mode_) {
    spdlog::warn("recovery only: {} memories can be listed, described and deleted; none is loaded",
                 engine_.memory_count());
  } else {
    LogRecovered(engine_);
  }
  SetHealth(server_, !recovery_mode_, true);
  served_ = true;
  TellReady(Serving());
  const std::string port_file = reloader_.config().port_file;
  if (port_file.empty() || WritePortFile(port_file, port_)) return absl::OkStatus();
  return Unavailable(absl::StrFormat("cannot write %s", port_file),
                     {.reason = "PORT_FILE", .next_step = "Choose another --server.port_file."});
}

std::string Watch::Serving() const {
  return fmt::format("serving {} memories on port {}", engine_.memory_count(), port_);
}

void Watch::Reload(bool reading) {
  if (!reading) TellReloading();
  const absl::StatusOr<ReloadReport> report = reloader_.Reload();
  if (report.ok()) {
    spdlog::info("configuration read again: {}", ToLine(*report));
  } else {
    spdlog::error("configuration not read again: {}", Explain(report.status()));
  }
  if (!reading) TellReady(Serving());
}

}  // namespace mneme::server
