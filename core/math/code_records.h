// Vectors as records of one byte a number, a record a row: for walks that meet rows one by one, in
// no order, and wait for the memory that each of them takes. (codes.h interleaves rows, for scans.)
//
// A record is a head and the codes of x - m, for a centre m that all records share:
//   x' = scale * codes, and what a distance needs besides its product:
//   dot   bias = -x·m          distance(a, b) = bias_a + bias_b - a'·b'    = -a·b - |m|², coded
//   L2    bias = |x'|²         distance(a, b) = bias_a + bias_b - 2 a'·b'  = |a' - b'|²
// Products of codes are exact integers. A distance that leaves float32, or is no number, is the
// largest float32: distances are always ordered.
//
// Instruction sets: AVX-512 VNNI, AVX2 or plain loops, which give the same numbers; chosen at run
// time. Threads: pure functions.
#ifndef MNEME_CORE_MATH_CODE_RECORDS_H_
#define MNEME_CORE_MATH_CODE_RECORDS_H_

#include <cstddef>
#include <cstdint>

#include "core/math/codes.h"

namespace mneme::math {

struct CodeRecordHead {
  float scale = 0;
  float bias = 0;
  int32_t offset = 0;  // -128 times the sum of the codes: the other record's codes have 128 added
};

// Bytes of a record: the head, then the codes. Any alignment will do.
constexpr size_t CodeRecordBytes(size_t dim) { return sizeof(CodeRecordHead) + CodeBytes(dim); }

enum class CodeRecordKind { kDot, kL2 };

// Writes the record of x [dim] with the centre m [dim], 1 <= dim <= kCodeDimMax, finite numbers.
// Gives |x - m - x'|.
double EncodeRecord(CodeRecordKind kind, const float* x, const float* centre, size_t dim,
                    void* record);

float CodeRecordDistance(CodeRecordKind kind, const void* a, const void* b, size_t dim);

// out[i] = CodeRecordDistance(kind, a, rows[i], dim).
void CodeRecordDistances(CodeRecordKind kind, const void* a, const void* const* rows, size_t count,
                         size_t dim, float* out);

// For tests: the same by one instruction set; false where this machine has not got it.
bool CodeRecordDistancesBy(CodeTarget target, CodeRecordKind kind, const void* a,
                           const void* const* rows, size_t count, size_t dim, float* out);

}  // namespace mneme::math

#endif  // MNEME_CORE_MATH_CODE_RECORDS_H_
