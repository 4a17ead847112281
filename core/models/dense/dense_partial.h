// What some rows contribute to the answers of a batch of cues: the monoid of the dense memory.
#ifndef MNEME_CORE_MODELS_DENSE_DENSE_PARTIAL_H_
#define MNEME_CORE_MODELS_DENSE_DENSE_PARTIAL_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "core/math/matrix.h"
#include "core/math/moments.h"
#include "core/math/topk.h"
#include "core/models/model.h"
#include "core/models/store/explicit_store.h"

namespace mneme::models {

// The sums of one cue. Identity: as initialised.
struct CueSums {
  double m = -std::numeric_limits<double>::infinity();  // log scale; 0 where F is not exp and rows
                                                        // were seen
  double s0 = 0;                                        // Σ e^a F      · e^-m
  double s1 = 0;                                        // Σ e^a F'     · e^-m
  double s2 = 0;                                        // Σ (e^a F')²  · e^-2m
  double turn = 0;        // Σ e^a C of BinaryDifference (binary states, plain separations)
  double loose = 0;       // s0 may be off by this much · e^-m (a pass by codes)
  double extra = 0;       // Σ e^a F' · (the row's own number) · e^-m
  uint64_t n = 0;         // rows with F' > 0
  uint64_t support = 0;   // xor of the mixed numbers of these rows (not of exp)
  uint64_t survived = 0;  // rows of coded tiles that the bounds did not rule out
  uint64_t rescored = 0;  // keys of coded tiles that were read
  math::Moments scores;   // of the similarities
};

// A commutative monoid under Merge, for one number of cues, output dimension and list limit.
class DensePartial final : public Partial {
 public:
  // output_dim 0: no read-out is summed.
  DensePartial(size_t cues, size_t output_dim, size_t top)
      : sums(cues), outputs(output_dim == 0 ? 0 : cues, output_dim) {
    if (top > 0) tops.assign(cues, math::TopK<ScoredRow>(top));
  }

  void Merge(const DensePartial& from);

  std::vector<CueSums> sums;
  MatrixD outputs;                          // [cues, output_dim]: Σ e^a F' v · e^-m
  std::vector<math::TopK<ScoredRow>> tops;  // none where no list is wanted
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_DENSE_PARTIAL_H_
