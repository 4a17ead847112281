#include "server/auth/tls.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <functional>
#include <string_view>
#include <utility>

#include "absl/time/time.h"
#include "core/base/status.h"

namespace mneme::server {
namespace {

grpc_ssl_client_certificate_request_type RequestType(ClientCertificates certificates) {
  switch (certificates) {
    case ClientCertificates::kNone:
      return GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE;
    case ClientCertificates::kOptional:
      return GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY;
    case ClientCertificates::kRequired:
      return GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
  }
  return GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
}

// gRPC's C++ credentials hold one certificate for ever; those of its C core ask for it at each
// handshake.
class AskingCredentials final : public grpc::ServerCredentials {
 public:
  AskingCredentials(const Tls& tls, ClientCertificates certificates)
      : tls_(tls),
        asks_clients_(certificates != ClientCertificates::kNone),
        credentials_(grpc_ssl_server_credentials_create_with_options(
            grpc_ssl_server_credentials_create_options_using_config_fetcher(
                RequestType(certificates), Fetch, this))) {}
  ~AskingCredentials() override { grpc_server_credentials_release(credentials_); }

  // Callers are told apart by the gate, not here.
  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {
    MNEME_CHECK(false);
  }

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  // Called under a lock of gRPC's: one at a time.
  static grpc_ssl_certificate_config_reload_status Fetch(
      void* self_pointer, grpc_ssl_server_certificate_config** config) {
    AskingCredentials& self = *static_cast<AskingCredentials*>(self_pointer);
    std::shared_ptr<const TlsMaterial> material = self.tls_.material();
    if (material == self.given_) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    const grpc_ssl_pem_key_cert_pair pair{.private_key = material->key.c_str(),
                                          .cert_chain = material->certificate.c_str()};
    // gRPC wants authorities even where it will not ask for certificates; then it uses none.
    const std::string& authorities =
        self.asks_clients_ ? material->client_ca : material->certificate;
    *config = grpc_ssl_server_certificate_config_create(authorities.c_str(), &pair, 1);
    self.given_ = std::move(material);
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  const Tls& tls_;
  const bool asks_clients_;
  std::shared_ptr<const TlsMaterial> given_;  // to gRPC, last
  grpc_server_credentials* const credentials_;
};

// gRPC's own check takes the common name where a certificate has no other names.
class DnsNameVerifier final : public grpc::experimental::ExternalCertificateVerifier {
 public:
  explicit DnsNameVerifier(std::string name) : name_(std::move(name)) {}
  ~DnsNameVerifier() override = default;

  bool Verify(grpc::experimental::TlsCustomVerificationCheckRequest* request,
              std::function<void(grpc::Status)>, grpc::Status* status) override {
    for (const grpc::string_ref& name : request->dns_names()) {
      if (std::string_view(name.data(), name.size()) == name_) return true;
    }
    *status = grpc::Status(
        grpc::StatusCode::UNAUTHENTICATED,
        absl::StrCat("the DNS names of the peer's certificate do not hold '", name_, "'"));
    return true;
  }
  void Cancel(grpc::experimental::TlsCustomVerificationCheckRequest*) override {}

 private:
  const std::string name_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Tls>> Tls::Open(TlsPaths paths, int64_t now_unix_nanos) {
  std::unique_ptr<Tls> tls(new Tls(std::move(paths)));
  MNEME_ASSIGN_OR_RETURN(TlsMaterial material, tls->Read(now_unix_nanos));
  tls->Use(std::move(material));
  return tls;
}

absl::StatusOr<TlsMaterial> Tls::Read(int64_t now_unix_nanos) const {
  return ReadTlsFiles(paths_, now_unix_nanos);
}

void Tls::Use(TlsMaterial material) {
  auto next = std::make_shared<const TlsMaterial>(std::move(material));
  MutexLock lock(&mutex_);
  material_ = std::move(next);
}

std::shared_ptr<const TlsMaterial> Tls::material() const {
  MutexLock lock(&mutex_);
  return material_;
}

std::shared_ptr<grpc::ServerCredentials> Tls::MakeServerCredentials(
    ClientCertificates certificates) {
  auto credentials = std::make_shared<AskingCredentials>(*this, certificates);
  MutexLock lock(&mutex_);
  made_.push_back(credentials);
  return credentials;
}

std::shared_ptr<grpc::ChannelCredentials> Tls::MakePeerCredentials() const {
  const std::shared_ptr<const TlsMaterial> now = material();
  return grpc::SslCredentials({.pem_root_certs = now->client_ca,
                               .pem_private_key = now->key,
                               .pem_cert_chain = now->certificate});
}

std::shared_ptr<grpc::ChannelCredentials> Tls::MakePeerCredentials(
    const std::string& dns_name) const {
  const std::shared_ptr<const TlsMaterial> now = material();
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(
      std::make_shared<grpc::experimental::StaticDataCertificateProvider>(
          now->client_ca, std::vector<grpc::experimental::IdentityKeyCertPair>{
                              {.private_key = now->key, .certificate_chain = now->certificate}}));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_certificate_verifier(
      grpc::experimental::ExternalCertificateVerifier::Create<DnsNameVerifier>(dns_name));
  options.set_check_call_host(false);  // the verifier has looked at the names
  return grpc::experimental::TlsCredentials(options);
}

std::string Describe(const TlsMaterial& material) {
  return absl::StrCat(
      material.subject, ", valid until ",
      absl::FormatTime("%Y-%m-%d", absl::FromUnixNanos(material.not_after_unix_nanos),
                       absl::UTCTimeZone()));
}

}  // namespace mneme::server
