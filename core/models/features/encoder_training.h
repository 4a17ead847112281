// The job that learns an encoder from the keys of a memory: gathers them, trains, and keeps the
// best iterate. It changes nothing of the memory; whoever installs what it made encodes the keys
// anew.
//
// Two objectives. kSeparation (U-Hop+) pushes keys apart; kNoiseAware trains cues to find their
// keys. Farther apart is not better found: separation stretches the directions that noise lives in
// too. So every tenth step the recall of noisy cues is measured on the keys, the iterate with the
// best one is kept, and the report says when training made it worse than its start.
//   Measured (50 keys of 32 numbers, 4 strong factors, noise as large as their own part): largest
//   cosine of two keys 0.93 centred, 0.39 whitened, 0.12 separated; relative error of the read-out
//   0.04, 0.01, 0.08; noise-aware 0.001.
//
// Memory   4·d bytes a key until Run ends, and n·n numbers for the n <= 1,024 keys of a step.
// Threads  one at a time.
#ifndef MNEME_CORE_MODELS_FEATURES_ENCODER_TRAINING_H_
#define MNEME_CORE_MODELS_FEATURES_ENCODER_TRAINING_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "core/base/random.h"
#include "core/math/matrix.h"
#include "core/models/features/linear_encoder.h"
#include "core/models/model.h"

namespace mneme::models {

enum class EncoderObjective { kNoiseAware, kSeparation };

struct EncoderTrainSpec {
  // What of the iterates is kept.
  enum class Keep { kBestRecall, kSmallestCosine };

  EncoderObjective objective = EncoderObjective::kNoiseAware;
  size_t feature_dim = 0;  // D, at most the dimension of keys; 0: as many
  // Standard deviation of what a cue's coordinates are off by; 0: no cue is noisy. Too large is the
  // safe side.
  double noise = 0;
  int steps = 0;  // 0: 300, or 200 for kSeparation
  double learning_rate = 3e-3;
  // Temperatures, falling geometrically; 0: 0.05 throughout, or from 0.1 to 0.02 for kSeparation.
  double tau_begin = 0;
  double tau_end = 0;
  size_t batch = 1024;  // keys of a step, drawn anew where there are more
  uint64_t seed = 1;
  Keep keep = Keep::kBestRecall;
};

// How noisy cues fare: those of the keys, or as many as are looked at.
struct EncoderFigures {
  double largest_cosine = 0;  // of two keys
  double top1 = 0;            // share of noisy cues whose best key is theirs, by Φ
  double margin = 0;          // mean of Φ(cue)·Φ(key) less the best other, a cosine
  double cross_entropy = 0;   // of finding the key at temperature 0.05, in nats: the least is kept
};

struct EncoderReport {
  EncoderFigures start;  // kSeparation: whitened; kNoiseAware: centred
  EncoderFigures kept;
  int kept_step = 0;
  double loss = 0;      // of the last step
  std::string warning;  // empty, or a sentence: training costs recall
};

class EncoderTraining final : public Training {
 public:
  // InvalidArgument (TRAIN_SPEC): a field outside its range, by its name.
  static absl::Status CheckSpec(const EncoderTrainSpec& spec, size_t key_dim);
  // Of a spec that was checked.
  EncoderTraining(const EncoderTrainSpec& spec, size_t key_dim);

  absl::Status Take(const RowBlock& rows) override;
  // Errors   FailedPrecondition (TRAINING_SET_EMPTY): fewer than two different keys. Cancelled:
  //          `progress` said so.
  // Cost     a step: 2 n² D + 8 n d D flop for n = min(keys, batch); every tenth: as much again.
  absl::Status Run(const TrainProgressFn& progress) override;

  // After Run succeeded.
  LinearEncoder TakeEncoder() { return std::move(encoder_); }
  const EncoderReport& report() const { return report_; }

 private:
  double TemperatureAt(int step) const;
  absl::Status Start(const MatrixD& keys);
  MatrixD ScaledKeys(std::vector<double>& mean, double& spread) const;
  double Descend(const MatrixD& keys, int step, Matrix& gradient);
  EncoderFigures Measure(const MatrixD& keys, const MatrixD& cues) const;
  void Warn();

  EncoderTrainSpec spec_;
  size_t dim_;
  std::vector<float> keys_;
  double noise_ = 0;  // in units of the keys' spread
  Random random_;
  Matrix weights_;  // W, of the present step
  LinearEncoder encoder_;
  EncoderReport report_;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_FEATURES_ENCODER_TRAINING_H_
