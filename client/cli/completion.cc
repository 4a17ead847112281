#include "client/cli/completion.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "client/cli/context.h"

namespace mneme::cli {
namespace {

// A command, with the words that lead to it: "" for the program itself, "memory create".
struct Command {
  std::string path;
  const CLI::App* app = nullptr;
};

std::vector<const CLI::App*> SubcommandsOf(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

void Collect(const CLI::App& app, const std::string& path, std::vector<Command>& out) {
  out.push_back({path, &app});
  for (const CLI::App* sub : SubcommandsOf(app)) {
    Collect(*sub, path.empty() ? sub->get_name() : absl::StrCat(path, " ", sub->get_name()), out);
  }
}

std::vector<std::string> FlagsOf(const CLI::App& app) {
  std::vector<std::string> out;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) out.push_back(absl::StrCat("--", name));
  }
  return out;
}

// Of a command and of all above it: flags of these are understood below too.
std::vector<std::string> WordsOf(const CLI::App& app) {
  std::vector<std::string> out;
  for (const CLI::App* sub : SubcommandsOf(app)) out.push_back(sub->get_name());
  for (const CLI::App* at = &app; at != nullptr; at = at->get_parent()) {
    for (std::string& flag : FlagsOf(*at)) {
      if (std::find(out.begin(), out.end(), flag) == out.end()) out.push_back(std::move(flag));
    }
  }
  return out;
}

// The program's name as part of a shell function's.
std::string FunctionName(const CLI::App& app) {
  return absl::StrCat("_", absl::StrReplaceAll(app.get_name(), {{"-", "_"}}));
}

std::string BashScript(const CLI::App& app, const std::vector<Command>& commands) {
  const std::string function = FunctionName(app);
  std::string paths, words;
  for (const Command& command : commands) {
    if (!command.path.empty())
      absl::StrAppend(&paths, paths.empty() ? "" : "|", "\" ", command.path, "\"");
    absl::StrAppend(&words, "    \"", command.path.empty() ? "" : " ", command.path, "\") words=\"",
                    absl::StrJoin(WordsOf(*command.app), " "), "\" ;;\n");
  }
  return absl::StrCat(
      "# bash completion of ", app.get_name(), "; made by `", app.get_name(), " completion bash`\n",
      function, "() {\n",
      "  local word=\"${COMP_WORDS[COMP_CWORD]}\" path='' words='' i\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    case \"$path ${COMP_WORDS[i]}\" in\n      ",
      paths, ") path=\"$path ${COMP_WORDS[i]}\" ;;\n    esac\n  done\n  case \"$path\" in\n", words,
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
      "  [[ ${#COMPREPLY[@]} -gt 0 ]] || COMPREPLY=($(compgen -f -- \"$word\"))\n"
      "}\n"
      "complete -F ",
      function, " ", app.get_name(), "\n");
}

std::string Quoted(std::string_view text) {
  return absl::StrCat("'",
                      absl::StrReplaceAll(absl::string_view(text.data(), text.size()),
                                          {{"\\", "\\\\"}, {"'", "\\'"}}),
                      "'");
}

std::string FishScript(const CLI::App& app, const std::vector<Command>& commands) {
  const std::string& program = app.get_name();
  const std::string function = absl::StrCat("_", FunctionName(app));
  const std::string words = "  set -l words (string match -v -- '-*' (commandline -opc)[2..])\n";
  std::string out = absl::StrCat(
      "# fish completion of ", program, "; made by `", program, " completion fish`\n",
      // The words so far are these; begin with these.
      "function ", function, "_at\n", words, "  test \"$words\" = \"$argv\"\nend\n", "function ",
      function, "_under\n", words, "  string match -q -- \"$argv*\" \"$words\"\nend\n");
  for (const Command& command : commands) {
    const auto begin = [&](std::string_view where) {
      return absl::StrCat("complete -c ", program, " -n '", function, std::string(where),
                          command.path.empty() ? "" : " ", command.path, "'");
    };
    for (const CLI::App* sub : SubcommandsOf(*command.app)) {
      absl::StrAppend(&out, begin("_at"), " -a ", sub->get_name(), " -d ",
                      Quoted(sub->get_description()), "\n");
    }
    for (const CLI::Option* option : command.app->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        absl::StrAppend(&out, begin("_under"), " -l ", name, " -d ",
                        Quoted(option->get_description()), "\n");
      }
    }
  }
  return out;
}

}  // namespace

absl::StatusOr<std::string> CompletionScript(const CLI::App& app, std::string_view shell) {
  std::vector<Command> commands;
  Collect(app, "", commands);
  if (shell == "bash") return BashScript(app, commands);
  if (shell == "zsh") {
    return absl::StrCat("#compdef ", app.get_name(),
                        "\nautoload -U +X bashcompinit && bashcompinit\n",
                        BashScript(app, commands));
  }
  if (shell == "fish") return FishScript(app, commands);
  return UsageError(absl::StrCat("there is no completion for '", std::string(shell), "'"),
                    std::string(shell), "bash, zsh or fish", "Name one of these shells.");
}

}  // namespace mneme::cli
