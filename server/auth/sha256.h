// SHA-256, by OpenSSL. Thread-safe.
#ifndef MNEME_SERVER_AUTH_SHA256_H_
#define MNEME_SERVER_AUTH_SHA256_H_

#include <memory>
#include <string_view>

#include "server/auth/key_digest.h"

struct evp_md_st;

namespace mneme::server {

class Sha256 {
 public:
  Sha256();  // looks the algorithm up, once
  // Cost  about a microsecond for a key.
  KeyDigest operator()(std::string_view text) const;

 private:
  const std::shared_ptr<evp_md_st> algorithm_;
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_AUTH_SHA256_H_
