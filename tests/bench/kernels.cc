// Micro-benchmarks of what a Retrieve is made of, each beside the bare matrix product of its shape:
// run `mneme-microbench --benchmark_repetitions=5`.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <vector>

#include "core/base/random.h"
#include "core/base/status.h"
#include "core/math/blas.h"
#include "core/math/kernels.h"
#include "core/models/model.h"

namespace mneme {
namespace {

Matrix UnitRows(size_t rows, size_t cols, uint64_t seed) {
  Random random(seed);
  Matrix out(rows, cols);
  for (size_t i = 0; i < rows; ++i) random.FillUnit(out.row(i));
  return out;
}

std::shared_ptr<const models::View> ViewOf(const models::MemorySpec& spec, const Matrix& keys,
                                           const Matrix& responses) {
  auto model = models::MakeModel(spec);
  MNEME_CHECK(model.ok());
  std::vector<ItemId> ids;
  std::vector<uint64_t> rows;
  for (size_t i = 0; i < keys.rows(); ++i) {
    ids.emplace_back(i);
    rows.push_back(i);
  }
  models::RowBlock block{.keys = keys, .ids = ids, .row_numbers = rows};
  if (spec.response_dim > 0) block.responses = responses;
  MNEME_CHECK((*model)->Absorb(block).ok());
  (*model)->Maintain();
  return (*model)->Publish();
}

void Answer(const models::View& view, MatrixView cues, benchmark::State& state) {
  for (auto _ : state) {
    auto query = view.Begin({.cues = cues}, {});
    bool done = false;
    while (!done) {
      auto partial = (*query)->Empty();
      (*query)->Probe(0, (*query)->parts(), *partial);
      done = *(*query)->Settle(*partial);
    }
    benchmark::DoNotOptimize((*query)->TakeAnswer());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(cues.rows));
}

// items, dimension, cues
void DenseRetrieve(benchmark::State& state) {
  const Matrix keys = UnitRows(state.range(0), state.range(1), 1);
  const auto view = ViewOf({.key_dim = keys.cols(), .model = models::DenseSpec{}}, keys, keys);
  Answer(*view, keys.view().slice(0, state.range(2)), state);
}
BENCHMARK(DenseRetrieve)
    ->Args({100, 128, 1})
    ->Args({10'000, 784, 1})
    ->Args({10'000, 784, 64})
    ->Unit(benchmark::kMicrosecond);

void LinearRetrieve(benchmark::State& state) {
  const Matrix keys = UnitRows(state.range(0), state.range(1), 1);
  const auto view =
      ViewOf({.key_dim = keys.cols(), .response_dim = keys.cols(), .model = models::LinearSpec{}},
             keys, keys);
  Answer(*view, keys.view().slice(0, state.range(2)), state);
}
BENCHMARK(LinearRetrieve)
    ->Args({100, 128, 1})
    ->Args({2'000, 512, 1})
    ->Args({2'000, 512, 64})
    ->Unit(benchmark::kMicrosecond);

// The floor: the scores alone, once.
void BareScores(benchmark::State& state) {
  const size_t n = state.range(0), d = state.range(1), cues = state.range(2);
  const Matrix keys = UnitRows(n, d, 1);
  Matrix scores(cues, n);
  for (auto _ : state) {
    if (cues == 1) {
      math::Gemv(math::Transpose::kNo, n, d, 1.0f, keys.data(), d, keys.data(), 0.0f,
                 scores.data());
    } else {
      math::Gemm(math::Transpose::kNo, math::Transpose::kYes, cues, n, d, 1.0f, keys.data(), d,
                 keys.data(), d, 0.0f, scores.data(), n);
    }
    benchmark::DoNotOptimize(scores.data());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(cues));
}
BENCHMARK(BareScores)
    ->Args({100, 128, 1})
    ->Args({10'000, 784, 1})
    ->Args({10'000, 784, 64})
    ->Unit(benchmark::kMicrosecond);

void DotRows(benchmark::State& state) {
  const size_t n = state.range(0), d = state.range(1);
  const Matrix keys = UnitRows(n, d, 1);
  std::vector<float> scores(n);
  for (auto _ : state) {
    math::DotRows(keys.data(), d, n, keys.data(), d, scores.data());
    benchmark::DoNotOptimize(scores.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(n * d * sizeof(float)));
}
BENCHMARK(DotRows)->Args({1'024, 128})->Args({1'024, 784});

}  // namespace
}  // namespace mneme

int main(int argc, char** argv) {
  // A shell's OPENBLAS_ settings must not decide a comparison.
  for (const char* name : {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_NUM_THREADS"})
    unsetenv(name);
  mneme::math::ReselectBlasKernels();
  mneme::math::SetBlasThreads(1);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
