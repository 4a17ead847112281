#include "client/cli/analysis_text.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "client/cli/rows.h"
#include "client/cli/text.h"

namespace mneme::cli {
namespace {

// Items shown; --json has them all.
constexpr size_t kFindingsShown = 20;
constexpr double kCountMax = 1e15;

std::string Number(double value) {
  if (!std::isfinite(value)) return "-";
  if (value >= 0 && value < kCountMax && value == std::floor(value)) {
    return FormatCount(static_cast<uint64_t>(value));
  }
  return FormatNumber(value);
}

void PrintFigures(const client::AnalysisReport& report, std::ostream& out) {
  Table table({{"FIGURE"}, {"VALUE", Table::Align::kRight}, {"MEANING"}});
  for (const client::AnalysisFigure& figure : report.figures) {
    std::string value = Number(figure.value);
    if (figure.spread) absl::StrAppend(&value, " ± ", FormatNumber(*figure.spread));
    table.Add({figure.name, std::move(value), figure.meaning});
  }
  if (!table.empty()) table.Print(out);
}

void PrintFindings(const client::AnalysisReport& report, std::ostream& out) {
  Table table({{"ITEM"},
               {"VERDICT"},
               {"OTHER"},
               {"SHARE", Table::Align::kRight},
               {"MARGIN", Table::Align::kRight}});
  for (size_t i = 0; i < std::min(report.findings.size(), kFindingsShown); ++i) {
    const client::AnalysisFinding& finding = report.findings[i];
    table.Add({FormatId(finding.id), finding.verdict, finding.other ? FormatId(*finding.other) : "",
               Number(finding.share), Number(finding.margin)});
  }
  if (table.empty()) return;
  out << "\n";
  table.Print(out);
  if (report.findings.size() > kFindingsShown) {
    out << FormatCount(report.findings.size() - kFindingsShown) << " more with --json\n";
  }
}

}  // namespace

void PrintReport(const client::AnalysisReport& report, std::ostream& out) {
  out << report.summary << "\n";
  PrintFigures(report, out);
  PrintFindings(report, out);
  for (const client::Warning& advice : report.advice) {
    out << "\n" << advice.message << "\n  " << advice.next_step << "\n";
  }
}

}  // namespace mneme::cli
