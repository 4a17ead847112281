#include "core/dynamics/oscillators.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "core/base/status.h"
#include "core/dynamics/checks.h"
#include "core/dynamics/products.h"

namespace mneme::dynamics {
namespace {

constexpr double kFrequencyMax = 40;
constexpr double kLargest = 1e6;  // of couplings, temperature, dt

absl::Status CheckCouplings(const Couplings& couplings, double dt) {
  MNEME_RETURN_IF_ERROR(CheckRange("k2", couplings.k2, 0, kLargest));
  MNEME_RETURN_IF_ERROR(CheckRange("k4", couplings.k4, 0, kLargest));
  return CheckRange("dt (k2 + k4)", dt * (couplings.k2 + couplings.k4), 0, kOscillatorStepMax);
}

double StepOf(const OscillatorOptions& options) {
  return options.dt == 0 ? AutomaticStep(options.couplings) : options.dt;
}

}  // namespace

double AutomaticStep(const Couplings& couplings) {
  return 0.05 / std::max(couplings.k2 + couplings.k4, 1.0);
}

std::vector<double> LorentzianFrequencies(size_t dimension, double half_width, Random& random) {
  std::vector<double> out(dimension);
  for (size_t j = 0; j < dimension; ++j) {
    const double p = (static_cast<double>(j) + 0.5) / static_cast<double>(dimension);
    out[j] = std::clamp(half_width * std::tan(std::numbers::pi * (p - 0.5)), -kFrequencyMax,
                        kFrequencyMax);
  }
  random.Shuffle(std::span<double>(out));
  return out;
}

MatrixD RandomAngles(size_t replicas, size_t dimension, Random& random) {
  MatrixD out(replicas, dimension);
  for (double& angle : out.flat()) angle = 2 * std::numbers::pi * random.Uniform();
  return out;
}

MatrixD AnglesOf(MatrixViewD patterns, double jitter, Random& random) {
  MatrixD out(patterns.rows, patterns.cols);
  for (size_t i = 0; i < patterns.rows * patterns.cols; ++i) {
    out.data()[i] = patterns.data[i] > 0 ? 0 : std::numbers::pi;
    if (jitter > 0) out.data()[i] += jitter * random.Gaussian();
  }
  return out;
}

Oscillators::Oscillators(MatrixD patterns, MatrixD angles, OscillatorOptions options)
    : patterns_(std::move(patterns)),
      angles_(std::move(angles)),
      options_(std::move(options)),
      random_(options_.seed),
      dt_(StepOf(options_)),
      energies_(angles_.rows()),
      phases_(2 * angles_.rows(), angles_.cols()),
      overlaps_(2 * angles_.rows(), patterns_.rows()),
      weights_(2 * angles_.rows(), patterns_.rows()),
      pulls_(2 * angles_.rows(), angles_.cols()),
      drift_(angles_.rows(), angles_.cols()),
      predicted_(angles_.rows(), angles_.cols()),
      moved_(angles_.rows(), angles_.cols()) {
  Evaluate(angles_);
}

absl::StatusOr<Oscillators> Oscillators::Create(MatrixD patterns, MatrixD angles,
                                                OscillatorOptions options) {
  MNEME_RETURN_IF_ERROR(CheckBinary("patterns", patterns));
  MNEME_RETURN_IF_ERROR(CheckCount("angles a replica", angles.cols(), patterns.cols()));
  MNEME_RETURN_IF_ERROR(
      CheckRange("number of replicas", static_cast<double>(angles.rows()), 1, kLargest));
  MNEME_RETURN_IF_ERROR(CheckFinite("angles", angles));
  MNEME_RETURN_IF_ERROR(CheckRange("temperature", options.temperature, 0, kLargest));
  MNEME_RETURN_IF_ERROR(CheckRange("dt", options.dt, 0, kLargest));
  if (!options.frequencies.empty()) {
    MNEME_RETURN_IF_ERROR(CheckCount("frequencies", options.frequencies.size(), patterns.cols()));
    MNEME_RETURN_IF_ERROR(CheckFinite(
        "frequencies", MatrixViewD{options.frequencies.data(), 1, options.frequencies.size()}));
  }
  MNEME_RETURN_IF_ERROR(CheckCouplings(options.couplings, StepOf(options)));
  return Oscillators(std::move(patterns), std::move(angles), std::move(options));
}

absl::Status Oscillators::SetCouplings(const Couplings& couplings) {
  MNEME_RETURN_IF_ERROR(CheckCouplings(couplings, dt_));
  options_.couplings = couplings;
  Evaluate(angles_);
  return absl::OkStatus();
}

void Oscillators::Evaluate(MatrixViewD angles) {
  const size_t batch = angles.rows, n = patterns_.rows(), d = patterns_.cols();
  const double scale = 1 / static_cast<double>(d);
  for (size_t i = 0; i < batch * d; ++i) {
    phases_.data()[i] = std::cos(angles.data[i]);
    phases_.data()[batch * d + i] = std::sin(angles.data[i]);
  }
  RowsTimesTransposed(phases_, patterns_, overlaps_);
  const auto [k2, k4] = options_.couplings;
  for (size_t b = 0; b < batch; ++b) {
    const std::span<double> re = overlaps_.row(b), im = overlaps_.row(batch + b);
    double sum = 0;
    for (size_t mu = 0; mu < n; ++mu) {
      re[mu] *= scale, im[mu] *= scale;
      const double square = re[mu] * re[mu] + im[mu] * im[mu];
      sum += k2 / 2 * square + k4 / 4 * square * square;
      weights_.at(b, mu) = (k2 + k4 * square) * re[mu];
      weights_.at(batch + b, mu) = (k2 + k4 * square) * im[mu];
    }
    energies_[b] = -static_cast<double>(d) * sum;
  }
  std::fill(pulls_.flat().begin(), pulls_.flat().end(), 0.0);
  AddRowsTimes(weights_, patterns_, pulls_);
  const double* cosines = phases_.data();
  const double* sines = cosines + batch * d;
  for (size_t i = 0; i < batch * d; ++i) {
    // Im[ exp(-i theta) (p + i q) ] = q cos theta - p sin theta
    drift_.data()[i] = pulls_.data()[batch * d + i] * cosines[i] - pulls_.data()[i] * sines[i];
  }
  if (options_.frequencies.empty()) return;
  for (size_t i = 0; i < batch * d; ++i) drift_.data()[i] += options_.frequencies[i % d];
}

void Oscillators::StepOnce() {
  const size_t numbers = angles_.rows() * angles_.cols();
  const double noise = std::sqrt(2 * options_.temperature * dt_);
  for (size_t i = 0; i < numbers; ++i) {
    const double kick = noise > 0 ? noise * random_.Gaussian() : 0;
    const double half = dt_ / 2 * drift_.data()[i];
    predicted_.data()[i] = angles_.data()[i] + 2 * half + kick;
    moved_.data()[i] = half + kick;
  }
  Evaluate(predicted_);
  for (size_t i = 0; i < numbers; ++i) {
    angles_.data()[i] += moved_.data()[i] + dt_ / 2 * drift_.data()[i];
  }
  Evaluate(angles_);
  time_ += dt_;
}

void Oscillators::Step(size_t count, const std::function<bool()>& observe) {
  for (size_t step = 0; step < count; ++step) {
    StepOnce();
    if (observe && !observe()) return;
  }
}

double Oscillators::OrderParameter(size_t replica, size_t pattern) const {
  return std::hypot(overlaps_.at(replica, pattern),
                    overlaps_.at(angles_.rows() + replica, pattern));
}

std::vector<double> Oscillators::Decode(size_t replica, std::span<const double> cue) const {
  const size_t d = patterns_.cols();
  MNEME_CHECK(cue.size() == d);
  size_t best = 0;
  for (size_t mu = 1; mu < patterns_.rows(); ++mu) {
    if (OrderParameter(replica, mu) > OrderParameter(replica, best)) best = mu;
  }
  const double common =
      std::atan2(overlaps_.at(angles_.rows() + replica, best), overlaps_.at(replica, best));
  std::vector<double> bits(d);
  double agreement = 0;
  for (size_t i = 0; i < d; ++i) {
    bits[i] = std::cos(angles_.at(replica, i) - common) >= 0 ? 1 : -1;
    agreement += bits[i] * cue[i];
  }
  if (agreement < 0) {
    for (double& bit : bits) bit = -bit;
  }
  return bits;
}

}  // namespace mneme::dynamics
