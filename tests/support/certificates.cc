#include "tests/support/certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

namespace mneme::test {
namespace {

void Require(bool good) {
  if (!good) std::abort();
}

std::shared_ptr<EVP_PKEY> MakeKey() { return {EVP_EC_gen("P-256"), EVP_PKEY_free}; }

void AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  Require(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

// Not signed yet. `issuer` null: itself.
std::shared_ptr<X509> MakeCertificate(const std::string& name, EVP_PKEY* key, X509* issuer,
                                      long from_seconds, long to_seconds) {
  std::shared_ptr<X509> out(X509_new(), X509_free);
  X509_set_version(out.get(), 2);
  uint64_t serial = 0;
  Require(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof(serial)) == 1);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(out.get()), serial >> 1);
  X509_gmtime_adj(X509_getm_notBefore(out.get()), from_seconds);
  X509_gmtime_adj(X509_getm_notAfter(out.get()), to_seconds);
  X509_set_pubkey(out.get(), key);
  X509_NAME* subject = X509_get_subject_name(out.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(out.get(), X509_get_subject_name(issuer == nullptr ? out.get() : issuer));
  return out;
}

template <typename Write>
std::string ToPem(Write write) {
  BIO* bio = BIO_new(BIO_s_mem());
  Require(write(bio) == 1);
  char* data = nullptr;
  const auto size = static_cast<size_t>(BIO_get_mem_data(bio, &data));
  std::string text(data, size);
  BIO_free(bio);
  return text;
}

std::string ToPem(X509* certificate) {
  return ToPem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
}

}  // namespace

Authority::Authority(const std::string& name) : key_(MakeKey()) {
  certificate_ = MakeCertificate(name, key_.get(), nullptr, -3600, 86'400);
  AddExtension(certificate_.get(), certificate_.get(), NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(certificate_.get(), certificate_.get(), NID_key_usage, "critical,keyCertSign");
  Require(X509_sign(certificate_.get(), key_.get(), EVP_sha256()) > 0);
}

std::string Authority::certificate() const { return ToPem(certificate_.get()); }

CertificateAndKey Authority::Issue(const CertificateRequest& request) const {
  const std::shared_ptr<EVP_PKEY> key = MakeKey();
  const std::shared_ptr<X509> made =
      MakeCertificate(request.name, key.get(), certificate_.get(), request.valid_from_seconds,
                      request.valid_to_seconds);
  if (!request.names.empty()) {
    AddExtension(made.get(), certificate_.get(), NID_subject_alt_name, request.names);
  }
  Require(X509_sign(made.get(), key_.get(), EVP_sha256()) > 0);
  return {.certificate = ToPem(made.get()),
          .key = ToPem([&](BIO* bio) {
            return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

std::string WriteFile(const std::string& path, const std::string& text) {
  {
    std::ofstream file(path, std::ios::trunc);
    file << text;
    Require(file.good());
  }
  Require(chmod(path.c_str(), 0600) == 0);
  return path;
}

}  // namespace mneme::test
