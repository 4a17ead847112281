// Filters as a user may write them, asked about attributes as they may lie on a disk: any text, any
// bytes.
#include "core/filter/filter.h"

#include "core/base/status.h"
#include "tests/fuzz/fuzz.h"

namespace mneme::fuzz {
namespace {

using absl::StatusCode;
using filter::Filter;

// The canonical text is a filter, means the same, and is its own canonical text.
Filter CheckCanonical(const Filter& parsed) {
  MNEME_CHECK(!parsed.text().empty() && parsed.text().size() <= filter::kFilterBytesMax);
  const auto again = filter::ParseFilter(parsed.text());
  MNEME_CHECK(again.ok() && again->text() == parsed.text());
  return *again;
}

bool Same(const absl::StatusOr<bool>& a, const absl::StatusOr<bool>& b) {
  return a.ok() == b.ok() && (a.ok() ? *a == *b : a.status().code() == b.status().code());
}

void CheckMatches(const Filter& parsed, const Filter& canonical, std::string_view bytes) {
  const absl::StatusOr<bool> match = parsed.Matches(bytes);
  MNEME_CHECK(Same(match, canonical.Matches(bytes)));
  // Damage is found whatever the filter asks about, and types are looked at in sound bytes only.
  const bool sound = filter::ReadAttributes(bytes).ok();
  if (!match.ok()) {
    CheckError(match.status(), {sound ? StatusCode::kInvalidArgument : StatusCode::kDataLoss});
    return;
  }
  MNEME_CHECK(sound);
  const auto opposite = filter::ParseFilter("NOT (" + parsed.text() + ")");
  if (!opposite.ok()) return CheckError(opposite.status(), {StatusCode::kInvalidArgument});
  const absl::StatusOr<bool> other = opposite->Matches(bytes);
  MNEME_CHECK(other.ok() && *other != *match);
}

// An attribute that is read is present, under its name between quotes.
void CheckPresence(std::string_view bytes) {
  const auto attributes = filter::ReadAttributes(bytes);
  if (!attributes.ok()) return CheckError(attributes.status(), {StatusCode::kDataLoss});
  for (const auto& [name, value] : *attributes) {
    if (!IsUtf8(name) || name.find_first_of("\"\\") != std::string::npos) continue;
    const auto present = filter::ParseFilter("\"" + name + "\":*");
    if (!present.ok()) continue;  // control characters
    const absl::StatusOr<bool> match = present->Matches(bytes);
    MNEME_CHECK(match.ok() && *match);
  }
}

std::string Pack(std::string_view text) {
  // year = 1999, genre = ["jazz"], live = true
  static constexpr std::string_view kAttributes(
      "\x0a\x14\x0a\x05genre\x12\x0b\x32\x09\x0a\x04jazz\x0a\x01x"
      "\x0a\x0a\x0a\x04live\x12\x02\x20\x01"
      "\x0a\x0b\x0a\x04year\x12\x03\x10\xcf\x0f",
      22 + 12 + 13);
  return MakeChunk(text) + std::string(kAttributes);
}

}  // namespace

// The filter, then the attributes.
void TestOne(std::string_view bytes) {
  Input in(bytes);
  const std::string_view text = in.Chunk();
  CheckPresence(in.rest());
  const auto parsed = filter::ParseFilter(text);
  if (!parsed.ok()) return CheckError(parsed.status(), {StatusCode::kInvalidArgument});
  const Filter canonical = CheckCanonical(*parsed);
  CheckMatches(*parsed, canonical, in.rest());
}

std::vector<Seed> Seeds() {
  return {
      {"comparisons", Pack("year >= 1990 AND year < 2.5e3 AND year != -1")},
      {"lists", Pack(R"((genre:"jazz" OR genre:"soul") AND NOT live = true)")},
      {"presence", Pack(R"("a name":* OR -genre:*)")},
      {"timestamp", Pack(R"(at > timestamp("2026-01-02T03:04:05.678+09:00"))")},
      {"escapes", Pack(R"(t = "\"\\\n\t*")")},
      {"wrong_type", Pack(R"(year = "1999")")},
      {"numbers", Pack("year = 9223372036854775807 OR year > 9.3e18 OR sizes:3")},
      {"deep", Pack("((((((((((((((((a=1))))))))))))))))")},
      {"bare", Pack("a b")},
  };
}

}  // namespace mneme::fuzz
