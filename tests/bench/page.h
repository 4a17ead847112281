// The page and the pictures of a run, from its JSON.
//
// Threads: plain functions.
#ifndef MNEME_TESTS_BENCH_PAGE_H_
#define MNEME_TESTS_BENCH_PAGE_H_

#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/status.h"

namespace mneme::bench {

// Writes the page, and a picture bench-CASE.svg into `charts` for each case that has one. The page
// names the pictures relative to its own folder.
absl::Status WritePage(const nlohmann::json& run, const std::string& page,
                       const std::string& charts);

}  // namespace mneme::bench

#endif  // MNEME_TESTS_BENCH_PAGE_H_
