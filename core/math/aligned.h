// Vectors that begin with a cache line: instructions that take a whole line at once then never
// touch two.
#ifndef MNEME_CORE_MATH_ALIGNED_H_
#define MNEME_CORE_MATH_ALIGNED_H_

#include <cstddef>
#include <new>
#include <vector>

namespace mneme::math {

inline constexpr std::align_val_t kLineAlignment{64};

template <typename T>
struct AlignedAllocator {
  using value_type = T;
  AlignedAllocator() = default;
  template <typename U>
  AlignedAllocator(const AlignedAllocator<U>&) {}  // NOLINT: as the standard asks for

  T* allocate(size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), kLineAlignment)); }
  void deallocate(T* p, size_t) { ::operator delete(p, kLineAlignment); }
  bool operator==(const AlignedAllocator&) const { return true; }
};

template <typename T>
using AlignedVector = std::vector<T, AlignedAllocator<T>>;

}  // namespace mneme::math

#endif  // MNEME_CORE_MATH_ALIGNED_H_
