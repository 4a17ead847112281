#include "core/math/blas.h"

#include <cblas.h>
#include <dlfcn.h>

#include <atomic>
#include <cstdlib>

#include "core/base/mutex.h"
#include "core/base/status.h"
#include "core/math/blas_threads.h"

extern "C" {
void dpotrf_(const char* uplo, const int* n, double* a, const int* lda, int* info);
void dpotrs_(const char* uplo, const int* n, const int* nrhs, const double* a, const int* lda,
             double* b, const int* ldb, int* info);
}

namespace mneme::math {
namespace {

CBLAS_TRANSPOSE Cblas(Transpose op) { return op == Transpose::kYes ? CblasTrans : CblasNoTrans; }
blasint Int(size_t n) { return static_cast<blasint>(n); }

constexpr int kThreadsUnset = 0;
std::atomic<int> threads_wanted = kThreadsUnset;
thread_local int threads_of_this_thread = kThreadsUnset;

constexpr char kCoreTypeVariable[] = "OPENBLAS_CORETYPE";

// Lets OpenBLAS look at the environment and the processor again.
bool ReadKernelChoice() {
  using Function = void (*)();
  const auto quit = reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, "gotoblas_dynamic_quit"));
  const auto init = reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, "gotoblas_dynamic_init"));
  if (quit == nullptr || init == nullptr) return false;
  quit();
  init();
  return true;
}

// OpenBLAS goes by model numbers, and takes a processor that came out after it for a Prescott of
// 2004: 30 GFLOP/s instead of 114 on an Emerald Rapids under 0.3.21. So we go by features.
const char* BestKernelsOfProcessor() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    return "SkylakeX";
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "Haswell";
#endif
  return nullptr;
}

// Kernels without AVX2.
bool IsForOlderProcessors(const std::string& name) {
  for (const char* older : {"Prescott", "Core2", "Penryn", "Dunnington", "Atom", "Nano", "Nehalem",
                            "Sandybridge", "Opteron", "Opteron_SSE3", "Barcelona", "Bobcat",
                            "Bulldozer", "Piledriver", "Steamroller"}) {
    if (name == older) return true;
  }
  return false;
}

}  // namespace

void Gemm(Transpose a_op, Transpose b_op, size_t m, size_t n, size_t k, float alpha, const float* a,
          size_t lda, const float* b, size_t ldb, float beta, float* c, size_t ldc) {
  UseBlasThreads();
  cblas_sgemm(CblasRowMajor, Cblas(a_op), Cblas(b_op), Int(m), Int(n), Int(k), alpha, a, Int(lda),
              b, Int(ldb), beta, c, Int(ldc));
}

void Gemm(Transpose a_op, Transpose b_op, size_t m, size_t n, size_t k, double alpha,
          const double* a, size_t lda, const double* b, size_t ldb, double beta, double* c,
          size_t ldc) {
  UseBlasThreads();
  cblas_dgemm(CblasRowMajor, Cblas(a_op), Cblas(b_op), Int(m), Int(n), Int(k), alpha, a, Int(lda),
              b, Int(ldb), beta, c, Int(ldc));
}

void Gemv(Transpose a_op, size_t rows, size_t cols, float alpha, const float* a, size_t lda,
          const float* x, float beta, float* y) {
  UseBlasThreads();
  cblas_sgemv(CblasRowMajor, Cblas(a_op), Int(rows), Int(cols), alpha, a, Int(lda), x, 1, beta, y,
              1);
}

void Gemv(Transpose a_op, size_t rows, size_t cols, double alpha, const double* a, size_t lda,
          const double* x, double beta, double* y) {
  UseBlasThreads();
  cblas_dgemv(CblasRowMajor, Cblas(a_op), Int(rows), Int(cols), alpha, a, Int(lda), x, 1, beta, y,
              1);
}

void GramUpdate(size_t rows, size_t n, double alpha, const double* a, double beta, double* c) {
  UseBlasThreads();
  cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, Int(n), Int(rows), alpha, a, Int(n), beta, c,
              Int(n));
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < i; ++j) c[j * n + i] = c[i * n + j];
  }
}

// LAPACK counts by columns: its upper triangle is our lower one, and its columns are our rows.
bool CholeskyFactor(double* a, size_t n) {
  const int order = static_cast<int>(n);
  int info = 0;
  UseBlasThreads();
  dpotrf_("U", &order, a, &order, &info);
  MNEME_CHECK(info >= 0);
  return info == 0;
}

void CholeskySolveRows(const double* factor, size_t n, double* rows, size_t count) {
  const int order = static_cast<int>(n);
  const int right_sides = static_cast<int>(count);
  int info = 0;
  UseBlasThreads();
  dpotrs_("U", &order, &right_sides, factor, &order, rows, &order, &info);
  MNEME_CHECK(info == 0);
}

void SetBlasThreads(int threads) {
  threads_wanted.store(threads);
  UseBlasThreads();
}

void UseBlasThreads() {
  const int wanted = threads_wanted.load(std::memory_order_relaxed);
  if (wanted == threads_of_this_thread) return;
  static Mutex mutex;  // OpenBLAS guards its own tables only against its own calls
  const MutexLock lock(&mutex);
  openblas_set_num_threads(wanted);
  threads_of_this_thread = wanted;
}

std::string BlasKernelName() { return openblas_get_corename(); }

bool ReselectBlasKernels() {
  if (!ReadKernelChoice()) return false;
  if (getenv(kCoreTypeVariable) != nullptr) return true;
  const char* const best = BestKernelsOfProcessor();
  if (best != nullptr && IsForOlderProcessors(BlasKernelName())) {
    setenv(kCoreTypeVariable, best, 1);
    ReadKernelChoice();
    unsetenv(kCoreTypeVariable);
  }
  return true;
}

}  // namespace mneme::math
