// Which rows of a memory a call may see: those whose time has not come, and that its filter lets
// pass.
//
// Thread-safe. Nothing here waits for a writer.
#ifndef MNEME_CORE_ENGINE_PASSING_ROWS_H_
#define MNEME_CORE_ENGINE_PASSING_ROWS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/base/row_set.h"
#include "core/engine/memory.h"
#include "core/filter/filter.h"

namespace mneme::engine {

// A filter over so few items runs on the thread that received the call.
inline constexpr size_t kInlineFilterRows = 128;

// A published view, and what of it a call does not see.
struct PinnedView {
  Memory::Published published;
  std::shared_ptr<const RowSet> unexpired;  // null: nothing is due
};
PinnedView PinView(const Memory& memory, int64_t now_unix_nanos);

// nullopt for the empty text. InvalidArgument (FILTER).
absl::StatusOr<std::optional<filter::Filter>> ParseOptionalFilter(std::string_view text);

// True when PassingRows costs no more than a look-up or a few items.
bool PassingRowsAreQuick(Memory& memory, const PinnedView& pinned,
                         const std::optional<filter::Filter>& filter);

// The rows of the view that pass; null: all of them. Equal filters share one set.
//
// Errors   InvalidArgument (FILTER_TYPE); Cancelled.
// Cost     AttributeView::Select where no call asked the same of this view before.
absl::StatusOr<std::shared_ptr<const RowSet>> PassingRows(
    Memory& memory, const PinnedView& pinned, const std::optional<filter::Filter>& filter,
    const std::function<bool()>& cancelled);

// How many of the view's items pass.
uint64_t CountPassing(const PinnedView& pinned, const RowSet* rows);

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_PASSING_ROWS_H_
