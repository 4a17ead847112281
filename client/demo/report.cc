#include "client/demo/report.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "client/cli/text.h"

namespace mneme::demo {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kMaskedRateMin = 0.98;
constexpr double kSaltAndPepperRateMin = 0.99;

std::string Percent(double share) { return absl::StrFormat("%.1f %%", 100 * share); }
std::string Millis(double ms) { return absl::StrFormat("%.2f ms", ms); }

void PrintStores(const Report& report, std::ostream& out) {
  for (const StoreTime& store : report.stores) {
    out << "stored " << cli::FormatCount(report.images) << " images in " << store.memory << " in "
        << absl::StrFormat("%.2f s", store.seconds) << " ("
        << cli::FormatRate(static_cast<double>(report.images) / store.seconds)
        << "/s), each acknowledged when it was on disk\n";
  }
}

void PrintNotes(const Report& report, std::ostream& out) {
  out << kImagesMemory << " (dense): right means that the best item is the image the cue was made "
      << "from.\n  It compares pixel by pixel: losses that the cue does not declare, and shifts, "
         "look "
      << "like another image.\n";
  if (report.duplicates > 0) {
    out << "  " << cli::FormatCount(report.duplicates)
        << " images have the very pixels of another: either one counts as right.\n";
  }
  out << kClassesMemory << " (linear, ridge): raw images are far too alike for a linear memory to "
      << "tell " << cli::FormatCount(report.images)
      << " of\n  them apart, so it learns their class "
      << "instead, in bytes that do not grow with the images. Right\n  means the right class; "
      << "guessing would be right in " << Percent(1.0 / kClasses) << ". It takes no masks.\n";
}

void PrintTable(const Report& report, std::ostream& out) {
  using Align = cli::Table::Align;
  cli::Table table({{"CUE DAMAGE"},
                    {"MEMORY"},
                    {"RECALLED", Align::kRight},
                    {"P50", Align::kRight},
                    {"P99", Align::kRight},
                    {"IN BATCHES", Align::kRight},
                    {"BYTES HELD", Align::kRight}});
  for (const Measurement& m : report.measurements) {
    table.Add({Name(m.damage), m.memory, Percent(m.rate()), Millis(m.p50_ms), Millis(m.p99_ms),
               cli::FormatRate(m.cues_per_second) + "/s", cli::FormatBytes(m.memory_bytes)});
  }
  table.Print(out);
  if (!report.measurements.empty()) {
    out << cli::FormatCount(report.measurements.front().cues)
        << " cues of each damage; p50 and p99 are of cues sent one at a time\n";
  }
}

void PrintExamples(const Report& report, size_t width, Colors colors, size_t columns,
                   std::ostream& out) {
  std::vector<std::pair<Picture, Picture>> pairs;
  for (const Example& example : report.examples) {
    pairs.emplace_back(
        Picture{.lines = Draw(example.cue, width, colors), .caption = Name(example.damage)},
        Picture{.lines = Draw(example.recall, width, colors),
                .caption = absl::StrFormat("%s, sure to %.2f", example.right ? "right" : "wrong",
                                           example.confidence)});
  }
  out << ArrangePairs(pairs, width, columns);
}

absl::Status CheckRate(const Report& report, Damage damage, double rate_min) {
  for (const Measurement& m : report.measurements) {
    if (m.damage != damage || m.memory != kImagesMemory) continue;
    if (m.rate() >= rate_min) return absl::OkStatus();
    return client::MakeError(
        {.code = absl::StatusCode::kFailedPrecondition,
         .reason = "RECALL_RATE",
         .message = "too few cues were recalled right: " + Name(damage),
         .given = Percent(m.rate()),
         .expected = "at least " + Percent(rate_min),
         .next_step =
             "Compare with fewer images (--count), and look at the memory with mnemectl."});
  }
  return absl::InternalError("no measurement of " + Name(damage));
}

}  // namespace

void PrintText(const Report& report, size_t width, Colors colors, size_t columns,
               std::ostream& out) {
  PrintStores(report, out);
  PrintNotes(report, out);
  out << "\n";
  PrintTable(report, out);
  out << "\n";
  PrintExamples(report, width, colors, columns, out);
}

void PrintJson(const Report& report, std::ostream& out) {
  Json stores = Json::array();
  for (const StoreTime& s : report.stores) {
    stores.push_back({{"memory", s.memory}, {"seconds", s.seconds}});
  }
  Json measurements = Json::array();
  for (const Measurement& m : report.measurements) {
    measurements.push_back({{"damage", Name(m.damage)},
                            {"memory", m.memory},
                            {"cues", m.cues},
                            {"right", m.right},
                            {"rate", m.rate()},
                            {"p50_ms", m.p50_ms},
                            {"p99_ms", m.p99_ms},
                            {"cues_per_second", m.cues_per_second},
                            {"memory_bytes", m.memory_bytes}});
  }
  out << Json{{"images", report.images},
              {"duplicates", report.duplicates},
              {"stores", stores},
              {"measurements", measurements}}
             .dump()
      << "\n";
}

absl::Status Check(const Report& report) {
  absl::Status masked = CheckRate(report, Damage::kLowerHalfMasked, kMaskedRateMin);
  if (!masked.ok()) return masked;
  return CheckRate(report, Damage::kSaltAndPepper, kSaltAndPepperRateMin);
}

}  // namespace mneme::demo
