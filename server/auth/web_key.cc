#include "server/auth/web_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "core/base/status.h"
#include "server/config/text_file.h"

namespace mneme::server {
namespace {

using nlohmann::json;
using Key = std::shared_ptr<EVP_PKEY>;
using Number = std::unique_ptr<BIGNUM, decltype(&BN_free)>;

constexpr size_t kP256Bytes = 32;

// OpenSSL keeps errors for whoever asks next.
template <typename Result>
Result Quietly(Result result) {
  ERR_clear_error();
  return result;
}

absl::Status BadSet(const std::string& where, std::string_view what, std::string_view expected) {
  return InvalidArgument(absl::StrFormat("%s: %s", where, AbslView(what)),
                         {.reason = "WEB_KEYS",
                          .given = where,
                          .expected = std::string(expected),
                          .next_step = "Save the issuer's public keys there: its jwks_uri."});
}

std::string TextIn(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Empty where it is missing or not base64.
std::string BytesIn(const json& object, const char* name) {
  return DecodeBase64Url(TextIn(object, name)).value_or("");
}

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Number NumberOf(std::string_view bytes) {
  return {BN_bin2bn(Bytes(bytes), static_cast<int>(bytes.size()), nullptr), BN_free};
}

Key FromParameters(const char* kind, OSSL_PARAM_BLD* build) {
  const std::unique_ptr<OSSL_PARAM, decltype(&OSSL_PARAM_free)> parameters(
      OSSL_PARAM_BLD_to_param(build), OSSL_PARAM_free);
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
      EVP_PKEY_CTX_new_from_name(nullptr, kind, nullptr), EVP_PKEY_CTX_free);
  EVP_PKEY* key = nullptr;
  if (parameters == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
    return nullptr;
  }
  return {key, EVP_PKEY_free};
}

using Build = std::unique_ptr<OSSL_PARAM_BLD, decltype(&OSSL_PARAM_BLD_free)>;

Key RsaKey(const json& object) {
  const std::string modulus = BytesIn(object, "n"), exponent = BytesIn(object, "e");
  if (modulus.empty() || exponent.empty() || modulus.size() > kRsaBitsMax / 8 + 1 ||
      exponent.size() > 8) {
    return nullptr;
  }
  const Number n = NumberOf(modulus), e = NumberOf(exponent);
  const Build build(OSSL_PARAM_BLD_new(), OSSL_PARAM_BLD_free);
  OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
  OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
  Key key = FromParameters("RSA", build.get());
  const int bits = key == nullptr ? 0 : EVP_PKEY_get_bits(key.get());
  return bits >= kRsaBitsMin && bits <= kRsaBitsMax ? key : nullptr;
}

Key P256Key(const json& object) {
  const std::string x = BytesIn(object, "x"), y = BytesIn(object, "y");
  if (x.size() != kP256Bytes || y.size() != kP256Bytes) return nullptr;
  const std::string point = "\x04" + x + y;  // uncompressed
  const Build build(OSSL_PARAM_BLD_new(), OSSL_PARAM_BLD_free);
  OSSL_PARAM_BLD_push_utf8_string(build.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
  OSSL_PARAM_BLD_push_octet_string(build.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                   point.size());
  return FromParameters("EC", build.get());  // refuses a point that is not on the curve
}

Key Ed25519Key(const json& object) {
  const std::string x = BytesIn(object, "x");
  if (x.size() != 32) return nullptr;
  return {EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(x), x.size()),
          EVP_PKEY_free};
}

// What kinds there are; nullopt: one that is not taken.
std::optional<SignatureAlgorithm> KindOf(const json& object) {
  const std::string kty = TextIn(object, "kty"), crv = TextIn(object, "crv");
  if (kty == "OKP" && crv == "Ed25519") return SignatureAlgorithm::kEdDsa;
  if (kty == "RSA") return SignatureAlgorithm::kRs256;
  if (kty == "EC" && crv == "P-256") return SignatureAlgorithm::kEs256;
  return std::nullopt;
}

Key KeyOf(const json& object, SignatureAlgorithm algorithm) {
  switch (algorithm) {
    case SignatureAlgorithm::kEdDsa:
      return Quietly(Ed25519Key(object));
    case SignatureAlgorithm::kRs256:
      return Quietly(RsaKey(object));
    case SignatureAlgorithm::kEs256:
      return Quietly(P256Key(object));
  }
  return nullptr;
}

// Whether the set means it for this: a key may name one use and one algorithm.
bool IsForSignatures(const json& object, SignatureAlgorithm algorithm) {
  const std::string use = TextIn(object, "use"), alg = TextIn(object, "alg");
  return (use.empty() || use == "sig") && (alg.empty() || SignatureAlgorithmOf(alg) == algorithm);
}

// Tokens have the two numbers of an ECDSA signature side by side; OpenSSL wants them as DER.
std::string DerOf(std::string_view signature) {
  if (signature.size() != 2 * kP256Bytes) return {};
  const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> pair(ECDSA_SIG_new(), ECDSA_SIG_free);
  Number r = NumberOf(signature.substr(0, kP256Bytes)), s = NumberOf(signature.substr(kP256Bytes));
  if (ECDSA_SIG_set0(pair.get(), r.get(), s.get()) != 1) return {};
  static_cast<void>(r.release());
  static_cast<void>(s.release());
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(pair.get(), &der);
  if (size <= 0) return {};
  std::string out(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return out;
}

}  // namespace

std::optional<SignatureAlgorithm> SignatureAlgorithmOf(std::string_view name) {
  if (name == "EdDSA") return SignatureAlgorithm::kEdDsa;
  if (name == "RS256") return SignatureAlgorithm::kRs256;
  if (name == "ES256") return SignatureAlgorithm::kEs256;
  return std::nullopt;
}

std::optional<std::string> DecodeBase64Url(std::string_view text) {
  const bool plain = std::ranges::all_of(text, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
  std::string out;
  if (!plain || !absl::WebSafeBase64Unescape(AbslView(text), &out)) return std::nullopt;
  return out;
}

bool WebKey::Verify(std::string_view signed_text, std::string_view signature) const {
  const bool is_ec = algorithm == SignatureAlgorithm::kEs256;
  const std::string der = is_ec ? DerOf(signature) : std::string();
  const std::string_view given = is_ec ? std::string_view(der) : signature;
  if (given.empty()) return false;
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        EVP_MD_CTX_free);
  const EVP_MD* digest = algorithm == SignatureAlgorithm::kEdDsa ? nullptr : EVP_sha256();
  // Of RSA the padding is PKCS #1 v1.5 by default, as RS256 says.
  const bool good = EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key.get()) == 1 &&
                    EVP_DigestVerify(context.get(), Bytes(given), given.size(), Bytes(signed_text),
                                     signed_text.size()) == 1;
  return Quietly(good);
}

absl::StatusOr<WebKeySet> WebKeySet::Parse(const std::string& text, const std::string& where) {
  constexpr std::string_view kExpected = "{\"keys\": [...]} with public keys, as of RFC 7517";
  const json set = json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto keys = set.is_object() ? set.find("keys") : set.end();
  if (keys == set.end() || !keys->is_array()) {
    return BadSet(where, "it is no set of JSON Web Keys", kExpected);
  }
  if (keys->size() > kWebKeysMax) {
    return BadSet(where, absl::StrCat(keys->size(), " keys"),
                  absl::StrCat("at most ", kWebKeysMax));
  }
  WebKeySet out;
  std::set<std::string> ids;
  for (const json& object : *keys) {
    if (!object.is_object()) return BadSet(where, "a key that is no object", kExpected);
    const std::string id = TextIn(object, "kid");
    if (object.contains("d") || object.contains("k")) {
      return BadSet(where, absl::StrFormat("the key '%s' is a secret one", id),
                    "public keys alone: whoever reads the file could sign tokens");
    }
    const std::optional<SignatureAlgorithm> algorithm = KindOf(object);
    if (!algorithm.has_value() || !IsForSignatures(object, *algorithm)) continue;
    WebKey key{.id = id, .algorithm = *algorithm, .key = KeyOf(object, *algorithm)};
    if (key.key == nullptr) {
      return BadSet(
          where, absl::StrFormat("the key '%s' is none, or a weak one", id),
          absl::StrFormat("Ed25519, P-256, or RSA of %d to %d bits", kRsaBitsMin, kRsaBitsMax));
    }
    if (!ids.insert(id).second) {
      return BadSet(where, absl::StrFormat("the kid '%s' again", id), "a kid of its own for each");
    }
    out.keys_.push_back(std::move(key));
  }
  if (out.keys_.empty()) {
    return BadSet(where, "it has no key for EdDSA, RS256 or ES256", kExpected);
  }
  return out;
}

absl::StatusOr<WebKeySet> WebKeySet::Read(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadTextFile(path, kWebKeySetBytesMax);
  if (!text.ok()) {
    return BadSet(path, "it cannot be read",
                  absl::StrCat("a readable file of at most ", kWebKeySetBytesMax, " bytes"));
  }
  return Parse(*text, path);
}

const WebKey* WebKeySet::Find(std::string_view id) const {
  if (id.empty()) return keys_.size() == 1 ? &keys_.front() : nullptr;
  const auto found = std::ranges::find(keys_, id, &WebKey::id);
  return found == keys_.end() ? nullptr : &*found;
}

}  // namespace mneme::server
