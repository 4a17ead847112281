// Memory for the codes of a store's tiles. What a scan reads through lies, in a large store, in
// pages of 2 MiB: with small ones a scan of 1,000,000 keys waits for addresses a sixth of its time.
//
// One writer; what was taken lives as long as someone holds it.
#ifndef MNEME_CORE_MODELS_STORE_CODE_SLAB_H_
#define MNEME_CORE_MODELS_STORE_CODE_SLAB_H_

#include <cstddef>
#include <cstdint>
#include <memory>

namespace mneme::models {

class CodeSlab {
 public:
  // `bytes` that begin with a cache line; their contents are not set. `large`: from a slab of large
  // pages, of which up to kSlabBytes may be left over; else these bytes alone.
  std::shared_ptr<int8_t> Take(size_t bytes, bool large);

  static constexpr size_t kSlabBytes = 2u << 20;

 private:
  std::shared_ptr<int8_t> slab_;
  size_t used_ = kSlabBytes;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_STORE_CODE_SLAB_H_
