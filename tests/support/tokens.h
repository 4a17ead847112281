// An issuer of JSON Web Tokens for tests: keys of its own, and whatever it is asked to sign.
#ifndef MNEME_TESTS_SUPPORT_TOKENS_H_
#define MNEME_TESTS_SUPPORT_TOKENS_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct evp_pkey_st;

namespace mneme::test {

std::string EncodeBase64Url(std::string_view bytes);

class TokenKey {
 public:
  // "EdDSA", "RS256" or "ES256". `rsa_bits`: of RSA.
  explicit TokenKey(const std::string& algorithm, const std::string& id, int rsa_bits = 2'048);

  // The public key, as an entry of a set of keys.
  std::string PublicKey() const;
  // Header and claims are JSON; `header` empty: with this key's algorithm and id.
  std::string Sign(const std::string& claims, const std::string& header = "") const;
  const std::string& id() const { return id_; }

 private:
  const std::string algorithm_;
  const std::string id_;
  std::shared_ptr<evp_pkey_st> key_;
};

// {"keys": [...]}
std::string KeySet(const std::vector<std::string>& keys);

}  // namespace mneme::test

#endif  // MNEME_TESTS_SUPPORT_TOKENS_H_
