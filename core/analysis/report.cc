#include "core/analysis/report.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace mneme::analysis {

Table Histogram(std::string name, std::span<const double> values, size_t bins) {
  std::vector<double> finite;
  std::copy_if(values.begin(), values.end(), std::back_inserter(finite),
               [](double v) { return std::isfinite(v); });
  Table table{.name = std::move(name), .columns = {{"from", {}}, {"to", {}}, {"count", {}}}};
  if (finite.empty()) return table;
  const auto [least, most] = std::minmax_element(finite.begin(), finite.end());
  // Halves first: the difference of two large numbers may not be finite.
  const double low = *least, width = *most / 2 - low / 2;
  if (!(width > 0)) bins = 1;
  std::vector<double> counts(bins);
  for (const double v : finite) {
    const double place = width > 0 ? (v / 2 - low / 2) / width * static_cast<double>(bins) : 0;
    ++counts[std::min(static_cast<size_t>(place), bins - 1)];
  }
  for (size_t i = 0; i < bins; ++i) {
    const double a = static_cast<double>(i) / static_cast<double>(bins);
    const double b = static_cast<double>(i + 1) / static_cast<double>(bins);
    table.columns[0].values.push_back(low * (1 - a) + *most * a);
    table.columns[1].values.push_back(low * (1 - b) + *most * b);
    table.columns[2].values.push_back(counts[i]);
  }
  return table;
}

Table Thinned(Table table) {
  const size_t rows = table.columns.empty() ? 0 : table.columns.front().values.size();
  if (rows <= kTableRowsMax) return table;
  for (Column& column : table.columns) {
    std::vector<double> kept(kTableRowsMax);
    for (size_t i = 0; i < kTableRowsMax; ++i) {
      kept[i] = column.values[i * (rows - 1) / (kTableRowsMax - 1)];
    }
    column.values = std::move(kept);
  }
  return table;
}

}  // namespace mneme::analysis
