#include "server/serve.h"

#include <grpcpp/grpcpp.h>
#include <signal.h>
#include <spdlog/fmt/ranges.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/engine/engine.h"
#include "core/math/blas.h"
#include "core/math/cpu.h"
#include "core/storage/limits.h"
#include "core/storage/storage.h"
#include "server/auth/grpc_log.h"
#include "server/auth/security.h"
#include "server/config/memory_limit.h"
#include "server/doors.h"
#include "server/federations.h"
#include "server/observe/log.h"
#include "server/observe/process.h"
#include "server/observe/service_manager.h"
#include "server/peer/federation_service.h"
#include "server/rpc/admin_service.h"
#include "server/rpc/memory_service.h"
#include "server/rpc/operations_service.h"
#include "server/tracing/tracing.h"
#include "server/watch.h"

namespace mneme::server {
namespace {

constexpr char kVersion[] = MNEME_VERSION;
// The part of data.disk_bytes_reserve that a file holds, so that others cannot fill it.
constexpr uint64_t kKeptOfReserve = 4;
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

// The storage opens so many files, and each connection of HTTP is one.
PortShares DividePorts(const Config& config, uint64_t buffer_bytes) {
  const uint64_t files = RaiseFileLimit();
  const uint64_t others = storage::kOpenFilesMax + config.http_connections_max;
  const bool peers = !config.federation_file.empty() || !config.federation_etcd.empty();
  const PortShares out = SharePorts(files, others, buffer_bytes, peers);
  if (out.files_short > 0) {
    spdlog::warn(
        "this process may open {} files, {} too few for all that may be open at once: raise its "
        "limit (ulimit -n, LimitNOFILE)",
        files, out.files_short);
  }
  return out;
}

uint64_t RandomSeed() {
  std::random_device device;
  return (static_cast<uint64_t>(device()) << 32) ^ device();
}

absl::StatusOr<std::unique_ptr<engine::Engine>> BeginEngine(
    const Config& config, const MemoryShares& shares, uint64_t memory_bytes_max, bool recovery_mode,
    std::function<void(const absl::Status&)> on_fatal) {
  MNEME_ASSIGN_OR_RETURN(
      std::unique_ptr<storage::Storage> storage,
      storage::OpenRocksDbStorage({.directory = config.data_dir,
                                   .memory_bytes_max = shares.storage,
                                   .log_bytes_max = config.write_ahead_log_bytes,
                                   .disk_bytes_kept = config.disk_bytes_reserve / kKeptOfReserve,
                                   .on_damage = [](const absl::Status& status,
                                                   const std::vector<storage::MemoryUid>& uids) {
                                     spdlog::error("damage on disk, near memories {:x}: {}",
                                                   fmt::join(uids, ", "), Explain(status));
                                   }}));
  const uint64_t cores = std::max(1u, std::thread::hardware_concurrency());
  engine::EngineOptions options{
      .limits = config.limits,
      .scan_threads = static_cast<int>(config.scan_threads == 0 ? cores : config.scan_threads),
      .scan_nice = static_cast<int>(config.scan_nice),
      .read_threads = static_cast<int>(config.read_threads),
      .train_threads = static_cast<int>(config.train_threads == 0 ? cores : config.train_threads),
      .seed = RandomSeed(),
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

// What the gate has to know of what is stored.
Directory DirectoryOf(engine::Engine& engine) {
  return {.resolve = [&engine](std::string_view name) { return engine.ResolveName(name); },
          .subjects_of = [&engine](std::string_view id) -> std::vector<std::string> {
            const absl::StatusOr<engine::JobInfo> job = engine.jobs().Get(id);
            if (!job.ok()) return {};
            return job->names();
          }};
}

void WarnIfInsecure(Config config) {
  if (!std::exchange(config.allow_insecure, false)) return;
  if (const absl::Status status = ValidateConfig(config); !status.ok()) {
    spdlog::warn("insecure, as server.allow_insecure says: {}", Explain(status));
  }
}

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

int Serve(const Config& config, Reloader::Load load, bool recovery_mode) {
  const sigset_t signals = BlockSignals();
  InitLog(config.log_level, config.log_format);
  BoundAllocator();
  ChooseBlasKernels(config.blas_kernel);
  const int64_t start = Clock::Real().NowUnixNanos();
  spdlog::info("mnemed {} starting: data in {}, kernels {}, BLAS {}", kVersion, config.data_dir,
               math::InstructionSet(), math::BlasKernelName());
  TakeOverGrpcLog();
  WarnIfInsecure(config);
  const absl::StatusOr<std::unique_ptr<Security>> security = Security::Open(config, Clock::Real());
  if (!security.ok()) return Fail(kExitUsage, security.status());
  const absl::StatusOr<std::unique_ptr<Tracing>> tracing =
      Tracing::Start(config, kVersion, Clock::Real(), RandomSeed());
  if (!tracing.ok()) return Fail(kExitUsage, tracing.status());
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

  (*security)->gate().SetDirectory(DirectoryOf(**engine));
  const PortShares ports = DividePorts(config, shares.calls);
  const absl::StatusOr<std::unique_ptr<ClientPort>> client_port =
      OpenClientPort(config, ports.clients);
  if (!client_port.ok()) return Fail(kExitListen, client_port.status());
  ByteBudget budget(shares.calls);
  CallObserver observer{.slow_nanos = static_cast<int64_t>(config.slow_query_millis) * 1'000'000,
                        .tracer = (*tracing)->tracer()};
  CallBounds bounds{.message_bytes_max = config.limits.message_bytes_max,
                    .answer_seconds_max = static_cast<int64_t>(config.answer_seconds),
                    .budget = budget,
                    .observer = observer,
                    .gate = (*security)->gate(),
                    .deliveries = (*client_port)->deliveries()};
  MemoryServiceImpl service(
      **engine, Clock::Real(),
      {.version = kVersion,
       .instruction_set = math::InstructionSet(),
       .blas_core = math::BlasKernelName(),
       .start_unix_nanos = start,
       .memory_limit_source = limit.source,
       .connections_max =
           config.listen.starts_with("unix:") ? 0 : (*client_port)->connections_max(),
       .connections_per_address_max = config.connections_per_address_max},
      bounds);
  Reloader reloader(config, std::move(load));
  reloader.OnChange([&bounds, &observer, &tracing](const Config& now) {
    (*tracing)->Reload(now);
    SetLogLevel(now.log_level);
    bounds.answer_seconds_max = static_cast<int64_t>(now.answer_seconds);
    observer.slow_nanos = static_cast<int64_t>(now.slow_query_millis) * 1'000'000;
  });
  reloader.AddPart([&security](const Config&) { return (*security)->Reload(); });
  std::atomic<HttpDoor*> open_door{nullptr};
  reloader.OnChange([&open_door](const Config& now) {
    if (HttpDoor* const door = open_door.load()) door->SetAnswerSeconds(now.answer_seconds);
  });
  if (config.http_tls) {
    reloader.AddPart([&](const Config&) { return RenewDoor(config, **security, open_door); });
  }
  AdminServiceImpl admin(**engine, reloader, bounds);
  OperationsServiceImpl operations((*engine)->jobs(), bounds);
  absl::StatusOr<Federations> federations =
      StartFederations(config, **security, recovery_mode, **engine, shares.calls, ports.peers);
  if (!federations.ok()) {
    return Fail(absl::IsUnavailable(federations.status()) ? kExitListen : kExitUsage,
                federations.status());
  }
  if (federations->etcd != nullptr) {
    reloader.AddPart([&](const Config&) { return federations->RenewEtcd(config); });
  }
  FederationServiceImpl federation(federations->host.get(), bounds);
  int port = 0;
  const std::unique_ptr<grpc::Server> server =
      StartServer(config, **security, **client_port, {&service, &admin, &operations, &federation},
                  shares.calls, &port);
  if (server == nullptr) {
    federations->Stop();  // open streams would keep its door from closing
    return Fail(
        kExitListen,
        Unavailable(
            absl::StrFormat("cannot listen on %s", config.listen),
            {.next_step = "Is another mnemed running there? Choose another --server.listen."}));
  }
  SetHealth(*server, false, false);
  spdlog::info("listening on {} (port {})", config.listen, port);
  const absl::StatusOr<std::unique_ptr<HttpDoor>> door = StartDoor(
      config, **security, bounds, {.version = kVersion, .start_unix_nanos = start}, **engine,
      federations->host.get(), **tracing, **client_port, federations->port.get(), *server);
  if (!door.ok()) {
    federations->Stop();
    return Fail(kExitListen, door.status());
  }
  open_door = door->get();

  absl::Status served, closed;
  {
    const int64_t watch_seconds =
        (*security)->tls() == nullptr ? 0 : static_cast<int64_t>(config.tls_watch_seconds);
    const CertificateWatch certificates(Clock::Real(), watch_seconds * 1'000'000'000,
                                        RenewWith(config, **security, door->get()));
    Watch watch(reloader, recovery_mode, **engine, *server, port);
    served = watch.Await(signals);
    const Config now = reloader.config();
    const bool in_order = served.ok() && !log_in_doubt;
    TellStopping("stopping");
    SetHealth(*server, false, false);
    if (*door != nullptr) (*door)->SetDraining();
    if (in_order && watch.served()) Drain(signals, std::chrono::seconds(now.drain_seconds));
    const std::chrono::seconds grace(in_order ? now.grace_seconds : 1);
    spdlog::info("stopping: calls under way have {} s", grace.count());
    if (*door != nullptr) (*door)->StopCalls();
    (*client_port)->Close();
    federations->Stop();
    closed = StopServing(*server, **engine, grace, log_in_doubt ? kExitLogInDoubt : kExitFailed);
    if (*door != nullptr) (*door)->Stop();
    (*tracing)->Stop();
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
