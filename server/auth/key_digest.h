// What a key or a token is known by, without knowing it.
#ifndef MNEME_SERVER_AUTH_KEY_DIGEST_H_
#define MNEME_SERVER_AUTH_KEY_DIGEST_H_

#include <array>
#include <cstdint>

namespace mneme::server {

using KeyDigest = std::array<uint8_t, 32>;  // SHA-256

}  // namespace mneme::server

#endif  // MNEME_SERVER_AUTH_KEY_DIGEST_H_
