// TLS of this server: its certificate for those who connect, and for the peers that it calls, which
// can be exchanged while it serves.
//
// gRPC asks for the certificate at each handshake, so a Reload counts for connections that begin
// after it; those that are open go on. TLS 1.2 and 1.3.
//
// Thread-safe. Must outlive the servers that use its credentials.
#ifndef MNEME_SERVER_AUTH_TLS_H_
#define MNEME_SERVER_AUTH_TLS_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/mutex.h"
#include "server/auth/tls_files.h"

namespace mneme::server {

enum class ClientCertificates { kNone, kOptional, kRequired };

class Tls {
 public:
  // Errors of ReadTlsFiles.
  static absl::StatusOr<std::unique_ptr<Tls>> Open(TlsPaths paths, int64_t now_unix_nanos);

  // What the files hold now, for Use. Errors of ReadTlsFiles.
  absl::StatusOr<TlsMaterial> Read(int64_t now_unix_nanos) const;
  // From now on.
  void Use(TlsMaterial material);
  // What is in use. It changes with each Use.
  std::shared_ptr<const TlsMaterial> material() const;

  // For one port. `certificates` other than kNone needs a client_ca.
  std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(ClientCertificates certificates);
  // For calls to peers, with this server's certificate, as it is now: their certificates must be of
  // client_ca.
  std::shared_ptr<grpc::ChannelCredentials> MakePeerCredentials() const;
  // The same, for one peer: its certificate must hold this DNS name, as it is written. A common
  // name counts for nothing, and neither does the host of a channel.
  std::shared_ptr<grpc::ChannelCredentials> MakePeerCredentials(const std::string& dns_name) const;

 private:
  explicit Tls(TlsPaths paths) : paths_(std::move(paths)) {}

  const TlsPaths paths_;
  mutable Mutex mutex_;
  std::shared_ptr<const TlsMaterial> material_ ABSL_GUARDED_BY(mutex_);
  // gRPC asks them for as long as their servers live, without owning them.
  std::vector<std::shared_ptr<grpc::ServerCredentials>> made_ ABSL_GUARDED_BY(mutex_);
};

// "CN=..., valid until 2027-01-01".
std::string Describe(const TlsMaterial& material);

}  // namespace mneme::server

#endif  // MNEME_SERVER_AUTH_TLS_H_
