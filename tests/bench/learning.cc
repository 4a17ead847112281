// Micro-benchmarks of training, each beside the bare matrix products of its shapes in the same run.
#include <benchmark/benchmark.h>

#include <chrono>
#include <cmath>
#include <thread>

#include "core/base/random.h"
#include "core/base/status.h"
#include "core/learning/tam_loss.h"
#include "core/math/blas.h"
#include "core/math/matrix.h"

namespace mneme {
namespace {

using math::Gemm;
using math::Transpose;

Matrix UnitRows(size_t rows, size_t cols, uint64_t seed) {
  Random random(seed);
  Matrix out(rows, cols);
  for (size_t i = 0; i < rows; ++i) random.FillUnit(out.row(i));
  return out;
}

double Seconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

// n items of dimension d, lists of k.
struct EpochShape {
  size_t n, d, k;
  double forward() const { return 2.0 * n * d * d + 2.0 * n * n * d; }
  double backward() const { return 2.0 * n * k * d + 2.0 * n * d * d; }
};

// The products of one evaluation with its gradient, each one call: the reads, the scores, the tails
// as a product of [n, k] by [k, d], and the gradient.
struct BareProducts {
  explicit BareProducts(const EpochShape& shape)
      : s(shape), scores(s.n, s.n), reads(s.n, s.d), gradient(s.d, s.d) {}

  void Run(const Matrix& w, const Matrix& keys, const Matrix& codebook) {
    Gemm(Transpose::kNo, Transpose::kYes, s.n, s.d, s.d, 1.0f, keys.data(), s.d, w.data(), s.d,
         0.0f, reads.data(), s.d);
    Gemm(Transpose::kNo, Transpose::kYes, s.n, s.n, s.d, 1.0f, reads.data(), s.d, codebook.data(),
         s.d, 0.0f, scores.data(), s.n);
    Gemm(Transpose::kNo, Transpose::kNo, s.n, s.d, s.k, 1.0f, scores.data(), s.n, codebook.data(),
         s.d, 0.0f, reads.data(), s.d);
    Gemm(Transpose::kYes, Transpose::kNo, s.d, s.d, s.n, 1.0f, reads.data(), s.d, keys.data(), s.d,
         0.0f, gradient.data(), s.d);
    benchmark::DoNotOptimize(gradient.data());
  }

  EpochShape s;
  Matrix scores, reads, gradient;
};

// items, dimension, list size, threads. `share` is the rate of one loss with its gradient over the
// rate of the bare products with as many threads, `value_share` that of the loss alone.
void TamEpoch(benchmark::State& state) {
  const EpochShape shape{static_cast<size_t>(state.range(0)), static_cast<size_t>(state.range(1)),
                         static_cast<size_t>(state.range(2))};
  const int threads = static_cast<int>(state.range(3));
  const Matrix keys = UnitRows(shape.n, shape.d, 1), codebook = UnitRows(shape.n, shape.d, 2);
  Matrix w(shape.d, shape.d), gradient;
  const float scale = 2 / std::sqrt(static_cast<float>(shape.n));  // |W|_F about 2, as in training
  Gemm(Transpose::kYes, Transpose::kNo, shape.d, shape.d, shape.n, scale, codebook.data(), shape.d,
       keys.data(), shape.d, 0.0f, w.data(), shape.d);
  learning::TamLoss loss(codebook, {.list_size = shape.k, .threads = threads});
  BareProducts bare(shape);
  bare.Run(w, keys, codebook);

  double bare_seconds = 0, value_seconds = 0, epoch_seconds = 0;
  for (auto _ : state) {
    const double start = Seconds();
    MNEME_CHECK(loss.Evaluate(w, {.queries = keys}, nullptr).ok());
    const double value_done = Seconds();
    MNEME_CHECK(loss.Evaluate(w, {.queries = keys}, &gradient).ok());
    const double epoch_done = Seconds();
    math::SetBlasThreads(threads);
    bare.Run(w, keys, codebook);
    bare_seconds += Seconds() - epoch_done;
    math::SetBlasThreads(1);
    value_seconds += value_done - start;
    epoch_seconds += epoch_done - value_done;
    state.SetIterationTime(epoch_done - value_done);
    // OpenBLAS's own threads spin for a while after their work, on the cores that ours need.
    if (threads > 1) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  const double rounds = static_cast<double>(state.iterations());
  const double bare_rate = rounds * (shape.forward() + shape.backward()) / bare_seconds;
  state.counters["sgemm_gflops"] = bare_rate * 1e-9;
  state.counters["gflops"] = rounds * (shape.forward() + shape.backward()) / epoch_seconds * 1e-9;
  state.counters["share"] = bare_seconds / epoch_seconds;
  state.counters["value_share"] = rounds * shape.forward() / value_seconds / bare_rate;
}
BENCHMARK(TamEpoch)
    ->Args({461, 48, 46, 1})
    ->Args({3'277, 128, 328, 1})
    ->Args({3'277, 128, 328, 2})
    ->Args({6'553, 256, 656, 1})
    ->Args({6'553, 256, 656, 2})
    ->Args({3'277, 128, 1'638, 1})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace mneme
