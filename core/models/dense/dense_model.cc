#include "core/models/dense/dense_model.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/math/kernels.h"
#include "core/models/dense/auto_radius.h"
#include "core/models/dense/binary_state.h"
#include "core/models/dense/dense_choices.h"
#include "core/models/dense/dense_training.h"
#include "core/models/dense/dense_view.h"
#include "core/models/dense/separation.h"

namespace mneme::models {
namespace {

// Of the state of a memory with an index; that of one without is its beta alone.
constexpr uint32_t kIndexedStateVersion = 2;
// Of one with an encoder.
constexpr uint32_t kEncodedStateVersion = 3;
// Of keys and responses that may come while a training runs: the committer encodes them when it
// ends. It is abandoned past that.
constexpr size_t kMeanwhileBytesMax = size_t{256} << 20;

absl::Status CheckVersion(uint32_t version, uint32_t expected) {
  if (version == expected) return absl::OkStatus();
  return DataLoss(absl::StrCat("the state of a dense memory has version ", version),
                  {.reason = "CORRUPT",
                   .expected = absl::StrCat(expected),
                   .next_step = "Restore the memory from a backup."});
}

void PutFigures(const EncoderFigureStats& figures, ByteWriter& out) {
  for (const double x : {figures.largest_cosine, figures.top1, figures.margin}) out.Put(x);
}

void PutStats(const std::optional<EncoderStats>& stats, ByteWriter& out) {
  out.Put<uint8_t>(stats.has_value());
  if (!stats) return;
  out.Put(stats->position);
  out.PutBytes(stats->job);
  out.Put(static_cast<uint8_t>(stats->goal));
  out.Put(stats->items);
  out.Put(stats->cue_noise);
  PutFigures(stats->start, out);
  PutFigures(stats->kept, out);
  out.Put(static_cast<int32_t>(stats->kept_step));
  out.Put(stats->loss);
  out.PutBytes(stats->warning);
}

EncoderFigureStats GetFigures(ByteReader& in) {
  EncoderFigureStats figures;
  for (double* x : {&figures.largest_cosine, &figures.top1, &figures.margin}) *x = in.Get<double>();
  return figures;
}

std::optional<EncoderStats> GetStats(ByteReader& in) {
  if (in.Get<uint8_t>() == 0) return std::nullopt;
  EncoderStats stats;
  stats.position = in.Get<uint64_t>();
  stats.job = in.GetBytes();
  stats.goal = static_cast<EncoderGoal>(in.Get<uint8_t>());
  stats.items = in.Get<uint64_t>();
  stats.cue_noise = in.Get<double>();
  stats.start = GetFigures(in);
  stats.kept = GetFigures(in);
  stats.kept_step = in.Get<int32_t>();
  stats.loss = in.Get<double>();
  stats.warning = in.GetBytes();
  return stats;
}

absl::Status CheckSigns(MatrixView keys) {
  for (size_t i = 0; i < keys.rows; ++i) {
    const std::span<const float> key = keys.row(i);
    if (IsBinary(key)) continue;
    const auto at = std::find_if(key.begin(), key.end(), [](float x) { return x != 1 && x != -1; });
    return InvalidArgument(
        absl::StrCat("key ", i, " has ", *at, " in column ", at - key.begin()),
        {.reason = "NOT_BINARY",
         .given = absl::StrCat(*at),
         .expected = "1 or -1, for state BINARY",
         .next_step = "Send bits as 1 and -1, or use a memory with state FREE."});
  }
  return absl::OkStatus();
}

double LongestOf(MatrixView keys) {
  double longest = 0;
  for (size_t i = 0; i < keys.rows; ++i) {
    double squares = 0;
    for (const float x : keys.row(i)) squares += static_cast<double>(x) * static_cast<double>(x);
    longest = std::max(longest, squares);
  }
  return std::sqrt(longest);
}

// The exact lists of these rows, as they are answered in batches.
ExactTop ExactOf(std::shared_ptr<const DenseView> view) {
  return [view = std::move(view)](MatrixView cues,
                                  size_t k) -> absl::StatusOr<std::vector<std::vector<ScoredRow>>> {
    const QuerySpec spec = {.kind = QueryKind::kList, .top = k, .exact = true};
    MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<Query> query, view->Begin({.cues = cues}, spec));
    for (bool done = false; !done;) {
      const std::unique_ptr<Partial> partial = query->Empty();
      query->Probe(0, query->parts(), *partial);
      MNEME_ASSIGN_OR_RETURN(done, query->Settle(*partial));
    }
    std::vector<std::vector<ScoredRow>> lists;
    for (const CueAnswer& cue : query->TakeAnswer().cues) {
      std::vector<ScoredRow>& list = lists.emplace_back();
      for (const ScoredItem& item : cue.top) {
        list.push_back({.score = item.score, .row_number = item.row});
      }
    }
    return lists;
  };
}

}  // namespace

DenseModel::DenseModel(const MemorySpec& spec)
    : spec_(spec), store_(spec.key_dim, ValueDimOf(spec), UsesCodes(dense())) {
  if (!EstimatesBeta(dense())) beta_.beta = FixedBeta(spec_, length_max_);
  if (dense().index) index_.emplace(*dense().index, dense().similarity);
  if (dense().encoder != Encoder::kNone) {  // until it is trained: directions, as they are
    encoder_ = std::make_shared<const LinearEncoder>(
        LinearEncoder{.mean = std::vector<double>(spec.key_dim)});
  }
}

absl::Status DenseModel::Check(const RowBlock& rows) const {
  for (size_t i = 0; i < rows.weights.size(); ++i) {
    if (std::isfinite(rows.weights[i]) && rows.weights[i] > 0) continue;
    return InvalidArgument(absl::StrCat("weight ", i, " is ", rows.weights[i]),
                           {.reason = "WEIGHT",
                            .given = absl::StrCat(rows.weights[i]),
                            .expected = "a positive finite number",
                            .next_step = "Leave weights out for 1 each."});
  }
  if (dense().state == StateSpace::kBinary) return CheckSigns(rows.keys);
  const bool sphere = dense().state == StateSpace::kSphere;
  if (dense().similarity != Similarity::kCosine && !sphere && !index_) return absl::OkStatus();
  for (size_t i = 0; i < rows.keys.rows; ++i) {
    MNEME_RETURN_IF_ERROR(CheckKey(i, rows.keys.row(i)));
  }
  return absl::OkStatus();
}

absl::Status DenseModel::CheckKey(size_t row, std::span<const float> key) const {
  const double square = math::SquaredNorm(key.data(), key.size());
  if (dense().similarity == Similarity::kCosine) {  // the index sees unit vectors
    // Below float32's normal numbers a length is too coarse to divide by.
    if (square >= std::numeric_limits<float>::min() && std::isfinite(square)) {
      return absl::OkStatus();
    }
    const bool zero = std::ranges::all_of(key, [](float x) { return x == 0; });
    return InvalidArgument(
        absl::StrCat("key ", row,
                     zero         ? " is a zero vector"
                     : square > 1 ? " is too long for float32"
                                  : " is too short for float32"),
        {.reason = zero ? "ZERO_VECTOR" : "KEY_LENGTH",
         .given = absl::StrCat("a key of squared length ", square),
         .expected = "a key of positive finite length, for similarity COSINE",
         .next_step = zero ? "Leave this item out, or use a memory with similarity L2."
                           : "Scale the keys: under COSINE their lengths do not count."});
  }
  if (!std::isfinite(square)) {
    return InvalidArgument(
        absl::StrCat("key ", row, " is too long for float32"),
        {.reason = "KEY_LENGTH",
         .given = absl::StrCat("a key of squared length ", square),
         .expected = "a key of finite squared length, for state SPHERE or an index",
         .next_step = "Scale the keys."});
  }
  if (!index_ || square <= kIndexedSquareMax) return absl::OkStatus();
  return InvalidArgument(absl::StrCat("key ", row, " is too long for the memory's index"),
                         {.reason = "KEY_LENGTH",
                          .given = absl::StrCat("a key of squared length ", square),
                          .expected = absl::StrCat("at most ", kIndexedSquareMax),
                          .next_step = "Scale the keys, or use a memory without an index."});
}

absl::Status DenseModel::Absorb(const RowBlock& rows) {
  if (encoder_ != nullptr) {
    if (meanwhile_) Record(rows);
    return AppendEncoded(*encoder_, rows, store_);
  }
  std::vector<float> log_weights;
  for (const float weight : rows.weights) log_weights.push_back(std::log(weight));
  StoreRows in{.keys = rows.keys,
               .values = rows.responses,
               .log_weights = log_weights,
               .ids = rows.ids,
               .row_numbers = rows.row_numbers};
  if (dense().similarity != Similarity::kCosine) return Append(in);
  Matrix unit = Matrix::Copy(rows.keys);
  std::vector<float> lengths(unit.rows());
  for (size_t i = 0; i < unit.rows(); ++i) {
    lengths[i] = std::sqrt(math::SquaredNorm(unit.row(i).data(), unit.cols()));
    if (!(lengths[i] > 0)) return Internal("dense: a key without a direction under cosine");
    math::Scale(1 / lengths[i], unit.row(i).data(), unit.cols());
  }
  if (spec_.response_dim == 0 && store_.value_dim() > 0) in.values = rows.keys;  // verbatim
  in.keys = unit;
  in.extra = lengths;
  return Append(in);
}

absl::Status DenseModel::Append(const StoreRows& rows) {
  MNEME_RETURN_IF_ERROR(store_.Append(rows));
  if (index_) index_->Add(rows.keys, rows.row_numbers);
  if (!TakesBeta(dense()) && dense().similarity == Similarity::kDot) {
    length_max_ = std::max(length_max_, LongestOf(rows.keys));
    beta_.beta = FixedBeta(spec_, length_max_);
  }
  shadows_.Note();
  return absl::OkStatus();
}

absl::Status DenseModel::Forget(const RowBlock& rows) {
  MNEME_RETURN_IF_ERROR(store_.Remove(rows.row_numbers));
  if (index_) index_->Remove(rows.row_numbers);
  if (meanwhile_) {
    meanwhile_->gone.insert(meanwhile_->gone.end(), rows.row_numbers.begin(),
                            rows.row_numbers.end());
  }
  shadows_.Note();
  return absl::OkStatus();
}

absl::Status DenseModel::Restore(const RowBlock&) {
  return Internal("dense: rows are absorbed, never restored");
}

bool DenseModel::Maintain() {
  const bool due = EstimatesBeta(dense()) && IsDue(beta_, store_.live_rows());
  if (due) beta_ = EstimateConstant(store_.Publish(), dense());
  if (HasSupports()) shadows_.Update(store_.Publish(), RadiusOfBeta(beta_.beta));
  return due;
}

absl::StatusOr<std::unique_ptr<Training>> DenseModel::BeginTraining(const TrainSpec& spec) {
  if (encoder_ == nullptr) return Model::BeginTraining(spec);
  MNEME_RETURN_IF_ERROR(DenseTraining::CheckSpec(spec, spec_.key_dim));
  meanwhile_ = {.serial = ++serial_};
  return std::make_unique<DenseTraining>(spec_, spec, serial_);
}

void DenseModel::Record(const RowBlock& rows) {
  const auto append = [](const auto& from, auto& to) {
    to.insert(to.end(), from.begin(), from.end());
  };
  append(rows.keys.flat(), meanwhile_->keys);
  append(rows.responses.flat(), meanwhile_->responses);
  append(rows.ids, meanwhile_->ids);
  append(rows.row_numbers, meanwhile_->row_numbers);
  append(rows.weights, meanwhile_->weights);
  meanwhile_->weights.resize(meanwhile_->row_numbers.size(), 1.0f);
  const size_t numbers = meanwhile_->keys.size() + meanwhile_->responses.size();
  if (numbers * sizeof(float) > kMeanwhileBytesMax) meanwhile_.reset();
}

// What came and went while the training ran comes to and goes from what it has stored.
absl::Status DenseModel::CatchUp(const LinearEncoder& encoder, ExplicitStore& store) const {
  const size_t rows = meanwhile_->row_numbers.size();
  if (rows > 0) {
    RowBlock came{.keys = {meanwhile_->keys.data(), rows, spec_.key_dim},
                  .ids = meanwhile_->ids,
                  .weights = meanwhile_->weights,
                  .row_numbers = meanwhile_->row_numbers};
    if (spec_.response_dim > 0) {
      came.responses = {meanwhile_->responses.data(), rows, spec_.response_dim};
    }
    MNEME_RETURN_IF_ERROR(AppendEncoded(encoder, came, store));
  }
  const StoreView view = store.Publish();
  std::vector<uint64_t> gone;  // those that went before they were read were never stored there
  for (const uint64_t number : meanwhile_->gone) {
    if (view.Find(number)) gone.push_back(number);
  }
  return gone.empty() ? absl::OkStatus() : store.Remove(gone);
}

absl::Status DenseModel::Install(Training& training, uint64_t position, std::string_view job) {
  auto& trained = static_cast<DenseTraining&>(training);
  if (!meanwhile_ || meanwhile_->serial != trained.serial()) {
    return FailedPrecondition(
        "another training of this memory began meanwhile, or more items came than it holds back",
        {.reason = "TRAINING_ABANDONED",
         .expected = absl::StrCat("at most ", kMeanwhileBytesMax, " bytes stored meanwhile"),
         .next_step = "Wait for the other training, or train when fewer items are stored."});
  }
  const std::unique_ptr<ExplicitStore> store = trained.TakeStore();
  const absl::Status caught_up = CatchUp(*trained.encoder(), *store);
  meanwhile_.reset();
  MNEME_RETURN_IF_ERROR(caught_up);
  store_ = std::move(*store);
  encoder_ = trained.encoder();
  encoder_stats_ = trained.stats();
  encoder_stats_->position = position;
  encoder_stats_->job = std::string(job);
  beta_.rows = 0;  // due: distances are others
  return absl::OkStatus();
}

void DenseModel::AbandonTraining() { meanwhile_.reset(); }

absl::StatusOr<std::unique_ptr<IndexWork>> DenseModel::BeginIndexWork(bool now) {
  if (!index_) return Model::BeginIndexWork(now);
  const StoreView store = store_.Publish();
  return index_->Begin(now, store, ExactOf(std::make_shared<DenseView>(spec_, store, beta_)));
}

absl::StatusOr<Model::Installed> DenseModel::InstallIndexWork(IndexWork& work) {
  if (!index_) return Model::InstallIndexWork(work);
  return index_->Install(work, store_.Publish());
}

void DenseModel::AbandonIndexWork(const absl::Status& why) {
  if (index_) index_->Abandon(why);
}

bool DenseModel::HasSupports() const { return TraitsOf(dense().separation).finite_support; }

std::shared_ptr<const View> DenseModel::Publish() {
  return std::make_shared<DenseView>(
      spec_, store_.Publish(), beta_, index_ ? index_->Publish(store_.live_rows()) : nullptr,
      HasSupports() ? std::optional(shadows_.count()) : std::nullopt, encoder_, encoder_stats_);
}

std::string DenseModel::Save() const {
  if (encoder_ != nullptr) {
    ByteWriter out;
    out.Put(kEncodedStateVersion);
    out.PutBytes(Encode(beta_));
    out.PutBytes(encoder_->Save());
    PutStats(encoder_stats_, out);
    return out.Take();
  }
  if (!index_) return Encode(beta_);
  ByteWriter out;
  out.Put(kIndexedStateVersion);
  out.PutBytes(Encode(beta_));
  index_->Put(out);
  return out.Take();
}

absl::Status DenseModel::Load(std::string_view blob) {
  if (encoder_ != nullptr) return LoadEncoded(blob);
  std::string_view beta = blob;
  ByteReader in(blob);
  if (index_) {
    MNEME_RETURN_IF_ERROR(CheckVersion(in.Get<uint32_t>(), kIndexedStateVersion));
    beta = in.GetBytes();
  }
  MNEME_ASSIGN_OR_RETURN(const BetaEstimate loaded, DecodeBetaEstimate(beta));
  if (index_) MNEME_RETURN_IF_ERROR(index_->Get(in));
  if (EstimatesBeta(dense())) beta_ = loaded;
  return absl::OkStatus();
}

absl::Status DenseModel::LoadEncoded(std::string_view blob) {
  ByteReader in(blob);
  MNEME_RETURN_IF_ERROR(CheckVersion(in.Get<uint32_t>(), kEncodedStateVersion));
  MNEME_ASSIGN_OR_RETURN(const BetaEstimate beta, DecodeBetaEstimate(in.GetBytes()));
  MNEME_ASSIGN_OR_RETURN(LinearEncoder encoder, LinearEncoder::Load(in.GetBytes()));
  std::optional<EncoderStats> stats = GetStats(in);
  const bool whole = in.done() && (!stats || stats->goal <= EncoderGoal::kNoiseAware);
  if (!whole || encoder.dim() != spec_.key_dim || encoder.feature_dim() != spec_.key_dim) {
    return DataLoss("the encoder of a memory cannot be read back",
                    {.reason = "CORRUPT", .next_step = "Restore the memory from a backup."});
  }
  encoder_ = std::make_shared<const LinearEncoder>(std::move(encoder));
  encoder_stats_ = std::move(stats);
  if (EstimatesBeta(dense())) beta_ = beta;
  return absl::OkStatus();
}

}  // namespace mneme::models
