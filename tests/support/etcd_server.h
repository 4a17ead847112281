// A real etcd (/usr/bin/etcd, Debian's etcd-server): a cluster of one on loopback; killed, paused
// and started again at the same address. Its data lies in main memory where the machine has a
// folder there: it survives a kill all the same, and a disk that other tests keep busy does not
// hold up its answers.
#ifndef MNEME_TESTS_SUPPORT_ETCD_SERVER_H_
#define MNEME_TESTS_SUPPORT_ETCD_SERVER_H_

#include <sys/types.h>

#include <string>

#include "tests/support/daemon.h"

namespace mneme::test {

class EtcdServer {
 public:
  // Free ports, and a start. address() is empty where it does not get there: etcd-server is not
  // installed, or see log().
  EtcdServer();
  ~EtcdServer();  // SIGKILL
  EtcdServer(const EtcdServer&) = delete;
  EtcdServer& operator=(const EtcdServer&) = delete;

  // For clients, host:port.
  const std::string& address() const { return address_; }
  // SIGKILL, and the end.
  void Kill();
  // Whether it answers.
  bool Start();
  std::string log() const { return directory_.path() + "/log"; }

 private:
  bool TryPorts();

  TemporaryDirectory directory_;
  std::string data_;  // folder
  int client_port_ = 0;
  int peer_port_ = 0;
  std::string address_;
  pid_t pid_ = -1;
};

}  // namespace mneme::test

#endif  // MNEME_TESTS_SUPPORT_ETCD_SERVER_H_
