// Recalls of a large dense memory beside two matrix products of their shapes: the scores of all
// items, and the sum of the items by their weights. Both on one thread. The products need the
// scores in memory; a recall never has more than a tile of them, which the peak shows.
#include <algorithm>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "core/base/random.h"
#include "core/base/status.h"
#include "core/math/blas.h"
#include "core/models/model.h"
#include "tests/bench/case.h"
#include "tests/bench/dataset.h"
#include "tests/bench/race.h"
#include "tests/bench/stats.h"

namespace mneme::bench {
namespace {

using math::Transpose;

constexpr size_t kDim = 128, kCues = 64;

// Bytes of main memory that this process held at most since the last reset.
class Peak {
 public:
  static void Reset() { std::ofstream("/proc/self/clear_refs") << "5"; }
  static double Bytes() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
      if (!absl::StartsWith(line, "VmHWM:")) continue;
      const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
      double kib = 0;
      if (words.size() >= 2 && absl::SimpleAtod(words[words.size() - 2], &kib)) return kib * 1024;
    }
    return 0;
  }
};

absl::StatusOr<std::shared_ptr<const models::View>> Stored(MatrixView keys) {
  MNEME_ASSIGN_OR_RETURN(
      auto model,
      models::MakeModel({.key_dim = keys.cols,
                         .model = models::DenseSpec{.similarity = models::Similarity::kL2}}));
  std::vector<ItemId> ids;
  std::vector<uint64_t> rows;
  for (size_t i = 0; i < keys.rows; ++i) {
    ids.emplace_back(i);
    rows.push_back(i);
  }
  MNEME_RETURN_IF_ERROR(model->Absorb({.keys = keys, .ids = ids, .row_numbers = rows}));
  model->Maintain();
  return model->Publish();
}

absl::StatusOr<models::Answer> Recall(const models::View& view, MatrixView cues, double beta) {
  MNEME_ASSIGN_OR_RETURN(const auto query,
                         view.Begin({.cues = cues}, {.beta = beta, .steps_max = 1}));
  while (true) {
    const auto partial = query->Empty();
    query->Probe(0, query->parts(), *partial);
    MNEME_ASSIGN_OR_RETURN(const bool done, query->Settle(*partial));
    if (done) return query->TakeAnswer();
  }
}

// beta: automatic, where bounds on codes leave few keys to read; and so low that every key weighs,
// where nothing can be left out.
struct Setting {
  std::string name;
  double beta;
};

}  // namespace

absl::Status RunRecall(const Context& context, Report& report) {
  const size_t n = context.Size(100'000, 20'000);
  const Dataset dataset = GaussianUnits(n, kCues, kDim);
  const MatrixView keys = dataset.rows;
  Matrix cues = Matrix::Copy(keys.slice(0, kCues));
  Random random(2);
  for (float& x : cues.flat()) x += static_cast<float>(0.04 * random.Gaussian());
  MNEME_ASSIGN_OR_RETURN(const std::shared_ptr<const models::View> view, Stored(keys));
  const std::vector<Setting> settings = {{"beta automatic", view->stats().beta},
                                         {"beta 4, all items weigh", 4}};
  std::unique_ptr<Matrix> scores;  // made by the first products, whose round is not counted
  Matrix sums(kCues, kDim);
  const auto products = [&] {
    if (scores == nullptr) scores = std::make_unique<Matrix>(kCues, n);
    math::Gemm(Transpose::kNo, Transpose::kYes, kCues, n, kDim, 1.0f, cues.data(), kDim, keys.data,
               kDim, 0.0f, scores->data(), n);
    math::Gemm(Transpose::kNo, Transpose::kNo, kCues, kDim, n, 1.0f, scores->data(), n, keys.data,
               kDim, 0.0f, sums.data(), kDim);
  };
  Race race;
  const std::string floor = "two sgemm of these shapes";
  race.Add(floor, "ms", [&]() -> absl::StatusOr<double> {
    const double start = NowMicros();
    products();
    return (NowMicros() - start) / 1000;
  });
  for (const Setting& setting : settings) {
    race.Add(setting.name, "ms", [&]() -> absl::StatusOr<double> {
      const double start = NowMicros();
      MNEME_ASSIGN_OR_RETURN(const models::Answer answer, Recall(*view, cues, setting.beta));
      return (NowMicros() - start) / 1000;
    });
  }
  MNEME_RETURN_IF_ERROR(race.Go(4 * context.repeats));
  race.Tell(report);
  for (const Setting& setting : settings) {
    report.verdicts.push_back({absl::StrCat("rate of a recall / of two sgemm, ", setting.name), "",
                               race.Quotient(floor, setting.name), AtLeast(0.6)});
  }
  scores.reset();
  const auto tell_peak = [&](std::string_view who, auto run) -> absl::Status {
    Peak::Reset();
    const double before = Peak::Bytes();
    MNEME_RETURN_IF_ERROR(run());
    report.verdicts.push_back({absl::StrCat("memory taken at most, ", std::string(who)), "MiB",
                               SpreadOf({(Peak::Bytes() - before) / (1 << 20)}), std::nullopt});
    return absl::OkStatus();
  };
  MNEME_RETURN_IF_ERROR(tell_peak(floor, [&] {
    products();
    scores.reset();
    return absl::OkStatus();
  }));
  for (const Setting& setting : settings) {
    MNEME_RETURN_IF_ERROR(
        tell_peak(setting.name, [&] { return Recall(*view, cues, setting.beta).status(); }));
  }
  report.notes.push_back(
      absl::StrFormat("%d items, %d cues at once, one step. The scores alone would be %.1f MiB.", n,
                      kCues, static_cast<double>(kCues * n * sizeof(float)) / (1 << 20)));
  return absl::OkStatus();
}

}  // namespace mneme::bench
