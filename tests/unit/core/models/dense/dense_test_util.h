// Data and a straight answering loop for the tests of the dense memory.
#ifndef MNEME_TESTS_UNIT_CORE_MODELS_DENSE_DENSE_TEST_UTIL_H_
#define MNEME_TESTS_UNIT_CORE_MODELS_DENSE_DENSE_TEST_UTIL_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "core/base/random.h"
#include "core/math/matrix.h"
#include "core/models/model.h"
#include "gtest/gtest.h"

namespace mneme::models {

template <typename T>
BasicMatrix<T> UnitRows(size_t rows, size_t cols, Random& random) {
  BasicMatrix<T> out(rows, cols);
  for (size_t i = 0; i < rows; ++i) random.FillUnit(out.row(i));
  return out;
}

template <typename T>
BasicMatrix<T> GaussianRows(size_t rows, size_t cols, Random& random) {
  BasicMatrix<T> out(rows, cols);
  random.FillGaussian(out.flat());
  return out;
}

// Row i is row i of `keys` with Gaussian noise of about the given length.
template <typename T>
BasicMatrix<T> Noisy(const BasicMatrix<T>& keys, size_t rows, double length, Random& random) {
  BasicMatrix<T> out(rows, keys.cols());
  const double each = length / std::sqrt(static_cast<double>(keys.cols()));
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < keys.cols(); ++j) {
      out.at(i, j) = keys.at(i, j) + static_cast<T>(each * random.Gaussian());
    }
  }
  return out;
}

inline MatrixD Widened(const Matrix& from) {
  MatrixD out(from.rows(), from.cols());
  for (size_t i = 0; i < out.flat().size(); ++i) out.data()[i] = from.data()[i];
  return out;
}

// Bits of known coordinates, a row of bytes a cue.
inline std::vector<uint8_t> MaskRows(size_t rows, size_t cols, auto is_known) {
  const size_t bytes = (cols + 7) / 8;
  std::vector<uint8_t> mask(rows * bytes);
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < cols; ++j) {
      if (is_known(i, j)) mask[i * bytes + j / 8] |= static_cast<uint8_t>(1u << (j % 8));
    }
  }
  return mask;
}

template <typename T>
void ExpectClose(BasicMatrixView<T> a, BasicMatrixView<T> b, double tolerance) {
  ASSERT_EQ(a.rows, b.rows);
  ASSERT_EQ(a.cols, b.cols);
  for (size_t i = 0; i < a.rows * a.cols; ++i) {
    ASSERT_NEAR(a.data[i], b.data[i], tolerance)
        << "row " << i / a.cols << " column " << i % a.cols;
  }
}

inline MemorySpec Spec(size_t key_dim, DenseSpec dense = {}, size_t response_dim = 0) {
  return {.key_dim = key_dim, .response_dim = response_dim, .model = dense};
}

inline std::unique_ptr<Model> Make(const MemorySpec& spec) {
  auto model = MakeModel(spec);
  EXPECT_TRUE(model.ok()) << model.status();
  return std::move(*model);
}

inline std::vector<uint64_t> Numbers(uint64_t first, size_t count) {
  std::vector<uint64_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), first);
  return numbers;
}

// Absorbs rows [first, last) of `keys`, each with its index as row number and id.
inline void Absorb(Model& model, const Matrix& keys, size_t first, size_t last,
                   MatrixView responses = {}) {
  const std::vector<uint64_t> numbers = Numbers(first, last - first);
  const std::vector<ItemId> ids(numbers.begin(), numbers.end());
  const absl::Status status = model.Absorb(
      {.keys = keys.view().slice(first, last - first),
       .responses = responses.empty() ? responses : responses.slice(first, last - first),
       .ids = ids,
       .row_numbers = numbers});
  ASSERT_TRUE(status.ok()) << status;
}

inline void ForgetRows(Model& model, const std::vector<uint64_t>& numbers) {
  const absl::Status status = model.Forget({.row_numbers = numbers});
  ASSERT_TRUE(status.ok()) << status;
}

// Answers as the engine does; `parts_per_probe` parts go into a partial of their own, last ones
// first.
inline Answer Ask(const View& view, const CueBatch& cues, const QuerySpec& spec,
                  size_t parts_per_probe = 1000) {
  auto query = view.Begin(cues, spec);
  EXPECT_TRUE(query.ok()) << query.status();
  bool done = false;
  while (!done) {
    auto merged = (*query)->Empty();
    for (size_t last = (*query)->parts(); last > 0;) {
      const size_t first = last - std::min(last, parts_per_probe);
      auto partial = (*query)->Empty();
      (*query)->Probe(first, last, *partial);
      (*query)->Merge(*merged, *partial);
      last = first;
    }
    auto settled = (*query)->Settle(*merged);
    EXPECT_TRUE(settled.ok()) << settled.status();
    done = !settled.ok() || *settled;
  }
  return (*query)->TakeAnswer();
}

}  // namespace mneme::models

#endif  // MNEME_TESTS_UNIT_CORE_MODELS_DENSE_DENSE_TEST_UTIL_H_
