#include "tests/bench/page.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/plot/svg.h"
#include "core/base/status.h"
#include "tests/bench/output.h"

namespace mneme::bench {
namespace {

using nlohmann::json;

absl::Status WriteText(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  if (file << text && file.flush()) return absl::OkStatus();
  return NotFound(absl::StrCat("cannot write ", path),
                  {.reason = "FILE",
                   .given = path,
                   .expected = "a file in a folder that is there",
                   .next_step = "Make the folder, or name another."});
}

plot::Figure FigureOf(const json& picture) {
  plot::Panel panel{.title = picture["y_label"], .x_label = picture["x_label"]};
  for (const json& curve : picture["curves"]) {
    panel.series.push_back({.legend = curve["who"],
                            .x = curve["x"].get<std::vector<double>>(),
                            .y = curve["y"].get<std::vector<double>>(),
                            .look = plot::Look::kMeasured,
                            .color = panel.series.size()});
  }
  return {.title = picture["title"], .caption = "", .panels = {std::move(panel)}};
}

// Words as they may stand in a table.
std::string Cell(const json& words) {
  return absl::StrReplaceAll(words.get<std::string>(), {{"|", "\\|"}});
}

std::string Head(const json& run) {
  const json& machine = run["machine"];
  std::string out = absl::StrCat(
      "# Benchmarks\n\n"
      "Written by `mneme-bench report` from the JSON of one run; not to be edited. Made with\n"
      "`mneme-bench run",
      run["quick"].get<bool>() ? " --quick" : "", " --out run.json` on ",
      std::string(machine["day"]), ": a virtual machine of ", machine["cores"].get<int>(),
      " cores and ", machine["memory_gib"].get<int>(),
      " GiB, client and server together on it;\nvector kernels ",
      std::string(machine["vector_kernels"]), ", OpenBLAS ", std::string(machine["blas_kernels"]),
      ", ", std::string(machine["compiler"]), ".\n\n");
  absl::StrAppend(
      &out, "Figures are medians of ", run["repeats"].get<int>(),
      " rounds, with the least and the greatest of them; in a round all contenders take their "
      "turn,\nand a ratio is taken within each round. Peers run in a process of their own, with "
      "the OpenBLAS of OpenMP and no\n`OPENBLAS_*` set. Latencies under load count from the "
      "scheduled arrival.\n\n");
  if (run["quick"].get<bool>()) {
    out +=
        "**A quick run: sizes are a fraction of those that the cases name, and no figure is one to "
        "quote.**\n\n";
  }
  if (machine.contains("warning")) {
    absl::StrAppend(&out, "**", std::string(machine["warning"]), "**\n\n");
  }
  return out;
}

std::string Overview(const json& cases) {
  std::string out =
      "## Goals\n\n| case | what | measured | goal | |\n| --- | --- | --- | --- | --- |\n";
  for (const json& result : cases) {
    for (const json& verdict : result["verdicts"]) {
      if (!verdict.contains("goal")) continue;
      absl::StrAppend(&out, "| [", std::string(result["name"]), "](#", std::string(result["name"]),
                      ") | ", Cell(verdict["what"]), " | ", Words(verdict["value"]), " ",
                      std::string(verdict["unit"]), " | ", GoalWords(verdict), " | ",
                      MetWords(verdict), " |\n");
    }
    for (const json& skipped : result["skipped"]) {
      absl::StrAppend(&out, "| ", std::string(result["name"]), " | skipped: ", Cell(skipped),
                      " | | | |\n");
    }
    if (result.contains("error")) {
      absl::StrAppend(&out, "| ", std::string(result["name"]), " | failed: ", Cell(result["error"]),
                      " | | | |\n");
    }
  }
  return out + "\n";
}

std::string Section(const json& result, const std::string& picture) {
  std::string out =
      absl::StrCat("## ", std::string(result["name"]), "\n\n", std::string(result["what"]),
                   ". Goal: ", std::string(result["goal"]), ".\n\n");
  if (!result["measures"].empty()) out += "| who | measured | unit |\n| --- | --- | --- |\n";
  for (const json& measure : result["measures"]) {
    absl::StrAppend(&out, "| ", Cell(measure["who"]), " | ", Words(measure["value"]), " | ",
                    std::string(measure["unit"]), " |\n");
  }
  out += "\n";
  for (const json& verdict : result["verdicts"]) {
    absl::StrAppend(&out, "- ", std::string(verdict["what"]), ": **", Words(verdict["value"]),
                    "** ", std::string(verdict["unit"]), verdict.contains("goal") ? " (goal " : "",
                    GoalWords(verdict), verdict.contains("goal") ? ": " : "", MetWords(verdict),
                    verdict.contains("goal") ? ")" : "", "\n");
  }
  for (const json& skipped : result["skipped"]) {
    absl::StrAppend(&out, "- skipped: ", std::string(skipped), "\n");
  }
  for (const json& note : result["notes"]) absl::StrAppend(&out, "- ", std::string(note), "\n");
  if (result.contains("error")) {
    absl::StrAppend(&out, "- failed: ", std::string(result["error"]), "\n");
  }
  const auto& verdicts = result["verdicts"];
  const bool missed = std::any_of(verdicts.begin(), verdicts.end(), [](const json& verdict) {
    return verdict.contains("met") && !verdict["met"].get<bool>();
  });
  if (missed && result.contains("findings")) {
    absl::StrAppend(&out, "\nWhere it is missed: ", std::string(result["findings"]), ".\n");
  }
  if (!picture.empty()) {
    absl::StrAppend(&out, "\n![", std::string(result["picture"]["title"]), "](", picture, ")\n");
  }
  return out + "\n";
}

}  // namespace

absl::Status WritePage(const json& run, const std::string& page, const std::string& charts) {
  std::string sections;
  for (const json& result : run["cases"]) {
    std::string name;
    if (result.contains("picture")) {
      const std::string path = absl::StrCat(charts, "/bench-", std::string(result["name"]), ".svg");
      MNEME_RETURN_IF_ERROR(WriteText(path, plot::Svg(FigureOf(result["picture"]))));
      name = std::filesystem::proximate(path, std::filesystem::path(page).parent_path()).string();
    }
    sections += Section(result, name);
  }
  while (sections.ends_with("\n\n")) sections.pop_back();
  return WriteText(page, Head(run) + Overview(run["cases"]) + sections);
}

}  // namespace mneme::bench
