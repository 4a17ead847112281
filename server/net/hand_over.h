// Gives new connections to gRPC, on a thread of its own.
//
// gRPC may begin to read a connection on the thread that brings it, and goes on for as long as
// there is something to read: a flood holds that thread, and with it whoever wants to come in,
// until somebody cuts it off. So it must not be the thread that does.
//
// Thread-safe.
#ifndef MNEME_SERVER_NET_HAND_OVER_H_
#define MNEME_SERVER_NET_HAND_OVER_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <thread>

#include "core/base/mutex.h"
#include "server/net/socket.h"

namespace mneme::server {

class HandOver {
 public:
  using Id = uint64_t;

  explicit HandOver(std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor);
  // Waits until gRPC has let go of the thread: end the connection that Stop named, or the server.
  ~HandOver();

  // Waits for its turn; how many do is for the caller to bound, who takes out those that ended.
  void Add(Id id, Socket socket, int listener);
  // Closes it, if it waits.
  void Remove(Id id);
  // Those that wait are closed, and further ones too. The one under way, if there is one.
  std::optional<Id> Stop();

 private:
  struct Waiting {
    Id id = 0;
    Socket socket;
    int listener = -1;
  };

  void Run();

  const std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  Mutex mutex_;  // a leaf
  CondVar wake_;
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  std::optional<Id> under_way_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_NET_HAND_OVER_H_
