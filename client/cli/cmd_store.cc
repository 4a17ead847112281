// mnemectl store
#include <CLI/CLI.hpp>
#include <limits>
#include <map>
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/json.h"
#include "client/cli/progress.h"
#include "client/cli/rows.h"
#include "client/cli/store_flags.h"
#include "client/cli/text.h"
#include "client/cli/units.h"
#include "client/cli/usage_errors.h"

namespace mneme::cli {
namespace {

constexpr size_t kReadBytes = 16 << 20;  // of vectors, read and sent at a time

struct StoreFlags {
  StoreSource source;
  std::string ttl;
  size_t rows_max = std::numeric_limits<size_t>::max();
  std::string request_id;
};

// What was stored of all batches.
struct Total {
  uint64_t stored = 0;
  uint64_t replaced = 0;
  uint64_t evicted = 0;
  uint64_t item_count = 0;
  uint32_t requests = 0;
  uint32_t replayed = 0;  // of these
  bool ids_given = false;
  std::optional<uint64_t> first_id;
  std::vector<client::Warning> warnings;  // of the last batch
};

void Add(const client::StoreResult& result, Total& total) {
  total.stored += result.stored;
  total.replaced += result.replaced;
  total.evicted += result.evicted;
  total.item_count = result.item_count;
  total.requests += result.requests;
  total.replayed += result.replayed;
  total.warnings = result.warnings;
  if (!total.first_id && !result.made_ids.empty()) {
    total.first_id = result.made_ids.front().first_id;
  }
}

void Print(const Total& total, const StoreFlags& flags, const Context& context) {
  std::ostream& out = context.io.out;
  if (context.json) {
    Json json{{"memory", flags.source.memory},  {"stored", total.stored},
              {"replaced", total.replaced},     {"evicted", total.evicted},
              {"item_count", total.item_count}, {"requests", total.requests},
              {"replayed", total.replayed},     {"warnings", AllToJson(total.warnings)}};
    if (total.first_id) json["first_id"] = *total.first_id;
    out << Dump(json) << "\n";
    return;
  }
  const bool all_replayed = total.replayed > 0 && total.replayed == total.requests;
  out << FormatCount(total.stored) << (all_replayed ? " had been stored before" : " stored");
  if (total.replaced > 0) out << " (" << FormatCount(total.replaced) << " took the place of older)";
  out << " in " << flags.source.memory << ", which now holds " << FormatCount(total.item_count)
      << "\n";
  if (all_replayed) {
    out << "this request id had been carried out: nothing was stored again\n";
  } else if (total.replayed > 0) {
    out << total.replayed << " of " << total.requests
        << " requests had been carried out before, and were not carried out again\n";
  }
  if (total.evicted > 0) {
    out << FormatCount(total.evicted) << " older items were evicted to make room\n";
  }
  if (total.first_id) {
    out << "ids made by the server, from " << *total.first_id << " on\n";
  } else if (!total.ids_given) {
    out << "no ids: the memory keeps sums of its items, not the items\n";
  }
  PrintWarnings(total.warnings, context.io.err);
}

// Adds the rows that earlier batches stored to what the error says of its own.
absl::Status AfterRows(const absl::Status& status, uint64_t stored, uint64_t batch_begin) {
  client::Error error = client::GetError(status);
  error.rows_done = stored + error.rows_done.value_or(0);
  if (const auto counted = client::CountRowsFrom(batch_begin, error)) {
    error = *counted;
  } else if (batch_begin > 0) {
    error.message = absl::StrCat("in the rows from ", batch_begin, " on: ", error.message);
  }
  if (error.code == absl::StatusCode::kCancelled) {
    error.next_step =
        "What was in flight may be stored all the same. To go on safely, store with ids and "
        "--upsert, or again with the same --request-id.";
  }
  return client::MakeError(error);
}

absl::Status Run(const StoreFlags& flags, Context& context) {
  auto source = OpenRows(flags.source.files, context.io.in);
  if (!source.ok()) return source.status();
  auto client = MakeClient(context, Patience::kLong);
  if (!client.ok()) return client.status();
  ProgressBar bar(context.io.err, context.io.err_columns, "storing", "rows",
                  (*source)->total().value_or(0));
  Total total;
  client::StoreOptions options{.upsert = flags.source.upsert,
                               .durability = DurabilityOf(flags.source),
                               .dtype = flags.source.dtype,
                               .call = context.call()};
  if (!flags.ttl.empty()) {
    const auto ttl = ParseLifetime(flags.ttl);
    if (!ttl.ok()) return ttl.status();
    options.ttl = *ttl;
  }
  uint64_t rows_read = 0;
  options.progress = [&](uint64_t done, uint64_t) { bar.Update(rows_read + done); };
  for (int batch = 0;; ++batch) {
    auto rows = (*source)->Read(flags.rows_max, kReadBytes);
    if (!rows.ok()) return AfterRows(rows.status(), total.stored, 0);
    if (rows->keys.rows == 0 && batch > 0) break;
    if (!flags.request_id.empty()) options.request_id = absl::StrCat(flags.request_id, "/", batch);
    const auto result = client->Store(flags.source.memory, rows->batch(), options);
    if (!result.ok()) return AfterRows(result.status(), total.stored, rows_read);
    Add(*result, total);
    total.ids_given |= !rows->batch().ids.empty();
    rows_read += rows->keys.rows;
    if ((*source)->total() == rows_read) break;
  }
  Print(total, flags, context);
  return absl::OkStatus();
}

}  // namespace

void AddStoreCommand(CLI::App& app, Context& context) {
  CLI::App* store = app.add_subcommand("store", "Store associations from a file or stdin");
  store->footer(
      "A line of JSON: {\"id\": 7, \"key\": [0.1, ...], \"response\": [...], \"weight\": 1,\n"
      "  \"payload\": \"text\", \"attributes\": {\"year\": 1999}, \"expire_time\": "
      "\"2030-01-01T00:00:00Z\"};\n"
      "only \"key\" must be there.\n"
      "Large files are sent in many requests; each is stored wholly or not at all.\n"
      "Example:\n"
      "  mnemectl store faces keys.npy --ids ids.npy\n"
      "  mnemectl store classes keys.fvecs --responses responses.npy\n"
      "  echo '{\"id\": \"anna\", \"key\": [1, 0, 0]}' | mnemectl store faces -");
  auto flags = std::make_shared<StoreFlags>();
  AddStoreSource(*store, flags->source);
  store->add_option("--ttl", flags->ttl,
                    "The items live this long, as in 30d (default: as the memory says)");
  store->add_option("--batch-rows", flags->rows_max, "Most rows read and sent at a time")
      ->check(AtLeastOne())
      ->default_str("by size");
  store->add_option("--request-id", flags->request_id,
                    "The same again with the same file stores nothing twice");
  store->callback(
      [&context, flags] { context.action = [&context, flags] { return Run(*flags, context); }; });
}

}  // namespace mneme::cli
