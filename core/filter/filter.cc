#include "core/filter/filter.h"

#include <algorithm>
#include <compare>
#include <optional>
#include <type_traits>
#include <utility>

#include "core/base/status.h"
#include "core/filter/numbers.h"

namespace mneme::filter {
namespace {

template <typename T>
constexpr bool kIsNumber = std::is_same_v<T, int64_t> || std::is_same_v<T, double>;

// How the attribute stands to the literal; nullopt when their types do not compare.
struct Compare {
  using Result = std::optional<std::partial_ordering>;

  template <typename A, typename B>
  Result operator()(const A& attribute, const B& literal) const {
    if constexpr (std::is_same_v<A, std::string_view> && std::is_same_v<B, std::string>) {
      return attribute <=> std::string_view(literal);
    } else if constexpr (kIsNumber<A> && kIsNumber<B>) {
      return CompareNumbers(attribute, literal);
    } else if constexpr (std::is_same_v<A, B>) {  // bool, Timestamp
      return attribute <=> literal;
    } else {
      return std::nullopt;
    }
  }
};

// Whether the list has the element; nullopt when it is no list, or one of other things.
struct Has {
  using Result = std::optional<bool>;

  template <typename A, typename B>
  Result operator()(const A& attribute, const B& literal) const {
    if constexpr (std::is_same_v<A, StringListRef> && std::is_same_v<B, std::string>) {
      return attribute.Any([&literal](std::string_view text) { return text == literal; });
    } else if constexpr ((std::is_same_v<A, Int64ListRef> || std::is_same_v<A, DoubleListRef>)&&  //
                         kIsNumber<B>) {
      return attribute.Any(
          [&literal](auto number) { return CompareNumbers(number, literal) == 0; });
    } else {
      return std::nullopt;
    }
  }
};

bool Holds(Comparison comparison, std::partial_ordering order) {
  switch (comparison) {
    case Comparison::kEqual:
      return order == 0;
    case Comparison::kNotEqual:
      return order != 0;
    case Comparison::kLess:
      return order < 0;
    case Comparison::kLessEqual:
      return order <= 0;
    case Comparison::kGreater:
      return order > 0;
    case Comparison::kGreaterEqual:
      return order >= 0;
    case Comparison::kHas:
    case Comparison::kPresent:
      break;
  }
  return false;
}

// nullopt: the types do not fit.
std::optional<bool> Test(Comparison comparison, const Literal& literal,
                         const AttributeRef::Value& value) {
  if (comparison == Comparison::kPresent) return true;
  if (comparison == Comparison::kHas) return std::visit(Has(), value, literal);
  const Compare::Result order = std::visit(Compare(), value, literal);
  if (!order.has_value()) return std::nullopt;
  return Holds(comparison, *order);
}

std::string_view KindName(const Literal& literal) {
  constexpr std::string_view kNames[] = {"a text", "a whole number", "a real number",
                                         "true or false", "a timestamp"};
  return kNames[literal.index()];
}

bool IsList(AttributeType type) { return type >= AttributeType::kStringList; }

std::string NextStep(const std::string& name, Comparison comparison, AttributeType found) {
  const std::string type(TypeName(found));
  if (IsList(found) && comparison != Comparison::kHas) {
    return absl::StrCat("Ask the list for an element, ", name, ":value, or whether it is there, ",
                        name, ":*.");
  }
  if (!IsList(found) && comparison == Comparison::kHas) {
    return absl::StrCat("Compare with ", name, " = value: the colon asks a list for an element.");
  }
  return absl::StrCat("Compare ", name, " with a value that fits ", type,
                      ", or store it with one type in all items.");
}

}  // namespace

Filter::Filter(std::string text, std::vector<Term> terms, std::vector<Step> program)
    : text_(std::move(text)), terms_(std::move(terms)), program_(std::move(program)) {
  std::stable_sort(terms_.begin(), terms_.end(),
                   [](const Term& a, const Term& b) { return a.name < b.name; });
}

bool Filter::Run(uint64_t truths) const {
  // A stack of bits, the last on the right: never deeper than two for each parenthesis.
  static_assert(2 * (kFilterDepthMax + 1) <= 64 && kFilterTermsMax <= 64);
  uint64_t stack = 0;
  for (const Step& step : program_) {
    switch (step.kind) {
      case Step::Kind::kTerm:
        stack = stack << 1 | ((truths >> step.bit) & 1);
        break;
      case Step::Kind::kNot:
        stack ^= 1;
        break;
      case Step::Kind::kAnd:
        stack = stack >> 1 & (stack | ~uint64_t{1});
        break;
      case Step::Kind::kOr:
        stack = stack >> 1 | (stack & 1);
        break;
    }
  }
  return (stack & 1) != 0;
}

absl::StatusOr<bool> Filter::Matches(std::string_view attribute_bytes) const {
  uint64_t truths = 0;
  const Term* wrong = nullptr;
  AttributeType wrong_type = AttributeType::kString;
  auto term = terms_.begin();  // both sides ascend by name: one walk along the two
  AttributeReader reader(attribute_bytes);
  while (reader.Next()) {
    const AttributeRef& attribute = reader.attribute();
    while (term != terms_.end() && term->name < attribute.name) ++term;
    for (; term != terms_.end() && term->name == attribute.name; ++term) {
      const std::optional<bool> truth = Test(term->comparison, term->literal, attribute.value);
      truths |= uint64_t{truth.value_or(false)} << term->bit;
      if (!truth.has_value() && wrong == nullptr) {
        wrong = &*term;
        wrong_type = attribute.type();
      }
    }
  }
  MNEME_RETURN_IF_ERROR(reader.status());
  if (wrong != nullptr) return WrongType(*wrong, wrong_type);
  return Run(truths);
}

absl::Status Filter::WrongType(const Term& term, AttributeType found) {
  const std::string type(TypeName(found));
  const std::string kind(KindName(term.literal));
  return InvalidArgument(
      absl::StrFormat("attribute '%s' is of type %s, the filter %s %s", term.name, type,
                      term.comparison == Comparison::kHas ? "asks whether it is a list that has"
                                                          : "compares it with",
                      kind),
      {.reason = "FILTER_TYPE",
       .given = absl::StrCat(term.name, " of type ", type),
       .expected =
           absl::StrCat(term.name,
                        term.comparison == Comparison::kHas ? ", a list that may hold "
                                                            : " of a type that compares with ",
                        kind),
       .next_step = NextStep(term.name, term.comparison, found)});
}

}  // namespace mneme::filter
