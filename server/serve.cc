#include "server/serve.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <signal.h>
#include <spdlog/fmt/ranges.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
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
#include "core/base/ids.h"
#include "core/base/status.h"
#include "core/engine/engine.h"
#include "core/math/blas.h"
#include "core/math/cpu.h"
#include "core/storage/storage.h"
#include "server/auth/grpc_log.h"
#include "server/auth/security.h"
#include "server/config/memory_limit.h"
#include "server/http/door.h"
#include "server/observe/engine_metrics.h"
#include "server/observe/log.h"
#include "server/observe/process.h"
#include "server/observe/process_metrics.h"
#include "server/observe/service_manager.h"
#include "server/peer/etcd_client.h"
#include "server/peer/etcd_host.h"
#include "server/peer/federation_host.h"
#include "server/peer/federation_metrics.h"
#include "server/peer/federation_service.h"
#include "server/peer/file_host.h"
#include "server/peer/peer_service.h"
#include "server/rpc/admin_service.h"
#include "server/rpc/call_metrics.h"
#include "server/rpc/memory_service.h"
#include "server/rpc/operations_service.h"
#include "server/rpc/transport.h"

namespace mneme::server {
namespace {

constexpr char kVersion[] = MNEME_VERSION;
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

// What the gate has to know of what is stored.
Directory DirectoryOf(engine::Engine& engine) {
  return {.resolve = [&engine](std::string_view name) { return engine.ResolveName(name); },
          .subject_of = [&engine](std::string_view id) -> std::optional<std::string> {
            const absl::StatusOr<engine::JobInfo> job = engine.jobs().Get(id);
            if (!job.ok()) return std::nullopt;
            return job->memory;
          }};
}

void WarnIfInsecure(Config config) {
  if (!std::exchange(config.allow_insecure, false)) return;
  if (const absl::Status status = ValidateConfig(config); !status.ok()) {
    spdlog::warn("insecure, as server.allow_insecure says: {}", Explain(status));
  }
}

std::unique_ptr<grpc::Server> StartServer(const Config& config, Security& security,
                                          std::initializer_list<grpc::Service*> services,
                                          uint64_t buffer_bytes_max, int* port) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  builder.AddListeningPort(config.listen, security.ClientPortCredentials(), port);
  BoundTransport(builder, config.limits.message_bytes_max, buffer_bytes_max);
  for (grpc::Service* service : services) builder.RegisterService(service);
  return builder.BuildAndStart();
}

// This server's part in federations, and the door for other nodes. All null where it has none.
struct Federations {
  std::unique_ptr<FederationHost> host;
  std::unique_ptr<PeerServiceImpl> service;
  std::unique_ptr<grpc::Server> server;

  // The nodes save what they are, then the door is shut. Before the engine closes.
  void Stop() {
    if (host != nullptr) host->Stop();
    if (server != nullptr) server->Shutdown(std::chrono::system_clock::now());
  }
};

// What has joined begins once the door for other nodes is open, by EtcdHost::Start.
absl::StatusOr<std::unique_ptr<EtcdHost>> MakeEtcdHost(const Config& config, MakeDialer dialer,
                                                       engine::Engine& engine) {
  MNEME_ASSIGN_OR_RETURN(std::shared_ptr<EtcdClient> client,
                         EtcdClient::Create(config.federation_etcd));
  return std::make_unique<EtcdHost>(engine, Clock::Real(), std::move(client),
                                    EtcdHostOptions{.node = config.federation_node,
                                                    .make_dialer = std::move(dialer),
                                                    .seed = StableHash(config.federation_node)});
}

absl::StatusOr<std::unique_ptr<FileHost>> MakeFileHost(const Config& config, MakeDialer dialer,
                                                       engine::Engine& engine) {
  FileHostOptions options{.node = config.federation_node,
                          .federations = {},
                          .make_dialer = std::move(dialer),
                          .seed = StableHash(config.federation_node)};
  MNEME_ASSIGN_OR_RETURN(options.federations, ReadFederationFile(config.federation_file));
  return FileHost::Create(engine, Clock::Real(), std::move(options));
}

// Where others dial this server: as configured, or where it listens, with the port in use.
std::string AdvertisedAddress(const Config& config, int port) {
  if (!config.peer_advertise.empty()) return config.peer_advertise;
  if (config.peer_listen.starts_with("unix:")) return config.peer_listen;
  return absl::StrCat(config.peer_listen.substr(0, config.peer_listen.rfind(':') + 1), port);
}

absl::StatusOr<Federations> StartFederations(const Config& config, Security& security,
                                             bool recovery_mode, engine::Engine& engine,
                                             uint64_t buffer_bytes_max) {
  Federations out;
  if (config.federation_file.empty() && config.federation_etcd.empty()) return out;
  if (recovery_mode) return out;
  const MakeDialer dialer = [tls = security.tls()](const std::string& federation,
                                                   const std::string& node) {
    return MakeGrpcDialer(federation, node, tls);
  };
  EtcdHost* etcd = nullptr;
  if (config.federation_etcd.empty()) {
    MNEME_ASSIGN_OR_RETURN(out.host, MakeFileHost(config, dialer, engine));
  } else {
    MNEME_ASSIGN_OR_RETURN(std::unique_ptr<EtcdHost> host, MakeEtcdHost(config, dialer, engine));
    etcd = host.get();
    out.host = std::move(host);
  }
  out.service = std::make_unique<PeerServiceImpl>(*out.host);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(config.peer_listen, security.PeerPortCredentials(), &port);
  BoundTransport(builder, federation::kFrameBytesMax / 2, buffer_bytes_max);
  builder.RegisterService(out.service.get());
  out.server = builder.BuildAndStart();
  if (out.server == nullptr) {
    return Unavailable(absl::StrFormat("cannot listen on %s", config.peer_listen),
                       {.next_step = "Is another mnemed running there? Choose another "
                                     "--peer.listen."});
  }
  if (etcd != nullptr) etcd->Start(AdvertisedAddress(config, port));
  spdlog::info("node '{}' of federations in {}, listening for other nodes on {} (port {})",
               config.federation_node,
               etcd == nullptr ? config.federation_file : "etcd at " + config.federation_etcd,
               config.peer_listen, port);
  return out;
}

// What the HTTP port shows; nothing where it is plain.
HttpCertificate HttpTls(const Config& config, Security& security) {
  if (!config.http_tls) return {};
  const std::shared_ptr<const TlsMaterial> material = security.tls()->material();
  return {.certificate = material->certificate, .key = material->key};
}

// Has the HTTP port show the certificate that is in use now.
absl::StatusOr<std::string> RenewDoor(const Config& config, Security& security, HttpDoor* door) {
  if (door != nullptr) MNEME_RETURN_IF_ERROR(door->Renew(HttpTls(config, security)));
  return "the HTTP port shows it too";
}

// The HTTP port; null where there is none.
absl::StatusOr<std::unique_ptr<HttpDoor>> StartDoor(
    const Config& config, Security& security, const CallBounds& bounds, const ProcessFacts& facts,
    engine::Engine& engine, const FederationHost* federations, grpc::Server& server) {
  if (config.http_listen == "none") return nullptr;
  DoorOptions options{
      .http = {.listen = config.http_listen,
               .connections_max = config.http_connections_max,
               .connections_per_address_max = config.http_connections_per_address_max,
               .idle_seconds = config.http_idle_seconds,
               .request_seconds = config.http_request_seconds,
               .body_bytes_max = config.limits.message_bytes_max,
               .tls = HttpTls(config, security)},
      .call_time = std::chrono::seconds(config.http_call_seconds),
      .collect = [&security, &bounds, facts, &engine, federations](MetricFamilies& families) {
        AddProcessMetrics(facts, families);
        AddCallMetrics(bounds.observer.counters, bounds.budget, families);
        AddEngineMetrics(engine, families);
        AddMemoryMetrics(engine, families);
        AddFederationMetrics(federations, families);
        AddSample(AddCounter(families, "mneme_audit_lost_total",
                             "Entries that the audit log had no room or no disk for."),
                  security.audit() == nullptr ? 0 : static_cast<double>(security.audit()->lost()));
      }};
  options.allow = [&gate = bounds.gate](const std::string& authorization) {
    return gate.CheckPage(authorization);
  };
  MNEME_ASSIGN_OR_RETURN(
      std::unique_ptr<HttpDoor> door,
      HttpDoor::Start(std::move(options), Clock::Real(), bounds.budget, engine, server));
  spdlog::info("{} on {} (port {})", config.http_tls ? "HTTPS" : "HTTP", config.http_listen,
               door->port());
  if (!config.http_port_file.empty() && !WritePortFile(config.http_port_file, door->port())) {
    return Unavailable(absl::StrFormat("cannot write %s", config.http_port_file),
                       {.reason = "PORT_FILE", .next_step = "Choose another --http.port_file."});
  }
  return door;
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
  for (const int taken : {SIGTERM, SIGINT, SIGHUP, kRecoveryEnded}) sigaddset(&signals, taken);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  for (const int taken : {SIGTERM, SIGINT, SIGHUP}) signal(taken, PassOn);
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

// The signal that came, or 0 when none did.
int WaitForSignal(const sigset_t& signals, std::chrono::microseconds longest) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(longest);
  const timespec wait{.tv_sec = seconds.count(),
                      .tv_nsec = std::chrono::nanoseconds(longest - seconds).count()};
  const int taken = sigtimedwait(&signals, nullptr, &wait);
  return taken > 0 ? taken : 0;
}

// Health says NOT_SERVING, but calls are served: who balances load sees it and turns elsewhere. A
// second SIGTERM or SIGINT ends it.
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
  Watch(Reloader& reloader, bool recovery_mode, engine::Engine& engine, grpc::Server& server,
        int port)
      : reloader_(reloader),
        recovery_mode_(recovery_mode),
        engine_(engine),
        server_(server),
        port_(port),
        recovery_(engine) {}

  // Until a signal says stop, or the memories cannot be read.
  absl::Status Await(const sigset_t& signals) {
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
    TellReady(Serving());
    const std::string port_file = reloader_.config().port_file;
    if (port_file.empty() || WritePortFile(port_file, port_)) return absl::OkStatus();
    return Unavailable(absl::StrFormat("cannot write %s", port_file),
                       {.reason = "PORT_FILE", .next_step = "Choose another --server.port_file."});
  }

  std::string Serving() const {
    return fmt::format("serving {} memories on port {}", engine_.memory_count(), port_);
  }

  void Reload(bool reading) {
    if (!reading) TellReloading();
    const absl::StatusOr<ReloadReport> report = reloader_.Reload();
    if (report.ok()) {
      spdlog::info("configuration read again: {}", ToLine(*report));
    } else {
      spdlog::error("configuration not read again: {}", Explain(report.status()));
    }
    if (!reading) TellReady(Serving());
  }

  Reloader& reloader_;
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

int Serve(const Config& config, Reloader::Load load, bool recovery_mode) {
  InitLog(config.log_level, config.log_format);
  BoundAllocator();
  ChooseBlasKernels(config.blas_kernel);
  const sigset_t signals = BlockSignals();
  const int64_t start = Clock::Real().NowUnixNanos();
  spdlog::info("mnemed {} starting: data in {}, kernels {}, BLAS {}", kVersion, config.data_dir,
               math::InstructionSet(), math::BlasKernelName());
  TakeOverGrpcLog();
  WarnIfInsecure(config);
  const absl::StatusOr<std::unique_ptr<Security>> security = Security::Open(config, Clock::Real());
  if (!security.ok()) return Fail(kExitUsage, security.status());
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
  ByteBudget budget(shares.calls);
  CallObserver observer{.slow_nanos = static_cast<int64_t>(config.slow_query_millis) * 1'000'000};
  CallBounds bounds{.message_bytes_max = config.limits.message_bytes_max,
                    .answer_seconds_max = static_cast<int64_t>(config.answer_seconds),
                    .budget = budget,
                    .observer = observer,
                    .gate = (*security)->gate()};
  MemoryServiceImpl service(**engine, Clock::Real(),
                            {.version = kVersion,
                             .instruction_set = math::InstructionSet(),
                             .blas_core = math::BlasKernelName(),
                             .start_unix_nanos = start,
                             .memory_limit_source = limit.source},
                            bounds);
  Reloader reloader(config, std::move(load));
  reloader.OnChange([&bounds, &observer](const Config& now) {
    SetLogLevel(now.log_level);
    bounds.answer_seconds_max = static_cast<int64_t>(now.answer_seconds);
    observer.slow_nanos = static_cast<int64_t>(now.slow_query_millis) * 1'000'000;
  });
  reloader.AddPart([&security](const Config&) { return (*security)->Reload(); });
  std::atomic<HttpDoor*> open_door{nullptr};
  if (config.http_tls) {
    reloader.AddPart([&](const Config&) { return RenewDoor(config, **security, open_door); });
  }
  AdminServiceImpl admin(**engine, reloader, bounds);
  OperationsServiceImpl operations((*engine)->jobs(), bounds);
  absl::StatusOr<Federations> federations =
      StartFederations(config, **security, recovery_mode, **engine, shares.calls);
  if (!federations.ok()) {
    return Fail(absl::IsUnavailable(federations.status()) ? kExitListen : kExitUsage,
                federations.status());
  }
  FederationServiceImpl federation(federations->host.get(), bounds);
  int port = 0;
  const std::unique_ptr<grpc::Server> server = StartServer(
      config, **security, {&service, &admin, &operations, &federation}, shares.calls, &port);
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
  const absl::StatusOr<std::unique_ptr<HttpDoor>> door =
      StartDoor(config, **security, bounds, {.version = kVersion, .start_unix_nanos = start},
                **engine, federations->host.get(), *server);
  if (!door.ok()) {
    federations->Stop();
    return Fail(kExitListen, door.status());
  }
  open_door = door->get();

  absl::Status served, closed;
  {
    Watch watch(reloader, recovery_mode, **engine, *server, port);
    served = watch.Await(signals);
    const Config now = reloader.config();
    const bool in_order = served.ok() && !log_in_doubt;
    TellStopping("stopping");
    SetHealth(*server, false, false);
    if (*door != nullptr) (*door)->SetDraining();
    if (in_order) Drain(signals, std::chrono::seconds(now.drain_seconds));
    const std::chrono::seconds grace(in_order ? now.grace_seconds : 1);
    spdlog::info("stopping: calls under way have {} s", grace.count());
    if (*door != nullptr) (*door)->StopCalls();
    federations->Stop();
    closed = StopServing(*server, **engine, grace, log_in_doubt ? kExitLogInDoubt : kExitFailed);
    if (*door != nullptr) (*door)->Stop();
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
