#include "tests/lab/report.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/base/status.h"

namespace mneme::lab {
namespace {

using Json = nlohmann::ordered_json;

Json NumberJson(const Flag& flag, double number) {
  if (flag.kind == FlagKind::kInteger) return static_cast<int64_t>(number);
  return number;
}

Json ValueJson(const Flag& flag, const Value& value) {
  const bool number = flag.kind == FlagKind::kInteger || flag.kind == FlagKind::kReal;
  if (number && !value.automatic) return NumberJson(flag, value.number);
  return value.text;
}

// What the flag was: as given, or what the runs say they used instead ("auto", the size of a file's
// images). One value where all points share it, else one for each.
Json ParameterJson(const Command& command, const Results& results, const Flag& flag) {
  const auto at = [&](const PointResult& point, const Value& value) -> Json {
    const auto used = point.used.Find(flag.name);
    return used ? NumberJson(flag, *used) : ValueJson(flag, value);
  };
  const auto axis = std::find_if(command.axes.begin(), command.axes.end(), [&](const Axis& a) {
    return std::count(a.flags.begin(), a.flags.end(), flag.name) > 0;
  });
  Json list = Json::array();
  if (axis != command.axes.end()) {
    const bool alone = command.axes.size() == 1;  // then points and values are the same list
    for (size_t i = 0; i < axis->values.size(); ++i) {
      const Value& value = axis->values[i];
      list.push_back(alone ? at(results.points[i], value) : ValueJson(flag, value));
    }
    return list;
  }
  for (const PointResult& point : results.points) {
    list.push_back(at(point, command.parameters.Get(flag.name)));
  }
  const bool shared =
      std::all_of(list.begin(), list.end(), [&](const Json& j) { return j == list[0]; });
  return shared ? list[0] : list;
}

struct Row {
  std::string name;
  const Summary* measured = nullptr;
  std::optional<double> predicted;
};

// Measured first, in the experiment's order, then what is only predicted.
std::vector<Row> RowsOf(const Results& results) {
  std::vector<Row> rows;
  const auto add = [&](const auto& measured, const Quantities& predicted, std::string_view label) {
    for (const auto& [name, summary] : measured) {
      rows.push_back({NameAt(name, label), &summary, predicted.Find(name)});
    }
    for (const auto& [name, value] : predicted.entries()) {
      const bool both = std::any_of(measured.begin(), measured.end(),
                                    [&, n = name](const auto& entry) { return entry.first == n; });
      if (!both) rows.push_back({NameAt(name, label), nullptr, value});
    }
  };
  for (const PointResult& point : results.points) add(point.measured, point.predicted, point.label);
  add(results.slopes, results.predicted_slopes, "");
  return rows;
}

std::string Short(double x) {
  if (std::isnan(x)) return "undefined";
  return absl::StrFormat("%.6g", x);
}

std::string Aligned(const std::vector<std::vector<std::string>>& table) {
  std::vector<size_t> widths;
  for (const auto& row : table) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const auto& row : table) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      absl::StrAppend(&line, i == 0 ? "" : "  ", row[i],
                      std::string(widths[i] - row[i].size(), ' '));
    }
    absl::StrAppend(&out, line.substr(0, line.find_last_not_of(' ') + 1), "\n");
  }
  return out;
}

std::string ParameterText(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.dump();
  std::vector<std::string> parts;
  for (const Json& entry : value) parts.push_back(ParameterText(entry));
  return absl::StrJoin(parts, ",");
}

std::string MeanAndSpread(const Summary& summary, size_t seeds) {
  if (seeds == 1) return absl::StrFormat("%.3g", summary.mean);
  return absl::StrFormat("%.3g+-%.2g", summary.mean, summary.std);
}

// Quantities ROW@COLUMN, each row with each column and nothing predicted, as a table of these;
// else empty.
std::vector<std::vector<std::string>> Grid(const std::vector<Row>& rows, size_t seeds) {
  std::vector<std::vector<std::string>> grid = {{""}};
  for (const Row& row : rows) {
    const size_t at = row.name.find('@');
    if (at == std::string::npos || row.measured == nullptr || row.predicted) return {};
    const std::string name = row.name.substr(0, at), column = row.name.substr(at + 1);
    if (grid.back()[0] != name) grid.push_back({name});
    if (grid.size() == 2) grid[0].push_back(column);
    const size_t place = grid.back().size();
    if (place >= grid[0].size() || grid[0][place] != column) return {};
    grid.back().push_back(MeanAndSpread(*row.measured, seeds));
  }
  const bool whole = std::all_of(grid.begin(), grid.end(),
                                 [&](const auto& row) { return row.size() == grid[0].size(); });
  return whole && grid.size() > 2 && grid[0].size() > 2 ? grid
                                                        : std::vector<std::vector<std::string>>();
}

std::string SeedsText(const Command& command) {
  if (command.seed_first != 1 || command.seeds() == 1)
    return absl::StrCat("seed ", command.seed_first);
  return absl::StrCat("seeds 1 to ", command.seed_last);
}

}  // namespace

std::string JsonReport(const Command& command, const Results& results) {
  Json out;
  out["experiment"] = command.experiment->name;
  out["parameters"] = Json::object();
  for (const Flag& flag : command.experiment->flags) {
    out["parameters"][std::string(flag.name)] = ParameterJson(command, results, flag);
  }
  out["seeds"] = command.seeds();
  if (command.seeds() == 1) out["seed"] = command.seed_first;
  Json measured = Json::object(), predicted = Json::object();
  for (const Row& row : RowsOf(results)) {
    if (row.measured != nullptr) {
      measured[row.name] = {{"mean", row.measured->mean}, {"std", row.measured->std}};
    }
    if (row.predicted) predicted[row.name] = *row.predicted;
  }
  out["measured"] = std::move(measured);
  out["predicted"] = std::move(predicted);
  out["source"] = command.experiment->source;
  out["seconds"] = results.seconds;
  return out.dump(2) + "\n";
}

std::string TextReport(const Command& command, const Results& results) {
  std::string out = absl::StrCat(AbslView(command.experiment->name), ": ",
                                 AbslView(command.experiment->summary), "\n");
  for (const Flag& flag : command.experiment->flags) {
    absl::StrAppend(&out, "  ", AbslView(flag.name), "=",
                    ParameterText(ParameterJson(command, results, flag)));
  }
  absl::StrAppendFormat(&out, "\n  %s, %.2f s\n\n", SeedsText(command), results.seconds);

  const std::vector<Row> rows = RowsOf(results);
  std::vector<std::vector<std::string>> table = Grid(rows, command.seeds());
  const bool as_list = table.empty();
  if (as_list) table.push_back({"quantity", "measured", "std", "predicted"});
  for (const Row& row : as_list ? rows : std::vector<Row>()) {
    table.push_back(
        {row.name, row.measured == nullptr ? "" : Short(row.measured->mean),
         row.measured == nullptr || command.seeds() == 1 ? "" : Short(row.measured->std),
         row.predicted ? Short(*row.predicted) : ""});
  }
  return absl::StrCat(out, Aligned(table), "\nsource: ", AbslView(command.experiment->source),
                      "\n");
}

std::string ListText(const std::vector<Experiment>& experiments) {
  std::vector<std::vector<std::string>> table;
  for (const Experiment& experiment : experiments) {
    table.push_back({std::string(experiment.name), std::string(experiment.summary)});
  }
  return Aligned(table);
}

std::string UsageText() {
  return "mneme-lab repeats published experiments on mneme's core library, with any parameters.\n"
         "\n"
         "  mneme-lab list                      experiments, one line each\n"
         "  mneme-lab help EXPERIMENT           its flags, units, defaults and source\n"
         "  mneme-lab EXPERIMENT [--flag=value ...] [--seeds=K | --seed=S] [--threads=T] [--json]\n"
         "                       [--plot=FILE.svg]\n"
         "\n"
         "  --seeds=K   seeds 1 to K: mean and standard deviation    --seed=S   that one (default "
         "1)\n"
         "  --threads=T threads (default: all); the digits do not depend on it\n"
         "  --json      one JSON object instead of a table\n"
         "  --plot=FILE draws what was measured and predicted over the one flag that has a list, "
         "or "
         "one\n"
         "              run, of experiments that have a picture of it (they say so in their help)\n"
         "\n"
         "Any flag that takes a number or a choice takes a comma list: each quantity is then given "
         "per\n"
         "value, as NAME@VALUE, and over a list of numbers with its log-log slope.\n"
         "\n"
         "Exit codes: 0 done, 1 failed, 2 the command line is wrong, 3 a data file is absent.\n"
         "\n"
         "Example: mneme-lab cmm --d=64 --n=200,400,800 --seeds=5 --plot=cmm.svg\n";
}

std::string HelpText(const Experiment& experiment) {
  std::string out =
      absl::StrCat(AbslView(experiment.name), ": ", AbslView(experiment.summary), "\n\n");
  std::vector<std::vector<std::string>> table = {{"flag", "default", "unit", "value", "meaning"}};
  for (const Flag& flag : experiment.flags) {
    table.push_back({absl::StrCat("--", AbslView(flag.name)), std::string(flag.default_value),
                     std::string(flag.unit), Expected(flag), std::string(flag.help)});
  }
  absl::StrAppend(&out, Aligned(table));
  if (experiment.draw != nullptr) {
    absl::StrAppend(&out, "\n--plot=FILE.svg without a list draws one run.\n");
  }
  return absl::StrCat(out, "\nsource: ", AbslView(experiment.source), "\n");
}

}  // namespace mneme::lab
