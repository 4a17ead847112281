// kernels.h for double: the reference loops.
#include <algorithm>

#include "core/math/kernels.h"
#include "core/math/reference.h"

namespace mneme::math {

double Dot(const double* x, const double* y, size_t n) { return reference::Dot(x, y, n); }
double SquaredNorm(const double* x, size_t n) { return reference::Dot(x, x, n); }
double SquaredDistance(const double* x, const double* y, size_t n) {
  return reference::SquaredDistance(x, y, n);
}
double L1Distance(const double* x, const double* y, size_t n) {
  return reference::L1Distance(x, y, n);
}
double MaskedSquaredDistance(const double* x, const double* y, const double* mask, size_t n) {
  return reference::MaskedSquaredDistance(x, y, mask, n);
}
double MaskedSquaredNorm(const double* x, const double* mask, size_t n) {
  return reference::MaskedSquaredNorm(x, mask, n);
}

void DotRows(const double* rows, size_t stride, size_t count, const double* x, size_t n,
             double* out) {
  for (size_t i = 0; i < count; ++i) out[i] = reference::Dot(x, rows + i * stride, n);
}
void SquaredDistanceRows(const double* rows, size_t stride, size_t count, const double* x, size_t n,
                         double* out) {
  for (size_t i = 0; i < count; ++i) out[i] = reference::SquaredDistance(x, rows + i * stride, n);
}
void L1DistanceRows(const double* rows, size_t stride, size_t count, const double* x, size_t n,
                    double* out) {
  for (size_t i = 0; i < count; ++i) out[i] = reference::L1Distance(x, rows + i * stride, n);
}

void AddScaledRows(const double* rows, size_t stride, const uint32_t* index, const double* weights,
                   size_t count, size_t n, double* y) {
  reference::AddScaledRows(rows, stride, index, weights, count, n, y);
}
void Scale(double factor, double* x, size_t n) {
  for (size_t i = 0; i < n; ++i) x[i] *= factor;
}
void AddScaled(double factor, const double* x, double* y, size_t n) {
  for (size_t i = 0; i < n; ++i) y[i] += factor * x[i];
}

double AffineMax(double factor, const double* bias, double* u, size_t n) {
  return reference::AffineMax(factor, bias, u, n);
}
double Max(const double* x, size_t n) { return reference::Max(x, n); }
ExpSums<double> ExpShift(double shift, double* u, size_t n) {
  return reference::ExpShift(shift, u, n);
}
size_t CollectAtLeast(const double* x, size_t n, double bound, uint32_t* index) {
  return reference::CollectAtLeast(x, n, bound, index);
}
Moments MomentsOf(const double* x, size_t n) { return reference::MomentsOf(x, n); }

}  // namespace mneme::math
