// What the tests of the linear model share: rows, queries, and plain float64 references.
#ifndef MNEME_TESTS_UNIT_CORE_MODELS_LINEAR_TESTING_H_
#define MNEME_TESTS_UNIT_CORE_MODELS_LINEAR_TESTING_H_

#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "core/base/ids.h"
#include "core/base/random.h"
#include "core/base/status.h"
#include "core/math/matrix.h"
#include "core/models/linear/linear_model.h"
#include "core/models/linear/sums_learner.h"
#include "core/models/model.h"
#include "core/models/spec.h"
#include "gtest/gtest.h"

namespace mneme::models {

// Random rows with ids 100, 101, ... and row numbers 0, 1, ...
struct TestRows {
  TestRows(size_t n, size_t d_k, size_t d_v, uint64_t seed) : keys(n, d_k), responses(n, d_v) {
    Random random(seed);
    random.FillGaussian(keys.flat());
    random.FillGaussian(responses.flat());
    for (size_t i = 0; i < n; ++i) {
      ids.emplace_back(uint64_t{100} + i);
      weights.push_back(1);
      row_numbers.push_back(i);
    }
  }

  size_t size() const { return row_numbers.size(); }
  RowBlock Block() const { return Block(0, size()); }
  RowBlock Block(size_t first, size_t count) const {
    return {.keys = keys.view().slice(first, count),
            .responses = responses.view().slice(first, count),
            .ids = std::span(ids).subspan(first, count),
            .weights = std::span(weights).subspan(first, count),
            .row_numbers = std::span(row_numbers).subspan(first, count)};
  }

  Matrix keys;
  Matrix responses;
  std::vector<ItemId> ids;
  std::vector<float> weights;
  std::vector<uint64_t> row_numbers;
};

inline MemorySpec LinearMemory(size_t d_k, size_t d_v, LinearSpec linear,
                               Retain retain = Retain::kAll) {
  return {.key_dim = d_k, .response_dim = d_v, .retain = retain, .model = linear};
}

// Answers as the engine does, with the parts of each stage split among `threads` partials.
inline absl::StatusOr<Answer> Ask(const View& view, const CueBatch& cues, const QuerySpec& spec,
                                  size_t threads = 1) {
  MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<Query> query, view.Begin(cues, spec));
  while (true) {
    const size_t parts = query->parts();
    std::unique_ptr<Partial> merged = query->Empty();
    for (size_t t = 0; t < threads; ++t) {
      std::unique_ptr<Partial> partial = query->Empty();
      query->Probe(parts * t / threads, parts * (t + 1) / threads, *partial);
      query->Merge(*merged, *partial);
    }
    MNEME_ASSIGN_OR_RETURN(const bool done, query->Settle(*merged));
    if (done) return query->TakeAnswer();
  }
}

inline Matrix Recall(const View& view, MatrixView cues) {
  absl::StatusOr<Answer> answer = Ask(view, {.cues = cues}, {});
  EXPECT_TRUE(answer.ok()) << answer.status();
  return answer.ok() ? std::move(answer->recalls) : Matrix(cues.rows, 1);
}

// The sums of a partition of a correlation matrix or ridge memory.
inline const LinearSums& SumsOf(const LinearModel& model, size_t partition = 0) {
  return dynamic_cast<const SumsLearner&>(model.learner(partition)).sums();
}

inline std::vector<double> Unit(std::span<const float> x) {
  double squared = 0;
  for (float value : x) squared += static_cast<double>(value) * value;
  std::vector<double> unit(x.begin(), x.end());
  for (double& value : unit) value /= std::sqrt(squared);
  return unit;
}

inline double LargestDifference(MatrixView a, MatrixView b) {
  EXPECT_EQ(a.rows, b.rows);
  EXPECT_EQ(a.cols, b.cols);
  double largest = 0;
  for (size_t i = 0; i < a.flat().size(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(a.flat()[i]) - b.flat()[i]));
  }
  return largest;
}

// Solves (C + lambda I) x = b by Gaussian elimination with pivots: shares nothing with the product.
inline std::vector<double> SolveNaively(MatrixD m, std::vector<double> b) {
  const size_t n = b.size();
  for (size_t col = 0; col < n; ++col) {
    size_t pivot = col;
    for (size_t i = col; i < n; ++i) {
      if (std::abs(m.at(i, col)) > std::abs(m.at(pivot, col))) pivot = i;
    }
    for (size_t j = 0; j < n; ++j) std::swap(m.at(col, j), m.at(pivot, j));
    std::swap(b[col], b[pivot]);
    for (size_t i = col + 1; i < n; ++i) {
      const double factor = m.at(i, col) / m.at(col, col);
      for (size_t j = col; j < n; ++j) m.at(i, j) -= factor * m.at(col, j);
      b[i] -= factor * b[col];
    }
  }
  for (size_t i = n; i-- > 0;) {
    for (size_t j = i + 1; j < n; ++j) b[i] -= m.at(i, j) * b[j];
    b[i] /= m.at(i, i);
  }
  return b;
}

// The recalls of unit cues by the definition, in float64: y = sum_i w_i v_i a_i with a = k
// (correlation matrix) or a = k (C + lambda I)^-1 (ridge), over the chosen rows.
inline Matrix NaiveRecall(const TestRows& rows, std::span<const size_t> chosen, LinearRule rule,
                          double lambda, MatrixView cues) {
  const size_t d_k = rows.keys.cols();
  MatrixD c(d_k, d_k);
  for (size_t j = 0; j < d_k; ++j) c.at(j, j) = lambda;
  for (size_t i : chosen) {
    const std::vector<double> k = Unit(rows.keys.row(i));
    for (size_t a = 0; a < d_k; ++a) {
      for (size_t b = 0; b < d_k; ++b) c.at(a, b) += rows.weights[i] * k[a] * k[b];
    }
  }
  Matrix recalls(cues.rows, rows.responses.cols());
  for (size_t q = 0; q < cues.rows; ++q) {
    std::vector<double> x = Unit(cues.row(q));
    if (rule == LinearRule::kRidge) x = SolveNaively(c.Clone(), x);
    std::vector<double> y(rows.responses.cols());
    for (size_t i : chosen) {
      const std::vector<double> k = Unit(rows.keys.row(i));
      const std::vector<double> v = Unit(rows.responses.row(i));
      double along = 0;
      for (size_t j = 0; j < d_k; ++j) along += k[j] * x[j];
      for (size_t j = 0; j < y.size(); ++j) y[j] += rows.weights[i] * along * v[j];
    }
    for (size_t j = 0; j < y.size(); ++j) recalls.at(q, j) = static_cast<float>(y[j]);
  }
  return recalls;
}

inline std::vector<size_t> Indices(size_t first, size_t last) {
  std::vector<size_t> out;
  for (size_t i = first; i < last; ++i) out.push_back(i);
  return out;
}

}  // namespace mneme::models

#endif  // MNEME_TESTS_UNIT_CORE_MODELS_LINEAR_TESTING_H_
