#include "server/serve.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <signal.h>
#include <spdlog/fmt/ranges.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include "core/base/clock.h"
#include "core/base/fail_point.h"
#include "core/base/status.h"
#include "core/engine/engine.h"
#include "core/math/blas.h"
#include "core/math/cpu.h"
#include "core/storage/storage.h"
#include "server/config/memory_limit.h"
#include "server/observe/log.h"
#include "server/observe/process.h"
#include "server/rpc/admin_service.h"
#include "server/rpc/memory_service.h"
#include "server/rpc/operations_service.h"
#include "server/rpc/transport.h"

namespace mneme::server {
namespace {

constexpr char kVersion[] = MNEME_VERSION;
// Between two lines of the log on how far start-up is.
constexpr time_t kProgressSeconds = 3;
// Calls that were cancelled after the grace, then calls whose work was ended under them, have so
// long.
constexpr std::chrono::seconds kCancelledCalls{2};
constexpr std::chrono::seconds kLastCalls{5};
// The recovery thread's word to the main thread that it is done.
constexpr int kRecoveryEnded = SIGUSR1;

std::string Explain(const absl::Status& status) {
  std::string out(status.message());
  const std::optional<ErrorDetail> detail = GetErrorDetail(status);
  if (detail.has_value() && !detail->next_step.empty()) out += "\n  -> " + detail->next_step;
  return out;
}

// Another process's OPENBLAS_CORETYPE can halve the speed of every GEMM, so by default it is not
// listened to.
void ChooseBlasKernels(const std::string& choice) {
  if (choice != "inherit") {
    for (const char* name : {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_VERBOSE"})
      unsetenv(name);
    if (choice != "auto") setenv("OPENBLAS_CORETYPE", choice.c_str(), 1);
    if (!math::ReselectBlasKernels())
      spdlog::warn("this OpenBLAS cannot choose its kernels again; it keeps '{}'",
                   math::BlasKernelName());
  }
  math::SetBlasThreads(1);
}

absl::StatusOr<std::unique_ptr<engine::Engine>> BeginEngine(
    const Config& config, const MemoryShares& shares, uint64_t memory_bytes_max, bool recovery_mode,
    std::function<void(const absl::Status&)> on_fatal) {
  MNEME_ASSIGN_OR_RETURN(
      std::unique_ptr<storage::Storage> storage,
      storage::OpenRocksDbStorage({.directory = config.data_dir,
                                   .memory_bytes_max = shares.storage,
                                   .log_bytes_max = config.write_ahead_log_bytes,
                                   .on_damage = [](const absl::Status& status,
                                                   const std::vector<storage::MemoryUid>& uids) {
                                     spdlog::error("damage on disk, near memories {:x}: {}",
                                                   fmt::join(uids, ", "), Explain(status));
                                   }}));
  std::random_device device;
  const uint64_t cores = std::max(1u, std::thread::hardware_concurrency());
  engine::EngineOptions options{
      .limits = config.limits,
      .scan_threads = static_cast<int>(config.scan_threads == 0 ? cores : config.scan_threads),
      .scan_nice = static_cast<int>(config.scan_nice),
      .read_threads = static_cast<int>(config.read_threads),
      .train_threads = static_cast<int>(config.train_threads == 0 ? cores : config.train_threads),
      .seed = (static_cast<uint64_t>(device()) << 32) ^ device(),
      .memory_bytes_max = memory_bytes_max,
      .memory_bytes_reserved = shares.reserved,
      .disk_bytes_reserve = config.disk_bytes_reserve,
      .backup_dir = BackupDirectory(config),
      .server_version = kVersion,
      .recovery_mode = recovery_mode,
      .on_fatal = std::move(on_fatal),
      .on_recovery = [](size_t done, size_t all, std::string_view name) {
        spdlog::debug("reading memory {} of {}: {}", done + 1, all, name);
      }};
  return engine::Engine::Begin(std::move(storage), Clock::Real(), std::move(options));
}

// Written beside and renamed: a reader sees the whole number or no file.
bool WritePortFile(const std::string& path, int port) {
  const std::string temporary = path + ".tmp";
  std::FILE* file = std::fopen(temporary.c_str(), "w");
  if (file == nullptr) return false;
  std::fprintf(file, "%d\n", port);
  if (std::fclose(file) != 0) return false;
  MNEME_PASS_FAIL_POINT("port_file.before_rename");
  return std::rename(temporary.c_str(), path.c_str()) == 0;
}

std::unique_ptr<grpc::Server> StartServer(const Config& config,
                                          std::initializer_list<grpc::Service*> services,
                                          uint64_t buffer_bytes_max, int* port) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  builder.AddListeningPort(config.listen, grpc::InsecureServerCredentials(), port);
  BoundTransport(builder, config.limits.message_bytes_max, buffer_bytes_max);
  for (grpc::Service* service : services) builder.RegisterService(service);
  return builder.BuildAndStart();
}

pthread_t main_thread;  // for PassOn, which takes no parameter

void PassOn(int signal) { pthread_kill(main_thread, signal); }

// Signals are taken by the main thread in Await; all others inherit the block, but for those that a
// library made before (OpenBLAS's): they pass on what they are given while the main thread does
// something else.
sigset_t BlockSignals() {
  main_thread = pthread_self();
  sigset_t signals;
  sigemptyset(&signals);
  for (const int taken : {SIGTERM, SIGINT, kRecoveryEnded}) sigaddset(&signals, taken);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  for (const int taken : {SIGTERM, SIGINT}) signal(taken, PassOn);
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

// Reads the memories on a thread of its own; tells the main thread when it is done.
class Recovery {
 public:
  explicit Recovery(engine::Engine& engine)
      : thread_([this, &engine] {
          status_ = engine.Recover();
          ended_.store(true, std::memory_order_release);
          pthread_kill(main_thread_, kRecoveryEnded);  // waits there until it is taken
        }) {}
  ~Recovery() {
    if (thread_.joinable()) thread_.join();
  }
  bool ended() const { return ended_.load(std::memory_order_acquire); }
  // Once it has ended.
  const absl::Status& status() const { return status_; }

 private:
  const pthread_t main_thread_ = pthread_self();
  absl::Status status_;
  std::atomic<bool> ended_{false};
  std::thread thread_;  // last: starts when all else is there
};

void LogProgress(const engine::Startup& startup) {
  const double elapsed = static_cast<double>(startup.elapsed_nanos) / 1e9;
  const std::string remaining =
      startup.remaining_nanos.has_value()
          ? fmt::format("about {:.0f} s to go", static_cast<double>(*startup.remaining_nanos) / 1e9)
          : "time to go not known yet";
  spdlog::info("reading memories: {} of {}, {} of {} rows, at '{}', {:.0f} s so far, {}",
               startup.memories_done, startup.memories_total, startup.rows_done, startup.rows_total,
               startup.memory, elapsed, remaining);
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

void SetHealth(grpc::Server& server, bool memories, bool administration) {
  grpc::HealthCheckServiceInterface* health = server.GetHealthCheckService();
  health->SetServingStatus("", memories);
  health->SetServingStatus("mneme.v1.MemoryService", memories);
  health->SetServingStatus("mneme.v1.AdminService", administration);
}

// Calls under way have `grace`; those that still run are cancelled; what still holds one after that
// is ended under it. Returns the engine's word on closing; leaves the process where a call does not
// end at all (everything acknowledged is on disk).
absl::Status StopServing(grpc::Server& server, engine::Engine& engine, std::chrono::seconds grace,
                         ExitCode code_if_stuck) {
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

// What the main thread does while others serve.
class Watch {
 public:
  Watch(const Config& config, bool recovery_mode, engine::Engine& engine, grpc::Server& server,
        int port)
      : config_(config),
        recovery_mode_(recovery_mode),
        engine_(engine),
        server_(server),
        port_(port),
        recovery_(engine) {}

  // Until a signal says stop, or the memories cannot be read.
  absl::Status Await(const sigset_t& signals) {
    bool reading = true;
    while (true) {
      const timespec wait{.tv_sec = kProgressSeconds, .tv_nsec = 0};
      const int taken = sigtimedwait(&signals, nullptr, &wait);
      if (taken == SIGTERM || taken == SIGINT) return absl::OkStatus();
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

 private:
  absl::Status BeginServing() {
    if (recovery_mode_) {
      spdlog::warn(
          "recovery only: {} memories can be listed, described and deleted; none is loaded",
          engine_.memory_count());
    } else {
      LogRecovered(engine_);
    }
    SetHealth(server_, !recovery_mode_, true);
    if (config_.port_file.empty() || WritePortFile(config_.port_file, port_))
      return absl::OkStatus();
    return Unavailable(absl::StrFormat("cannot write %s", config_.port_file),
                       {.reason = "PORT_FILE", .next_step = "Choose another --server.port_file."});
  }

  const Config& config_;
  const bool recovery_mode_;
  engine::Engine& engine_;
  grpc::Server& server_;
  const int port_;
  Recovery recovery_;  // last: starts when all else is there
};

int ExitCodeOf(const absl::Status& failed) {
  const std::optional<ErrorDetail> detail = GetErrorDetail(failed);
  if (detail.has_value() && detail->reason == "LOG_IN_DOUBT") return Fail(kExitLogInDoubt, failed);
  if (detail.has_value() && detail->reason == "PORT_FILE") return Fail(kExitFailed, failed);
  return Fail(kExitDataDir, failed);
}

}  // namespace

int Fail(ExitCode code, const absl::Status& status) {
  std::fprintf(stderr, "mnemed: %s\n", Explain(status).c_str());
  return code;
}

int Serve(const Config& config, bool recovery_mode) {
  InitLog(config.log_level, config.log_format);
  BoundAllocator();
  ChooseBlasKernels(config.blas_kernel);
  const sigset_t signals = BlockSignals();
  const int64_t start = Clock::Real().NowUnixNanos();
  spdlog::info("mnemed {} starting: data in {}, kernels {}, BLAS {}", kVersion, config.data_dir,
               math::InstructionSet(), math::BlasKernelName());
  const MemoryLimit limit = ChooseMemoryLimit(config.memory_bytes_max);
  spdlog::info("main memory: {} bytes ({})", limit.bytes, limit.source);
  const MemoryShares shares = SplitMemory(limit.bytes, config.storage_memory_bytes);
  std::atomic<bool> log_in_doubt{false};
  const absl::StatusOr<std::unique_ptr<engine::Engine>> engine =
      BeginEngine(config, shares, limit.bytes, recovery_mode, [&](const absl::Status& status) {
        spdlog::critical("a write to disk failed, nothing more is acknowledged: {}",
                         std::string(status.message()));
        log_in_doubt = true;
        kill(getpid(), SIGTERM);
      });
  if (!engine.ok()) return Fail(kExitDataDir, engine.status());

  ByteBudget budget(shares.calls);
  CallBounds bounds{.message_bytes_max = config.limits.message_bytes_max,
                    .answer_seconds_max = static_cast<int64_t>(config.answer_seconds),
                    .budget = budget};
  MemoryServiceImpl service(**engine, Clock::Real(),
                            {.version = kVersion,
                             .instruction_set = math::InstructionSet(),
                             .blas_core = math::BlasKernelName(),
                             .start_unix_nanos = start,
                             .memory_limit_source = limit.source},
                            bounds);
  AdminServiceImpl admin(**engine, bounds);
  OperationsServiceImpl operations((*engine)->jobs(), bounds);
  int port = 0;
  const std::unique_ptr<grpc::Server> server =
      StartServer(config, {&service, &admin, &operations}, shares.calls, &port);
  if (server == nullptr) {
    return Fail(
        kExitListen,
        Unavailable(
            absl::StrFormat("cannot listen on %s", config.listen),
            {.next_step = "Is another mnemed running there? Choose another --server.listen."}));
  }
  SetHealth(*server, false, false);
  spdlog::info("listening on {} (port {})", config.listen, port);

  absl::Status served, closed;
  {
    Watch watch(config, recovery_mode, **engine, *server, port);
    served = watch.Await(signals);
    const std::chrono::seconds grace(log_in_doubt || !served.ok() ? 1 : config.grace_seconds);
    spdlog::info("stopping: calls under way have {} s", grace.count());
    SetHealth(*server, false, false);
    closed = StopServing(*server, **engine, grace, log_in_doubt ? kExitLogInDoubt : kExitFailed);
  }
  if (log_in_doubt) return kExitLogInDoubt;
  if (!served.ok()) return ExitCodeOf(served);
  if (!closed.ok()) {
    spdlog::error("could not save on the way out: {}", Explain(closed));
    return kExitFailed;
  }
  spdlog::info("stopped");
  return kExitOk;
}

}  // namespace mneme::server
