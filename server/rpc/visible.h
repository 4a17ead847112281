// Pages of what a caller may see.
#ifndef MNEME_SERVER_RPC_VISIBLE_H_
#define MNEME_SERVER_RPC_VISIBLE_H_

#include <cstddef>
#include <utility>
#include <vector>

namespace mneme::server {

// The first `most` entries after `after` that are visible. list: (after, most) -> vector of
// entries, in order; key_of: entry -> what `after` would be to go on behind it; visible: entry ->
// bool. Cost  all entries that are not visible are passed over, `most` at a time.
template <typename Key, typename List, typename KeyOf, typename Visible>
auto ListVisible(Key after, size_t most, List list, KeyOf key_of, Visible visible) {
  decltype(list(after, most)) out;
  while (out.size() < most) {
    auto page = list(after, most);
    const bool is_last = page.size() < most;
    if (!page.empty()) after = key_of(page.back());
    for (auto& entry : page) {
      if (out.size() < most && visible(entry)) out.push_back(std::move(entry));
    }
    if (is_last) break;
  }
  return out;
}

}  // namespace mneme::server

#endif  // MNEME_SERVER_RPC_VISIBLE_H_
