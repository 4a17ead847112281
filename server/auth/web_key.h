// Public keys of those who issue tokens, as a JSON Web Key Set (RFC 7517, 7518, 8037): Ed25519 for
// EdDSA, RSA for RS256, P-256 for ES256. The arithmetic is OpenSSL's.
//
// Not changed once parsed. Thread-safe.
#ifndef MNEME_SERVER_AUTH_WEB_KEY_H_
#define MNEME_SERVER_AUTH_WEB_KEY_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

struct evp_pkey_st;

namespace mneme::server {

inline constexpr size_t kWebKeysMax = 64;  // of one set
inline constexpr size_t kWebKeySetBytesMax = 1u << 20;
inline constexpr int kRsaBitsMin = 2'048;
inline constexpr int kRsaBitsMax = 8'192;  // a check costs more with each bit

enum class SignatureAlgorithm { kEdDsa, kRs256, kEs256 };

// "EdDSA"; nullopt for all that is not taken: none, and those with a shared secret (HS256) too.
std::optional<SignatureAlgorithm> SignatureAlgorithmOf(std::string_view name);

// Base64 as in URLs, without padding, and nothing else. Nullopt: it is not.
std::optional<std::string> DecodeBase64Url(std::string_view text);

struct WebKey {
  std::string id;  // kid; empty: it has none
  SignatureAlgorithm algorithm = SignatureAlgorithm::kEdDsa;
  std::shared_ptr<evp_pkey_st> key;

  // Cost  tens of microseconds to a few hundred.
  bool Verify(std::string_view signed_text, std::string_view signature) const;
};

class WebKeySet {
 public:
  // Keys for other uses, and of kinds that are not taken, are passed over. InvalidArgument
  // (WEB_KEYS): no such set, no key left, a private or shared key, a weak one, one id twice.
  static absl::StatusOr<WebKeySet> Parse(const std::string& json, const std::string& where);
  // The same of a file. InvalidArgument (WEB_KEYS).
  static absl::StatusOr<WebKeySet> Read(const std::string& path);

  // The key of this id; without an id the only one. Null: there is none.
  const WebKey* Find(std::string_view id) const;
  const std::vector<WebKey>& keys() const { return keys_; }

 private:
  std::vector<WebKey> keys_;
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_AUTH_WEB_KEY_H_
