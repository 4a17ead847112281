// A memory to study: a real model, with its rows in a vector, and a host that notes what it is
// told.
#ifndef MNEME_TESTS_UNIT_CORE_ANALYSIS_MODEL_SUBJECT_H_
#define MNEME_TESTS_UNIT_CORE_ANALYSIS_MODEL_SUBJECT_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/analysis/analysis.h"
#include "core/base/status.h"
#include "core/models/model.h"

namespace mneme::analysis {

class ModelSubject final : public Subject {
 public:
  // Row i has id 100 + i.
  ModelSubject(models::MemorySpec spec, const std::vector<std::vector<float>>& keys)
      : spec_(std::move(spec)), keys_(keys) {
    model_ = *models::MakeModel(spec_);
    Matrix rows(keys.size(), spec_.key_dim);
    std::vector<ItemId> ids;
    std::vector<uint64_t> numbers;
    for (size_t i = 0; i < keys.size(); ++i) {
      std::copy(keys[i].begin(), keys[i].end(), rows.row(i).begin());
      ids.emplace_back(100 + i);
      numbers.push_back(i);
    }
    const Matrix responses(spec_.response_dim > 0 ? keys.size() : 0, spec_.response_dim);
    const absl::Status absorbed =
        model_->Absorb({.keys = rows, .responses = responses, .ids = ids, .row_numbers = numbers});
    MNEME_CHECK(absorbed.ok());
    model_->Maintain();
    view_ = model_->Publish();
  }

  const models::MemorySpec& spec() const override { return spec_; }
  uint64_t items() const override { return view_->stats().items; }
  double beta() const override { return view_->stats().beta; }
  absl::StatusOr<models::Answer> Ask(const models::CueBatch& cues,
                                     const models::QuerySpec& spec) override {
    MNEME_ASSIGN_OR_RETURN(const auto query, view_->Begin(cues, spec));
    while (true) {
      const auto partial = query->Empty();
      query->Probe(0, query->parts(), *partial);
      MNEME_ASSIGN_OR_RETURN(const bool done, query->Settle(*partial));
      if (done) return query->TakeAnswer();
    }
  }
  absl::Status VisitItems(const VisitFn& visit) override {
    for (size_t i = 0; i < keys_.size(); ++i) {
      MNEME_RETURN_IF_ERROR(visit(i, ItemId(100 + i), keys_[i]));
    }
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<float>> KeyOf(uint64_t row) override { return keys_[row]; }
  absl::Status Reserve(uint64_t bytes) override {
    reserved += bytes;
    return absl::OkStatus();
  }

  uint64_t reserved = 0;

 private:
  const models::MemorySpec spec_;
  const std::vector<std::vector<float>> keys_;
  std::unique_ptr<models::Model> model_;
  std::shared_ptr<const models::View> view_;
};

class NotingHost final : public Host {
 public:
  absl::Status Progress(std::string_view, double share) override {
    shares.push_back(share);
    return shares.size() > stop_after ? absl::CancelledError("stopped") : absl::OkStatus();
  }
  void Observe(uint64_t step, std::span<const double> values) override {
    steps.push_back(step);
    samples.emplace_back(values.begin(), values.end());
  }

  size_t stop_after = ~size_t{0};
  std::vector<double> shares;
  std::vector<uint64_t> steps;
  std::vector<std::vector<double>> samples;
};

inline double FigureOf(const Report& report, std::string_view name) {
  for (const Figure& figure : report.figures) {
    if (figure.name == name) return figure.value;
  }
  MNEME_CHECK(false);
}

inline const Table& TableOf(const Report& report, std::string_view name) {
  for (const Table& table : report.tables) {
    if (table.name == name) return table;
  }
  MNEME_CHECK(false);
}

inline std::string ReasonOf(const absl::Status& status) {
  const auto detail = GetErrorDetail(status);
  return detail ? detail->reason : "";
}

}  // namespace mneme::analysis

#endif  // MNEME_TESTS_UNIT_CORE_ANALYSIS_MODEL_SUBJECT_H_
