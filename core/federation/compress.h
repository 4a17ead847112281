// Smaller gradients: bf16 numbers, the largest entries with error feedback, signs, low-rank
// factors.
//
// Compress once, at the contributor; relays add what they get and compress nothing again.
//
// Threads  functions are pure; an ErrorFeedback belongs to one contributor and one root.
// Source   distributed online gradient descent notes, section 6.
#ifndef MNEME_CORE_FEDERATION_COMPRESS_H_
#define MNEME_CORE_FEDERATION_COMPRESS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace mneme::federation {

// Entries of a vector that are not zero, by index, each index once.
template <typename T>
struct Sparse {
  std::vector<uint32_t> indices;
  std::vector<T> values;
  size_t size() const { return indices.size(); }
};

// Number of whole entries in a share of n: at least 1.
size_t TopKCount(double share, size_t n);

// The k entries of the largest magnitude, of equal ones the lower index; zeros never. NaN counts as
// the largest, so that it is seen.
//
// Cost  O(n) expected.
template <typename T>
void TopK(std::span<const T> x, size_t k, Sparse<T>& out);

// out += sparse. Indices below out.size().
template <typename T>
void AddSparse(const Sparse<T>& sparse, std::span<T> out);

// Above this share of entries a dense vector is sent: an index takes 4 bytes beside its value.
inline constexpr double kSparseShareMax = 1.0 / 3;

// What was not sent, kept for the next time.
template <typename T>
class ErrorFeedback {
 public:
  // `keep` false: forgets what was not sent, which biases the target.
  ErrorFeedback(size_t size, bool keep) : residual_(size, T{0}), keep_(keep) {}

  // The k largest entries of x + what was left, each rounded to bf16 where the wire is.
  void Compress(std::span<const T> x, size_t k, bool bfloat16, Sparse<T>& out);
  // Norm of what is left; what Clear drops.
  double Left() const;
  void Clear();
  std::span<const T> residual() const { return residual_; }

 private:
  std::vector<T> residual_;
  bool keep_;
};

// x becomes the nearest bf16, even in a tie, by way of float32.
template <typename T>
void RoundToBfloat16(std::span<T> x);

// x becomes sign(x) times the mean magnitude: an experiment, biased without error feedback.
template <typename T>
void SignWithMeanScale(std::span<T> x);

// Whether factors (E, K) of this rank are fewer numbers than their product.
bool FactorsAreSmaller(size_t rank, size_t d_v, size_t d_k);

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_COMPRESS_H_
