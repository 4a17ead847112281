// auth.file: who is known, by what, and what each may do.
//
//   keys:
//     - name: ingest
//       sha256: 5e88...            # of the key; `mnemectl auth make-key ingest` prints both
//       not_before: 2026-01-01     # or 2026-01-01T12:00:00Z; both may be left out
//       not_after: 2027-01-01
//       grants:
//         - {role: writer, memories: "faces-*"}
//         - {role: reader, memories: "*"}
//       limits: {calls_per_second: 1000, bytes_per_second: 100M}
//   jwt:
//     - name: login                    # its bearers are "login:alice"
//       issuer: https://login.example.org
//       audience: mneme                # or a list
//       jwks: login.jwks               # a file of public keys; a relative name: beside this one
//       leeway_seconds: 30
//       identity: sub                  # claims
//       groups: groups
//       grants:
//         - {group: ingest, role: writer, memories: "faces-*"}
//         - {role: reader, memories: public}      # everybody with a token
//       limits: {calls_per_second: 100}           # of each bearer
//   certificates:
//     - name: backup host
//       san: dns:backup.example.org    # or uri:spiffe://example.org/backup
//       grants: [{role: admin, memories: "*"}]
//   anonymous:
//     grants: [{role: reader, memories: public}]
//
// A key is 256 random bits: nobody finds it from its SHA-256 by trying, so a slow hash would only
// slow down the server. (Words that people choose would need one; they are no keys.)
//
// Pure functions, but for the files of public keys that it names. Thread-safe.
#ifndef MNEME_SERVER_AUTH_POLICY_H_
#define MNEME_SERVER_AUTH_POLICY_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/auth/identity.h"
#include "server/auth/key_digest.h"
#include "server/auth/token_issuers.h"

namespace mneme::server {

inline constexpr size_t kIdentitiesMax = 10'000;
inline constexpr size_t kGrantsMax = 64;  // of one identity
inline constexpr size_t kIdentityNameBytesMax = 128;
inline constexpr size_t kAuthFileBytesMax = 4u << 20;

struct Policy {
  std::map<KeyDigest, std::shared_ptr<const Identity>> keys;
  // By "dns:NAME" or "uri:URI".
  std::map<std::string, std::shared_ptr<const Identity>, std::less<>> certificates;
  std::shared_ptr<const TokenIssuers> tokens;  // null: none are believed
  std::shared_ptr<const Identity> anonymous;   // null: nobody is served without a name
};

// InvalidArgument (AUTH_FILE) with the line: no YAML, unknown keys, bad values, names or keys given
// twice; WEB_KEYS of the keys of issuers. `where`: the file's path. Those who were in `before` with
// the same name and limits keep what they have used up.
absl::StatusOr<Policy> ParsePolicy(const std::string& yaml, const std::string& where,
                                   const Policy* before = nullptr);
// The same of a file. NotFound (AUTH_FILE).
absl::StatusOr<Policy> ReadPolicy(const std::string& path, const Policy* before = nullptr);

}  // namespace mneme::server

#endif  // MNEME_SERVER_AUTH_POLICY_H_
