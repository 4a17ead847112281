#include "server/auth/tls_files.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "core/base/status.h"
#include "server/config/text_file.h"

namespace mneme::server {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

absl::Status BadFile(std::string_view key, const std::string& path, std::string_view what,
                     std::string_view expected, std::string_view next_step) {
  return InvalidArgument(absl::StrFormat("%s: '%s' %s", AbslView(key), path, AbslView(what)),
                         {.reason = "TLS_FILES",
                          .given = path,
                          .expected = std::string(expected),
                          .next_step = std::string(next_step)});
}

// The last of OpenSSL's errors, and none is left.
std::string TakeError() {
  const char* text = nullptr;
  for (unsigned long code; (code = ERR_get_error()) != 0;) {  // NOLINT(google-runtime-int)
    if (const char* reason = ERR_reason_error_string(code)) text = reason;
  }
  return text == nullptr ? "unknown" : text;
}

absl::StatusOr<std::string> ReadPem(std::string_view key, const std::string& path) {
  absl::StatusOr<std::string> text = ReadTextFile(path, kPemBytesMax);
  if (text.ok() && !text->empty()) return text;
  return BadFile(key, path, "cannot be read, or is empty",
                 absl::StrCat("a readable PEM file of at most ", kPemBytesMax, " bytes"),
                 "Correct the path, or the permissions for the server's user.");
}

Bio View(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free};
}

Certificate FirstCertificate(const std::string& pem) {
  return {PEM_read_bio_X509(View(pem).get(), nullptr, nullptr, nullptr), X509_free};
}

// What is said of the certificate with this number, 1 and up, in a file of several.
std::string Nth(size_t number, std::string_view what) {
  return absl::StrCat("has as certificate ", number, " ", AbslView(what));
}

int NoPassword(char*, int, int, void*) { return -1; }

absl::StatusOr<int64_t> UnixNanos(const ASN1_TIME* time) {
  std::tm parts = {};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return Internal("a certificate's time cannot be read");
  // Clamped to what nanoseconds can tell (authorities are valid until 9999).
  const absl::Time at = absl::FromTM(parts, absl::UTCTimeZone());
  return absl::ToUnixNanos(std::min(at, absl::FromUnixNanos(INT64_MAX)));
}

std::string TimeText(int64_t unix_nanos) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", absl::FromUnixNanos(unix_nanos),
                          absl::UTCTimeZone());
}

absl::Status CheckTimes(X509* certificate, const TlsPaths& paths, int64_t now, int64_t* end) {
  MNEME_ASSIGN_OR_RETURN(const int64_t begin, UnixNanos(X509_get0_notBefore(certificate)));
  MNEME_ASSIGN_OR_RETURN(*end, UnixNanos(X509_get0_notAfter(certificate)));
  if (now >= begin && now <= *end) return absl::OkStatus();
  const int64_t bound = now < begin ? begin : *end;
  return BadFile(
      paths.certificate_name, paths.certificate,
      absl::StrCat(now < begin ? "is not valid before " : "has expired on ", TimeText(bound)),
      "a certificate that is valid now", "Get a new one, or correct the clock.");
}

std::string SubjectOf(X509* certificate) {
  const Bio out(BIO_new(BIO_s_mem()), BIO_free);
  X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const auto size = static_cast<size_t>(BIO_get_mem_data(out.get(), &text));
  return size == 0 ? "a certificate without a subject" : std::string(text, size);
}

// All certificates of a file, which can be read to its end: gRPC would take those before a damaged
// one, and let nobody in by those behind it.
absl::StatusOr<std::vector<Certificate>> AllCertificates(std::string_view key,
                                                         const std::string& path,
                                                         const std::string& pem,
                                                         std::string_view whose) {
  std::vector<Certificate> out;
  const Bio from = View(pem);
  while (X509* next = PEM_read_bio_X509(from.get(), nullptr, nullptr, nullptr))
    out.emplace_back(next, X509_free);
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string error = TakeError();
  if (at_end && !out.empty()) return out;
  return BadFile(key, path,
                 at_end ? "holds no certificate"
                        : Nth(out.size() + 1, absl::StrCat("one that cannot be read: ", error)),
                 absl::StrCat("the certificates of ", AbslView(whose)),
                 at_end ? "Name the PEM file." : "Correct that certificate, or take it out.");
}

// An authority that has expired vouches for nobody.
absl::Status CheckNoneExpired(std::string_view key, const std::string& path,
                              std::span<const Certificate> authorities, int64_t now) {
  for (size_t i = 0; i < authorities.size(); ++i) {
    MNEME_ASSIGN_OR_RETURN(const int64_t end, UnixNanos(X509_get0_notAfter(authorities[i].get())));
    if (now <= end) continue;
    return BadFile(key, path,
                   Nth(i + 1, absl::StrFormat("'%s', which has expired on %s",
                                              SubjectOf(authorities[i].get()), TimeText(end))),
                   "authorities that have not expired", "Take it out, or put its successor there.");
  }
  return absl::OkStatus();
}

// As the handshake will use them: refuses weak keys too.
absl::Status CheckPair(const TlsPaths& paths, X509* certificate, EVP_PKEY* key) {
  const Context context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (SSL_CTX_use_certificate(context.get(), certificate) != 1) {
    return BadFile(paths.certificate_name, paths.certificate,
                   absl::StrCat("is refused by OpenSSL: ", TakeError()),
                   "a certificate for TLS 1.2",
                   "Make one with a key of at least 2048 bits (RSA) or 256 bits (EC).");
  }
  if (SSL_CTX_use_PrivateKey(context.get(), key) == 1 &&
      SSL_CTX_check_private_key(context.get()) == 1) {
    return absl::OkStatus();
  }
  TakeError();
  return BadFile(paths.key_name, paths.key,
                 absl::StrFormat("does not fit the certificate '%s'", paths.certificate),
                 "the private key of that certificate", "Name the files of one pair.");
}

absl::Status ReadOwn(const TlsPaths& paths, int64_t now_unix_nanos, TlsMaterial* out) {
  MNEME_ASSIGN_OR_RETURN(out->certificate, ReadPem(paths.certificate_name, paths.certificate));
  MNEME_ASSIGN_OR_RETURN(out->key, ReadPem(paths.key_name, paths.key));
  const Certificate certificate = FirstCertificate(out->certificate);
  if (certificate == nullptr) {
    TakeError();
    return BadFile(paths.certificate_name, paths.certificate, "holds no certificate",
                   "-----BEGIN CERTIFICATE----- and what follows it", "Name the PEM file.");
  }
  const Key key(PEM_read_bio_PrivateKey(View(out->key).get(), nullptr, NoPassword, nullptr),
                EVP_PKEY_free);
  if (key == nullptr) {
    TakeError();
    return BadFile(paths.key_name, paths.key, "holds no private key, or one behind a password",
                   "-----BEGIN PRIVATE KEY----- without a password",
                   "Name the PEM file; `openssl pkey` takes a password off.");
  }
  MNEME_RETURN_IF_ERROR(
      CheckTimes(certificate.get(), paths, now_unix_nanos, &out->not_after_unix_nanos));
  MNEME_RETURN_IF_ERROR(CheckPair(paths, certificate.get(), key.get()));
  out->subject = SubjectOf(certificate.get());
  struct stat facts = {};
  out->key_is_open = ::stat(paths.key.c_str(), &facts) == 0 && (facts.st_mode & 077) != 0;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TlsMaterial> ReadTlsFiles(const TlsPaths& paths, int64_t now_unix_nanos) {
  TlsMaterial out;
  if (!paths.certificate.empty() || !paths.key.empty()) {
    MNEME_RETURN_IF_ERROR(ReadOwn(paths, now_unix_nanos, &out));
  }
  if (paths.client_ca.empty()) return out;
  MNEME_ASSIGN_OR_RETURN(out.client_ca, ReadPem(paths.client_ca_name, paths.client_ca));
  MNEME_ASSIGN_OR_RETURN(const std::vector<Certificate> authorities,
                         AllCertificates(paths.client_ca_name, paths.client_ca, out.client_ca,
                                         "those who sign for the other side"));
  MNEME_RETURN_IF_ERROR(
      CheckNoneExpired(paths.client_ca_name, paths.client_ca, authorities, now_unix_nanos));
  return out;
}

absl::StatusOr<std::string> ReadAuthorities(std::string_view key, const std::string& path,
                                            std::string_view whose) {
  MNEME_ASSIGN_OR_RETURN(std::string pem, ReadPem(key, path));
  MNEME_RETURN_IF_ERROR(AllCertificates(key, path, pem, whose).status());
  return pem;
}

}  // namespace mneme::server
