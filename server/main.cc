// mnemed: reads the configuration, opens the data, serves until it is told to stop.
#include <absl/synchronization/mutex.h>
#include <fcntl.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>

#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/engine/engine.h"
#include "core/math/blas.h"
#include "core/math/cpu.h"
#include "core/storage/storage.h"
#include "server/config/config.h"
#include "server/config/load.h"
#include "server/config/memory_limit.h"
#include "server/observe/log.h"
#include "server/observe/process.h"
#include "server/rpc/admin_service.h"
#include "server/rpc/memory_service.h"
#include "server/rpc/operations_service.h"
#include "server/rpc/transport.h"

extern char** environ;

namespace mneme::server {
namespace {

constexpr char kVersion[] = MNEME_VERSION;

// What mnemed leaves with; in the help text, so that scripts can rely on it.
enum ExitCode : int {
  kExitOk = 0,
  kExitFailed = 1,   // could not start, or could not save on the way out
  kExitUsage = 2,    // flags or configuration
  kExitDataDir = 3,  // locked, foreign, newer or damaged data directory
  kExitListen = 4,   // the address is taken or not there
  kExitLogInDoubt =
      5,  // a write to disk failed: what was in flight is unknown; start again to recover
};

constexpr char kFooter[] = R"(
Every key can also stand in the YAML file and in the environment (data.dir is MNEME_DATA_DIR).
A flag wins over the environment, the environment over the file.

Examples:
  mnemed --data.dir=/var/lib/mneme
  mnemed --config /etc/mneme/mneme.yaml --log.format=json
  mnemed config check --config /etc/mneme/mneme.yaml

Exit codes: 0 stopped as asked, 1 failed, 2 flags or configuration, 3 data directory, 4 address, 5 log in doubt (restart to recover).)";

std::string Explain(const absl::Status& status) {
  std::string out(status.message());
  const std::optional<ErrorDetail> detail = GetErrorDetail(status);
  if (detail.has_value() && !detail->next_step.empty()) out += "\n  -> " + detail->next_step;
  return out;
}

int Fail(ExitCode code, const absl::Status& status) {
  std::fprintf(stderr, "mnemed: %s\n", Explain(status).c_str());
  return code;
}

std::map<std::string, std::string> EnvironmentVariables() {
  std::map<std::string, std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const size_t equals = text.find('=');
    if (equals != std::string::npos) out[text.substr(0, equals)] = text.substr(equals + 1);
  }
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

absl::StatusOr<std::unique_ptr<engine::Engine>> OpenEngine(
    const Config& config, uint64_t memory_bytes_max,
    std::function<void(const absl::Status&)> on_fatal) {
  const MemoryShares shares = SplitMemory(memory_bytes_max, config.storage_memory_bytes);
  MNEME_ASSIGN_OR_RETURN(
      std::unique_ptr<storage::Storage> storage,
      storage::OpenRocksDbStorage({.directory = config.data_dir,
                                   .memory_bytes_max = shares.storage,
                                   .log_bytes_max = config.write_ahead_log_bytes}));
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
      .on_fatal = std::move(on_fatal),
      .on_recovery = [](size_t done, size_t all, std::string_view name) {
        spdlog::info("recovering memory {} of {}: {}", done + 1, all, name);
      }};
  return engine::Engine::Open(std::move(storage), Clock::Real(), std::move(options));
}

// Written beside and renamed: a reader sees the whole number or no file.
bool WritePortFile(const std::string& path, int port) {
  const std::string temporary = path + ".tmp";
  std::FILE* file = std::fopen(temporary.c_str(), "w");
  if (file == nullptr) return false;
  std::fprintf(file, "%d\n", port);
  return std::fclose(file) == 0 && std::rename(temporary.c_str(), path.c_str()) == 0;
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

int Serve(const Config& config) {
  InitLog(config.log_level, config.log_format);
  BoundAllocator();
  ChooseBlasKernels(config.blas_kernel);
  // Signals are taken by sigwait below, in this thread; all others inherit the block.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  const int64_t start = Clock::Real().NowUnixNanos();
  spdlog::info("mnemed {} starting: data in {}, kernels {}, BLAS {}", kVersion, config.data_dir,
               math::InstructionSet(), math::BlasKernelName());
  const MemoryLimit limit = ChooseMemoryLimit(config.memory_bytes_max);
  spdlog::info("main memory: {} bytes ({})", limit.bytes, limit.source);
  std::atomic<bool> log_in_doubt{false};
  absl::StatusOr<std::unique_ptr<engine::Engine>> engine =
      OpenEngine(config, limit.bytes, [&](const absl::Status& status) {
        spdlog::critical("a write to disk failed, nothing more is acknowledged: {}",
                         std::string(status.message()));
        log_in_doubt = true;
        kill(getpid(), SIGTERM);
      });
  if (!engine.ok()) return Fail(kExitDataDir, engine.status());
  spdlog::info("recovered {} memories in {:.3f} s", (*engine)->memory_count(),
               static_cast<double>(Clock::Real().NowUnixNanos() - start) / 1e9);

  const MemoryShares shares = SplitMemory(limit.bytes, config.storage_memory_bytes);
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
  std::unique_ptr<grpc::Server> server =
      StartServer(config, {&service, &admin, &operations}, shares.calls, &port);
  if (server == nullptr) {
    return Fail(
        kExitListen,
        Unavailable(
            absl::StrFormat("cannot listen on %s", config.listen),
            {.next_step = "Is another mnemed running there? Choose another --server.listen."}));
  }
  if (!config.port_file.empty() && !WritePortFile(config.port_file, port)) {
    return Fail(kExitFailed, Unavailable(absl::StrFormat("cannot write %s", config.port_file),
                                         {.next_step = "Choose another --server.port_file."}));
  }
  grpc::HealthCheckServiceInterface* health = server->GetHealthCheckService();
  health->SetServingStatus(true);
  health->SetServingStatus("mneme.v1.MemoryService", true);
  health->SetServingStatus("mneme.v1.AdminService", true);
  spdlog::info("listening on {} (port {})", config.listen, port);

  int received = 0;
  sigwait(&signals, &received);
  spdlog::info("stopping: calls under way have {} s", config.grace_seconds);
  health->SetServingStatus(false);
  server->Shutdown(std::chrono::system_clock::now() +
                   std::chrono::seconds(log_in_doubt ? 1 : config.grace_seconds));
  server->Wait();
  const absl::Status closed = (*engine)->Close();
  if (log_in_doubt) return kExitLogInDoubt;
  if (!closed.ok()) {
    spdlog::error("could not save on the way out: {}", Explain(closed));
    return kExitFailed;
  }
  spdlog::info("stopped");
  return kExitOk;
}

int Main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  CLI::App app{"mnemed: the mneme associative-memory daemon"};
  app.footer(kFooter);
  app.set_version_flag("--version", std::string(kVersion));
  std::string file;
  app.add_option("--config", file, "YAML file with keys")->envname("MNEME_CONFIG");
  std::map<std::string, std::string> flags;
  for (const ConfigKey& key : ConfigKeys()) {
    app.add_option(key.flag(), flags[key.name], key.help + " [" + key.get(Config{}) + "]")
        ->option_text("VALUE")
        ->group("Keys");
  }
  app.require_subcommand(0, 1);
  CLI::App* config_command =
      app.add_subcommand("config", "Look at the configuration without serving");
  config_command->require_subcommand(1);
  CLI::App* check = config_command->add_subcommand(
      "check", "Exit 0 if the configuration is good, 2 with a sentence if not");
  CLI::App* print =
      config_command->add_subcommand("print", "Print the configuration in use, all keys, as YAML");
  for (CLI::App* sub : {config_command, check, print}) sub->fallthrough();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }

  Config config;
  absl::Status status;
  if (!file.empty()) status = ApplyYamlFile(config, file);
  if (status.ok()) status = ApplyEnvironment(config, EnvironmentVariables());
  for (const ConfigKey& key : ConfigKeys()) {
    if (status.ok() && app.count(key.flag()) > 0)
      status = Annotate(key.set(config, flags[key.name]), "flag");
  }
  if (status.ok()) status = ValidateConfig(config);
  if (!status.ok()) return Fail(kExitUsage, status);
  if (check->parsed()) {
    std::puts("the configuration is good");
    return kExitOk;
  }
  if (print->parsed()) {
    std::fputs(PrintConfig(config).c_str(), stdout);
    return kExitOk;
  }
  return Serve(config);
}

}  // namespace
}  // namespace mneme::server

int main(int argc, char** argv) { return mneme::server::Main(argc, argv); }
