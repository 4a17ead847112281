#include "tests/lab/command_line.h"

#include <algorithm>
#include <map>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/base/status.h"

namespace mneme::lab {
namespace {

constexpr std::string_view kGeneral[] = {"seeds", "seed", "threads", "json", "plot"};

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

absl::Status Unknown(std::string_view what, std::string_view given,
                     std::span<const std::string> known, std::string_view next_step) {
  const std::string nearest = Nearest(given, known);
  const std::string suggestion =
      nearest.empty() ? std::string() : absl::StrCat("; did you mean ", nearest, "?");
  return InvalidArgument(absl::StrCat("unknown ", AbslView(what), " ", AbslView(given), suggestion),
                         {.reason = "UNKNOWN",
                          .given = std::string(given),
                          .expected = nearest.empty() ? absl::StrJoin(known, ", ") : nearest,
                          .next_step = std::string(next_step)});
}

// `--name=value`, `--name value` or a bare `--json`, as typed and in order.
using Words = std::vector<std::pair<std::string, std::string>>;

absl::StatusOr<Words> SplitFlags(std::span<const std::string> words) {
  Words out;
  for (size_t i = 0; i < words.size(); ++i) {
    absl::string_view word = words[i];
    if (!absl::ConsumePrefix(&word, "--") || word.empty()) {
      return InvalidArgument(absl::StrCat("stray word ", words[i]),
                             {.reason = "FLAG",
                              .given = words[i],
                              .expected = "--flag=value",
                              .next_step = "Write flags as --flag=value."});
    }
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(word, absl::MaxSplits('=', 1));
    std::string name(parts.first), value(parts.second);
    if (!absl::StrContains(word, "=") && name != "json") {
      if (i + 1 == words.size()) return BadFlag(name, "", "a value");
      value = words[++i];
    }
    for (const auto& [known, ignored] : out) {
      if (known == name) return BadFlag(name, value, "to be given once");
    }
    out.emplace_back(std::move(name), std::move(value));
  }
  return out;
}

const Flag* FindFlag(const Experiment& experiment, std::string_view name) {
  for (const Flag& flag : experiment.flags) {
    if (flag.name == name) return &flag;
  }
  return nullptr;
}

// The flags that a typed name sets: itself, or for `d` d_k and d_v where the experiment has those
// instead.
std::vector<const Flag*> FlagsFor(const Experiment& experiment, std::string_view name) {
  if (const Flag* flag = FindFlag(experiment, name)) return {flag};
  const Flag* key = FindFlag(experiment, "d_k");
  const Flag* value = FindFlag(experiment, "d_v");
  if (name == "d" && key != nullptr && value != nullptr) return {key, value};
  return {};
}

std::vector<std::string> KnownFlags(const Experiment& experiment) {
  std::vector<std::string> known;
  for (const Flag& flag : experiment.flags)
    known.push_back(absl::StrCat("--", AbslView(flag.name)));
  if (!FlagsFor(experiment, "d").empty() && FindFlag(experiment, "d") == nullptr)
    known.push_back("--d");
  for (const std::string_view name : kGeneral) known.push_back(absl::StrCat("--", AbslView(name)));
  return known;
}

absl::StatusOr<uint64_t> ParseCount(std::string_view flag, std::string_view text, uint64_t most) {
  uint64_t number = 0;
  if (!absl::SimpleAtoi(AbslView(text), &number) || number < 1 || number > most) {
    return BadFlag(flag, text, absl::StrCat("an integer from 1 to ", most));
  }
  return number;
}

bool IsSwept(FlagKind kind) {
  return kind == FlagKind::kInteger || kind == FlagKind::kReal || kind == FlagKind::kChoice;
}

absl::Status SetFlag(const std::vector<const Flag*>& flags, const std::string& name,
                     const std::string& text, Command* command) {
  const Flag& first = *flags.front();
  std::vector<std::string> labels = {text};
  if (IsSwept(first.kind)) labels = absl::StrSplit(text, ',');
  Axis axis{.name = name, .numeric = first.kind != FlagKind::kChoice};
  for (std::string& label : labels) {
    if (IsSwept(first.kind)) absl::StripAsciiWhitespace(&label);
    for (const Flag* flag : flags) {
      MNEME_ASSIGN_OR_RETURN(Value value, ParseValue(*flag, label));
      if (flag == flags.front()) axis.values.push_back(std::move(value));
    }
    if (std::count(labels.begin(), labels.end(), label) > 1) {
      return BadFlag(name, text, "a list without repetitions");
    }
  }
  for (const Flag* flag : flags) {
    axis.flags.emplace_back(flag->name);
    command->parameters.Set(flag->name, axis.values.front());
  }
  axis.labels = std::move(labels);
  if (axis.labels.size() > 1) command->axes.push_back(std::move(axis));
  return absl::OkStatus();
}

absl::Status SetGeneral(const std::string& name, const std::string& text, Command* command) {
  if (name == "json") {
    if (!text.empty()) return BadFlag(name, text, "no value");
    command->json = true;
  } else if (name == "plot") {
    if (!absl::EndsWith(text, ".svg")) return BadFlag(name, text, "a file name that ends in .svg");
    command->plot = text;
  } else if (name == "threads") {
    MNEME_ASSIGN_OR_RETURN(command->threads, ParseCount(name, text, kThreadsMax));
  } else if (name == "seeds") {
    MNEME_ASSIGN_OR_RETURN(command->seed_last, ParseCount(name, text, kSeedsMax));
  } else {
    MNEME_ASSIGN_OR_RETURN(command->seed_first, ParseCount(name, text, UINT64_MAX));
    command->seed_last = command->seed_first;
  }
  return absl::OkStatus();
}

absl::Status CheckWhole(const Words& flags, const Command& command) {
  size_t points = 1, numeric = 0;
  for (const Axis& axis : command.axes) {
    points *= axis.labels.size();
    numeric += axis.numeric;
    if (points > kPointsMax) {
      return BadFlag(axis.name, absl::StrJoin(axis.labels, ","),
                     absl::StrCat("lists of at most ", kPointsMax, " combinations"));
    }
  }
  const auto given = [&](std::string_view name) {
    return std::any_of(flags.begin(), flags.end(), [&](const auto& f) { return f.first == name; });
  };
  if (given("seed") && given("seeds")) return BadFlag("seed", "...", "--seed or --seeds, not both");
  const bool draws_a_run = command.axes.empty() && command.experiment->draw != nullptr;
  if (!command.plot.empty() && !draws_a_run && (numeric != 1 || command.axes.size() != 1)) {
    return BadFlag("plot", command.plot, "exactly one flag with a list of numbers to plot over");
  }
  if (command.experiment->check == nullptr) return absl::OkStatus();
  for (const Point& point : PointsOf(command)) {
    MNEME_RETURN_IF_ERROR(command.experiment->check(point.parameters));
  }
  return absl::OkStatus();
}

}  // namespace

std::string Nearest(std::string_view given, std::span<const std::string> known) {
  std::string best;
  size_t best_distance = std::max<size_t>(2, given.size() / 3) + 1;
  for (const std::string& candidate : known) {
    const size_t distance = EditDistance(given, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

absl::StatusOr<const Experiment*> FindExperiment(std::string_view name,
                                                 const std::vector<Experiment>& experiments) {
  std::vector<std::string> known;
  for (const Experiment& experiment : experiments) {
    if (experiment.name == name) return &experiment;
    known.emplace_back(experiment.name);
  }
  return Unknown("experiment", name, known, "Call mneme-lab list.");
}

absl::StatusOr<Command> ParseCommand(std::span<const std::string> words,
                                     const std::vector<Experiment>& experiments,
                                     size_t threads_default) {
  MNEME_CHECK(!words.empty());
  Command command{.threads = threads_default};
  MNEME_ASSIGN_OR_RETURN(command.experiment, FindExperiment(words[0], experiments));
  for (const Flag& flag : command.experiment->flags) {
    MNEME_ASSIGN_OR_RETURN(Value value, ParseValue(flag, flag.default_value));
    command.parameters.Set(flag.name, std::move(value));
  }
  MNEME_ASSIGN_OR_RETURN(const Words flags, SplitFlags(words.subspan(1)));
  for (const auto& [name, text] : flags) {
    const std::vector<const Flag*> targets = FlagsFor(*command.experiment, name);
    if (!targets.empty()) {
      MNEME_RETURN_IF_ERROR(SetFlag(targets, name, text, &command));
    } else if (std::find(std::begin(kGeneral), std::end(kGeneral), name) != std::end(kGeneral)) {
      MNEME_RETURN_IF_ERROR(SetGeneral(name, text, &command));
    } else {
      return Unknown("flag", absl::StrCat("--", name), KnownFlags(*command.experiment),
                     absl::StrCat("Call mneme-lab help ", words[0], "."));
    }
  }
  for (const Axis& axis : command.axes) {
    for (const Axis& other : command.axes) {
      if (&axis == &other) continue;
      for (const std::string& flag : axis.flags) {
        if (std::count(other.flags.begin(), other.flags.end(), flag) > 0) {
          return BadFlag(flag, absl::StrJoin(axis.labels, ","),
                         "one list, not two by different names");
        }
      }
    }
  }
  MNEME_RETURN_IF_ERROR(CheckWhole(flags, command));
  return command;
}

std::vector<Point> PointsOf(const Command& command) {
  std::vector<Point> points = {{.parameters = command.parameters}};
  for (const Axis& axis : command.axes) {
    std::vector<Point> finer;
    for (const Point& point : points) {
      for (size_t i = 0; i < axis.labels.size(); ++i) {
        Point next = point;
        for (const std::string& flag : axis.flags) next.parameters.Set(flag, axis.values[i]);
        absl::StrAppend(&next.label, next.label.empty() ? "" : ",", axis.labels[i]);
        finer.push_back(std::move(next));
      }
    }
    points = std::move(finer);
  }
  return points;
}

}  // namespace mneme::lab
