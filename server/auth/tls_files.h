// A certificate, its key and the authorities of clients, as PEM files: read, and checked as far as
// can be before anybody connects.
//
// Pure functions but for the files. Thread-safe.
#ifndef MNEME_SERVER_AUTH_TLS_FILES_H_
#define MNEME_SERVER_AUTH_TLS_FILES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace mneme::server {

inline constexpr size_t kPemBytesMax = 4u << 20;

struct TlsPaths {
  std::string certificate;  // its chain follows it in the file; empty, as the key: none
  std::string key;
  std::string client_ca;  // empty: clients are not asked for certificates
  // The configuration keys that errors name.
  std::string certificate_name = "tls.certificate";
  std::string key_name = "tls.key";
  std::string client_ca_name = "tls.client_ca";
};

struct TlsMaterial {
  std::string certificate;  // PEM
  std::string key;
  std::string client_ca;
  std::string subject;  // "CN=mneme.example.org"
  int64_t not_after_unix_nanos = 0;
  bool key_is_open = false;  // others than its owner may read the key's file
};

// InvalidArgument (TLS_FILES), naming the file: unreadable, no PEM, an encrypted key, a key that
// does not fit, a certificate that has expired or is not valid yet, a key too weak to be taken; of
// the authorities any one that cannot be read or has expired, by its number in the file.
absl::StatusOr<TlsMaterial> ReadTlsFiles(const TlsPaths& paths, int64_t now_unix_nanos);
// The certificates of some authorities, as PEM: one at least, and none that cannot be read; public
// bundles may hold some that have expired. `key`: of the configuration, for
// errors (InvalidArgument TLS_FILES); `whose`: "those who sign clients' certificates".
absl::StatusOr<std::string> ReadAuthorities(std::string_view key, const std::string& path,
                                            std::string_view whose);

}  // namespace mneme::server

#endif  // MNEME_SERVER_AUTH_TLS_FILES_H_
