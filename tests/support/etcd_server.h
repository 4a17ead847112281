// A real etcd (/usr/bin/etcd, Debian's etcd-server) on loopback: one process, or a cluster of
// several; killed and started again at the same addresses. Its data lies in main memory where the
// machine has a folder there: it survives a kill all the same, and a disk that other tests keep
// busy does not hold up its answers.
#ifndef MNEME_TESTS_SUPPORT_ETCD_SERVER_H_
#define MNEME_TESTS_SUPPORT_ETCD_SERVER_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/support/certificates.h"
#include "tests/support/daemon.h"

namespace mneme::test {

class EtcdServer {
 public:
  // Free ports, and a start. address() is empty where it does not get there: etcd-server is not
  // installed, or see log().
  explicit EtcdServer(size_t members = 1);
  ~EtcdServer();  // SIGKILL
  EtcdServer(const EtcdServer&) = delete;
  EtcdServer& operator=(const EtcdServer&) = delete;

  // For clients, host:port of all members, with commas between.
  const std::string& address() const { return address_; }
  // SIGKILL, and the end: of all, or of one.
  void Kill();
  void Kill(size_t member);
  // Whether they answer: all, or one.
  bool Start();
  bool Start(size_t member);
  // The member that leads; nullopt: none does.
  std::optional<size_t> Leader() const;

  // From the next start on clients must come by TLS with a certificate of that authority.
  void UseTls(const Authority& authority);
  // Users from now on: root, and `user`, who may read and write /mneme/.
  bool AskForUsers(const std::string& user, const std::string& password);
  std::string log() const { return directory_.path() + "/log"; }

 private:
  struct Member {
    int client_port = 0;
    int peer_port = 0;
    pid_t pid = -1;
  };
  bool Spawn(size_t member);
  // Whether it listens, once it is up.
  bool Await(size_t member);
  std::string ClientUrl(const Member& member) const;
  // The JSON door that etcd has itself; the body of the answer, empty where there is none.
  std::string Ask(const Member& member, const std::string& request) const;
  bool Post(const std::string& path, const std::string& json) const;

  TemporaryDirectory directory_;
  std::string data_;  // folder
  std::vector<Member> members_;
  std::string address_;
  bool tls_ = false;
};

}  // namespace mneme::test

#endif  // MNEME_TESTS_SUPPORT_ETCD_SERVER_H_
