#include "client/cli/usage_errors.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
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

// "memory create" and all others of this name.
std::vector<std::string> SubcommandsBelow(const CLI::App& app, const std::string& name) {
  std::vector<std::string> found;
  for (const std::string& above : SubcommandsOf(app)) {
    for (const std::string& below : SubcommandsOf(*app.get_subcommand(above)))
      if (below == name) found.push_back(absl::StrCat(above, " ", below));
  }
  return found;
}

std::string NameOf(const std::vector<const CLI::App*>& path) {
  return absl::StrJoin(path, " ", [](std::string* out, const CLI::App* app) {
    absl::StrAppend(out, app->get_name());
  });
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
    if (const auto below = SubcommandsBelow(command, rest.front());
        nearest.empty() && !below.empty()) {
      return UsageError(absl::StrCat("'", rest.front(), "' is a subcommand, but not of ", name),
                        rest.front(), absl::StrJoin(below, ", or "),
                        "Say what it is to be done with.");
    }
    return UsageError(
        absl::StrCat("'", rest.front(), "' is no subcommand of ", name, DidYouMean(nearest)),
        rest.front(), absl::StrJoin(subcommands, ", "), "--help tells what each does.");
  }
  return UsageError(absl::StrCat(name, " takes no more: ", absl::StrJoin(rest, " ")),
                    absl::StrJoin(rest, " "), "nothing behind what it takes",
                    "--help tells what it takes; put what has spaces in quotes.");
}

// CLI11's "--model: lin not in {dense,linear}".
std::optional<absl::Status> RefusalOfChoice(const std::string& what, const std::string& next_step) {
  constexpr std::string_view kNotIn = " not in {";
  const size_t colon = what.find(": "), not_in = what.find(kNotIn);
  if (colon > not_in || not_in == what.npos || !what.ends_with("}")) return std::nullopt;
  const std::string given = what.substr(colon + 2, not_in - colon - 2);
  const size_t begin = not_in + kNotIn.size();
  const std::vector<std::string> choice =
      absl::StrSplit(what.substr(begin, what.size() - 1 - begin), ',');
  return UsageError(absl::StrCat(what.substr(0, colon), " is ", given, ", which is no choice",
                                 DidYouMean(Nearest(given, choice))),
                    given, absl::StrJoin(choice, ", "), next_step);
}

// All that is told by no other.
absl::Status RefusalInGeneral(const std::vector<const CLI::App*>& path,
                              const CLI::ParseError& error) {
  const std::string what = error.what();
  const std::string next_step = absl::StrCat("`", NameOf(path), " --help` tells what it takes.");
  if (const auto choice = RefusalOfChoice(what, next_step)) return *choice;
  constexpr std::string_view kRequired = " is required";
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr && what.ends_with(kRequired)) {
    const std::string name = what.substr(0, what.size() - kRequired.size());
    const CLI::Option* option = path.back()->get_option_no_throw(name);
    return UsageError(absl::StrCat(NameOf(path), " needs ", name), "none",
                      option == nullptr || option->get_description().empty()
                          ? name
                          : absl::StrCat(name, ": ", option->get_description()),
                      next_step);
  }
  return UsageError(what, "", "", next_step);
}

}  // namespace

std::optional<absl::Status> RefusalOf(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) return std::nullopt;  // it asked for help
  const std::vector<const CLI::App*> path = Path(app);
  // By its class: the name of an ExtrasError is that of the command.
  if (dynamic_cast<const CLI::ConversionError*>(&error) != nullptr) {
    if (const auto refusal = RefusalOfValue(error)) return refusal;
  }
  const bool no_subcommand =
      dynamic_cast<const CLI::RequiredError*>(&error) != nullptr &&
      std::string_view(error.what()) == CLI::RequiredError::Subcommand(1).what();
  const std::vector<std::string> rest = app.remaining(true);
  const bool extras = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
  if ((extras || no_subcommand) && !rest.empty()) return RefusalOfRest(path, rest);
  if (!no_subcommand) return RefusalInGeneral(path, error);
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
