#include "client/cli/usage_errors.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/context.h"
#include "client/cli/nearest.h"

namespace mneme::cli {
namespace {

// What a value should have been that is none of its flag's: no flag takes whole numbers beyond 64
// bits, and those that take fewer have 32.
std::string ExpectedInsteadOf(const std::string& text) {
  uint64_t whole = 0;
  double number = 0;
  if (absl::SimpleAtoi(text, &whole)) return "a whole number of at most 4,294,967,295";
  if (!absl::SimpleAtod(text, &number)) return "a number";
  return number < 0 || text.find_first_not_of("0123456789") != text.npos
             ? "a whole number, 0 or more"
             : "a smaller whole number";
}

// CLI11's "Could not convert: --steps = 5000000000".
std::optional<absl::Status> RefusalOfValue(const CLI::ParseError& error) {
  constexpr std::string_view kBegin = "Could not convert: ", kBetween = " = ";
  const std::string what = error.what();
  const size_t between = what.find(kBetween);
  if (!what.starts_with(kBegin) || between == what.npos) return std::nullopt;
  const std::string flag = what.substr(kBegin.size(), between - kBegin.size());
  const std::string given = what.substr(between + kBetween.size());
  const std::string expected = ExpectedInsteadOf(given);
  return UsageError(absl::StrCat(flag, " is ", given, ", expected ", expected), given, expected,
                    "Give another value; --help tells what it is for.");
}

// The program and the subcommands that were understood, as far as they go.
std::vector<const CLI::App*> Path(const CLI::App& app) {
  std::vector<const CLI::App*> path = {&app};
  while (!path.back()->get_subcommands().empty())
    path.push_back(path.back()->get_subcommands().back());
  return path;
}

std::vector<std::string> SubcommandsOf(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(sub->get_name());
  return names;
}

// Flags of a command and of all above it, which are understood there too.
std::vector<std::string> FlagsOf(const std::vector<const CLI::App*>& path) {
  std::vector<std::string> flags;
  for (const CLI::App* app : path) {
    for (const CLI::Option* option : app->get_options()) {
      for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
    }
  }
  return flags;
}

std::string DidYouMean(const std::string& nearest) {
  return nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?");
}

// What none of `path` knows.
absl::Status RefusalOfRest(const std::vector<const CLI::App*>& path,
                           const std::vector<std::string>& rest) {
  const CLI::App& command = *path.back();
  const std::string name = command.get_name();
  const std::vector<std::string> subcommands = SubcommandsOf(command);
  if (rest.front().starts_with("-")) {
    const std::string flag = rest.front().substr(0, rest.front().find('='));
    const std::string nearest = Nearest(flag, FlagsOf(path));
    return UsageError(absl::StrCat(flag, " is no flag of ", name, DidYouMean(nearest)),
                      absl::StrJoin(rest, " "), nearest.empty() ? "a flag of " + name : nearest,
                      "--help lists the flags.");
  }
  if (!subcommands.empty()) {
    const std::string nearest = Nearest(rest.front(), subcommands);
    return UsageError(
        absl::StrCat("'", rest.front(), "' is no subcommand of ", name, DidYouMean(nearest)),
        rest.front(), absl::StrJoin(subcommands, ", "), "--help tells what each does.");
  }
  return UsageError(absl::StrCat(name, " takes no more: ", absl::StrJoin(rest, " ")),
                    absl::StrJoin(rest, " "), "nothing behind what it takes",
                    "--help tells what it takes; put what has spaces in quotes.");
}

}  // namespace

std::optional<absl::Status> RefusalOf(const CLI::App& app, const CLI::ParseError& error) {
  // By its class: the name of an ExtrasError is that of the command.
  if (dynamic_cast<const CLI::ConversionError*>(&error) != nullptr) return RefusalOfValue(error);
  const bool no_subcommand =
      dynamic_cast<const CLI::RequiredError*>(&error) != nullptr &&
      std::string_view(error.what()) == CLI::RequiredError::Subcommand(1).what();
  if (dynamic_cast<const CLI::ExtrasError*>(&error) == nullptr && !no_subcommand)
    return std::nullopt;
  const std::vector<const CLI::App*> path = Path(app);
  const std::vector<std::string> rest = app.remaining(true);
  if (!rest.empty()) return RefusalOfRest(path, rest);
  if (!no_subcommand) return std::nullopt;
  return UsageError(absl::StrCat(path.back()->get_name(), " needs a subcommand"), "none",
                    absl::StrJoin(SubcommandsOf(*path.back()), ", "),
                    "--help tells what each does.");
}

CLI::Validator AtLeastOne() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        double number = 0;
        // What is no number at all is told as for all flags.
        if (!absl::SimpleAtod(text, &number) || number >= 1) return "";
        return absl::StrCat(text, " is too few, expected 1 or more");
      },
      "POSITIVE");
}

}  // namespace mneme::cli
