#include "server/auth/security.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "core/base/status.h"

namespace mneme::server {
namespace {

size_t IdentitiesOf(const Policy& policy) {
  return policy.keys.size() + policy.certificates.size() + (policy.anonymous == nullptr ? 0 : 1);
}

TlsPaths PathsOf(const Config& config) {
  return {.certificate = config.tls_certificate,
          .key = config.tls_key,
          .client_ca = config.tls_client_ca};
}

void WarnOfOpenKey(const TlsMaterial& material, const std::string& path) {
  if (material.key_is_open) {
    spdlog::warn("tls.key: others than its owner may read '{}'; chmod 600 it", path);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Security>> Security::Open(const Config& config, const Clock& clock) {
  std::unique_ptr<Security> out(new Security(config, clock));
  if (!config.tls_certificate.empty()) {
    MNEME_ASSIGN_OR_RETURN(out->tls_, Tls::Open(PathsOf(config), clock.NowUnixNanos()));
    const std::shared_ptr<const TlsMaterial> material = out->tls_->material();
    spdlog::info("TLS: {}", Describe(*material));
    WarnOfOpenKey(*material, config.tls_key);
  }
  if (!config.auth_file.empty()) {
    MNEME_ASSIGN_OR_RETURN(Policy policy, ReadPolicy(config.auth_file));
    spdlog::info("auth.file: {} identities", IdentitiesOf(policy));
    if (IdentitiesOf(policy) == 0) {
      spdlog::warn("auth.file: nobody is known, so nobody is served; `mnemectl auth make-key`");
    }
    out->authenticator_.SetPolicy(std::make_shared<const Policy>(std::move(policy)));
  }
  if (!config.audit_file.empty()) {
    MNEME_ASSIGN_OR_RETURN(out->audit_, AuditLog::Open(config.audit_file));
  }
  out->gate_ =
      std::make_unique<Gate>(out->authenticator_, clock, out->audit_.get(), config.audit_reads);
  return out;
}

absl::StatusOr<std::string> Security::Reload() {
  MutexLock lock(&reload_mutex_);
  // All is read before anything is used.
  std::optional<TlsMaterial> material;
  std::shared_ptr<const Policy> policy;
  if (tls_ != nullptr) {
    MNEME_ASSIGN_OR_RETURN(material, tls_->Read(clock_.NowUnixNanos()));
  }
  if (!config_.auth_file.empty()) {
    const std::shared_ptr<const Policy> before = authenticator_.policy();
    MNEME_ASSIGN_OR_RETURN(Policy read, ReadPolicy(config_.auth_file, before.get()));
    policy = std::make_shared<const Policy>(std::move(read));
  }
  if (audit_ != nullptr) MNEME_RETURN_IF_ERROR(audit_->Reopen());

  std::vector<std::string> parts;
  if (material.has_value()) {
    WarnOfOpenKey(*material, config_.tls_key);
    parts.push_back(absl::StrCat("the certificate is ", Describe(*material)));
    tls_->Use(*std::move(material));
  }
  if (policy != nullptr) {
    parts.push_back(absl::StrCat(IdentitiesOf(*policy), " identities are known"));
    authenticator_.SetPolicy(std::move(policy));
  }
  if (audit_ != nullptr) parts.emplace_back("the audit log's file is open again");
  if (parts.empty()) return std::string("no certificate, auth.file or audit.file is configured");
  return absl::StrJoin(parts, "; ");
}

absl::StatusOr<std::optional<std::string>> Security::RenewCertificate() {
  MutexLock lock(&reload_mutex_);
  if (tls_ == nullptr) return std::nullopt;
  MNEME_ASSIGN_OR_RETURN(TlsMaterial material, tls_->Read(clock_.NowUnixNanos()));
  const std::shared_ptr<const TlsMaterial> before = tls_->material();
  if (material.certificate == before->certificate && material.key == before->key &&
      material.client_ca == before->client_ca) {
    return std::nullopt;
  }
  WarnOfOpenKey(material, config_.tls_key);
  std::string now = Describe(material);
  tls_->Use(std::move(material));
  return now;
}

std::shared_ptr<grpc::ServerCredentials> Security::ClientPortCredentials() {
  if (tls_ == nullptr) return grpc::InsecureServerCredentials();
  if (config_.tls_client_ca.empty()) return tls_->MakeServerCredentials(ClientCertificates::kNone);
  return tls_->MakeServerCredentials(config_.tls_client_certificates == "required"
                                         ? ClientCertificates::kRequired
                                         : ClientCertificates::kOptional);
}

std::shared_ptr<grpc::ServerCredentials> Security::PeerPortCredentials() {
  if (tls_ == nullptr) return grpc::InsecureServerCredentials();
  return tls_->MakeServerCredentials(ClientCertificates::kRequired);
}

absl::Status CheckPeerNode(const grpc::ServerContextBase& context, const std::string& node) {
  const std::shared_ptr<const grpc::AuthContext> auth = context.auth_context();
  const bool has_tls =
      auth != nullptr &&
      std::ranges::any_of(
          auth->FindPropertyValues(GRPC_TRANSPORT_SECURITY_TYPE_PROPERTY_NAME),
          [](const grpc::string_ref& type) { return type == GRPC_SSL_TRANSPORT_SECURITY_TYPE; });
  if (!has_tls) return absl::OkStatus();
  const std::vector<std::string> names = CertificateNames(context);
  const std::string expected = absl::StrCat("dns:", node);
  if (std::ranges::count(names, expected) > 0) return absl::OkStatus();
  return MakeError(absl::StatusCode::kPermissionDenied,
                   absl::StrFormat("the certificate is not that of node '%s'", node),
                   {.reason = "PEER_CERTIFICATE",
                    .given = names.empty() ? "no names" : absl::StrJoin(names, ", "),
                    .expected = expected,
                    .next_step = "Give the node a certificate with its name as a DNS name."});
}

}  // namespace mneme::server
