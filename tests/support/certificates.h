// Certificates for tests: an authority of its own, and what it signs. EC keys, so that they are
// made at once.
#ifndef MNEME_TESTS_SUPPORT_CERTIFICATES_H_
#define MNEME_TESTS_SUPPORT_CERTIFICATES_H_

#include <memory>
#include <string>

struct evp_pkey_st;
struct x509_st;

namespace mneme::test {

// As PEM.
struct CertificateAndKey {
  std::string certificate;
  std::string key;
};

struct CertificateRequest {
  std::string name = "test";                         // CN
  std::string names = "DNS:localhost,IP:127.0.0.1";  // as OpenSSL writes subjectAltName; "": none
  long valid_from_seconds = -60;                     // from now
  long valid_to_seconds = 3600;
};

class Authority {
 public:
  explicit Authority(const std::string& name = "test authority");
  std::string certificate() const;
  CertificateAndKey Issue(const CertificateRequest& request = {}) const;

 private:
  std::shared_ptr<evp_pkey_st> key_;
  std::shared_ptr<x509_st> certificate_;
};

// Writes a file for its owner alone; the path.
std::string WriteFile(const std::string& path, const std::string& text);

}  // namespace mneme::test

#endif  // MNEME_TESTS_SUPPORT_CERTIFICATES_H_
