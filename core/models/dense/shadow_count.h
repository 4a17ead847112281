// How many stored keys have another inside the radius: their recall is a mean of several. Counted
// as writes come in, where that costs less than the writes do.
//
// Threads  one.
#ifndef MNEME_CORE_MODELS_DENSE_SHADOW_COUNT_H_
#define MNEME_CORE_MODELS_DENSE_SHADOW_COUNT_H_

#include <cstdint>

#include "core/models/model.h"
#include "core/models/store/explicit_store.h"

namespace mneme::models {

class ShadowCounter {
 public:
  // Rows came or went.
  void Note() { changed_ = true; }
  // Counts anew: each time where the comparison of all pairs takes a few milliseconds (2e7 flop),
  // at each doubling or halving and for each new radius up to some tenths of a second (2e9 flop).
  void Update(const StoreView& view, double radius);

  const ShadowCount& count() const { return count_; }

 private:
  bool changed_ = true;
  double radius_ = 0;
  ShadowCount count_;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_SHADOW_COUNT_H_
