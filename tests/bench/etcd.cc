#include "tests/bench/etcd.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "etcd_kv.grpc.pb.h"

extern char** environ;

namespace mneme::bench {
namespace {

constexpr const char* kProgram = "/usr/bin/etcd";
constexpr size_t kKeys = 256;
constexpr int kStartSecondsMax = 20;

// -1: it does not start. Its sockets are files of the folder that it runs in.
pid_t Spawn(const std::string& folder) {
  std::vector<std::string> words = {kProgram,
                                    "--data-dir=" + folder + "/data",
                                    "--listen-client-urls=unix://localhost:1",
                                    "--advertise-client-urls=unix://localhost:1",
                                    "--listen-peer-urls=unix://localhost:2",
                                    "--initial-advertise-peer-urls=unix://localhost:2",
                                    "--initial-cluster=default=unix://localhost:2",
                                    "--quota-backend-bytes=8589934592",
                                    "--log-level=error"};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const std::string log = folder + "/log";
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t pid = -1;
  const int error = posix_spawn(&pid, kProgram, &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  return error == 0 ? pid : -1;
}

}  // namespace

struct Etcd::Parts {
  ~Parts() {
    if (pid <= 0) return;
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }

  test::TemporaryDirectory directory;
  pid_t pid = -1;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<etcdserverpb::KV::Stub> stub;
  std::vector<etcdserverpb::PutRequest> requests;
};

Etcd::Etcd(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Etcd::~Etcd() = default;

absl::StatusOr<std::unique_ptr<Etcd>> Etcd::Start(std::string* missing) {
  if (!std::filesystem::exists(kProgram)) {
    *missing = "etcd: not installed (etcd-server)";
    return nullptr;
  }
  auto parts = std::make_unique<Parts>();
  parts->pid = Spawn(parts->directory.path());
  // Its own name for this server: etcd takes no name of a socket for one.
  grpc::ChannelArguments arguments;
  arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, "localhost");
  parts->channel = grpc::CreateCustomChannel("unix:" + parts->directory.path() + "/localhost:1",
                                             grpc::InsecureChannelCredentials(), arguments);
  const auto deadline = std::chrono::system_clock::now() + std::chrono::seconds(kStartSecondsMax);
  if (parts->pid <= 0 || !parts->channel->WaitForConnected(deadline)) {
    return Unavailable("etcd does not start",
                       {.reason = "PEER",
                        .given = kProgram,
                        .expected = "a server that can be reached",
                        .next_step = "Run it by hand, or uninstall it to leave it out."});
  }
  parts->stub = etcdserverpb::KV::NewStub(parts->channel);
  return std::unique_ptr<Etcd>(new Etcd(std::move(parts)));
}

StartCall Etcd::Puts(size_t bytes) {
  parts_->requests.resize(kKeys);
  for (size_t i = 0; i < kKeys; ++i) {
    parts_->requests[i].set_key(absl::StrCat("item-", i));
    parts_->requests[i].set_value(std::string(bytes, static_cast<char>('a' + i % 26)));
  }
  return UnaryCalls<etcdserverpb::PutResponse>(
      parts_->requests, [this](auto* context, auto* request, auto* response, auto done) {
        parts_->stub->async()->Put(context, request, response, std::move(done));
      });
}

}  // namespace mneme::bench
