// Filters: which items take part, said about their attributes. For users: docs/filters.md.
//
//   year >= 1990 AND (genre:"jazz" OR genre:"soul") AND NOT live = true
//
// A subset of Google's AIP-160:
//   filter      = sequence
//   sequence    = factor { "AND" factor }
//   factor      = term { "OR" term }            OR binds tighter than AND, as in AIP-160:
//   term        = [ "NOT" | "-" ] simple        a OR b AND c is (a OR b) AND c
//   simple      = comparison | "(" sequence ")"
//   comparison  = name ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) value
//               | name ":" ( text | number )    a list has this element
//               | name ":" "*"                  the item has this attribute
//   name        = [A-Za-z_][A-Za-z0-9_.-]* but AND, OR, NOT; or any text
//   value       = text | number | true | false | timestamp("2026-01-02T03:04:05Z")
//   text        = "..." with \" \\ \n \r \t     no wildcards: * is a star
//   number      = 3 | -3 (an int64) | 0.5 | 1e9 (a double)
// Two terms without AND or OR between them are an error, not an AND.
//
// Rules of meaning
//   1. Texts compare bytewise, numbers exactly as numbers (int64 and double mix without rounding),
//      timestamps by moment, false and true are only equal or not. NaN is unequal to everything.
//   2. Every comparison about an attribute that the item does not have is false, != too. NOT of it
//      is true.
//   3. An attribute of another type than the literal is an error, whatever the other comparisons
//      say: all are checked for every item, so the answer never depends on their order.
//
// Threads: a Filter is immutable and may be used by any number of threads.
#ifndef MNEME_CORE_FILTER_FILTER_H_
#define MNEME_CORE_FILTER_FILTER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "core/filter/attributes.h"

namespace mneme::filter {

inline constexpr size_t kFilterBytesMax = 4096;  // as given, and as text()
inline constexpr size_t kFilterTermsMax = 64;    // comparisons
inline constexpr size_t kFilterDepthMax = 16;    // parentheses inside parentheses

using Literal = std::variant<std::string, int64_t, double, bool, Timestamp>;

enum class Comparison {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kHas,      // a list has the element
  kPresent,  // the attribute is there
};

class Filter {
 public:
  // Whether an item with these attribute bytes passes; empty bytes are an item without attributes.
  //
  // Errors   InvalidArgument FILTER_TYPE when an attribute has another type than its literal;
  //          DataLoss CORRUPT when the bytes are damaged (always found, as ReadAttributes does).
  // Cost     one pass over the bytes; no allocation.
  absl::StatusOr<bool> Matches(std::string_view attribute_bytes) const;

  // The filter in one spelling: equal texts mean equal filters, and ParseFilter(text()) has the
  // same text. Good as a key of a cache.
  const std::string& text() const { return text_; }

 private:
  friend class FilterParser;

  struct Term {
    std::string name;
    Comparison comparison = Comparison::kPresent;
    Literal literal;
    uint32_t bit = 0;  // its place in the truths that the program reads
  };
  // The program in postfix order: a comparison's truth, or an operation on the last one or two.
  struct Step {
    enum class Kind : uint8_t { kTerm, kNot, kAnd, kOr };
    Kind kind = Kind::kTerm;
    uint8_t bit = 0;
  };

  Filter(std::string text, std::vector<Term> terms, std::vector<Step> program);

  bool Run(uint64_t truths) const;
  static absl::Status WrongType(const Term& term, AttributeType found);

  std::string text_;
  std::vector<Term> terms_;  // ascending names
  std::vector<Step> program_;
};

// InvalidArgument FILTER with the column (characters, from 1) and what was expected there, when the
// text is no filter or breaks a bound. The empty text is no filter: leave the filter out instead.
absl::StatusOr<Filter> ParseFilter(std::string_view text);

}  // namespace mneme::filter

#endif  // MNEME_CORE_FILTER_FILTER_H_
