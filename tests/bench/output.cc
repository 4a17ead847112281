#include "tests/bench/output.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/status.h"

namespace mneme::bench {
namespace {

using nlohmann::json;

json SpreadJson(const Spread& spread) {
  return {{"median", spread.median},
          {"low", spread.low},
          {"high", spread.high},
          {"repeats", spread.repeats}};
}

json VerdictJson(const Verdict& verdict) {
  json out = {{"what", verdict.what}, {"unit", verdict.unit}, {"value", SpreadJson(verdict.value)}};
  if (verdict.goal) {
    out["goal"] = {{"kind", verdict.goal->kind == Goal::Kind::kAtLeast ? ">=" : "<="},
                   {"bound", verdict.goal->bound}};
    out["met"] = verdict.goal->Met(verdict.value.median);
  }
  return out;
}

json PictureJson(const Picture& picture) {
  json curves = json::array();
  for (const Curve& curve : picture.curves) {
    curves.push_back({{"who", curve.who}, {"x", curve.x}, {"y", curve.y}});
  }
  return {{"title", picture.title},
          {"x_label", picture.x_label},
          {"y_label", picture.y_label},
          {"curves", curves}};
}

}  // namespace

json ToJson(const Case& which, const Report& report, const absl::Status& status, double seconds) {
  json out = {{"name", which.name},        {"what", which.what},        {"goal", which.goal},
              {"seconds", seconds},        {"measures", json::array()}, {"verdicts", json::array()},
              {"skipped", report.skipped}, {"notes", report.notes}};
  if (!which.findings.empty()) out["findings"] = which.findings;
  for (const Measure& measure : report.measures) {
    out["measures"].push_back(
        {{"who", measure.who}, {"unit", measure.unit}, {"value", SpreadJson(measure.value)}});
  }
  for (const Verdict& verdict : report.verdicts) out["verdicts"].push_back(VerdictJson(verdict));
  if (report.picture) out["picture"] = PictureJson(*report.picture);
  if (!status.ok()) {
    const auto detail = GetErrorDetail(status);
    out["error"] =
        absl::StrCat(status.message(), detail ? ". " : "", detail ? detail->next_step : "");
  }
  return out;
}

std::string Short(double value) {
  const double size = std::abs(value);
  if (size >= 1e10) return absl::StrFormat("%.3gG", value * 1e-9);
  if (size >= 1e7) return absl::StrFormat("%.3gM", value * 1e-6);
  if (size >= 1e4) return absl::StrFormat("%.3gk", value * 1e-3);
  if (size >= 1e3) return absl::StrFormat("%.0f", value);
  return absl::StrFormat("%.3g", value);
}

std::string Words(const json& spread) {
  const double median = spread["median"], low = spread["low"], high = spread["high"];
  if (low == high) return Short(median);
  return absl::StrCat(Short(median), " (", Short(low), " to ", Short(high), ")");
}

std::string GoalWords(const json& verdict) {
  if (!verdict.contains("goal")) return "";
  return absl::StrCat(std::string(verdict["goal"]["kind"]), " ",
                      Short(verdict["goal"]["bound"].get<double>()));
}

std::string MetWords(const json& verdict) {
  if (!verdict.contains("met")) return "";
  if (verdict["met"]) return "met";
  const double value = verdict["value"]["median"], bound = verdict["goal"]["bound"];
  if (bound == 0) return "missed";
  return absl::StrFormat("missed: %.0f %% of it", 100 * value / bound);
}

std::string ToText(const json& result) {
  std::string out =
      absl::StrFormat("%s: %s\n", std::string(result["name"]), std::string(result["what"]));
  for (const json& measure : result["measures"]) {
    absl::StrAppend(&out, absl::StrFormat("  %-48s %s %s\n", std::string(measure["who"]),
                                          Words(measure["value"]), std::string(measure["unit"])));
  }
  for (const json& verdict : result["verdicts"]) {
    absl::StrAppend(&out, absl::StrFormat("  = %-46s %s %s  %s %s\n", std::string(verdict["what"]),
                                          Words(verdict["value"]), std::string(verdict["unit"]),
                                          GoalWords(verdict), MetWords(verdict)));
  }
  for (const json& skipped : result["skipped"]) {
    absl::StrAppend(&out, "  SKIPPED ", std::string(skipped), "\n");
  }
  for (const json& note : result["notes"]) absl::StrAppend(&out, "  ", std::string(note), "\n");
  if (result.contains("error")) {
    absl::StrAppend(&out, "  FAILED ", std::string(result["error"]), "\n");
  }
  return absl::StrCat(out, absl::StrFormat("  (%.0f s)\n\n", result["seconds"].get<double>()));
}

}  // namespace mneme::bench
