#include "client/cpp/src/digest.h"

#include <algorithm>
#include <cstring>

namespace mneme::client {
namespace {

constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;

// One step, which can be undone: no change of a single word goes unseen.
uint64_t Mix(uint64_t digest, uint64_t word) {
  digest = (digest ^ word) * kOdd;
  return digest ^ digest >> 32;
}

}  // namespace

uint64_t Digest(uint64_t before, std::string_view bytes) {
  uint64_t digest = Mix(before, bytes.size());
  while (!bytes.empty()) {
    uint64_t word = 0;
    const size_t taken = std::min(bytes.size(), sizeof(word));
    std::memcpy(&word, bytes.data(), taken);
    digest = Mix(digest, word);
    bytes.remove_prefix(taken);
  }
  return std::max<uint64_t>(digest, 1);
}

}  // namespace mneme::client
