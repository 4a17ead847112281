// What a study of a memory found: figures with names, tables of numbers, items that stand out, and
// advice. One shape for all analyses, so that the wire, programs and pictures need no case for
// each.
//
// Threads     plain values.
// Invariants  a report is small: a table has at most kTableRowsMax rows, and at most kFindingsMax
//             items are named.
#ifndef MNEME_CORE_ANALYSIS_REPORT_H_
#define MNEME_CORE_ANALYSIS_REPORT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/ids.h"

namespace mneme::analysis {

inline constexpr size_t kTableRowsMax = 512;
inline constexpr size_t kFindingsMax = 256;

// A number that was found; NaN where the data does not define it.
struct Figure {
  std::string name;  // stable: scripts go by it
  double value = 0;
  std::optional<double> spread;  // standard deviation over repeats
  std::string meaning;           // for people
};

struct Column {
  std::string name;
  std::vector<double> values;
};

// Columns of one length: a histogram, a trace, a loop.
struct Table {
  std::string name;  // stable
  std::vector<Column> columns;
};

// An item that stands out.
struct Finding {
  ItemId id;
  std::string verdict;          // stable: "SWALLOWED", "DUPLICATE"
  std::optional<ItemId> other;  // that took its place
  double share = 0;             // of the weight, of the item itself where its recall came to rest
  double margin = 0;            // of its exponent over the best rival's, at its own key
};

struct Advice {
  std::string reason;  // stable
  std::string message;
  std::string next_step;
};

struct Report {
  std::string analysis;  // its name
  std::string summary;   // what was studied, a sentence
  std::vector<Figure> figures;
  std::vector<Table> tables;
  std::vector<Finding> findings;
  std::vector<Advice> advice;

  void Add(std::string name, double value, std::string meaning) {
    figures.push_back({.name = std::move(name), .value = value, .meaning = std::move(meaning)});
  }
};

// Equally wide bins over the finite values: columns "from", "to", "count". No rows without values.
Table Histogram(std::string name, std::span<const double> values, size_t bins = 32);

// At most kTableRowsMax rows of the table, evenly spaced, the first and the last among them.
Table Thinned(Table table);

}  // namespace mneme::analysis

#endif  // MNEME_CORE_ANALYSIS_REPORT_H_
