#include "tests/support/tokens.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <cstdio>
#include <cstdlib>

namespace mneme::test {
namespace {

constexpr int kP256Bytes = 32;

void Check(bool good) {
  if (good) return;
  std::fprintf(stderr, "OpenSSL refused to make a test's token\n");
  std::abort();
}

EVP_PKEY* Make(const std::string& algorithm, int rsa_bits) {
  if (algorithm == "RS256") return EVP_RSA_gen(static_cast<unsigned>(rsa_bits));
  if (algorithm == "ES256") return EVP_EC_gen("P-256");
  return EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
}

std::string NumberOf(EVP_PKEY* key, const char* name, int bytes = 0) {
  BIGNUM* number = nullptr;
  Check(EVP_PKEY_get_bn_param(key, name, &number) == 1);
  const int size = bytes > 0 ? bytes : BN_num_bytes(number);
  std::string out(static_cast<size_t>(size), '\0');
  Check(BN_bn2binpad(number, reinterpret_cast<unsigned char*>(out.data()), size) == size);
  BN_free(number);
  return EncodeBase64Url(out);
}

// From DER to the two numbers side by side.
std::string Flat(const std::string& der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  ECDSA_SIG* pair = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
  Check(pair != nullptr);
  std::string out(2 * kP256Bytes, '\0');
  auto* bytes = reinterpret_cast<unsigned char*>(out.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(pair), bytes, kP256Bytes);
  BN_bn2binpad(ECDSA_SIG_get0_s(pair), bytes + kP256Bytes, kP256Bytes);
  ECDSA_SIG_free(pair);
  return out;
}

}  // namespace

std::string EncodeBase64Url(std::string_view bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  unsigned held = 0;
  int bits = 0;
  for (const char c : bytes) {
    held = held << 8 | static_cast<unsigned char>(c);
    for (bits += 8; bits >= 6; bits -= 6) out += kDigits[held >> (bits - 6) & 63];
  }
  if (bits > 0) out += kDigits[held << (6 - bits) & 63];
  return out;
}

TokenKey::TokenKey(const std::string& algorithm, const std::string& id, int rsa_bits)
    : algorithm_(algorithm), id_(id), key_(Make(algorithm, rsa_bits), EVP_PKEY_free) {
  Check(key_ != nullptr);
}

std::string TokenKey::PublicKey() const {
  const std::string ends = "\",\"kid\":\"" + id_ + "\",\"use\":\"sig\"}";
  if (algorithm_ == "RS256") {
    return R"({"kty":"RSA","n":")" + NumberOf(key_.get(), OSSL_PKEY_PARAM_RSA_N) + R"(","e":")" +
           NumberOf(key_.get(), OSSL_PKEY_PARAM_RSA_E) + ends;
  }
  if (algorithm_ == "ES256") {
    return R"({"kty":"EC","crv":"P-256","x":")" +
           NumberOf(key_.get(), OSSL_PKEY_PARAM_EC_PUB_X, kP256Bytes) + R"(","y":")" +
           NumberOf(key_.get(), OSSL_PKEY_PARAM_EC_PUB_Y, kP256Bytes) + ends;
  }
  unsigned char bytes[32];
  size_t size = sizeof(bytes);
  Check(EVP_PKEY_get_raw_public_key(key_.get(), bytes, &size) == 1);
  return R"({"kty":"OKP","crv":"Ed25519","x":")" +
         EncodeBase64Url({reinterpret_cast<char*>(bytes), size}) + ends;
}

std::string TokenKey::Sign(const std::string& claims, const std::string& header) const {
  const std::string head =
      header.empty() ? R"({"alg":")" + algorithm_ + R"(","kid":")" + id_ + R"("})" : header;
  const std::string text = EncodeBase64Url(head) + "." + EncodeBase64Url(claims);
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  const EVP_MD* digest = algorithm_ == "EdDSA" ? nullptr : EVP_sha256();
  const auto* data = reinterpret_cast<const unsigned char*>(text.data());
  size_t size = 0;
  Check(EVP_DigestSignInit(context, nullptr, digest, nullptr, key_.get()) == 1 &&
        EVP_DigestSign(context, nullptr, &size, data, text.size()) == 1);
  std::string signature(size, '\0');
  Check(EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &size, data,
                       text.size()) == 1);
  EVP_MD_CTX_free(context);
  signature.resize(size);
  return text + "." + EncodeBase64Url(algorithm_ == "ES256" ? Flat(signature) : signature);
}

std::string KeySet(const std::vector<std::string>& keys) {
  std::string out = R"({"keys":[)";
  for (size_t i = 0; i < keys.size(); ++i) out += (i == 0 ? "" : ",") + keys[i];
  return out + "]}";
}

}  // namespace mneme::test
