// Calls to an etcd cluster (v3 API): one endpoint at a time, and the next one where it does not
// answer.
//
// With a user it shows a token that etcd gave for the password; one that etcd does not know any
// more (it has run out, or etcd was started again) is asked for anew.
//
// A call that got no answer may have been carried out. So only reads, and what is safe to do twice,
// go on to the next endpoint after a deadline; a guarded transaction is the caller's to look at.
//
// Thread-safe.
#ifndef MNEME_SERVER_PEER_ETCD_CLIENT_H_
#define MNEME_SERVER_PEER_ETCD_CLIENT_H_

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/mutex.h"
#include "etcd.grpc.pb.h"

namespace mneme::server {

// For an answer from one endpoint.
inline constexpr std::chrono::seconds kEtcdAnswer{3};
// For the connection to an endpoint, before a call is tried. gRPC makes connections only while
// somebody waits for something.
inline constexpr std::chrono::milliseconds kEtcdConnect{300};
inline constexpr size_t kEtcdEndpointsMax = 16;
// etcd refuses requests above 1.5 MiB.
inline constexpr size_t kEtcdValueBytesMax = 1u << 20;
// Of one reading: many plans of the largest size.
inline constexpr int kEtcdMessageBytesMax = 256 << 20;

// How etcd is talked to.
struct EtcdAccess {
  // Null: in the clear.
  std::shared_ptr<grpc::ChannelCredentials> credentials;
  std::string server_name;  // in the certificates of etcd; empty: the endpoint's host
  std::string user;         // empty: none
  std::string password;
};

class EtcdClient {
 public:
  struct Endpoint {
    std::string address;
    std::shared_ptr<grpc::Channel> channel;
    std::unique_ptr<etcdserverpb::KV::Stub> kv;
    std::unique_ptr<etcdserverpb::Lease::Stub> lease;
    std::unique_ptr<etcdserverpb::Watch::Stub> watch;
    std::unique_ptr<etcdserverpb::Auth::Stub> auth;
  };

  // "host:port,host:port". InvalidArgument (CONFIG_VALUE): none, too many, or one without a port.
  static absl::StatusOr<std::unique_ptr<EtcdClient>> Create(const std::string& endpoints,
                                                            EtcdAccess access = {});
  // For calls and watches that begin from now on.
  void Use(EtcdAccess access) ABSL_LOCKS_EXCLUDED(mutex_);

  // Unavailable (COORDINATOR), all of them, where no endpoint answers, or etcd has no majority.
  // FailedPrecondition (COORDINATOR_REFUSES): it says no, to the user for instance.
  absl::StatusOr<etcdserverpb::RangeResponse> Range(const etcdserverpb::RangeRequest& request);
  absl::StatusOr<etcdserverpb::PutResponse> Put(const etcdserverpb::PutRequest& request);
  absl::StatusOr<etcdserverpb::DeleteRangeResponse> Delete(
      const etcdserverpb::DeleteRangeRequest& request);
  absl::StatusOr<etcdserverpb::TxnResponse> Txn(const etcdserverpb::TxnRequest& request);
  absl::StatusOr<etcdserverpb::CompactionResponse> Compact(
      const etcdserverpb::CompactionRequest& request);
  // A new lease's id.
  absl::StatusOr<int64_t> GrantLease(int64_t seconds);
  // Seconds that it still has; 0: it has run out.
  absl::StatusOr<int64_t> KeepLease(int64_t lease);
  // The one that answered last: for streams, whose context Prepare makes ready.
  std::shared_ptr<const Endpoint> current() const ABSL_LOCKS_EXCLUDED(mutex_);
  void Prepare(grpc::ClientContext* context) const ABSL_LOCKS_EXCLUDED(mutex_);
  // It does not answer: another one is the current one.
  void Leave(const Endpoint& endpoint) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  explicit EtcdClient(std::vector<std::string> addresses) : addresses_(std::move(addresses)) {}

  // `call` of each endpoint in turn, from the current one, until one answers.
  template <typename Call>
  absl::Status Try(bool safe_twice, Call call);
  // `call`, with a token if one is needed; once more with a new one.
  template <typename Call>
  grpc::Status CallOne(const Endpoint& endpoint, Call call);
  // Ok too where there is no user, or etcd asks for none.
  grpc::Status Authenticate(const Endpoint& endpoint) ABSL_LOCKS_EXCLUDED(mutex_);

  const std::vector<std::string> addresses_;
  mutable Mutex mutex_;  // a leaf
  std::vector<std::shared_ptr<const Endpoint>> endpoints_ ABSL_GUARDED_BY(mutex_);
  size_t current_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string user_ ABSL_GUARDED_BY(mutex_);
  std::string password_ ABSL_GUARDED_BY(mutex_);
  std::optional<std::string> token_ ABSL_GUARDED_BY(mutex_);  // empty: etcd asks for none
};

// Of keys that begin with `prefix`: the first key behind them all.
std::string EndOfPrefix(std::string prefix);

}  // namespace mneme::server

#endif  // MNEME_SERVER_PEER_ETCD_CLIENT_H_
