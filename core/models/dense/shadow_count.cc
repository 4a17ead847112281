#include "core/models/dense/shadow_count.h"

#include <cmath>

#include "core/models/dense/auto_radius.h"

namespace mneme::models {
namespace {

constexpr double kFlopsEachTime = 2e7;
constexpr double kFlopsMax = 2e9;

}  // namespace

void ShadowCounter::Update(const StoreView& view, double radius) {
  if (!changed_ && radius == radius_) return;
  changed_ = false;
  const uint64_t rows = view.live_rows();
  if (rows == 0) {
    count_ = {};
    return;
  }
  const double flops = 2 * static_cast<double>(rows) * static_cast<double>(rows) *
                       static_cast<double>(view.tile(0).key_dim);
  if (flops > kFlopsMax) {
    count_ = {};
    return;
  }
  const bool due = radius != radius_ || rows >= 2 * count_.items || 2 * rows <= count_.items;
  if (flops > kFlopsEachTime && !due) return;
  radius_ = radius;
  count_ = {.shadowed = ShadowedRows(view, radius).size(), .items = rows};
}

}  // namespace mneme::models
