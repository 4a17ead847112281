#include "tests/support/daemon.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>

extern char** environ;

namespace mneme::test {
namespace {

constexpr int kPollMillis = 5;

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
  path_ = (std::filesystem::temp_directory_path() / "mneme-XXXXXX").string();
  if (mkdtemp(path_.data()) == nullptr) std::abort();
}
TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string ProgramDirectory() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().string();
}

Daemon::Daemon(const std::string& program, std::vector<std::string> arguments,
               const std::string& port_file, const std::string& log_file, int seconds_max) {
  std::filesystem::remove(port_file);
  arguments.insert(arguments.begin(), program);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 1, log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                   0644);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  if (posix_spawn(&pid_, program.c_str(), &files, nullptr, argv.data(), environ) != 0) pid_ = -1;
  posix_spawn_file_actions_destroy(&files);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds_max);
  while (pid_ > 0 && running() && std::chrono::steady_clock::now() < deadline) {
    if (std::ifstream file(port_file); file >> port_) return;
    poll(nullptr, 0, kPollMillis);
  }
}

Daemon::~Daemon() {
  if (pid_ > 0) Stop(SIGKILL);
}

std::unique_ptr<Daemon> Daemon::Mnemed(const std::string& program, const std::string& directory,
                                       std::vector<std::string> more) {
  std::vector<std::string> arguments = {"--server.listen=127.0.0.1:0",
                                        "--server.port_file=" + directory + "/port",
                                        "--data.dir=" + directory + "/data"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const bool http = std::any_of(more.begin(), more.end(), [](const std::string& argument) {
    return argument.starts_with("--http.listen");
  });
  if (!http) arguments.push_back("--http.listen=none");  // the default's port may be taken
  return std::make_unique<Daemon>(program, std::move(arguments), directory + "/port",
                                  directory + "/log");
}

std::shared_ptr<grpc::Channel> Daemon::Connect() const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(1 << 30);
  arguments.SetMaxSendMessageSize(1 << 30);
  return grpc::CreateCustomChannel(address(), grpc::InsecureChannelCredentials(), arguments);
}

int Daemon::Stop(int signal) {
  if (pid_ <= 0) return 0;
  kill(pid_, signal);
  return Wait();
}

int Daemon::Wait() {
  if (pid_ <= 0) return 0;
  int status = 0;
  waitpid(pid_, &status, 0);
  return End(status);
}

bool Daemon::running() {
  if (pid_ <= 0) return false;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) == 0) return true;
  End(status);
  return false;
}

int Daemon::End(int status) {
  pid_ = -1;
  exit_code_ = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  return exit_code_;
}

}  // namespace mneme::test
