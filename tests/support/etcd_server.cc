#include "tests/support/etcd_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "tests/support/free_port.h"

extern char** environ;

namespace mneme::test {
namespace {

constexpr const char* kProgram = "/usr/bin/etcd";
constexpr int kStartSecondsMax = 60;
// Somebody else may take a port between our look and etcd's.
constexpr int kPortTriesMax = 5;

std::string Url(int port) { return "http://127.0.0.1:" + std::to_string(port); }

constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string Base64(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); i += 3) {
    uint32_t bits = 0;
    const size_t bytes = std::min<size_t>(3, text.size() - i);
    for (size_t j = 0; j < 3; ++j)
      bits = bits << 8 | (j < bytes ? static_cast<uint8_t>(text[i + j]) : 0);
    for (size_t j = 0; j < 4; ++j) out += j <= bytes ? kBase64[bits >> (18 - 6 * j) & 63] : '=';
  }
  return out;
}

}  // namespace

EtcdServer::EtcdServer(size_t members) : members_(members) {
  std::string folder = "/dev/shm/mneme-etcd-XXXXXX";
  data_ = mkdtemp(folder.data()) != nullptr ? folder : directory_.path();
  for (int tries = 0; tries < kPortTriesMax && address_.empty(); ++tries) {
    for (Member& member : members_) {
      member.client_port = FreePort();
      member.peer_port = FreePort();
    }
    if (!Start()) continue;
    for (const Member& member : members_) {
      if (!address_.empty()) address_ += ",";
      address_ += "127.0.0.1:" + std::to_string(member.client_port);
    }
  }
}

EtcdServer::~EtcdServer() {
  Kill();
  std::error_code ignored;
  if (data_ != directory_.path()) std::filesystem::remove_all(data_, ignored);
}

void EtcdServer::Kill() {
  for (size_t member = 0; member < members_.size(); ++member) Kill(member);
}

void EtcdServer::Kill(size_t member) {
  pid_t& pid = members_[member].pid;
  if (pid <= 0) return;
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  pid = -1;
}

bool EtcdServer::Start() {
  // Together: alone none of them has a majority.
  for (size_t member = 0; member < members_.size(); ++member)
    if (members_[member].pid <= 0 && !Spawn(member)) return false;
  for (size_t member = 0; member < members_.size(); ++member)
    if (!Await(member)) return false;
  return true;
}

bool EtcdServer::Start(size_t member) { return Spawn(member) && Await(member); }

std::string EtcdServer::ClientUrl(const Member& member) const {
  return std::string(tls_ ? "https" : "http") +
         "://127.0.0.1:" + std::to_string(member.client_port);
}

bool EtcdServer::Spawn(size_t member) {
  Member& one = members_[member];
  const std::string name = "m" + std::to_string(member);
  std::string cluster;
  for (size_t other = 0; other < members_.size(); ++other) {
    cluster +=
        (other > 0 ? ",m" : "m") + std::to_string(other) + "=" + Url(members_[other].peer_port);
  }
  std::vector<std::string> words = {
      kProgram,
      "--name=" + name,
      "--data-dir=" + data_ + "/" + name + "-" + std::to_string(one.peer_port),
      "--listen-client-urls=" + ClientUrl(one),
      "--advertise-client-urls=" + ClientUrl(one),
      "--listen-peer-urls=" + Url(one.peer_port),
      "--initial-advertise-peer-urls=" + Url(one.peer_port),
      "--initial-cluster=" + cluster,
      "--log-level=error"};
  if (tls_) {
    words.push_back("--cert-file=" + data_ + "/certificate.pem");
    words.push_back("--key-file=" + data_ + "/key.pem");
    words.push_back("--trusted-ca-file=" + data_ + "/ca.pem");
    words.push_back("--client-cert-auth");
  }
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 1, log().c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  if (posix_spawn(&one.pid, kProgram, &files, nullptr, argv.data(), environ) != 0) one.pid = -1;
  posix_spawn_file_actions_destroy(&files);
  return one.pid > 0;
}

bool EtcdServer::Await(size_t member) {
  const Member& one = members_[member];
  const auto deadline = std::chrono::system_clock::now() + std::chrono::seconds(kStartSecondsMax);
  while (std::chrono::system_clock::now() < deadline && waitpid(one.pid, nullptr, WNOHANG) == 0) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    // Of TLS it is enough that it listens: who connects in the clear is let go.
    const auto channel = grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(one.client_port),
                                                   grpc::InsecureChannelCredentials(), arguments);
    if (tls_) {
      const int fd = socket(AF_INET, SOCK_STREAM, 0);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      address.sin_port = htons(static_cast<uint16_t>(one.client_port));
      const bool listens = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
      close(fd);
      if (listens) return true;
      poll(nullptr, 0, 20);
    } else if (channel->WaitForConnected(std::chrono::system_clock::now() +
                                         std::chrono::seconds(1))) {
      return true;
    }
  }
  Kill(member);
  return false;
}

std::string EtcdServer::Ask(const Member& member, const std::string& request) const {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(member.client_port));
  std::string answer;
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
      send(fd, request.data(), request.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(request.size())) {
    char buffer[4096];
    for (ssize_t size; (size = recv(fd, buffer, sizeof(buffer), 0)) > 0;)
      answer.append(buffer, static_cast<size_t>(size));
  }
  close(fd);
  return answer;
}

bool EtcdServer::Post(const std::string& path, const std::string& json) const {
  const std::string answer =
      Ask(members_[0], "POST /v3/auth/" + path + " HTTP/1.0\r\nContent-Length: " +
                           std::to_string(json.size()) + "\r\n\r\n" + json);
  return answer.find(" 200 OK") != std::string::npos;
}

std::optional<size_t> EtcdServer::Leader() const {
  for (size_t member = 0; member < members_.size(); ++member) {
    if (members_[member].pid <= 0) continue;
    const std::string metrics = Ask(members_[member], "GET /metrics HTTP/1.0\r\n\r\n");
    if (metrics.find("\netcd_server_is_leader 1") != std::string::npos) return member;
  }
  return std::nullopt;
}

void EtcdServer::UseTls(const Authority& authority) {
  tls_ = true;
  const CertificateAndKey pair = authority.Issue({.name = "etcd"});
  WriteFile(data_ + "/certificate.pem", pair.certificate);
  WriteFile(data_ + "/key.pem", pair.key);
  WriteFile(data_ + "/ca.pem", authority.certificate());
}

bool EtcdServer::AskForUsers(const std::string& user, const std::string& password) {
  const std::string key = Base64("/mneme/"), end = Base64("/mneme0");
  return Post("user/add", R"({"name":"root","password":"root"})") &&
         Post("user/grant", R"({"user":"root","role":"root"})") &&
         Post("role/add", R"({"name":"mneme"})") &&
         Post("role/grant", R"({"name":"mneme","perm":{"permType":"READWRITE","key":")" + key +
                                R"(","range_end":")" + end + R"("}})") &&
         Post("user/add", R"({"name":")" + user + R"(","password":")" + password + R"("})") &&
         Post("user/grant", R"({"user":")" + user + R"(","role":"mneme"})") && Post("enable", "{}");
}

}  // namespace mneme::test
