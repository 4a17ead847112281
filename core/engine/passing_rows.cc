#include "core/engine/passing_rows.h"

#include <algorithm>
#include <utility>

#include "core/base/status.h"

namespace mneme::engine {
namespace {

RowSetCache::Key KeyOf(const PinnedView& pinned, const filter::Filter& filter) {
  return {.filter = filter.text(),
          .position = pinned.published.position,
          .unexpired = pinned.unexpired};
}

}  // namespace

// What is due first, and the view then: a row leaves the index after it has left the view.
PinnedView PinView(const Memory& memory, int64_t now_unix_nanos) {
  PinnedView pinned;
  pinned.unexpired = memory.expiry().Unexpired(now_unix_nanos);
  pinned.published = memory.published();
  return pinned;
}

absl::StatusOr<std::optional<filter::Filter>> ParseOptionalFilter(std::string_view text) {
  if (text.empty()) return std::nullopt;
  MNEME_ASSIGN_OR_RETURN(filter::Filter filter, filter::ParseFilter(text));
  return filter;
}

bool PassingRowsAreQuick(Memory& memory, const PinnedView& pinned,
                         const std::optional<filter::Filter>& filter) {
  return !filter.has_value() || pinned.published.attributes.rows() <= kInlineFilterRows ||
         memory.row_sets().Find(KeyOf(pinned, *filter)) != nullptr;
}

absl::StatusOr<std::shared_ptr<const RowSet>> PassingRows(
    Memory& memory, const PinnedView& pinned, const std::optional<filter::Filter>& filter,
    const std::function<bool()>& cancelled) {
  if (!filter.has_value()) return pinned.unexpired;
  RowSetCache& cache = memory.row_sets();
  const RowSetCache::Key key = KeyOf(pinned, *filter);
  if (std::shared_ptr<const RowSet> known = cache.Find(key); known != nullptr) return known;
  MNEME_ASSIGN_OR_RETURN(RowSet passing, pinned.published.attributes.Select(*filter, cancelled));
  if (pinned.unexpired != nullptr) passing = Intersect(passing, *pinned.unexpired);
  return cache.Keep(key, std::move(passing));
}

uint64_t CountPassing(const PinnedView& pinned, const RowSet* rows) {
  const uint64_t items = pinned.published.view->stats().items;
  if (rows == nullptr) return items;
  const uint64_t listed = std::min<uint64_t>(rows->listed.size(), items);
  return rows->listed_pass ? listed : items - listed;
}

}  // namespace mneme::engine
