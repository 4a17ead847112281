// A digest of what a load has sent so far, by which a load that is resumed is told from another
// one. Against mistakes, not against forgers.
//
// Threads: a plain function.
#ifndef MNEME_CLIENT_CPP_SRC_DIGEST_H_
#define MNEME_CLIENT_CPP_SRC_DIGEST_H_

#include <cstdint>
#include <string_view>

namespace mneme::client {

// Of `bytes` behind those that gave `before` (0: none); never 0. Some gigabytes a second.
uint64_t Digest(uint64_t before, std::string_view bytes);

}  // namespace mneme::client

#endif  // MNEME_CLIENT_CPP_SRC_DIGEST_H_
