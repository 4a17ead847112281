#include "client/cli/cues.h"

#include <limits>
#include <memory>

#include "client/cli/dtype_flag.h"
#include "client/cli/mask.h"
#include "client/cli/progress.h"
#include "client/cli/rows.h"

namespace mneme::cli {
namespace {

constexpr size_t kReadBytes = 16 << 20;  // of cues, read and sent at a time

// Cues from the command line.
class TypedCues final : public RowSource {
 public:
  static absl::StatusOr<std::unique_ptr<RowSource>> Parse(const std::vector<std::string>& texts) {
    client::Matrix cues;
    for (const std::string& text : texts) {
      const auto numbers = ParseNumbers(text);
      if (!numbers.ok()) return numbers.status();
      if (cues.rows > 0 && numbers->size() != cues.cols) {
        return UsageError("the cues have different lengths", std::to_string(numbers->size()),
                          std::to_string(cues.cols), "Give all cues the same length.");
      }
      cues.cols = numbers->size();
      ++cues.rows;
      cues.data.insert(cues.data.end(), numbers->begin(), numbers->end());
    }
    auto source = std::make_unique<TypedCues>();
    source->total_ = cues.rows;
    source->rows_.keys = std::move(cues);
    return source;
  }

  std::optional<uint64_t> total() const override { return total_; }
  absl::StatusOr<Rows> Read(size_t, size_t) override { return std::exchange(rows_, {}); }

 private:
  uint64_t total_ = 0;
  Rows rows_;
};

absl::StatusOr<std::unique_ptr<RowSource>> OpenCues(const CueFlags& flags, std::istream& in) {
  if (flags.file.empty() == flags.numbers.empty()) {
    return UsageError("there must be one source of cues",
                      flags.file.empty() ? "none" : "a file and --cue",
                      "a file, - for stdin, or --cue", "Give one of them.");
  }
  if (flags.file.empty()) return TypedCues::Parse(flags.numbers);
  return OpenRows({.keys = flags.file}, in);
}

}  // namespace

void AddCueFlags(CLI::App& command, CueFlags& flags) {
  command.add_option("MEMORY", flags.memory, "Which memory")->required();
  command.add_option("FILE", flags.file, "Cues: .npy, .fvecs, .jsonl, or - for JSON on stdin");
  command.add_option("--cue", flags.numbers, "A cue as numbers with commas; may be given again")
      ->allow_extra_args(false);
  command.add_option("--mask", flags.mask,
                     "Known coordinates: ranges like 0-391,500, or an .npy of 0 and 1");
  command.add_option("--filter", flags.filter,
                     "Only items whose attributes match, as in 'year >= 1900 AND lang = \"fi\"'");
  command.add_option("--beta", flags.beta, "Inverse temperature for this request (dense)");
  command.add_flag("--payloads", flags.payloads, "Also fetch payloads");
  AddDtypeFlag(command, "--dtype", "Send vectors as fp32, bf16, fp16 or int8: fewer bytes, rounded",
               flags.dtype);
  command.add_option("--rows", flags.shown_max, "Most cues to show in the table");
}

absl::Status ForCues(const CueFlags& flags, Context& context, const std::string& label,
                     const std::function<absl::Status(const CueBatch&)>& send) {
  auto source = OpenCues(flags, context.io.in);
  if (!source.ok()) return source.status();
  ProgressBar bar(context.io.err, context.io.err_columns, label, "cues",
                  (*source)->total().value_or(0));
  Mask mask;
  for (uint64_t first = 0;;) {
    const auto rows = (*source)->Read(std::numeric_limits<size_t>::max(), kReadBytes);
    if (!rows.ok()) return rows.status();
    const client::MatrixRef cues = rows->keys.ref();
    if (cues.rows == 0 && first > 0) return absl::OkStatus();
    if (first == 0 && !flags.mask.empty()) {
      auto parsed = Mask::Parse(flags.mask, cues.cols);
      if (!parsed.ok()) return parsed.status();
      mask = *std::move(parsed);
    }
    const auto bits = mask.ForCues(first, cues.rows);
    if (!bits.ok()) return bits.status();
    const CueBatch batch{
        .cues = cues, .first = first, .mask = *bits, .progress = [&](uint64_t done, uint64_t) {
          bar.Update(first + done);
        }};
    if (absl::Status status = send(batch); !status.ok()) return CountCuesFrom(first, status);
    first += cues.rows;
    if ((*source)->total() == first || cues.rows == 0) return absl::OkStatus();
  }
}

absl::Status CountCuesFrom(uint64_t first, const absl::Status& status) {
  const auto counted = client::CountRowsFrom(first, client::GetError(status));
  return counted ? client::MakeError(*counted) : status;
}

}  // namespace mneme::cli
