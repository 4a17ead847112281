// All that keeps strangers out, as the configuration says it: TLS, who may do what, the audit log;
// and the one function that reads it all anew.
//
// Thread-safe once open. Must outlive the servers that use it.
#ifndef MNEME_SERVER_AUTH_SECURITY_H_
#define MNEME_SERVER_AUTH_SECURITY_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "server/auth/audit_log.h"
#include "server/auth/authenticator.h"
#include "server/auth/gate.h"
#include "server/auth/tls.h"
#include "server/config/config.h"

namespace mneme::server {

class Security {
 public:
  // Errors of the files that the configuration names: TLS_FILES, AUTH_FILE, AUDIT_FILE. What is
  // odd, though it works, is logged.
  static absl::StatusOr<std::unique_ptr<Security>> Open(const Config& config, const Clock& clock);

  // Reads certificates and auth.file anew, and opens the audit log's file again. All of it, or, if
  // anything is wrong with one of them, nothing: what is in use stays in use. Calls and connections
  // under way go on. Returns a sentence on what is in use now.
  absl::StatusOr<std::string> Reload();

  // Uses what the certificate's files hold, where that is something new, and says what it is;
  // nullopt: it is what is in use already. Errors of ReadTlsFiles: what is in use stays.
  absl::StatusOr<std::optional<std::string>> RenewCertificate();

  // Of the port for clients, and of the one for peers, where certificates are required. Without TLS
  // both are plain.
  std::shared_ptr<grpc::ServerCredentials> ClientPortCredentials();
  std::shared_ptr<grpc::ServerCredentials> PeerPortCredentials();
  // Null where there is no TLS.
  Tls* tls() { return tls_.get(); }

  const Authenticator& authenticator() const { return authenticator_; }
  Gate& gate() { return *gate_; }
  AuditLog* audit() { return audit_.get(); }  // null: none

 private:
  Security(const Config& config, const Clock& clock)
      : config_(config), clock_(clock), authenticator_(clock) {}

  const Config config_;
  const Clock& clock_;
  Mutex reload_mutex_;  // one Reload at a time
  Authenticator authenticator_;
  std::unique_ptr<Tls> tls_;
  std::unique_ptr<AuditLog> audit_;
  std::unique_ptr<Gate> gate_;
};

// OK where the connection's certificate is that of the node: one of its names is the node's, as
// "dns:NODE". Without TLS on the port everybody is believed. PermissionDenied (PEER_CERTIFICATE).
absl::Status CheckPeerNode(const grpc::ServerContextBase& context, const std::string& node);

}  // namespace mneme::server

#endif  // MNEME_SERVER_AUTH_SECURITY_H_
