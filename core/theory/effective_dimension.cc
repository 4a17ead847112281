#include "core/theory/effective_dimension.h"

#include <span>
#include <string>
#include <vector>

#include "core/base/status.h"

namespace mneme::theory {
namespace {

double Dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

std::vector<size_t> NonZeroRows(MatrixView rows) {
  std::vector<size_t> out;
  for (size_t i = 0; i < rows.rows; ++i) {
    if (Dot(rows.row(i), rows.row(i)) > 0) out.push_back(i);
  }
  return out;
}

}  // namespace

absl::StatusOr<double> EffectiveDimension(MatrixView rows, uint64_t pairs, Random& random) {
  const std::vector<size_t> usable = NonZeroRows(rows);
  if (usable.size() < 2 || pairs == 0) {
    return InvalidArgument(
        absl::StrCat(
            "an effective dimension needs two rows that are not zero and at least one pair, "
            "got ",
            usable.size(), " rows and ", pairs, " pairs"),
        {.reason = "ROWS",
         .given = absl::StrCat(usable.size(), " rows, ", pairs, " pairs"),
         .expected = "2 rows, 1 pair",
         .next_step = "Give more rows, or more pairs."});
  }
  double sum = 0;
  for (uint64_t pair = 0; pair < pairs; ++pair) {
    const size_t first = random.Below(usable.size());
    size_t second = random.Below(usable.size() - 1);
    if (second >= first) ++second;
    const auto a = rows.row(usable[first]);
    const auto b = rows.row(usable[second]);
    const double dot = Dot(a, b);
    sum += dot * dot / (Dot(a, a) * Dot(b, b));
  }
  return static_cast<double>(pairs) / sum;
}

}  // namespace mneme::theory
