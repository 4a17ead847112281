// What an analysis found, as JSON: figures and tables by name, numbers that are not defined as
// null.
#include <cmath>

#include "client/cli/json.h"

namespace mneme::cli {
namespace {

using cli::ToJson;  // so that the overloads below join, not hide, those of the header

constexpr double kWholeMax = 1e15;

// Counts without a point.
Json Number(double value) {
  if (std::abs(value) < kWholeMax && value == std::floor(value)) {
    return static_cast<int64_t>(value);
  }
  return value;
}

Json ToJson(const client::AnalysisTable& table) {
  Json json = Json::object();
  for (const client::AnalysisColumn& column : table.columns) {
    Json values = Json::array();
    for (const double value : column.values) values.push_back(Number(value));
    json[column.name] = std::move(values);
  }
  return json;
}

Json ToJson(const client::AnalysisFinding& finding) {
  Json json{{"id", ToJson(finding.id)}, {"verdict", finding.verdict}};
  if (finding.other) json["other"] = ToJson(*finding.other);
  json["share"] = finding.share;
  json["margin"] = finding.margin;
  return json;
}

}  // namespace

Json ToJson(const client::AnalysisReport& report) {
  Json figures = Json::object(), spreads = Json::object(), tables = Json::object();
  for (const client::AnalysisFigure& figure : report.figures) {
    figures[figure.name] = Number(figure.value);
    if (figure.spread) spreads[figure.name] = *figure.spread;
  }
  for (const client::AnalysisTable& table : report.tables) tables[table.name] = ToJson(table);
  Json findings = Json::array();
  for (const client::AnalysisFinding& finding : report.findings) {
    findings.push_back(ToJson(finding));
  }
  return {{"analysis", report.analysis},
          {"summary", report.summary},
          {"figures", figures},
          {"spreads", spreads},
          {"tables", tables},
          {"findings", findings},
          {"advice", AllToJson(report.advice)}};
}

}  // namespace mneme::cli
