#include "server/auth/sha256.h"

#include <openssl/evp.h>

#include "core/base/status.h"

namespace mneme::server {

Sha256::Sha256() : algorithm_(EVP_MD_fetch(nullptr, "SHA256", nullptr), EVP_MD_free) {
  MNEME_CHECK(algorithm_ != nullptr);
}

KeyDigest Sha256::operator()(std::string_view text) const {
  KeyDigest digest;
  unsigned int bytes = 0;
  MNEME_CHECK(
      EVP_Digest(text.data(), text.size(), digest.data(), &bytes, algorithm_.get(), nullptr) == 1 &&
      bytes == digest.size());
  return digest;
}

}  // namespace mneme::server
