// The few BLAS and LAPACK calls that mneme makes, for float and double, over row-major arrays.
//
// Threads: every function may be called from any number of threads at once. Call SetBlasThreads(1)
// once at start: mneme runs its own threads, and OpenBLAS's own on top of them oversubscribe.
#ifndef MNEME_CORE_MATH_BLAS_H_
#define MNEME_CORE_MATH_BLAS_H_

#include <cstddef>
#include <string>

namespace mneme::math {

enum class Transpose { kNo, kYes };

// C[m,n] = alpha * op(A)[m,k] * op(B)[k,n] + beta * C. `ld*`: distance between stored rows.
void Gemm(Transpose a_op, Transpose b_op, size_t m, size_t n, size_t k, float alpha, const float* a,
          size_t lda, const float* b, size_t ldb, float beta, float* c, size_t ldc);
void Gemm(Transpose a_op, Transpose b_op, size_t m, size_t n, size_t k, double alpha,
          const double* a, size_t lda, const double* b, size_t ldb, double beta, double* c,
          size_t ldc);

// y = alpha * op(A) * x + beta * y, with A stored as rows x cols.
void Gemv(Transpose a_op, size_t rows, size_t cols, float alpha, const float* a, size_t lda,
          const float* x, float beta, float* y);
void Gemv(Transpose a_op, size_t rows, size_t cols, double alpha, const double* a, size_t lda,
          const double* x, double beta, double* y);

// C[n,n] = alpha * Aᵀ A + beta * C with A stored as [rows, n]; all of C is written (it is
// symmetric).
void GramUpdate(size_t rows, size_t n, double alpha, const double* a, double beta, double* c);

// The Cholesky factor of a symmetric positive definite matrix, in place (lower triangle; the strict
// upper one keeps its old numbers). False when a pivot is not positive: the contents are then lost.
bool CholeskyFactor(double* a, size_t n);
// Solves M x = b for each of the `count` rows b of `rows` [count, n], in place, M given by its
// factor.
void CholeskySolveRows(const double* factor, size_t n, double* rows, size_t count);

// How many threads each BLAS call uses.
void SetBlasThreads(int threads);
// The kernel family OpenBLAS runs on, e.g. "SkylakeX".
std::string BlasKernelName();
// Chooses the kernels again: as OPENBLAS_CORETYPE says, or by the processor's features where it is
// not set. OpenBLAS reads the variable when it is loaded, so unsetenv alone is too late; and it
// does not know processors that came out after it. Call this first thing in main, before any thread
// exists. False where the library at hand offers no way to (then nothing has changed).
bool ReselectBlasKernels();

}  // namespace mneme::math

#endif  // MNEME_CORE_MATH_BLAS_H_
