#include "core/models/linear/tam_training.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "core/base/status.h"
#include "core/learning/certificate.h"
#include "core/learning/progress.h"
#include "core/math/blas.h"
#include "core/theory/tail_average.h"

namespace mneme::models {
namespace {

constexpr double kDefaultTailFraction = 0.05;
constexpr double kDefaultLambda = 1e-3;
constexpr double kCertifyingShare = 0.1;  // of a partition's work
// A key is rounded to float32 when it is brought to unit length, and so is the cue it is compared
// with: neither moves by more than this.
constexpr double kFrameRounding = 0x1p-23;
constexpr float kWholeSphere = 2;  // no two vectors of unit length are farther apart

absl::Status BadField(std::string_view field, double given, std::string_view expected) {
  return InvalidArgument(
      absl::StrFormat("training: %s is %g, expected %s", AbslView(field), given,
                      AbslView(expected)),
      {.reason = "TRAIN",
       .given = absl::StrFormat("%s=%g", AbslView(field), given),
       .expected = std::string(expected),
       .next_step = absl::StrFormat("Leave %s out for its default.", AbslView(field))});
}

bool IsPositive(double x) { return std::isfinite(x) && x > 0; }

absl::Status TooFewItems(size_t items) {
  return FailedPrecondition(
      "no partition holds two items: there is nothing to tell apart",
      {.reason = "TRAINING_SET_EMPTY",
       .given = absl::StrFormat("%d items", items),
       .expected = "a partition of at least 2 items with keys and responses that are not zero",
       .next_step = "Store items first."});
}

learning::Loss LossOf(TrainSpec::Loss loss) {
  switch (loss) {
    case TrainSpec::Loss::kTam:
      return learning::Loss::kTam;
    case TrainSpec::Loss::kCrossEntropy:
      return learning::Loss::kCrossEntropy;
    case TrainSpec::Loss::kLeastSquares:
      return learning::Loss::kLeastSquares;
  }
  return learning::Loss::kTam;
}

learning::OptimizerKind OptimizerOf(TrainSpec::Optimizer optimizer) {
  switch (optimizer) {
    case TrainSpec::Optimizer::kFista:
      return learning::OptimizerKind::kFista;
    case TrainSpec::Optimizer::kOgd:
      return learning::OptimizerKind::kOgd;
    case TrainSpec::Optimizer::kAdam:
      return learning::OptimizerKind::kAdam;
    case TrainSpec::Optimizer::kMuon:
      return learning::OptimizerKind::kMuon;
  }
  return learning::OptimizerKind::kFista;
}

void Append(std::span<const float> x, std::vector<float>& to) {
  to.insert(to.end(), x.begin(), x.end());
}

size_t ItemsOf(const TamEpoch& epoch) { return epoch.sealed.items->rows.size(); }

double Norm(const Matrix& w) {
  double squared = 0;
  for (const float x : w.flat()) squared += static_cast<double>(x) * x;
  return std::sqrt(squared);
}

// The radius that readers see: less what float32 moved key and cue, rounded down; 0: not certified.
float ServedRadius(const learning::ItemCertificate& item) {
  const double radius = item.certified ? item.radius - 2 * kFrameRounding : 0;
  if (radius <= 0) return 0;
  return std::nextafter(static_cast<float>(radius), 0.0f);
}

void Seal(const std::vector<uint64_t>& rows, std::vector<float> radii, SealedPartition& sealed) {
  for (const float radius : radii) {
    if (radius == 0) continue;
    ++sealed.certified;
    if (sealed.radius_min == 0 || radius < sealed.radius_min) sealed.radius_min = radius;
  }
  sealed.items =
      std::make_shared<const SealedItems>(SealedItems{.rows = rows, .radii = std::move(radii)});
}

}  // namespace

// The work of a partition goes with the square of its items.
class TamTraining::Pace {
 public:
  Pace(const TrainProgressFn& report, const std::vector<Gathered>& gathered) : report_(report) {
    for (const Gathered& partition : gathered) work_ += Work(partition);
  }

  void Begin(const Gathered& gathered) { current_ = Work(gathered) / work_; }
  void End() { done_ += std::exchange(current_, 0); }
  bool Training(const learning::Progress& progress) {
    return Tell("training", (1 - kCertifyingShare) * progress.share, progress.step, progress.loss);
  }
  bool Certifying() { return Tell("certifying", 1 - kCertifyingShare, steps_, loss_); }

 private:
  static double Work(const Gathered& gathered) {
    const double items = static_cast<double>(gathered.rows.size() + 1);
    return items * items;
  }
  bool Tell(std::string_view phase, double share, int steps, double loss) {
    steps_ = steps;
    loss_ = loss;
    if (!report_) return true;
    return report_(
        {.phase = phase, .share = done_ + current_ * share, .steps = steps, .loss = loss});
  }

  const TrainProgressFn& report_;
  double work_ = 0;
  double done_ = 0;
  double current_ = 0;
  int steps_ = 0;
  double loss_ = 0;
};

absl::Status TamTraining::CheckSpec(const TrainSpec& spec) {
  if (spec.tail_fraction && !(*spec.tail_fraction > 0 && *spec.tail_fraction < 1)) {
    return BadField("tail_fraction", *spec.tail_fraction, "a share inside (0, 1)");
  }
  if (spec.tail_fraction && spec.list_size > 0) {
    return BadField("list_size", spec.list_size, "a list_size or a tail_fraction, not both");
  }
  if (spec.lambda && !IsPositive(*spec.lambda)) {
    return BadField("lambda", *spec.lambda, "a positive finite number");
  }
  if (spec.steps_max < 1) return BadField("steps_max", spec.steps_max, "at least 1");
  if (spec.learning_rate != 0 && !IsPositive(spec.learning_rate)) {
    return BadField("learning_rate", spec.learning_rate, "a positive finite number, or 0");
  }
  if (spec.threads < 1) return BadField("threads", spec.threads, "at least 1");
  return absl::OkStatus();
}

TamTraining::TamTraining(const TrainSpec& spec, TamTrainingStart start)
    : spec_(spec), start_(std::move(start)), gathered_(start_.partitions.size()) {
  LinearSpec frame = linear();
  frame.normalize_keys = true;
  unit_frame_ = KeyFrame(frame);
}

const LinearSpec& TamTraining::linear() const { return std::get<LinearSpec>(start_.memory.model); }

MatrixView TamTraining::Keys(const Gathered& gathered) const {
  return {gathered.keys.data(), gathered.rows.size(), d_k()};
}

MatrixView TamTraining::Responses(const Gathered& gathered) const {
  return {gathered.responses.data(), gathered.rows.size(), d_v()};
}

absl::Status TamTraining::Take(const RowBlock& rows) {
  if (rows.size() == 0) return absl::OkStatus();
  if (rows.keys.rows != rows.size() || rows.responses.rows != rows.size()) {
    return FailedPrecondition("a training needs the keys and responses of all items",
                              {.reason = "VECTORS_NEEDED",
                               .given = "items whose vectors were not kept",
                               .expected = "a memory that retains ALL",
                               .next_step = "Create the memory with retain ALL."});
  }
  for (const PartitionRows& group : GroupRows(rows, start_.router)) {
    for (const uint32_t row : group.rows) {
      if (rows.row_numbers[row] >= start_.partitions[group.partition].end_row) continue;
      Gather(rows, row, gathered_[group.partition]);
    }
  }
  return absl::OkStatus();
}

void TamTraining::Gather(const RowBlock& block, size_t row, Gathered& into) const {
  std::vector<float> key(d_k()), response(d_v());
  const bool has_key = unit_frame_.Apply(block.keys.row(row), key);
  const bool has_response = Normalize(block.responses.row(row), response);
  if (has_key && has_response) {
    Append(key, into.keys);
    Append(response, into.responses);
    into.rows.push_back(block.row_numbers[row]);
  } else {
    Append(response, into.rival_responses);
    into.rivals.push_back(block.row_numbers[row]);
  }
}

size_t TamTraining::ListSize(size_t items) const {
  if (items < 2) return 1;
  size_t list_size = spec_.list_size;
  std::optional<double> fraction = spec_.tail_fraction;
  if (list_size == 0 && !fraction) {
    list_size = linear().list_size;
    fraction = linear().tail_fraction;
  }
  if (list_size > 0) return std::min<size_t>(list_size, items - 1);
  return learning::ListSizeOf(fraction.value_or(kDefaultTailFraction), items);
}

absl::Status TamTraining::CheckSizes() const {
  size_t items = 0, largest = 0;
  for (const Gathered& gathered : gathered_) {
    items += gathered.rows.size();
    largest = std::max(largest, gathered.rows.size());
  }
  return largest < 2 ? TooFewItems(items) : absl::OkStatus();
}

// Past alpha_0(r) = 1 / kappa_r^2 the minimiser is W = 0, whatever lambda: training would erase the
// memory or serve noise.
absl::Status TamTraining::CheckLoad(const Gathered& gathered) const {
  const size_t items = gathered.rows.size();
  const size_t list_size = ListSize(items);
  if (spec_.loss != TrainSpec::Loss::kTam || items < 2 || list_size >= items - 1) {
    return absl::OkStatus();
  }
  const double r = static_cast<double>(list_size) / static_cast<double>(items - 1);
  const double places = static_cast<double>(d_k()) * static_cast<double>(d_v());
  const double load = static_cast<double>(items) / places;
  const double collapse = theory::TamCollapseLoad(r);
  if (load < collapse) return absl::OkStatus();
  const double smallest = theory::SmallestTailFraction(load);
  const double list = std::floor(smallest * static_cast<double>(items - 1)) + 1;
  return FailedPrecondition(
      absl::StrFormat("%d items in a matrix of %d x %d are a load of %.3g; lists of %d collapse "
                      "from %.3g on: the best weights for them are 0",
                      items, d_v(), d_k(), load, list_size, collapse),
      {.reason = "LOAD_PAST_COLLAPSE",
       .given = absl::StrFormat("load %.6g, tail fraction %.6g", load, r),
       .expected =
           absl::StrFormat("a load below %.6g, or a tail fraction above %.6g", collapse, smallest),
       .next_step = absl::StrFormat(
           "Train with list_size %.0f or more (tail_fraction %.4g), or spread the items over "
           "%.0f times as many partitions; the memory serves what it did before.",
           list, smallest, std::floor(load / collapse) + 1)});
}

learning::TrainOptions TamTraining::Options(size_t partition) const {
  const bool fista = spec_.optimizer == TrainSpec::Optimizer::kFista;
  learning::TrainOptions options{
      .loss = LossOf(spec_.loss),
      .optimizer = OptimizerOf(spec_.optimizer),
      .list_size = ListSize(gathered_[partition].rows.size()),
      .lambda = spec_.lambda.value_or(linear().lambda.value_or(kDefaultLambda)),
      .steps_max = spec_.steps_max,
      .anneal = !fista,
      .batch = spec_.batch,
      .seed = spec_.seed,
      .threads = spec_.threads};
  if (spec_.learning_rate > 0) options.learning_rate = spec_.learning_rate;
  if (const auto& warm = start_.partitions[partition].warm_start) options.warm_start = warm->view();
  return options;
}

absl::Status TamTraining::TrainPartition(size_t partition, Pace& pace) {
  const Gathered& gathered = gathered_[partition];
  TamEpoch& epoch = epochs_[partition];
  MNEME_ASSIGN_OR_RETURN(
      learning::TrainReport report,
      learning::Train({.keys = Keys(gathered), .codebook = Responses(gathered)}, Options(partition),
                      [&pace](const learning::Progress& now) { return pace.Training(now); }));
  epoch.weights = std::make_shared<const Matrix>(std::move(report.weights));
  epoch.sealed.loss = report.loss;
  return Certify(gathered, pace, epoch);
}

// One item or none: its correlation matrix, so that it scores as the items of the trained
// partitions do, whose lists are merged with its.
absl::Status TamTraining::FillPartition(size_t partition, double score, Pace& pace) {
  const Gathered& gathered = gathered_[partition];
  TamEpoch& epoch = epochs_[partition];
  Matrix w(d_v(), d_k());
  if (!gathered.rows.empty()) {
    math::Gemm(math::Transpose::kYes, math::Transpose::kNo, d_v(), d_k(), 1,
               static_cast<float>(score), gathered.responses.data(), d_v(), gathered.keys.data(),
               d_k(), 0.0f, w.data(), d_k());
  }
  epoch.weights = std::make_shared<const Matrix>(std::move(w));
  MNEME_RETURN_IF_ERROR(Certify(gathered, pace, epoch));
  epoch.sealed.score_mean = score;
  return absl::OkStatus();
}

// Against all items that were there, those that could not be trained too: a certificate that does
// not count a competitor proves nothing.
absl::Status TamTraining::Certify(const Gathered& gathered, Pace& pace, TamEpoch& epoch) const {
  SealedPartition& sealed = epoch.sealed;
  sealed.weights_norm = Norm(*epoch.weights);
  sealed.sigma = sealed.weights_norm / std::sqrt(static_cast<double>(d_k() * d_v()));
  epoch.rivals = gathered.rivals;
  const size_t all = gathered.rows.size() + gathered.rivals.size();
  sealed.list_size = all == 0 ? 0 : ListSize(gathered.rows.size());
  if (gathered.rows.empty() || all == 1) {
    // Alone, an item is always first.
    Seal(gathered.rows, std::vector<float>(gathered.rows.size(), kWholeSphere), sealed);
    return absl::OkStatus();
  }
  std::vector<float> with_rivals;
  MatrixView competitors = Responses(gathered);
  if (!gathered.rivals.empty()) {
    with_rivals = gathered.responses;
    Append(gathered.rival_responses, with_rivals);
    competitors = {with_rivals.data(), all, d_v()};
  }
  MNEME_ASSIGN_OR_RETURN(const learning::Certificates certificates,
                         learning::Certify(*epoch.weights, Keys(gathered), competitors,
                                           {.list_size = sealed.list_size,
                                            .threads = spec_.threads,
                                            .keep_going = [&pace] { return pace.Certifying(); }}));
  std::vector<float> radii;
  for (const learning::ItemCertificate& item : certificates.items) {
    radii.push_back(ServedRadius(item));
    epoch.score_sigmas += item.score_sigmas / static_cast<double>(gathered.rows.size());
  }
  sealed.score_mean = certificates.summary.mean_score;
  Seal(gathered.rows, std::move(radii), sealed);
  return absl::OkStatus();
}

// The shares of the partitions in the memory's figures.
void TamTraining::ShareOut() {
  double items = 0;
  for (const TamEpoch& epoch : epochs_) items += static_cast<double>(ItemsOf(epoch));
  for (TamEpoch& epoch : epochs_) {
    epoch.partition_share = 1 / static_cast<double>(epochs_.size());
    epoch.item_share = static_cast<double>(ItemsOf(epoch)) / items;
  }
}

absl::Status TamTraining::RunPartitions(Pace& pace) {
  epochs_.resize(gathered_.size());
  std::vector<size_t> small;
  double items = 0, score = 0;  // mean score over the items that were trained
  for (size_t p = 0; p < gathered_.size(); ++p) {
    if (gathered_[p].rows.size() < 2) {
      small.push_back(p);
      continue;
    }
    pace.Begin(gathered_[p]);
    MNEME_RETURN_IF_ERROR(TrainPartition(p, pace));
    pace.End();
    gathered_[p] = {};
    const double own = static_cast<double>(ItemsOf(epochs_[p]));
    items += own;
    score += (epochs_[p].sealed.score_mean - score) * own / items;
  }
  for (const size_t p : small) {
    pace.Begin(gathered_[p]);
    MNEME_RETURN_IF_ERROR(FillPartition(p, score, pace));
    pace.End();
  }
  return absl::OkStatus();
}

absl::Status TamTraining::Run(const TrainProgressFn& progress) {
  MNEME_RETURN_IF_ERROR(CheckSizes());
  for (const Gathered& gathered : gathered_) MNEME_RETURN_IF_ERROR(CheckLoad(gathered));
  Pace pace(progress, gathered_);
  MNEME_RETURN_IF_ERROR(RunPartitions(pace));
  ShareOut();
  return absl::OkStatus();
}

}  // namespace mneme::models
