#include "client/cli/index_flags.h"

#include <CLI/CLI.hpp>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/context.h"
#include "client/cli/text.h"

namespace mneme::cli {
namespace {

using client::IndexFallback;

constexpr char kBinary[] = "binary";
constexpr char kGraph[] = "graph";

std::string FallbackText(IndexFallback fallback) {
  switch (fallback) {
    case IndexFallback::kNone:
      return "";
    case IndexFallback::kAsked:
      return "asked for";
    case IndexFallback::kRecall:
      return "a recall weighs all items";
    case IndexFallback::kFewRows:
      return "so few items are quickly scanned";
    case IndexFallback::kBuilding:
      return "the index is being made";
    case IndexFallback::kUncalibrated:
      return "the recall of the index is yet to be measured";
    case IndexFallback::kGrown:
      return "the memory has doubled since the recall of the index was measured";
    case IndexFallback::kRecallTooLow:
      return "the index does not reach its target";
    case IndexFallback::kExactIsFaster:
      return "the exact scan is faster than the index";
    case IndexFallback::kFailed:
      return "the index could not be made";
    case IndexFallback::kDepth:
      return "so long a list needs most items scored";
    case IndexFallback::kMask:
      return "the cues are masked";
    case IndexFallback::kRows:
      return "only some of the items are ranked";
    case IndexFallback::kCue:
      return "a cue has no length, or more than the index takes";
  }
  return Name(fallback);
}

std::string Micros(double us) { return us == 0 ? "" : absl::StrFormat("%.1f us", us); }

}  // namespace

std::vector<CLI::Option*> IndexFlags::AddTo(CLI::App& command) {
  CLI::Option* index =
      command.add_option("--index", kind_, "Dense: approximate lists by an index, measured first")
          ->transform(CLI::IsMember({kBinary, kGraph}));
  const auto add = [&](const std::string& name, auto& value, const std::string& help) {
    return command.add_option(name, value, help)->needs(index)->default_str("");
  };
  std::vector<CLI::Option*> all = {
      index,
      add("--index-recall", spec_.target_recall,
          "Index: least share of the 10 best that lists hold (0: 0.98)"),
      add("--index-depth", spec_.rescore_depth,
          "Index: candidates scored for a cue (0: as few as reach the recall)")};
  of_binary_ = {add("--index-bits", binary_.bits,
                    "Binary: bits of a code, a multiple of 64 (0: 2.5 a dimension)"),
                add("--index-rotation-seed", binary_.rotation_seed,
                    "Binary: of the random projections (0: 1)"),
                command
                    .add_flag("--index-no-centering", binary_.no_centering,
                              "Binary: do not subtract the keys' mean")
                    ->needs(index),
                add("--index-tile-size", binary_.tile_size,
                    "Binary: of every so many rows only --index-tile-keep are looked at"),
                add("--index-tile-keep", binary_.tile_keep, "Binary: see --index-tile-size")};
  of_graph_ = {add("--index-links", graph_.links, "Graph: links of a row, 2 to 128 (0: 16)"),
               add("--index-construction-width", graph_.construction_width,
                   "Graph: rows looked at to place one (0: 200)"),
               add("--index-graph-seed", graph_.seed, "Graph: of the random layers (0: 1)")};
  all.insert(all.end(), of_binary_.begin(), of_binary_.end());
  all.insert(all.end(), of_graph_.begin(), of_graph_.end());
  return all;
}

absl::Status IndexFlags::CheckUse(const std::vector<CLI::Option*>& others,
                                  std::string_view kind) const {
  for (const CLI::Option* option : others) {
    if (option->count() == 0) continue;
    return UsageError(absl::StrCat(option->get_name(), " does nothing with --index ", kind_),
                      option->get_name(), absl::StrCat("--index ", std::string(kind)),
                      "Leave it out, or choose the other index.");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<client::IndexSpec>> IndexFlags::Make() const {
  if (kind_.empty()) return std::nullopt;
  const bool is_binary = kind_ == kBinary;
  if (absl::Status status = is_binary ? CheckUse(of_graph_, kGraph) : CheckUse(of_binary_, kBinary);
      !status.ok()) {
    return status;
  }
  client::IndexSpec spec = spec_;
  if (is_binary) {
    spec.kind = binary_;
  } else {
    spec.kind = graph_;
  }
  return spec;
}

std::string RecallText(const client::MeasuredRecall& recall) {
  return absl::StrFormat("recall %.3f (%.3f to %.3f)", recall.recall, recall.low, recall.high);
}

std::string IndexReportText(const client::IndexReport& report) {
  if (report.fallback != IndexFallback::kNone) {
    return absl::StrCat("exact, without the index: ", FallbackText(report.fallback));
  }
  return absl::StrCat("approximate: ", RecallText(report.recall), " of the 10 best, measured at ",
                      FormatCount(report.rows), " items; ", FormatCount(report.depth),
                      " candidates a cue");
}

std::string IndexSpecText(const client::IndexSpec& spec) {
  std::string text;
  if (const auto* binary = std::get_if<client::BinaryIndexSpec>(&spec.kind)) {
    text = absl::StrCat("binary, ", binary->bits == 0 ? "automatic" : FormatCount(binary->bits),
                        " bits", binary->no_centering ? ", not centred" : "");
    if (binary->tile_size > 0) {
      absl::StrAppend(&text, ", ", binary->tile_keep, " of every ", binary->tile_size, " rows");
    }
  } else {
    const auto& graph = std::get<client::GraphIndexSpec>(spec.kind);
    text = absl::StrCat("graph, ", graph.links, " links, construction width ",
                        graph.construction_width);
  }
  absl::StrAppend(&text, ", target recall ", FormatNumber(spec.target_recall));
  if (spec.rescore_depth > 0) absl::StrAppend(&text, ", depth ", spec.rescore_depth);
  return text;
}

void AddIndex(const client::IndexStatus& index, Fields& fields) {
  if (index.fallback == IndexFallback::kNone) {
    fields.Add("lists", absl::StrCat("approximate: ", RecallText(index.recall), " at ",
                                     FormatCount(index.rows), " items with ",
                                     FormatCount(index.depth), " candidates a cue"));
  } else {
    fields.Add("lists", absl::StrCat("exact: ", FallbackText(index.fallback)));
    fields.Add("", index.why);
  }
  if (index.table.empty()) return;
  using Align = Table::Align;
  Table table({{"candidates", Align::kRight},
               {"recall", Align::kRight},
               {"95 % interval"},
               {"find", Align::kRight},
               {"score", Align::kRight}});
  for (const client::IndexDepth& line : index.table) {
    table.Add({FormatCount(line.depth), absl::StrFormat("%.4f", line.recall.recall),
               absl::StrFormat("%.4f to %.4f", line.recall.low, line.recall.high),
               Micros(line.candidates_us), Micros(line.rescore_us)});
  }
  table.Add({"all, exact", "1", "", Micros(index.exact_us), ""});
  std::stringstream lines;
  table.Print(lines);
  std::string text;
  for (std::string_view name = "measured"; std::getline(lines, text); name = "") {
    fields.Add(name, text);
  }
}

}  // namespace mneme::cli
