#include "tests/support/etcd_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <vector>

extern char** environ;

namespace mneme::test {
namespace {

constexpr const char* kProgram = "/usr/bin/etcd";
constexpr int kStartSecondsMax = 60;
// Somebody else may take a port between our look and etcd's.
constexpr int kPortTriesMax = 5;

int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  int port = 0;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
    port = ntohs(address.sin_port);
  }
  close(fd);
  return port;
}

std::string Url(int port) { return "http://127.0.0.1:" + std::to_string(port); }

}  // namespace

EtcdServer::EtcdServer() {
  std::string folder = "/dev/shm/mneme-etcd-XXXXXX";
  data_ = mkdtemp(folder.data()) != nullptr ? folder : directory_.path();
  for (int tries = 0; tries < kPortTriesMax && address_.empty(); ++tries) {
    client_port_ = FreePort();
    peer_port_ = FreePort();
    if (Start()) address_ = "127.0.0.1:" + std::to_string(client_port_);
  }
}

EtcdServer::~EtcdServer() {
  Kill();
  std::error_code ignored;
  if (data_ != directory_.path()) std::filesystem::remove_all(data_, ignored);
}

void EtcdServer::Kill() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

bool EtcdServer::Start() {
  std::vector<std::string> words = {kProgram,
                                    "--data-dir=" + data_ + "/data-" + std::to_string(peer_port_),
                                    "--listen-client-urls=" + Url(client_port_),
                                    "--advertise-client-urls=" + Url(client_port_),
                                    "--listen-peer-urls=" + Url(peer_port_),
                                    "--initial-advertise-peer-urls=" + Url(peer_port_),
                                    "--initial-cluster=default=" + Url(peer_port_),
                                    "--log-level=error"};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 1, log().c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  if (posix_spawn(&pid_, kProgram, &files, nullptr, argv.data(), environ) != 0) pid_ = -1;
  posix_spawn_file_actions_destroy(&files);
  if (pid_ <= 0) return false;
  const auto deadline = std::chrono::system_clock::now() + std::chrono::seconds(kStartSecondsMax);
  while (std::chrono::system_clock::now() < deadline && waitpid(pid_, nullptr, WNOHANG) == 0) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto channel = grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(client_port_),
                                                   grpc::InsecureChannelCredentials(), arguments);
    if (channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(1)))
      return true;
  }
  Kill();
  return false;
}

}  // namespace mneme::test
