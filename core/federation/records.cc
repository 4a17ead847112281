#include "core/federation/records.h"

#include <algorithm>
#include <charconv>
#include <tuple>
#include <utility>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/base/status.h"

namespace mneme::federation {
namespace {

constexpr char kHeader[] = "mneme federation 1";
constexpr size_t kLinksMax = kPlanNodesMax * 16;

absl::Status BadRecord(std::string_view what, std::string_view given) {
  return InvalidArgument(
      absl::StrCat("coordination: a record is no ", AbslView(what)),
      {.reason = "RECORD",
       .given = std::string(given.substr(0, 100)),
       .expected = std::string(what),
       .next_step =
           "Was it written by hand, or by a newer version? Write it again with mnemectl."});
}

// The whole text, and nothing else.
template <typename Number>
bool Parse(std::string_view text, Number* out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return error == std::errc() && end == text.data() + text.size();
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  for (const absl::string_view part : absl::StrSplit(AbslView(text), separator))
    out.push_back(StdView(part));
  return out;
}

std::vector<std::string_view> Lines(std::string_view text) {
  if (text.empty()) return {};
  if (text.back() == '\n') text.remove_suffix(1);
  return Split(text, '\n');
}

std::string FormatReal(double value) { return absl::StrFormat("%.17g", value); }

}  // namespace

absl::Status CheckName(std::string_view what, std::string_view name) {
  const bool known = std::ranges::all_of(name, [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
  if (known && !name.empty() && name.size() <= kNodeNameBytesMax) return absl::OkStatus();
  return InvalidArgument(
      absl::StrFormat("'%s' is no name of a %s", AbslView(name.substr(0, kNodeNameBytesMax)),
                      AbslView(what)),
      {.reason = "NAME",
       .given = std::string(name.substr(0, kNodeNameBytesMax)),
       .expected = absl::StrCat("1 to ", kNodeNameBytesMax, " letters, digits, '.', '_' or '-'"),
       .next_step = "Choose another name."});
}

absl::Status Check(const Description& description) {
  MNEME_RETURN_IF_ERROR(Validate(description.spec));
  const auto bad = [](std::string_view what, std::string_view given, std::string_view expected) {
    return InvalidArgument(absl::StrCat("federation: ", AbslView(what), " is ", AbslView(given),
                                        ", expected ", AbslView(expected)),
                           {.reason = "OPTIONS",
                            .given = std::string(given),
                            .expected = std::string(expected),
                            .next_step = "Give another value, or leave it out."});
  };
  if (description.round_micros < 1'000 || description.round_micros > kRoundMicrosMax) {
    return bad("round", absl::StrCat(description.round_micros, " us"),
               absl::StrCat("from 1000 to ", kRoundMicrosMax, " us"));
  }
  if (Name(description.objective) == "?") {
    return bad("planner", absl::StrCat(static_cast<int>(description.objective)),
               "per_root, congestion, shared or bytes");
  }
  if (!(description.interest_floor >= 0 && description.interest_floor < 1)) {
    return bad("interest_floor", FormatReal(description.interest_floor),
               "a share from 0 to below 1");
  }
  if (!(description.items_per_round >= 0 && description.items_per_round <= kRealMax)) {
    return bad("items_per_round", FormatReal(description.items_per_round),
               absl::StrFormat("a number from 0 to %.9g", kRealMax));
  }
  return absl::OkStatus();
}

absl::Status CheckInterest(const InterestRow& row) {
  const auto bad = [](const std::string& what, const std::string& given,
                      const std::string& expected) {
    return InvalidArgument(
        absl::StrCat(what, ": given ", given, ", expected ", expected),
        {.reason = "INTEREST",
         .given = given,
         .expected = expected,
         .next_step = "Correct the row of interest; weights are relative to each other."});
  };
  if (row.size() > kPlanNodesMax) {
    return bad("interest", absl::StrCat(row.size(), " weights"),
               absl::StrCat("at most ", kPlanNodesMax));
  }
  for (const auto& [node, weight] : row) {
    MNEME_RETURN_IF_ERROR(CheckName("node", node));
    if (weight >= 0 && weight <= kWeightMax) continue;
    return bad(absl::StrCat("interest in '", node, "'"), absl::StrFormat("%.9g", weight),
               absl::StrFormat("a weight from 0 to %.9g", kWeightMax));
  }
  return absl::OkStatus();
}

std::string Encode(const Description& description) {
  return absl::StrCat(kHeader, "\nround_micros ", description.round_micros, "\nplanner ",
                      AbslView(Name(description.objective)), "\ninterest_floor ",
                      FormatReal(description.interest_floor), "\nitems_per_round ",
                      FormatReal(description.items_per_round), "\nspec\n",
                      Encode(description.spec));
}

absl::StatusOr<Description> DecodeDescription(std::string_view text) {
  constexpr std::string_view kWhat = "description of a federation";
  Description out;
  // The spec is bytes, and may hold anything.
  constexpr std::string_view kSpec = "\nspec\n";
  const size_t end = text.find(kSpec);
  if (end == std::string_view::npos) return BadRecord(kWhat, text);
  const std::vector<std::string_view> lines = Lines(text.substr(0, end));
  if (lines.size() != 5 || lines[0] != kHeader) return BadRecord(kWhat, text);
  const auto value = [](std::string_view line, std::string_view key) {
    return line.starts_with(key) ? line.substr(key.size()) : std::string_view();
  };
  const auto objective = FromName<Objective>(value(lines[2], "planner "));
  if (!Parse(value(lines[1], "round_micros "), &out.round_micros) || !objective.has_value() ||
      !Parse(value(lines[3], "interest_floor "), &out.interest_floor) ||
      !Parse(value(lines[4], "items_per_round "), &out.items_per_round)) {
    return BadRecord(kWhat, text);
  }
  out.objective = *objective;
  MNEME_ASSIGN_OR_RETURN(out.spec, DecodeSpec(text.substr(end + kSpec.size())));
  MNEME_RETURN_IF_ERROR(Check(out));
  return out;
}

std::string Encode(const Membership& membership) {
  return absl::StrCat(membership.memory, "\n", membership.address, "\n");
}

absl::StatusOr<Membership> DecodeMembership(std::string_view text) {
  const std::vector<std::string_view> lines = Lines(text);
  if (lines.size() != 2 || lines[0].empty() || lines[1].size() > kNodeAddressBytesMax)
    return BadRecord("membership", text);
  return Membership{.memory = std::string(lines[0]), .address = std::string(lines[1])};
}

std::string Encode(const Announcement& announcement) {
  return absl::StrCat(announcement.incarnation, "\n", announcement.address, "\n");
}

absl::StatusOr<Announcement> DecodeAnnouncement(std::string_view text) {
  Announcement out;
  const std::vector<std::string_view> lines = Lines(text);
  if (lines.size() != 2 || !Parse(lines[0], &out.incarnation) ||
      lines[1].size() > kNodeAddressBytesMax) {
    return BadRecord("announcement of a node", text);
  }
  out.address = lines[1];
  return out;
}

std::string EncodeInterest(const InterestRow& row) {
  std::string out;
  for (const auto& [node, weight] : row)
    absl::StrAppend(&out, FormatReal(weight), "\t", node, "\n");
  return out;
}

absl::StatusOr<InterestRow> DecodeInterest(std::string_view text) {
  InterestRow out;
  for (const std::string_view line : Lines(text)) {
    const std::vector<std::string_view> parts = Split(line, '\t');
    double weight = 0;
    if (parts.size() != 2 || !Parse(parts[0], &weight) ||
        !out.emplace(std::string(parts[1]), weight).second) {
      return BadRecord("row of interest", text);
    }
  }
  MNEME_RETURN_IF_ERROR(CheckInterest(out));
  return out;
}

std::string EncodeLinks(const std::vector<NamedLink>& links) {
  std::map<std::pair<std::string, std::string>, int64_t> sorted;
  for (const NamedLink& link : links) sorted[std::minmax(link.a, link.b)] = link.delay_micros;
  std::string out;
  for (const auto& [ends, micros] : sorted)
    absl::StrAppend(&out, micros, "\t", ends.first, "\t", ends.second, "\n");
  return out;
}

absl::StatusOr<std::vector<NamedLink>> DecodeLinks(std::string_view text) {
  std::vector<NamedLink> out;
  for (const std::string_view line : Lines(text)) {
    const std::vector<std::string_view> parts = Split(line, '\t');
    NamedLink link;
    if (parts.size() != 3 || !Parse(parts[0], &link.delay_micros) || link.delay_micros < 1 ||
        link.delay_micros > kLinkDelayMicrosMax || parts[1] >= parts[2] ||
        out.size() >= kLinksMax) {
      return BadRecord("table of links", text);
    }
    link.a = parts[1];
    link.b = parts[2];
    out.push_back(std::move(link));
  }
  return out;
}

absl::StatusOr<uint64_t> DecodeCount(std::string_view text) {
  uint64_t count = 0;
  if (!Parse(text, &count)) return BadRecord("number", text);
  return count;
}

}  // namespace mneme::federation
