#include "core/models/store/code_slab.h"

#include <sys/mman.h>

#include <cstdlib>
#include <new>

namespace mneme::models {
namespace {

constexpr size_t kLineBytes = 64;

size_t RoundUp(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

std::shared_ptr<int8_t> Allocate(size_t bytes, size_t alignment) {
  void* const memory = std::aligned_alloc(alignment, RoundUp(bytes, alignment));
  if (memory == nullptr) throw std::bad_alloc();
  return {static_cast<int8_t*>(memory), [](int8_t* p) { std::free(p); }};
}

// A wish: where the system has no large pages to give, small ones do.
std::shared_ptr<int8_t> AllocateLarge(size_t bytes) {
  std::shared_ptr<int8_t> out = Allocate(bytes, CodeSlab::kSlabBytes);
  static_cast<void>(madvise(out.get(), RoundUp(bytes, CodeSlab::kSlabBytes), MADV_HUGEPAGE));
  return out;
}

}  // namespace

std::shared_ptr<int8_t> CodeSlab::Take(size_t bytes, bool large) {
  if (!large) return Allocate(bytes, kLineBytes);
  if (bytes > kSlabBytes / 2) return AllocateLarge(bytes);
  if (used_ + bytes > kSlabBytes) {
    slab_ = AllocateLarge(kSlabBytes);
    used_ = 0;
  }
  std::shared_ptr<int8_t> out(slab_, slab_.get() + used_);
  used_ += RoundUp(bytes, kLineBytes);
  return out;
}

}  // namespace mneme::models
