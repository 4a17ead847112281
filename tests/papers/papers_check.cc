// papers_check LAB TABLE GROUP: runs the calls of one group of the table through mneme-lab and
// compares. Prints every row; exits with 1 when one is outside its tolerance or is not there.
#include <sys/wait.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace {

struct Row {
  std::string quantity;
  std::string text;  // the rule as the table has it
  double least = -INFINITY;
  double most = INFINITY;
  bool most_excluded = false;
  std::string source;
};

struct Call {
  std::string arguments;
  std::vector<Row> rows;
};

[[noreturn]] void Broken(const std::string& what) {
  std::cerr << "papers_check: " << what << "\n";
  std::exit(1);
}

double Number(const std::string& text) {
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0') Broken("not a number in the table: " + text);
  return number;
}

// Half a unit of the last digit that was printed: 0.0175 is known to 0.00005.
double HalfUnit(const std::string& printed) {
  const size_t mantissa_end = std::min(printed.find_first_of("eE"), printed.size());
  const size_t point = printed.find('.');
  const int digits =
      point == std::string::npos ? 0 : static_cast<int>(mantissa_end) - static_cast<int>(point) - 1;
  const double exponent =
      mantissa_end == printed.size() ? 0 : Number(printed.substr(mantissa_end + 1));
  return 0.5 * std::pow(10.0, exponent - digits);
}

Row ParseRow(const std::string& line) {
  const size_t hash = line.find('#');
  if (hash == std::string::npos) Broken("a row without its source: " + line);
  std::istringstream words(line.substr(0, hash));
  Row row{.text = "", .source = line.substr(hash + 2)};
  std::string a, b, c;
  words >> row.quantity >> a >> b >> c;
  row.text = a + " " + b + (c.empty() ? "" : " " + c);
  if (a == "in") {
    row.least = Number(b), row.most = Number(c);
  } else if (a == "below") {
    row.most = Number(b), row.most_excluded = true;
  } else if (a == "at_least") {
    row.least = Number(b);
  } else if (b == "rel" || b == "abs" || b == "printed") {
    const double expected = Number(a);
    const double tolerance =
        b == "abs" ? Number(c)
                   : Number(c) * std::abs(expected) + (b == "printed" ? HalfUnit(a) : 0);
    row.least = expected - tolerance, row.most = expected + tolerance;
  } else {
    Broken("a rule that is not known: " + line);
  }
  return row;
}

std::vector<Call> ReadGroup(const std::string& file, const std::string& group) {
  std::ifstream in(file);
  if (!in) Broken("cannot read " + file);
  std::vector<Call> calls;
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    if (line.starts_with("group ")) {
      inside = line.starts_with("group " + group + " ");
    } else if (inside && line.starts_with("run ")) {
      calls.push_back({.arguments = line.substr(4), .rows = {}});
    } else if (inside) {
      if (calls.empty()) Broken("a row before its run: " + line);
      calls.back().rows.push_back(ParseRow(line));
    }
  }
  if (calls.empty()) Broken("no group " + group + " in " + file);
  return calls;
}

// Arguments hold no quotes, so each may stand in a pair of them.
std::string ShellCommand(const std::string& lab, const std::string& arguments) {
  std::string command = "'" + lab + "'";
  std::istringstream words(arguments + " --json");
  for (std::string word; words >> word;) command += " '" + word + "'";
  return command;
}

nlohmann::json RunLab(const std::string& lab, const std::string& arguments) {
  FILE* pipe = popen(ShellCommand(lab, arguments).c_str(), "r");
  if (pipe == nullptr) Broken("cannot start " + lab);
  std::string text;
  char buffer[4096];
  for (size_t n; (n = fread(buffer, 1, sizeof(buffer), pipe)) > 0;) text.append(buffer, n);
  const int status = pclose(pipe);
  if (status != 0)
    Broken("mneme-lab " + arguments + " ended with status " +
           std::to_string(WIFEXITED(status) ? WEXITSTATUS(status) : -1));
  nlohmann::json report = nlohmann::json::parse(text, nullptr, false);
  if (report.is_discarded()) Broken("mneme-lab " + arguments + " printed no JSON");
  return report;
}

std::optional<double> Find(const nlohmann::json& report, const std::string& quantity) {
  constexpr std::string_view kPredicted = "predicted:";
  nlohmann::json value;
  if (quantity.starts_with(kPredicted)) {
    value = report["predicted"].value(quantity.substr(kPredicted.size()), nlohmann::json());
  } else if (report["measured"].contains(quantity)) {
    value = report["measured"][quantity]["mean"];
  }
  return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

bool Check(const Row& row, const nlohmann::json& report) {
  const std::optional<double> value = Find(report, row.quantity);
  const bool holds =
      value && *value >= row.least && (row.most_excluded ? *value < row.most : *value <= row.most);
  std::printf("  %-4s %-30s %-16.9g expected %-28s %s\n", holds ? "ok" : "FAIL",
              row.quantity.c_str(), value.value_or(NAN), row.text.c_str(), row.source.c_str());
  return holds;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) Broken("usage: papers_check LAB TABLE GROUP");
  int failed = 0;
  for (const Call& call : ReadGroup(argv[2], argv[3])) {
    const nlohmann::json report = RunLab(argv[1], call.arguments);
    std::printf("mneme-lab %s   (%.1f s)\n", call.arguments.c_str(), report.value("seconds", 0.0));
    for (const Row& row : call.rows) failed += !Check(row, report);
    std::fflush(stdout);
  }
  if (failed > 0) std::printf("%d rows are outside their tolerance\n", failed);
  return failed > 0 ? 1 : 0;
}
