// The k largest of a row of scores, without moving the row.
//
// The k-th largest is found by counting: how many scores are at least t? A count is one streaming
// comparison, and a few of them bracket the threshold so closely that an exact selection is left
// with some dozens of scores. Where a good guess is at hand (the threshold of the row before, on
// the scale of this one), four or five counts do.
#ifndef MNEME_CORE_LEARNING_UPPER_TAIL_H_
#define MNEME_CORE_LEARNING_UPPER_TAIL_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mneme::learning {

template <typename T>
struct UpperTail {
  T threshold = 0;  // the k-th largest, exactly
  double sum = 0;   // of the k largest
};

// Keeps scratch and the guess for the next row. The guess costs or saves time and changes no
// result. Not thread-safe; instances are independent.
template <typename T>
class TailSelector {
 public:
  // Shapes   x of n scores, 1 <= k <= those that are not minus infinity.
  // Units    `scale` > 0: the spread that the row's scores have by guess; rows of one selector
  //          should be alike on the scale of theirs.
  // Errors   the threshold is exact; the sum within 5e-7 of the sum of |x| and |threshold| over the
  //          k largest in float. A row with too few numbers (NaN) gives NaN.
  // Cost     about ten passes over x at the speed of the cache.
  UpperTail<T> Select(const T* x, size_t n, size_t k, T scale);

 private:
  T Threshold(const T* x, size_t n, size_t k, T scale);

  bool warm_ = false;
  T guess_ = 0;  // threshold / scale of the last row
  std::vector<T> band_;
};

extern template class TailSelector<float>;
extern template class TailSelector<double>;

// The k places of a selection, ascending: all above the threshold, and of those equal to it the
// first ones. `index` has room for n + 32.
void TailIndices(const float* x, size_t n, size_t k, float threshold, uint32_t* index);

}  // namespace mneme::learning

#endif  // MNEME_CORE_LEARNING_UPPER_TAIL_H_
