#include "server/auth/tls.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

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

std::string Describe(const TlsMaterial& material) {
  return absl::StrCat(
      material.subject, ", valid until ",
      absl::FormatTime("%Y-%m-%d", absl::FromUnixNanos(material.not_after_unix_nanos),
                       absl::UTCTimeZone()));
}

}  // namespace mneme::server
