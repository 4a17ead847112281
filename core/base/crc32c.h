// CRC-32C (Castagnoli), as used in every checksum that mneme writes itself.
#ifndef MNEME_CORE_BASE_CRC32C_H_
#define MNEME_CORE_BASE_CRC32C_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mneme {

// The CRC of A followed by B is Crc32c(B, Crc32c(A)). Uses the SSE4.2 instruction where there is
// one.
uint32_t Crc32c(std::string_view data, uint32_t crc = 0);

}  // namespace mneme

#endif  // MNEME_CORE_BASE_CRC32C_H_
