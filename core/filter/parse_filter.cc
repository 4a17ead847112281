// ParseFilter: recursive descent along the grammar in filter.h. Each rule appends to the program
// and returns the text of its part in the one spelling.
#include <algorithm>
#include <utility>

#include "core/base/status.h"
#include "core/filter/filter.h"
#include "core/filter/scanner.h"

namespace mneme::filter {
namespace {

constexpr std::pair<std::string_view, Comparison> kSymbols[] = {
    {"<=", Comparison::kLessEqual},    {"<", Comparison::kLess},     //
    {">=", Comparison::kGreaterEqual}, {">", Comparison::kGreater},  //
    {"!=", Comparison::kNotEqual},     {"=", Comparison::kEqual},    //
    {":", Comparison::kHas},
};

std::string_view SymbolOf(Comparison comparison) {
  for (const auto& [symbol, meaning] : kSymbols) {
    if (meaning == comparison) return symbol;
  }
  return ":*";
}

struct Format {
  std::string operator()(const std::string& text) const { return Quote(text); }
  std::string operator()(int64_t number) const { return std::to_string(number); }
  std::string operator()(double number) const { return FormatReal(number); }
  std::string operator()(bool truth) const { return truth ? "true" : "false"; }
  std::string operator()(const Timestamp& moment) const {
    return "timestamp(" + Quote(FormatTimestamp(moment)) + ")";
  }
};

std::string FormatTerm(const std::string& name, Comparison comparison, const Literal& literal) {
  std::string out = IsBareName(name) ? name : Quote(name);
  if (comparison == Comparison::kPresent) return out + ":*";
  if (comparison == Comparison::kHas) return out + ":" + std::visit(Format(), literal);
  return absl::StrCat(out, " ", AbslView(SymbolOf(comparison)), " ", std::visit(Format(), literal));
}

bool IsOrdering(Comparison comparison) {
  return comparison == Comparison::kLess || comparison == Comparison::kLessEqual ||
         comparison == Comparison::kGreater || comparison == Comparison::kGreaterEqual;
}

}  // namespace

class FilterParser {
 public:
  explicit FilterParser(Scanner scanner) : scanner_(scanner) {}

  absl::StatusOr<Filter> Run() {
    MNEME_ASSIGN_OR_RETURN(Part whole, Sequence(0));
    if (!scanner_.AtEnd()) return Unexpected("AND, OR or the end");
    if (whole.text.size() > kFilterBytesMax) {
      return scanner_.Expected(scanner_.position(),
                               absl::StrFormat("at most %d bytes once written out with blanks (%d)",
                                               kFilterBytesMax, whole.text.size()));
    }
    return Filter(std::move(whole.text), std::move(terms_), std::move(program_));
  }

 private:
  using Step = Filter::Step;

  // Weakest binding last: a part goes into parentheses where a stronger one is needed.
  enum class Shape { kComparison, kNot, kOr, kAnd };
  struct Part {
    std::string text;
    Shape shape = Shape::kComparison;
  };

  static std::string Wrapped(const Part& part, Shape weakest) {
    return part.shape <= weakest ? part.text : "(" + part.text + ")";
  }

  absl::Status Unexpected(std::string_view expected) {
    return scanner_.Expected(scanner_.position(), expected);
  }

  // first { word next }: the shared half of Sequence and Factor.
  template <typename Rule>
  absl::StatusOr<Part> Joined(std::string_view word, Shape shape, Step::Kind kind, Rule rule) {
    MNEME_ASSIGN_OR_RETURN(Part joined, rule());
    while (scanner_.TakeWord(word)) {
      MNEME_ASSIGN_OR_RETURN(const Part next, rule());
      joined.text =
          absl::StrCat(Wrapped(joined, shape), " ", AbslView(word), " ", Wrapped(next, shape));
      joined.shape = shape;
      program_.push_back({.kind = kind});
    }
    return joined;
  }

  absl::StatusOr<Part> Sequence(size_t depth) {
    return Joined("AND", Shape::kAnd, Step::Kind::kAnd, [this, depth] { return Factor(depth); });
  }

  absl::StatusOr<Part> Factor(size_t depth) {
    return Joined("OR", Shape::kOr, Step::Kind::kOr, [this, depth] { return Term(depth); });
  }

  absl::StatusOr<Part> Term(size_t depth) {
    if (!scanner_.TakeWord("NOT") && !scanner_.Take("-")) return Simple(depth);
    MNEME_ASSIGN_OR_RETURN(const Part negated, Simple(depth));
    program_.push_back({.kind = Step::Kind::kNot});
    return Part{.text = "NOT " + Wrapped(negated, Shape::kComparison), .shape = Shape::kNot};
  }

  absl::StatusOr<Part> Simple(size_t depth) {
    const size_t start = scanner_.position();
    if (!scanner_.Take("(")) return Compared();
    if (depth == kFilterDepthMax) {
      return scanner_.Expected(
          start, absl::StrCat("parentheses at most ", kFilterDepthMax, " inside each other"));
    }
    MNEME_ASSIGN_OR_RETURN(Part inner, Sequence(depth + 1));
    if (!scanner_.Take(")")) return Unexpected("AND, OR or ')'");
    return inner;
  }

  absl::StatusOr<Part> Compared() {
    if (terms_.size() == kFilterTermsMax) {
      return Unexpected(absl::StrCat("at most ", kFilterTermsMax, " comparisons"));
    }
    MNEME_ASSIGN_OR_RETURN(std::string name, Name());
    Filter::Term term{.name = std::move(name), .bit = static_cast<uint32_t>(terms_.size())};
    MNEME_ASSIGN_OR_RETURN(term.comparison, Symbol());
    if (term.comparison == Comparison::kHas && scanner_.Take("*")) {
      term.comparison = Comparison::kPresent;
    } else {
      MNEME_ASSIGN_OR_RETURN(term.literal, ValueFor(term.comparison));
    }
    program_.push_back({.kind = Step::Kind::kTerm, .bit = static_cast<uint8_t>(term.bit)});
    Part part{.text = FormatTerm(term.name, term.comparison, term.literal)};
    terms_.push_back(std::move(term));
    return part;
  }

  absl::StatusOr<std::string> Name() {
    const size_t start = scanner_.position();
    if (scanner_.PeekQuote()) {
      MNEME_ASSIGN_OR_RETURN(std::string quoted, scanner_.TakeText());
      if (quoted.empty()) return scanner_.Expected(start, "a name of at least one character");
      return quoted;
    }
    const std::string_view bare = scanner_.TakeName();
    if (bare.empty()) {
      return Unexpected(
          "the name of an attribute (AND, OR, NOT and odd names in double quotes) or '('");
    }
    return std::string(bare);
  }

  absl::StatusOr<Comparison> Symbol() {
    for (const auto& [symbol, comparison] : kSymbols) {
      if (scanner_.Take(symbol)) return comparison;
    }
    return Unexpected("= != < <= > >= or :");
  }

  absl::StatusOr<Literal> ValueFor(Comparison comparison) {
    const size_t start = scanner_.position();
    MNEME_ASSIGN_OR_RETURN(Literal literal, Value());
    const bool is_bool = std::holds_alternative<bool>(literal);
    if (is_bool && IsOrdering(comparison)) {
      return scanner_.Expected(start, "a value that has an order: true and false take = or !=");
    }
    if (comparison == Comparison::kHas && (is_bool || std::holds_alternative<Timestamp>(literal))) {
      return scanner_.Expected(start, "a text, a number or *: lists hold nothing else");
    }
    return literal;
  }

  absl::StatusOr<Literal> Value() {
    if (scanner_.PeekQuote()) return scanner_.TakeText();
    if (scanner_.PeekNumber()) return scanner_.TakeNumber();
    if (scanner_.TakeWord("true")) return Literal(true);
    if (scanner_.TakeWord("false")) return Literal(false);
    if (scanner_.TakeWord("timestamp")) return Moment();
    return Unexpected(
        "a value: \"text\" (in double quotes), a number, true, false or "
        "timestamp(\"2026-01-02T03:04:05Z\")");
  }

  absl::StatusOr<Literal> Moment() {
    if (!scanner_.Take("(")) return Unexpected("'(' after timestamp");
    const size_t start = scanner_.position();
    MNEME_ASSIGN_OR_RETURN(const std::string text, scanner_.TakeText());
    const std::optional<Timestamp> moment = ParseTimestamp(text);
    if (!moment.has_value()) {
      return scanner_.Expected(start, "a moment as \"2026-01-02T03:04:05Z\" (RFC 3339)");
    }
    if (!scanner_.Take(")")) return Unexpected("')' after the moment");
    return Literal(*moment);
  }

  Scanner scanner_;
  std::vector<Filter::Term> terms_;
  std::vector<Step> program_;
};

absl::StatusOr<Filter> ParseFilter(std::string_view text) {
  MNEME_ASSIGN_OR_RETURN(const Scanner scanner, Scanner::Make(text));
  return FilterParser(scanner).Run();
}

}  // namespace mneme::filter
