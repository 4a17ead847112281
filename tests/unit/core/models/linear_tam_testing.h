// What the tests of trained linear memories share: memories, trainings, adversarial cues.
#ifndef MNEME_TESTS_UNIT_CORE_MODELS_LINEAR_TAM_TESTING_H_
#define MNEME_TESTS_UNIT_CORE_MODELS_LINEAR_TAM_TESTING_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/models/linear/linear_model.h"
#include "core/models/linear/tam_learner.h"
#include "gtest/gtest.h"
#include "tests/unit/core/models/linear_testing.h"

namespace mneme::models {

inline LinearSpec TamSpec(uint32_t partitions, double tail_fraction) {
  return {.rule = LinearRule::kTam, .partitions = partitions, .tail_fraction = tail_fraction};
}

// Some rows of others, as a storage scan gives them.
struct PickedRows {
  PickedRows(const TestRows& from, std::span<const size_t> rows)
      : keys(rows.size(), from.keys.cols()), responses(rows.size(), from.responses.cols()) {
    for (size_t i = 0; i < rows.size(); ++i) {
      std::ranges::copy(from.keys.row(rows[i]), keys.row(i).begin());
      std::ranges::copy(from.responses.row(rows[i]), responses.row(i).begin());
      ids.push_back(from.ids[rows[i]]);
      weights.push_back(from.weights[rows[i]]);
      row_numbers.push_back(from.row_numbers[rows[i]]);
    }
  }
  RowBlock Block() const {
    return {.keys = keys,
            .responses = responses,
            .ids = ids,
            .weights = weights,
            .row_numbers = row_numbers};
  }

  Matrix keys;
  Matrix responses;
  std::vector<ItemId> ids;
  std::vector<float> weights;
  std::vector<uint64_t> row_numbers;
};

// Takes `rows` in two calls, runs, installs.
inline absl::Status TrainOn(LinearModel& model, const TestRows& rows, std::span<const size_t> live,
                            const TrainSpec& spec = {}, uint64_t position = 1,
                            std::string_view job = "job") {
  MNEME_ASSIGN_OR_RETURN(std::unique_ptr<Training> training, model.BeginTraining(spec));
  const size_t half = live.size() / 2;
  MNEME_RETURN_IF_ERROR(training->Take(PickedRows(rows, live.first(half)).Block()));
  MNEME_RETURN_IF_ERROR(training->Take(PickedRows(rows, live.subspan(half)).Block()));
  MNEME_RETURN_IF_ERROR(training->Run({}));
  return model.Install(*training, position, job);
}

inline const TamLearner& TamOf(const LinearModel& model, size_t partition) {
  return dynamic_cast<const TamLearner&>(model.learner(partition));
}

// The served weights in bits, of a memory with one partition.
inline Matrix ServedBits(const View& view, size_t d_k) {
  Matrix basis(d_k, d_k);
  for (size_t i = 0; i < d_k; ++i) basis.at(i, i) = 1;
  return Recall(view, basis);
}

// A partition of a trained memory in float64, to attack it.
class Attack {
 public:
  Attack(const LinearModel& model, const TestRows& rows, size_t partition,
         std::span<const size_t> live)
      : weights_(*TamOf(model, partition).epoch()->weights),
        list_size_(TamOf(model, partition).epoch()->sealed.list_size) {
    for (const size_t i : live) {
      if (model.router().PartitionOf(rows.row_numbers[i], rows.ids[i]) != partition) continue;
      items_.push_back(i);
      const std::span<const float> response = rows.responses.row(i);
      const bool zero = std::ranges::all_of(response, [](float x) { return x == 0; });
      units_.push_back(zero ? std::vector<double>(response.size()) : Unit(response));
    }
  }

  // A cue of unit length at `distance` from the key of item i, where steps against the gradient of
  // the item's margin ended: where its list is hardest to reach.
  std::vector<float> Cue(const TestRows& rows, size_t item, double distance, int steps) const {
    const std::vector<double> key = Unit(rows.keys.row(item));
    std::vector<double> cue = key;
    for (int step = 0; step < steps; ++step) {
      std::vector<double> away = MarginGradient(item, cue);
      double along = 0, squared = 0;
      for (size_t j = 0; j < key.size(); ++j) along += away[j] * key[j];
      for (size_t j = 0; j < key.size(); ++j) away[j] -= along * key[j];
      for (const double x : away) squared += x * x;
      // 2 sin(angle / 2) is the distance of unit vectors.
      const double angle = 2 * std::asin(distance / 2);
      for (size_t j = 0; j < key.size(); ++j) {
        cue[j] = std::cos(angle) * key[j] - std::sin(angle) * away[j] / std::sqrt(squared);
      }
    }
    return {cue.begin(), cue.end()};
  }

 private:
  // d m_i / dq = W^T (u_i - mean of the k best competitors' u_j).
  std::vector<double> MarginGradient(size_t item, const std::vector<double>& cue) const {
    const size_t d_v = weights_.rows();
    std::vector<double> recall(d_v), direction(d_v), gradient(cue.size());
    for (size_t a = 0; a < d_v; ++a) {
      for (size_t j = 0; j < cue.size(); ++j) recall[a] += weights_.at(a, j) * cue[j];
    }
    std::vector<std::pair<double, size_t>> rivals;
    for (size_t j = 0; j < items_.size(); ++j) {
      const double score = std::inner_product(recall.begin(), recall.end(), units_[j].begin(), 0.0);
      if (items_[j] == item) {
        direction = units_[j];
      } else {
        rivals.emplace_back(-score, j);
      }
    }
    const size_t k = std::min(list_size_, rivals.size());
    std::partial_sort(rivals.begin(), rivals.begin() + static_cast<ptrdiff_t>(k), rivals.end());
    for (size_t r = 0; r < k; ++r) {
      for (size_t a = 0; a < d_v; ++a) {
        direction[a] -= units_[rivals[r].second][a] / static_cast<double>(k);
      }
    }
    for (size_t a = 0; a < d_v; ++a) {
      for (size_t j = 0; j < cue.size(); ++j) gradient[j] += weights_.at(a, j) * direction[a];
    }
    return gradient;
  }

  const Matrix& weights_;
  size_t list_size_;
  std::vector<size_t> items_;
  std::vector<std::vector<double>> units_;
};

inline constexpr uint64_t kTamSeed = 90125;
inline constexpr size_t kTamDim = 24;

// A memory of rule TAM and rows for it.
struct Setting {
  explicit Setting(uint32_t partitions, size_t n = 160, double r = 0.1)
      : rows(n, kTamDim, kTamDim, kTamSeed),
        spec(LinearMemory(kTamDim, kTamDim, TamSpec(partitions, r))),
        model(spec) {}

  TestRows rows;
  MemorySpec spec;
  LinearModel model;
};

inline CertificateState StateOf(const View& view, MatrixView cues, const QuerySpec& spec) {
  const auto answer = Ask(view, {.cues = cues}, spec);
  EXPECT_TRUE(answer.ok()) << answer.status();
  return answer.ok() ? answer->certificates : CertificateState::kNone;
}

inline QuerySpec CertifiedList() { return {.kind = QueryKind::kList, .certified_list = true}; }

// Every number of two answers.
inline void ExpectSameAnswers(const View& a, const View& b, MatrixView cues,
                              const QuerySpec& spec) {
  const auto x = Ask(a, {.cues = cues}, spec), y = Ask(b, {.cues = cues}, spec);
  ASSERT_TRUE(x.ok() && y.ok());
  EXPECT_EQ(x->certificates, y->certificates);
  EXPECT_EQ(x->list_size, y->list_size);
  for (size_t i = 0; i < cues.rows; ++i) {
    const CueAnswer &u = x->cues[i], &v = y->cues[i];
    ASSERT_EQ(u.top.size(), v.top.size());
    EXPECT_EQ(u.tail_average, v.tail_average);
    for (size_t r = 0; r < u.top.size(); ++r) {
      EXPECT_EQ(u.top[r].row, v.top[r].row);
      EXPECT_EQ(u.top[r].score, v.top[r].score);
      EXPECT_EQ(u.top[r].certified, v.top[r].certified);
      EXPECT_EQ(u.top[r].radius, v.top[r].radius);
    }
  }
}

}  // namespace mneme::models

#endif  // MNEME_TESTS_UNIT_CORE_MODELS_LINEAR_TAM_TESTING_H_
