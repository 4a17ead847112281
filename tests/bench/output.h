// Reports as JSON for machines and as text for people.
//
// Threads: plain functions.
#ifndef MNEME_TESTS_BENCH_OUTPUT_H_
#define MNEME_TESTS_BENCH_OUTPUT_H_

#include <nlohmann/json.hpp>
#include <string>

#include "tests/bench/case.h"

namespace mneme::bench {

// One case's part of a run: docs and tools read it, so its fields are stable.
nlohmann::json ToJson(const Case& which, const Report& report, const absl::Status& status,
                      double seconds);
// Of what ToJson gave.
std::string ToText(const nlohmann::json& result);

// Three significant digits, with k, M or G from 10,000 on.
std::string Short(double value);
// "1.23 (1.20 to 1.30)"
std::string Words(const nlohmann::json& spread);
// ">= 9", "met" and the like, for the tables.
std::string GoalWords(const nlohmann::json& verdict);
std::string MetWords(const nlohmann::json& verdict);

}  // namespace mneme::bench

#endif  // MNEME_TESTS_BENCH_OUTPUT_H_
