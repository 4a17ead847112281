// Linear memories beside the bare BLAS calls of their shapes: a Store of a batch beside sgemm, a
// recall beside sgemv. Rounds of ours and of the floor alternate, so that a machine that slows down
// slows both; the ratio of a round is the unit of the statistics.
#include <time.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/random.h"
#include "core/base/status.h"
#include "core/math/blas.h"
#include "core/models/linear/linear_model.h"
#include "core/models/linear/partition_learner.h"
#include "core/models/model.h"
#include "tests/bench/case.h"
#include "tests/bench/race.h"

namespace mneme::bench {
namespace {

using math::Transpose;

// Associations with a new id and row number each time they are stored.
class Rows {
 public:
  Rows(size_t count, size_t d) : keys_(count, d), responses_(count, d), numbers_(count) {
    Random random(1);
    random.FillGaussian(keys_.flat());
    random.FillGaussian(responses_.flat());
    for (size_t i = 0; i < count; ++i) ids_.emplace_back(i);
  }

  const Matrix& keys() const { return keys_; }
  const Matrix& responses() const { return responses_; }
  models::RowBlock Next() {
    for (size_t i = 0; i < numbers_.size(); ++i) {
      numbers_[i] = next_++;
      ids_[i] = ItemId(numbers_[i]);
    }
    return {.keys = keys_, .responses = responses_, .ids = ids_, .row_numbers = numbers_};
  }
  models::RowBlock Same() const {
    return {.keys = keys_, .responses = responses_, .ids = ids_, .row_numbers = numbers_};
  }

 private:
  Matrix keys_;
  Matrix responses_;
  std::vector<ItemId> ids_;
  std::vector<uint64_t> numbers_;
  uint64_t next_ = 0;
};

models::MemorySpec Correlation(size_t d, bool fast, models::Retain retain) {
  return {.key_dim = d,
          .response_dim = d,
          .retain = retain,
          .model = models::LinearSpec{.rule = models::LinearRule::kCmm, .fast_statistics = fast}};
}

// Microseconds of this thread's own work: what else runs on the machine does not count.
double ThreadMicros() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1e6 * static_cast<double>(now.tv_sec) + 1e-3 * static_cast<double>(now.tv_nsec);
}

// Microseconds of one call, over enough calls to see.
double TimeOf(const std::function<void()>& call, double at_least_us) {
  size_t calls = 1;
  while (true) {
    const double start = ThreadMicros();
    for (size_t i = 0; i < calls; ++i) call();
    const double spent = ThreadMicros() - start;
    if (spent >= at_least_us) return spent / static_cast<double>(calls);
    calls *= 2;
  }
}

// One comparison: what it is called, the floor, and ours.
struct Comparison {
  std::string name;
  std::string floor_name;
  std::function<void()> floor;
  std::function<void()> ours;
  std::function<void()> after_round = [] {};
};

void Compare(const Comparison& comparison, const Context& context, Report& report) {
  const double round_us = context.quick ? 3000 : 20000;  // of each of the two, at the least
  std::vector<double> floors, ours;
  for (int round = -1; round < context.repeats; ++round) {  // the first is not counted
    const double floor_us = TimeOf(comparison.floor, round_us);
    const double ours_us = TimeOf(comparison.ours, round_us);
    comparison.after_round();
    if (round < 0) continue;
    floors.push_back(floor_us);
    ours.push_back(ours_us);
  }
  report.measures.push_back({.who = comparison.name, .unit = "us", .value = SpreadOf(ours)});
  report.measures.push_back({.who = absl::StrCat(comparison.name, ": ", comparison.floor_name),
                             .unit = "us",
                             .value = SpreadOf(floors)});
  report.verdicts.push_back(
      {.what = absl::StrCat("rate of ", comparison.name, " / ", comparison.floor_name),
       .unit = "",
       .value = Quotient(floors, ours),
       .goal = std::nullopt});
}

// A += V^T K of the rows, as the floor has it.
template <typename T>
std::function<void()> BareProduct(const BasicMatrix<T>& keys, const BasicMatrix<T>& responses,
                                  BasicMatrix<T>& sum) {
  return [&] {
    math::Gemm(Transpose::kYes, Transpose::kNo, responses.cols(), keys.cols(), keys.rows(), T{1},
               responses.data(), responses.cols(), keys.data(), keys.cols(), T{1}, sum.data(),
               keys.cols());
  };
}

MatrixD Widened(const Matrix& from) {
  MatrixD out(from.rows(), from.cols());
  std::ranges::copy(from.flat(), out.data());
  return out;
}

void CompareStores(size_t count, size_t d, const Context& context, Report& report) {
  Rows rows(count, d);
  Matrix sum(d, d);
  MatrixD sum_d(d, d);
  const MatrixD keys_d = Widened(rows.keys()), responses_d = Widened(rows.responses());
  const auto sgemm = BareProduct(rows.keys(), rows.responses(), sum);
  const auto dgemm = BareProduct(keys_d, responses_d, sum_d);
  const struct {
    std::string_view name;
    bool fast;
    models::Retain retain;
  } kinds[] = {{"fast, STATISTICS", true, models::Retain::kStatistics},
               {"fast, RESPONSES", true, models::Retain::kResponses},
               {"float64, STATISTICS", false, models::Retain::kStatistics}};
  for (const auto& kind : kinds) {
    const bool codebook = kind.retain != models::Retain::kStatistics;
    auto model = std::make_unique<models::LinearModel>(Correlation(d, kind.fast, kind.retain));
    // A codebook grows: a fresh one each round keeps it small.
    const auto reset = [&] {
      if (codebook) {
        model = std::make_unique<models::LinearModel>(Correlation(d, kind.fast, kind.retain));
      }
    };
    Comparison comparison{
        .name = absl::StrFormat("store %d x %d x %d, %s", count, d, d, kind.name),
        .floor_name = "sgemm",
        .floor = sgemm,
        .ours = [&] { MNEME_CHECK(model->Absorb(codebook ? rows.Next() : rows.Same()).ok()); },
        .after_round = reset};
    Compare(comparison, context, report);
    if (kind.fast) continue;
    comparison.floor_name = "dgemm";
    comparison.floor = dgemm;
    Compare(comparison, context, report);
  }
}

void Answer(const models::View& view, MatrixView cue) {
  auto query = view.Begin({.cues = cue}, {});
  bool done = false;
  while (!done) {
    const auto partial = (*query)->Empty();
    (*query)->Probe(0, (*query)->parts(), *partial);
    done = *(*query)->Settle(*partial);
  }
  MNEME_CHECK((*query)->TakeAnswer().recalls.rows() == 1);
}

void CompareRecalls(size_t d, const Context& context, Report& report) {
  Rows rows(2 * d, d);
  const models::MemorySpec spec = Correlation(d, false, models::Retain::kStatistics);
  models::LinearModel model(spec);
  MNEME_CHECK(model.Absorb(rows.Next()).ok());
  const auto view = model.Publish();
  const models::KeyFrame frame;
  const std::unique_ptr<models::PartitionLearner> learner = models::MakeLearner(spec);
  const models::RowBlock block = rows.Same();
  const uint32_t index[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16,
                            17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32};
  learner->Add({.block = block, .rows = index, .key_frame = frame});
  const models::ServedWeights weights = learner->Publish();
  const MatrixView cue = rows.keys().view().slice(0, 1);
  std::vector<float> y(d);
  const std::function<void()> sgemv = [&] {
    math::Gemv(Transpose::kNo, d, d, 1.0f, weights.base->data(), d, cue.data, 0.0f, y.data());
  };
  Compare({.name = absl::StrFormat("recall %d x %d, weights", d, d),
           .floor_name = "sgemv",
           .floor = sgemv,
           .ours = [&] { weights.Recall(cue, d, y.data()); }},
          context, report);
  Compare({.name = absl::StrFormat("recall %d x %d, begin to answer", d, d),
           .floor_name = "sgemv",
           .floor = sgemv,
           .ours = [&] { Answer(*view, cue); }},
          context, report);
}

}  // namespace

absl::Status RunLinear(const Context& context, Report& report) {
  for (const size_t d : {size_t{256}, size_t{512}}) {
    for (const size_t count : {size_t{256}, size_t{1024}}) {
      CompareStores(count, d, context, report);
    }
  }
  for (const size_t d : {size_t{128}, size_t{256}, size_t{1024}}) {
    CompareRecalls(d, context, report);
  }
  report.notes.emplace_back("Times are of one thread's own work, not of the clock.");
  return absl::OkStatus();
}

}  // namespace mneme::bench
