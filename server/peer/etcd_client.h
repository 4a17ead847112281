// Calls to an etcd cluster (v3 API): one endpoint at a time, and the next one where it does not
// answer.
//
// A call that got no answer may have been carried out. So only reads, and what is safe to do twice,
// go on to the next endpoint after a deadline; a guarded transaction is the caller's to look at.
//
// Thread-safe.
#ifndef MNEME_SERVER_PEER_ETCD_CLIENT_H_
#define MNEME_SERVER_PEER_ETCD_CLIENT_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "etcd.grpc.pb.h"

namespace mneme::server {

// For an answer from one endpoint.
inline constexpr std::chrono::seconds kEtcdAnswer{3};
inline constexpr size_t kEtcdEndpointsMax = 16;
// etcd refuses requests above 1.5 MiB.
inline constexpr size_t kEtcdValueBytesMax = 1u << 20;
// Of one reading: many plans of the largest size.
inline constexpr int kEtcdMessageBytesMax = 256 << 20;

class EtcdClient {
 public:
  struct Endpoint {
    std::string address;
    std::shared_ptr<grpc::Channel> channel;
    std::unique_ptr<etcdserverpb::KV::Stub> kv;
    std::unique_ptr<etcdserverpb::Lease::Stub> lease;
    std::unique_ptr<etcdserverpb::Watch::Stub> watch;
  };

  // "host:port,host:port". InvalidArgument (CONFIG_VALUE): none, too many, or one without a port.
  static absl::StatusOr<std::unique_ptr<EtcdClient>> Create(const std::string& endpoints);

  // Unavailable (COORDINATOR), all of them, where no endpoint answers.
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
  // The one that answered last: for streams.
  const Endpoint& current() const { return endpoints_[current_.load() % endpoints_.size()]; }
  // It does not answer: another one is the current one.
  void Leave(const Endpoint& endpoint);

 private:
  explicit EtcdClient(std::vector<Endpoint> endpoints) : endpoints_(std::move(endpoints)) {}

  // `call` of each endpoint in turn, from the current one, until one answers.
  template <typename Call>
  absl::Status Try(bool safe_twice, Call call);

  const std::vector<Endpoint> endpoints_;
  std::atomic<size_t> current_{0};
};

// Of keys that begin with `prefix`: the first key behind them all.
std::string EndOfPrefix(std::string prefix);

}  // namespace mneme::server

#endif  // MNEME_SERVER_PEER_ETCD_CLIENT_H_
