#include "core/learning/newton_schulz.h"

#include <cmath>
#include <utility>

#include "core/math/blas.h"
#include "core/math/kernels.h"

namespace mneme::learning {
namespace {

using math::Transpose;

constexpr int kQuinticSteps = 5;
constexpr double kA = 3.4445, kB = -4.7750, kC = 2.0315;
constexpr double kNormCare = 1e-7;
constexpr int kPolarStepsMax = 200;
constexpr double kPolarMove = 1e-10;

template <typename T>
double Norm(const BasicMatrix<T>& m) {
  double sum = 0;
  for (size_t i = 0; i < m.rows(); ++i) sum += math::SquaredNorm(m.row(i).data(), m.cols());
  return std::sqrt(sum);
}

template <typename T>
BasicMatrix<T> Transposed(BasicMatrixView<T> b) {
  BasicMatrix<T> out(b.cols, b.rows);
  for (size_t i = 0; i < b.rows; ++i) {
    for (size_t j = 0; j < b.cols; ++j) out.at(j, i) = b.row(i)[j];
  }
  return out;
}

// The transpose of a matrix that stands higher than it is wide.
template <typename T>
BasicMatrix<T> Lying(BasicMatrixView<T> b) {
  return b.rows <= b.cols ? BasicMatrix<T>::Copy(b) : Transposed(b);
}

// C = alpha A op(B) + beta C
template <typename T>
void Multiply(double alpha, const BasicMatrix<T>& a, Transpose op, const BasicMatrix<T>& b,
              double beta, BasicMatrix<T>& c) {
  math::Gemm(Transpose::kNo, op, c.rows(), c.cols(), a.cols(), static_cast<T>(alpha), a.data(),
             a.cols(), b.data(), b.cols(), static_cast<T>(beta), c.data(), c.cols());
}

// X [m, n], m <= n, and room for its steps.
template <typename T>
class Iteration {
 public:
  explicit Iteration(BasicMatrix<T> x)
      : x_(std::move(x)), next_(x_.Clone()), gram_(x_.rows(), x_.rows()), mix_(gram_.Clone()) {}

  // X <- a X + (b A + c A^2) X
  void Quintic(double a, double b, double c) {
    Multiply(1, x_, Transpose::kYes, x_, 0, gram_);
    Multiply(c, gram_, Transpose::kNo, gram_, 0, mix_);
    math::AddScaled(static_cast<T>(b), gram_.data(), mix_.data(), mix_.flat().size());
    Apply(a, mix_);
  }

  // X <- 1.5 X - 0.5 A X
  void Cubic() {
    Multiply(-0.5, x_, Transpose::kYes, x_, 0, gram_);
    Apply(1.5, gram_);
  }

  // |X - X of one step before|_F
  double Moved() const {
    BasicMatrix<T> difference = x_.Clone();
    math::AddScaled(T{-1}, next_.data(), difference.data(), difference.flat().size());
    return Norm(difference);
  }

  BasicMatrix<T> Take() { return std::move(x_); }

 private:
  void Apply(double factor, const BasicMatrix<T>& mix) {
    for (size_t i = 0; i < x_.flat().size(); ++i) next_.flat()[i] = x_.flat()[i];
    Multiply(1, mix, Transpose::kNo, x_, factor, next_);
    std::swap(x_, next_);
  }

  BasicMatrix<T> x_, next_, gram_, mix_;
};

}  // namespace

Matrix Orthogonalise(MatrixView b, int polish) {
  Matrix x = Lying(b);
  math::Scale(static_cast<float>(1 / (Norm(x) + kNormCare)), x.data(), x.flat().size());
  Iteration<float> iteration(std::move(x));
  for (int step = 0; step < kQuinticSteps; ++step) iteration.Quintic(kA, kB, kC);
  for (int step = 0; step < polish; ++step) iteration.Cubic();
  Matrix out = iteration.Take();
  return b.rows <= b.cols ? std::move(out) : Transposed<float>(out);
}

MatrixD PolarFactor(MatrixViewD b) {
  MatrixD x = Lying(b);
  const double norm = Norm(x);
  if (norm > 0) math::Scale(1 / norm, x.data(), x.flat().size());
  const double still = kPolarMove * std::sqrt(static_cast<double>(x.rows()));
  Iteration<double> iteration(std::move(x));
  for (int step = 0; step < kPolarStepsMax; ++step) {
    iteration.Cubic();
    if (iteration.Moved() <= still) break;
  }
  MatrixD out = iteration.Take();
  return b.rows <= b.cols ? std::move(out) : Transposed<double>(out);
}

}  // namespace mneme::learning
