// mnemectl load
#include <CLI/CLI.hpp>
#include <algorithm>
#include <limits>
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/json.h"
#include "client/cli/progress.h"
#include "client/cli/store_flags.h"
#include "client/cli/text.h"
#include "client/cli/usage_errors.h"

namespace mneme::cli {
namespace {

struct LoadFlags {
  StoreSource source;
  std::string session;
  size_t chunk_rows = 4096;
};

// The file in chunks of equal numbers of rows, so that chunk n is the same rows in every run.
class Chunks {
 public:
  Chunks(const StoreFiles& files, size_t rows, std::istream& in)
      : files_(files), rows_per_chunk_(rows), in_(in) {}

  absl::StatusOr<std::optional<client::StoreBatch>> Get(uint64_t sequence) {
    if (source_ == nullptr || sequence < next_) {
      auto source = OpenRows(files_, in_);
      if (!source.ok()) return source.status();
      source_ = *std::move(source);
      next_ = 1;
    }
    do {  // what was stored before is read over
      auto rows = source_->Read(rows_per_chunk_, std::numeric_limits<size_t>::max());
      if (!rows.ok()) return rows.status();
      rows_ = *std::move(rows);
      if (rows_.keys.rows == 0) return std::optional<client::StoreBatch>();
    } while (next_++ < sequence);
    return std::optional<client::StoreBatch>(rows_.batch());
  }

 private:
  const StoreFiles files_;
  const size_t rows_per_chunk_;
  std::istream& in_;
  std::unique_ptr<RowSource> source_;
  uint64_t next_ = 1;
  Rows rows_;
};

void Print(const client::LoadResult& result, const LoadFlags& flags, const Context& context) {
  std::ostream& out = context.io.out;
  if (context.json) {
    out << Dump({{"memory", flags.source.memory},
                 {"session_id", result.session_id},
                 {"chunks", result.chunks},
                 {"chunks_skipped", result.chunks_skipped},
                 {"stored", result.stored},
                 {"replaced", result.replaced},
                 {"evicted", result.evicted},
                 {"replayed", result.replayed},
                 {"reconnects", result.reconnects},
                 {"position", result.position},
                 {"item_count", result.item_count},
                 {"durability", Name(result.durability)}})
        << "\n";
    return;
  }
  out << FormatCount(result.stored) << " stored in " << flags.source.memory;
  if (result.replaced > 0)
    out << " (" << FormatCount(result.replaced) << " took older ones' place)";
  if (result.evicted > 0) out << ", " << FormatCount(result.evicted) << " evicted to make room";
  if (result.chunks > 0) out << "; it now holds " << FormatCount(result.item_count);
  out << "\n";
  if (result.chunks_skipped > 0) {
    out << FormatCount(result.chunks_skipped) << " chunks had been stored before\n";
  }
  if (result.reconnects > 0) out << "the connection broke " << result.reconnects << " times\n";
}

// The error, with how to go on.
absl::Status Resumable(const absl::Status& status, const LoadFlags& flags) {
  client::Error error = client::GetError(status);
  if (error.reason == "SESSION_REUSED") {
    error.expected = "the same file, --chunk-rows, --dtype and --upsert";
    error.next_step = "Leave out --session to load something else. Nothing was stored.";
    return client::MakeError(error);
  }
  absl::StrAppend(&error.next_step, error.next_step.empty() ? "" : " ",
                  "The same command with --session ", flags.session,
                  " goes on behind what was stored.");
  return client::MakeError(error);
}

absl::Status Run(LoadFlags& flags, Context& context) {
  if (flags.source.files.keys == "-") {
    return UsageError("a load must be able to read its rows again", "-", "a file",
                      "Write the rows to a .jsonl file, or use `mnemectl store`.");
  }
  const auto opened = OpenRows(flags.source.files, context.io.in);
  if (!opened.ok()) return opened.status();
  auto client = MakeClient(context, Patience::kLong);
  if (!client.ok()) return client.status();
  if (flags.session.empty()) flags.session = client::MakeSessionId();
  Chunks chunks(flags.source.files, flags.chunk_rows, context.io.in);
  ProgressBar bar(context.io.err, context.io.err_columns, "loading", "rows",
                  (*opened)->total().value_or(0));
  const auto result =
      client->Load(flags.source.memory, [&chunks](uint64_t n) { return chunks.Get(n); },
                   {.session_id = flags.session,
                    .upsert = flags.source.upsert,
                    .durability = DurabilityOf(flags.source),
                    .dtype = flags.source.dtype,
                    .progress = [&bar](uint64_t, uint64_t rows) { bar.Update(rows); },
                    .stop = context.io.stop,
                    .traceparent = context.traceparent});
  if (!result.ok()) return Resumable(result.status(), flags);
  Print(*result, flags, context);
  return absl::OkStatus();
}

}  // namespace

void AddLoadCommand(CLI::App& app, Context& context) {
  CLI::App* load = app.add_subcommand("load", "Load a large file over one stream, resumable");
  load->footer(
      "Several chunks are on their way at a time, each stored wholly and once. After a broken\n"
      "connection the load goes on by itself; after it was stopped, with --session: what was stored\n"
      "is read again, and refused when a row of it is another now. More rows behind it are welcome.\n"
      "Example:\n"
      "  mnemectl load faces keys.npy --ids ids.npy\n"
      "  mnemectl load faces keys.npy --ids ids.npy --session 2b1f...");
  auto flags = std::make_shared<LoadFlags>();
  AddStoreSource(*load, flags->source);
  load->add_option("--session", flags->session,
                   "Go on with this load (default: a new one); rows and --dtype must be the same");
  load->add_option("--chunk-rows", flags->chunk_rows,
                   "Rows in a chunk; the same in all runs of a session")
      ->check(AtLeastOne());
  load->callback(
      [&context, flags] { context.action = [&context, flags] { return Run(*flags, context); }; });
}

}  // namespace mneme::cli
