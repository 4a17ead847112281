// The binary index of core/models/index: a pass over 1,024-bit codes and exact rescoring, beside
// the machine's memory bandwidth.
#include <barrier>
#include <memory>
#include <numeric>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/status.h"
#include "core/models/index/binary_index.h"
#include "core/models/index/rescore.h"
#include "core/models/store/explicit_store.h"
#include "tests/bench/case.h"
#include "tests/bench/dataset.h"
#include "tests/bench/floors.h"
#include "tests/bench/lists.h"
#include "tests/bench/ours.h"
#include "tests/bench/race.h"

namespace mneme::bench {
namespace {

constexpr size_t kBits = 1024, kDim = 128, kListSize = 10, kDepth = 200;
constexpr size_t kBatch = 64;

struct Field {
  models::StoreView store;
  std::shared_ptr<const models::BinaryView> codes;
  models::Similarity similarity = models::Similarity::kDot;

  std::vector<std::vector<models::ScoredRow>> Rescore(MatrixView cue,
                                                      models::CandidateList list) const {
    const std::vector<models::CandidateList> lists = {std::move(list)};
    return models::RescoreTop(store, similarity, cue, lists, kListSize);
  }

  absl::StatusOr<Lists> Ask(MatrixView cues) const {
    MNEME_ASSIGN_OR_RETURN(const std::vector<models::CandidateList> candidates,
                           codes->Candidates(cues, kDepth));
    Lists out;
    for (const auto& best : models::RescoreTop(store, similarity, cues, candidates, kListSize)) {
      std::vector<uint64_t>& list = out.emplace_back();
      for (const models::ScoredRow& row : best) list.push_back(row.row_number);
    }
    return out;
  }
};

absl::StatusOr<Field> Prepare(const Dataset& dataset) {
  const MatrixView rows = dataset.rows.view();
  std::vector<uint64_t> numbers(rows.rows);
  std::iota(numbers.begin(), numbers.end(), 0);
  models::ExplicitStore store(rows.cols, 0);
  MNEME_RETURN_IF_ERROR(store.Append({.keys = rows, .row_numbers = numbers}));
  Field out{.store = store.Publish(), .codes = nullptr, .similarity = dataset.similarity};
  MNEME_ASSIGN_OR_RETURN(std::shared_ptr<const models::BinaryCode> code,
                         models::BinaryCode::Make({.bits = kBits}, dataset.similarity, out.store));
  MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<models::BinaryIndex> index,
                         models::BinaryIndex::Make(std::move(code), {}));
  constexpr size_t kStep = 16384;
  for (size_t first = 0; first < rows.rows; first += kStep) {
    const size_t count = std::min(kStep, rows.rows - first);
    MNEME_RETURN_IF_ERROR(
        index->Add(rows.slice(first, count), std::span(numbers).subspan(first, count)));
  }
  out.codes = index->PublishBinary();
  return out;
}

// Both threads take every other batch.
absl::StatusOr<double> BatchedRate(const Field& field, MatrixView cues) {
  std::vector<absl::Status> statuses(2);
  const double start = NowMicros();
  {
    std::vector<std::jthread> threads;
    for (size_t t = 0; t < 2; ++t) {
      threads.emplace_back([&, t] {
        for (size_t first = t * kBatch; first < cues.rows; first += 2 * kBatch) {
          const auto lists = field.Ask(cues.slice(first, kBatch));
          if (!lists.ok()) statuses[t] = lists.status();
        }
      });
    }
  }
  const double seconds = (NowMicros() - start) / 1e6;
  for (const absl::Status& status : statuses) MNEME_RETURN_IF_ERROR(status);
  return static_cast<double>(cues.rows) / seconds;
}

// One cue at a time: each thread scans its part of the codes, the first one merges and rescores.
absl::StatusOr<double> SingleRate(const Field& field, MatrixView cues, size_t threads) {
  const auto parts = field.codes->Parts(threads);
  std::vector<models::CandidateList> lists(parts.size());
  std::vector<absl::Status> statuses(parts.size());
  std::barrier<> together(static_cast<ptrdiff_t>(parts.size()));
  const double start = NowMicros();
  {
    std::vector<std::jthread> workers;
    for (size_t t = 0; t < parts.size(); ++t) {
      workers.emplace_back([&, t] {
        for (size_t i = 0; i < cues.rows; ++i) {
          auto found = parts[t]->Candidates(cues.slice(i, 1), kDepth);
          if (!found.ok()) statuses[t] = found.status();
          lists[t] = found.ok() ? std::move((*found)[0]) : models::CandidateList();
          together.arrive_and_wait();
          if (t == 0) field.Rescore(cues.slice(i, 1), models::MergeCandidates(lists, kDepth));
          together.arrive_and_wait();
        }
      });
    }
  }
  const double seconds = (NowMicros() - start) / 1e6;
  for (const absl::Status& status : statuses) MNEME_RETURN_IF_ERROR(status);
  return static_cast<double>(cues.rows) / seconds;
}

}  // namespace

absl::Status RunBinaryScan(const Context& context, Report& report) {
  const Dataset dataset =
      GaussianUnits(context.Size(1'000'000, 100'000), context.Size(8, 2) * kBatch, kDim);
  MNEME_ASSIGN_OR_RETURN(const Field field, Prepare(dataset));
  const double code_bytes = static_cast<double>(dataset.rows.rows()) * kBits / 8;
  const MatrixView cues = dataset.cues.view();
  const char* const single = "codes read, one cue at a time, 2 threads";
  const char* const alone = "codes read, one cue at a time, 1 thread";
  const char* const batched = "batches of 64 cues, 2 threads";
  const char* const floor = "memory read, 2 threads";
  const char* const floor_alone = "memory read, 1 thread";
  const auto read_by = [&](size_t threads) -> absl::StatusOr<double> {
    MNEME_ASSIGN_OR_RETURN(const double rate, SingleRate(field, cues.slice(0, kBatch), threads));
    return rate * code_bytes * 1e-9;
  };
  Race race;
  race.Add(single, "GB/s", [&] { return read_by(2); });
  race.Add(floor, "GB/s", [] { return MemoryReadRate(2) * 1e-9; });
  race.Add(alone, "GB/s", [&] { return read_by(1); });
  race.Add(floor_alone, "GB/s", [] { return MemoryReadRate(1) * 1e-9; });
  race.Add(batched, "cues/s", [&] { return BatchedRate(field, cues); });
  MNEME_RETURN_IF_ERROR(race.Go(context.repeats));
  race.Tell(report);
  report.verdicts.push_back({"codes read / memory bandwidth, both by 2 threads", "",
                             race.Quotient(single, floor), AtLeast(0.85)});
  report.verdicts.push_back(
      {"the same by 1 thread", "", race.Quotient(alone, floor_alone), std::nullopt});
  report.verdicts.push_back(
      {"batches of 64 cues", "cues/s", SpreadOf(race.Of(batched)), AtLeast(600)});
  MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<InProcess> core, InProcess::Make(dataset));
  MNEME_ASSIGN_OR_RETURN(const Lists truth, core->Ask(cues.slice(0, kBatch), kListSize));
  MNEME_ASSIGN_OR_RETURN(const Lists found, field.Ask(cues.slice(0, kBatch)));
  report.notes.push_back(absl::StrFormat(
      "%d rows of %d numbers coded as %d bits, the %d nearest codes rescored: recall at %d is "
      "%.3f (uniform unit vectors are the hardest keys there are).",
      dataset.rows.rows(), kDim, kBits, kDepth, kListSize, Recall(truth, found)));
  return absl::OkStatus();
}

}  // namespace mneme::bench
