#include "client/cli/server_words.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/cli/context.h"

namespace mneme::cli {
namespace {

// What a message begins with, and where the user gave that: the first of these options that he
// used.
struct Place {
  std::string_view begin;
  std::array<std::string_view, 3> options;
  bool in_lines = false;  // never in a main file of vectors alone
};
constexpr std::array kPlaces = {
    Place{"keys ", {"--pairs", "FILE"}},
    Place{"key ", {"--pairs", "FILE"}},
    Place{"responses ", {"--responses", "--pairs", "FILE"}, /*in_lines=*/true},
    Place{"response ", {"--responses", "--pairs", "FILE"}, /*in_lines=*/true},
    Place{"the weight of row ", {"--weights", "--pairs", "FILE"}, /*in_lines=*/true},
    Place{"rows ", {"--ids", "--pairs", "FILE"}},  // that have the same id
    Place{"row ", {"--ids", "--pairs", "FILE"}},
    Place{"cues ", {"FILE"}},
    Place{"cue ", {"FILE"}},
    Place{"candidate responses ", {"--candidate-responses"}},
};

// How the client library begins the message of a load that failed.
constexpr std::string_view kLoad = "after chunk ";

// Columns whose entries the server names by number, "ids[3]", and where they were typed one by one
// or stand in a file.
struct Column {
  std::string_view name;
  std::array<std::string_view, 2> typed;
  std::array<std::string_view, 3> files;
};
constexpr std::array kColumns = {
    Column{"ids", {"ID"}, {"--ids", "--pairs", "FILE"}},
    Column{"candidates", {"--candidates"}, {}},
    Column{"etags", {"--etag"}, {"--pairs", "FILE"}},
    Column{"expire_times", {}, {"FILE"}},
};

// Fields of one word: flags only where they do not stand as words of a sentence.
constexpr std::array<std::string_view, 5> kOneWordFields = {"beta", "upsert", "fraction", "ttl",
                                                            "k"};
constexpr std::array<std::string_view, 5> kArticles = {"a ", "the ", "no ", "of ", "its "};

// RPCs that advice speaks of, and what does the same.
constexpr std::array<std::array<std::string_view, 2>, 4> kCommands = {{
    {"ListwiseQuery", "`mnemectl query`"},
    {"Retrieve", "`mnemectl retrieve`"},
    {"CreateMemory", "`mnemectl memory create`"},
    {"UpdateMemory", "`mnemectl memory update`"},
}};

// Advice for who has this option; where the message holds `about`.
struct Advice {
  std::string_view reason;
  std::string_view about;
  std::string_view option;
  std::string_view next_step;
};
constexpr std::array kAdvice = {
    Advice{"VECTORS_NEEDED", "", "--pairs",
           "Name what was stored in place of ids: --pairs KEYS --responses FILE, or --pairs a "
           ".jsonl file."},
    Advice{"ITEM_ID", "", "ID", "`mnemectl items list` shows the ids as they are to be typed."},
    Advice{"ITEM_ID", "", "--candidates",
           "`mnemectl items list` shows the ids as they are to be typed."},
    Advice{
        "SHAPE", "responses have 0 columns", "--responses",
        "Give a response for each key: --responses FILE, or \"response\" in the lines of a .jsonl "
        "file."},
    Advice{"SHAPE", "takes no responses", "--responses",
           "Leave --responses out, or create a memory with --response-dim."},
};

const CLI::Option* OptionOf(const CLI::App& command, std::string_view name) {
  return command.get_option_no_throw(std::string(name));
}

// The first of `names` that was given.
template <typename Names>
const CLI::Option* GivenOf(const CLI::App& command, const Names& names) {
  for (const std::string_view name : names) {
    const CLI::Option* option = name.empty() ? nullptr : OptionOf(command, name);
    if (option != nullptr && option->count() > 0) return option;
  }
  return nullptr;
}

// A file by its name.
std::string FileOf(const CLI::Option& option) {
  const std::string file = option.results().front();
  return file == "-" ? "stdin" : file;
}

bool HoldsLines(const CLI::Option& file) {
  const std::string& name = file.results().front();
  return name == "-" || name.ends_with(".jsonl");
}

// "ids.txt: row 3: ..." for "ids[3]: ...", "ID 'x': ..." where it was typed.
std::optional<std::string> WithColumn(const CLI::App& command, std::string_view message) {
  for (const Column& column : kColumns) {
    if (!message.starts_with(absl::StrCat(column.name.data(), "["))) continue;
    const size_t begin = column.name.size() + 1;
    const size_t end = message.find(']', begin);
    uint64_t number = 0;
    if (end == message.npos ||
        !absl::SimpleAtoi(std::string(message.substr(begin, end - begin)), &number)) {
      return std::nullopt;
    }
    const std::string rest(message.substr(end + 1));
    if (const CLI::Option* typed = GivenOf(command, column.typed)) {
      const std::vector<std::string>& values = typed->results();
      if (number < values.size())
        return absl::StrCat(typed->get_name(), " '", values[number], "'", rest);
    }
    if (const CLI::Option* file = GivenOf(command, column.files))
      return absl::StrCat(FileOf(*file), ": row ", number, rest);
  }
  return std::nullopt;
}

std::string WithPlace(const CLI::App& command, const std::string& message) {
  // "after chunk 3 of session x: ..."
  if (const size_t end = message.find(": "); message.starts_with(kLoad) && end != message.npos) {
    return message.substr(0, end + 2) + WithPlace(command, message.substr(end + 2));
  }
  if (const auto named = WithColumn(command, message)) return *named;
  for (const Place& place : kPlaces) {
    if (!message.starts_with(std::string(place.begin))) continue;
    const CLI::Option* option = GivenOf(command, place.options);
    if (option == nullptr ||
        (place.in_lines && option != GivenOf(command, std::array{place.options[0]}) &&
         !HoldsLines(*option))) {
      return message;
    }
    return absl::StrCat(FileOf(*option), ": ", message);
  }
  return message;
}

bool IsOfField(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.';
}

bool IsField(std::string_view word, std::string_view before) {
  if (word.find('_') != word.npos) return true;
  return std::ranges::find(kOneWordFields, word) != kOneWordFields.end() &&
         std::ranges::none_of(kArticles, [&](std::string_view a) { return before.ends_with(a); });
}

// "--steps-max" for "steps_max" and "spec.dense.steps_max"; empty where the command has none.
std::string FlagOf(const CLI::App& command, std::string_view field) {
  std::string flag = absl::StrCat("--", std::string(field.substr(field.rfind('.') + 1)));
  std::ranges::replace(flag, '_', '-');
  return OptionOf(command, flag) != nullptr ? flag : "";
}

// The text with its fields as flags; what stands in quotes is the user's.
std::string WithFlags(const CLI::App& command, std::string_view text) {
  std::string out;
  while (!text.empty()) {
    size_t length = 0;
    while (length < text.size() && IsOfField(text[length])) ++length;
    while (length > 1 && text[length - 1] == '.') --length;  // the end of a sentence
    std::string_view word = text.substr(0, std::max<size_t>(length, 1));
    if (word == "'" && text.find('\'', 1) != text.npos)
      word = text.substr(0, text.find('\'', 1) + 1);
    const bool flagged = out.ends_with("-");
    const std::string flag =
        length > 0 && !flagged && IsField(word, out) ? FlagOf(command, word) : "";
    out += flag.empty() ? std::string(word) : flag;
    text.remove_prefix(word.size());
  }
  return out;
}

std::string WithCommands(std::string text) {
  // "ListItems (mnemectl items list)"
  static const std::regex kBoth(R"(\b[A-Z][a-z]+[A-Z]\w*(, \w+ = \w+)? \((mnemectl [a-z][^)]*)\))");
  text = std::regex_replace(text, kBoth, "`$2`");
  for (const auto& [rpc, command] : kCommands) {
    text = std::regex_replace(text, std::regex(absl::StrCat("\\b", rpc.data(), "\\b")),
                              std::string(command));
  }
  return text;
}

}  // namespace

absl::Status InWordsOf(const CLI::App& app, const absl::Status& status) {
  client::Error error = client::GetError(status);
  if (status.ok() || ExitCodeOf(status) == kExitUsage) return status;
  const CLI::App* command = &app;
  while (!command->get_subcommands().empty()) command = command->get_subcommands().back();
  const auto advice = std::ranges::find_if(kAdvice, [&](const Advice& a) {
    return error.reason == a.reason && OptionOf(*command, a.option) != nullptr &&
           error.message.find(a.about) != std::string::npos;
  });
  error.next_step = advice != kAdvice.end() ? std::string(advice->next_step)
                                            : WithCommands(WithFlags(*command, error.next_step));
  error.message = WithPlace(*command, WithFlags(*command, error.message));
  error.given = WithFlags(*command, error.given);
  error.expected = WithFlags(*command, error.expected);
  return client::MakeError(error);
}

}  // namespace mneme::cli
