#include "core/learning/fista.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "core/math/blas.h"
#include "core/math/kernels.h"

namespace mneme::learning {
namespace {

constexpr double kStartScales[] = {0.1, 0.3, 1, 3, 10};
constexpr double kLastResortScale = 0.03;
constexpr double kLipschitzStart = 0.25;
constexpr double kLipschitzMax = 1e7;
constexpr double kLipschitzDecay = 0.85;
constexpr int kStuckMax = 6;
constexpr int kWindow = 15;        // accepted steps
constexpr double kFallMin = 1e-4;  // relative, over the window

// to = a + factor * (b - a), all of one shape.
void Extrapolate(const Matrix& a, const Matrix& b, float factor, Matrix& to) {
  for (size_t i = 0; i < to.flat().size(); ++i) {
    to.flat()[i] = a.flat()[i] + factor * (b.flat()[i] - a.flat()[i]);
  }
}

// The share of the work that is done, from how far the fall over the window is from its end.
class ShareEstimate {
 public:
  double Update(int step, int steps_max, double fall) {
    const double by_steps = static_cast<double>(step) / steps_max;
    double by_fall = 0;
    if (fall > kFallMin && step >= kWindow) {
      first_fall_ = std::max(first_fall_, fall);
      by_fall = 1 - std::log(fall / kFallMin) / std::log(first_fall_ / kFallMin);
    }
    return share_ = std::max({share_, by_steps, 0.95 * by_fall});
  }

 private:
  double first_fall_ = 0;
  double share_ = 0;
};

class Fista {
 public:
  Fista(Objective& objective, const FistaOptions& options, const ProgressFn& progress)
      : objective_(objective), options_(options), progress_(progress) {}

  absl::Status Start(const Matrix& direction);
  absl::Status Run();
  FistaResult Take() {
    if (losses_.empty()) result_.loss = start_loss_;
    result_.weights = std::move(w_);
    return std::move(result_);
  }

 private:
  absl::StatusOr<double> Evaluate(const Matrix& w, Matrix* gradient) {
    ++result_.evaluations;
    return objective_.Evaluate(w, gradient);
  }
  // Whether it is worth going on; Cancelled when told so.
  absl::Status Tell(double loss);
  absl::Status Offer(Matrix candidate, double& best);
  absl::StatusOr<double> Step();  // from y_ to next_; gives its loss
  void Accept(double loss);
  bool StopsFalling() const;
  double Fall() const;

  Objective& objective_;
  const FistaOptions& options_;
  const ProgressFn& progress_;
  Matrix w_, y_, next_, gradient_;
  double lipschitz_ = kLipschitzStart;
  double momentum_ = 1;
  double start_loss_ = 0;
  std::vector<double> losses_;  // after each accepted step
  ShareEstimate share_;
  FistaResult result_;
};

absl::Status Fista::Tell(double loss) {
  if (!progress_) return absl::OkStatus();
  const Progress now{.step = result_.steps,
                     .steps_max = options_.steps_max,
                     .loss = loss,
                     .share = share_.Update(result_.steps, options_.steps_max, Fall())};
  return progress_(now) ? absl::OkStatus() : TrainingCancelled();
}

absl::Status Fista::Offer(Matrix candidate, double& best) {
  MNEME_ASSIGN_OR_RETURN(const double loss, Evaluate(candidate, nullptr));
  if (loss < best) {
    best = loss;
    w_ = std::move(candidate);
  }
  return Tell(std::min(best, result_.loss_at_zero));
}

absl::Status Fista::Start(const Matrix& direction) {
  const auto scaled = [&](double scale) {
    Matrix out = direction.Clone();
    math::Scale(static_cast<float>(scale), out.data(), out.flat().size());
    return out;
  };
  MNEME_ASSIGN_OR_RETURN(result_.loss_at_zero,
                         Evaluate(Matrix(direction.rows(), direction.cols()), nullptr));
  double best = result_.loss_at_zero;
  for (const double scale : kStartScales) MNEME_RETURN_IF_ERROR(Offer(scaled(scale), best));
  if (options_.warm_start) {
    MNEME_RETURN_IF_ERROR(Offer(Matrix::Copy(*options_.warm_start), best));
  }
  if (w_.empty()) {
    w_ = scaled(kLastResortScale);
    MNEME_ASSIGN_OR_RETURN(best, Evaluate(w_, nullptr));
  }
  start_loss_ = best;
  y_ = w_.Clone();
  next_ = Matrix(w_.rows(), w_.cols());
  result_.loss = std::numeric_limits<double>::infinity();
  return absl::OkStatus();
}

absl::StatusOr<double> Fista::Step() {
  MNEME_ASSIGN_OR_RETURN(const double at_y, Evaluate(y_, &gradient_));
  const double square = SquaredFrobenius(gradient_);
  for (;; lipschitz_ *= 2) {
    std::copy(y_.flat().begin(), y_.flat().end(), next_.flat().begin());
    math::AddScaled(static_cast<float>(-1 / lipschitz_), gradient_.data(), next_.data(),
                    next_.flat().size());
    MNEME_ASSIGN_OR_RETURN(const double at_next, Evaluate(next_, nullptr));
    if (at_next <= at_y - 0.25 * square / lipschitz_ || lipschitz_ * 2 > kLipschitzMax) {
      return at_next;
    }
  }
}

void Fista::Accept(double loss) {
  const double momentum = (1 + std::sqrt(1 + 4 * momentum_ * momentum_)) / 2;
  const double factor = (momentum_ - 1) / momentum;
  // Y = W' + factor (W' - W) = W + (1 + factor) (W' - W)
  Extrapolate(w_, next_, static_cast<float>(1 + factor), y_);
  std::swap(w_, next_);
  result_.loss = loss;
  momentum_ = momentum;
  lipschitz_ *= kLipschitzDecay;
  losses_.push_back(loss);
  ++result_.steps;
}

// Over the last window, relative; infinity before there is one.
double Fista::Fall() const {
  if (losses_.size() <= kWindow) return std::numeric_limits<double>::infinity();
  const double before = losses_[losses_.size() - 1 - kWindow];
  return (before - losses_.back()) / before;
}

bool Fista::StopsFalling() const { return Fall() < kFallMin; }

absl::Status Fista::Run() {
  int stuck = 0;
  while (result_.steps < options_.steps_max) {
    MNEME_ASSIGN_OR_RETURN(const double loss, Step());
    if (loss <= result_.loss) {
      Accept(loss);
      MNEME_RETURN_IF_ERROR(Tell(loss));
      result_.converged = StopsFalling();
    } else {
      std::copy(w_.flat().begin(), w_.flat().end(), y_.flat().begin());
      if (momentum_ == 1) {
        lipschitz_ *= 2;
        result_.converged = ++stuck > kStuckMax;
      }
      momentum_ = 1;
    }
    if (result_.converged) break;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<FistaResult> MinimiseFista(Objective& objective, const Matrix& direction,
                                          const FistaOptions& options, const ProgressFn& progress) {
  MNEME_CHECK(options.steps_max >= 1);
  Fista fista(objective, options, progress);
  MNEME_RETURN_IF_ERROR(fista.Start(direction));
  MNEME_RETURN_IF_ERROR(fista.Run());
  return fista.Take();
}

Matrix CorrelationStart(MatrixView keys, MatrixView codebook) {
  Matrix out(codebook.cols, keys.cols);
  math::Gemm(math::Transpose::kYes, math::Transpose::kNo, out.rows(), out.cols(), keys.rows,
             1 / std::sqrt(static_cast<float>(keys.rows)), codebook.data, codebook.cols, keys.data,
             keys.cols, 0.0f, out.data(), out.cols());
  return out;
}

}  // namespace mneme::learning
