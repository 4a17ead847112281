#include "client/cli/cone.h"

#include <algorithm>
#include <cmath>

namespace mneme::cli {
namespace {

// Scores travel as float64, but were added up in float32: a margin counts above what that loses.
constexpr double kRounding = 1e-5;

std::vector<client::ItemId> Certified(const client::CueList& list) {
  std::vector<client::ItemId> out;
  if (!list.error.ok() || list.items.empty()) return out;
  double sum = 0, largest = 0;
  for (const client::ScoredItem& item : list.items) {
    sum += item.score;
    largest = std::max(largest, std::abs(item.score));
  }
  const double k = static_cast<double>(list.items.size());
  const double last = list.items.back().score;
  for (const client::ScoredItem& item : list.items) {
    const double competitors = (sum - item.score + last) / k;
    if (item.score - competitors > kRounding * largest) out.push_back(item.id);
  }
  return out;
}

}  // namespace

void Cone::Add(const client::CueList& list) {
  const std::vector<client::ItemId> certified = Certified(list);
  if (!items_) {
    items_ = certified;
    return;
  }
  std::erase_if(*items_, [&](const client::ItemId& id) {
    return std::find(certified.begin(), certified.end(), id) == certified.end();
  });
}

}  // namespace mneme::cli
