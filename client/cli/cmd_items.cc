// mnemectl items list|get|delete
#include <CLI/CLI.hpp>
#include <limits>
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/json.h"
#include "client/cli/rows.h"
#include "client/cli/text.h"
#include "client/cli/usage_errors.h"

namespace mneme::cli {
namespace {

struct ListFlags {
  std::string memory;
  uint64_t limit = std::numeric_limits<uint64_t>::max();
  client::ListItemsOptions options;
};

constexpr uint32_t kPageSize = 1000;

void PrintItem(const client::Item& item, const Context& context) {
  std::ostream& out = context.io.out;
  if (context.json) {
    out << Dump(ToJson(item)) << "\n";
    return;
  }
  out << FormatId(item.id) << "\n  weight      " << FormatNumber(item.weight) << "\n";
  if (!item.key.empty()) out << "  key         " << FormatVector(item.key) << "\n";
  if (!item.response.empty()) out << "  response    " << FormatVector(item.response) << "\n";
  if (!item.payload.empty()) out << "  payload     " << Dump(Json(item.payload)) << "\n";
  if (!item.attributes.empty()) out << "  attributes  " << Dump(ToJson(item.attributes)) << "\n";
  out << "  row         " << item.row << "\n";
  if (item.expire_time) out << "  expires     " << FormatSeconds(*item.expire_time) << "\n";
  if (!item.etag.empty()) out << "  etag        " << item.etag << "\n";
}

absl::Status RunList(ListFlags flags, Context& context) {
  auto client = MakeClient(context);
  if (!client.ok()) return client.status();
  Table table({{"ID"},
               {"ROW", Table::Align::kRight},
               {"WEIGHT", Table::Align::kRight},
               {"KEY"},
               {"RESPONSE"},
               {"PAYLOAD"},
               {"ATTRIBUTES"}});
  flags.options.call = context.call();
  uint64_t left = flags.limit;
  do {
    flags.options.page_size = static_cast<uint32_t>(std::min<uint64_t>(left, kPageSize));
    const auto page = client->ListItems(flags.memory, flags.options);
    if (!page.ok()) return page.status();
    for (const client::Item& item : page->items) {
      if (context.json) {
        PrintItem(item, context);
      } else {
        table.Add({FormatId(item.id), std::to_string(item.row), FormatNumber(item.weight),
                   item.key.empty() ? "" : FormatVector(item.key),
                   item.response.empty() ? "" : FormatVector(item.response),
                   item.payload.empty() ? "" : Dump(Json(item.payload)),
                   item.attributes.empty() ? "" : Dump(ToJson(item.attributes))});
      }
    }
    left -= std::min<uint64_t>(left, page->items.size());
    flags.options.page_token = page->next_page_token;
  } while (left > 0 && !flags.options.page_token.empty() && context.io.out);
  if (!context.json) {
    table.Print(context.io.out);
    if (!flags.options.page_token.empty()) context.io.out << "there are more: raise --limit\n";
  }
  return absl::OkStatus();
}

void AddList(CLI::App& items, Context& context) {
  CLI::App* list = items.add_subcommand("list", "List items in the order they were stored");
  list->footer(
      "--json prints all items, a line each, in the form that `store` reads; the table shows 100\n"
      "unless --limit says otherwise.\n"
      "Example:\n"
      "  mnemectl items list faces --limit 20\n"
      "  mnemectl items list faces --filter 'year >= 1900' --payloads\n"
      "  mnemectl items list faces --vectors --payloads --json > faces.jsonl");
  auto flags = std::make_shared<ListFlags>();
  list->add_option("MEMORY", flags->memory, "Which memory")->required();
  CLI::Option* limit = list->add_option("--limit", flags->limit, "Most items to list")
                           ->check(AtLeastOne())
                           ->default_str("");
  list->add_flag("--vectors", flags->options.include_vectors, "Also keys and responses");
  list->add_flag("--payloads", flags->options.include_payloads, "Also payloads and attributes");
  list->add_option("--filter", flags->options.filter,
                   "Only items whose attributes match, as in 'year >= 1900'");
  list->callback([&context, flags, limit] {
    if (!context.json && limit->count() == 0) flags->limit = 100;
    context.action = [&context, flags] { return RunList(*flags, context); };
  });
}

void AddGet(CLI::App& items, Context& context) {
  CLI::App* get = items.add_subcommand("get", "Show one item with everything kept of it");
  get->footer("Example:\n  mnemectl items get faces anna");
  auto memory = std::make_shared<std::string>();
  auto id = std::make_shared<std::string>();
  get->add_option("MEMORY", *memory, "Which memory")->required();
  get->add_option("ID", *id, "Digits are a number; text:17 is the text 17")->required();
  get->callback([&context, memory, id] {
    context.action = [&context, memory, id]() -> absl::Status {
      auto client = MakeClient(context);
      if (!client.ok()) return client.status();
      const auto item = client->GetItem(*memory, ParseId(*id), context.call());
      if (!item.ok()) return item.status();
      PrintItem(*item, context);
      return absl::OkStatus();
    };
  });
}

void PrintDeleted(const client::DeleteResult& result, const std::string& memory,
                  std::ostream& out) {
  out << FormatCount(result.deleted) << " deleted";
  if (result.missing > 0) out << ", " << FormatCount(result.missing) << " missing";
  out << "; " << memory << " now holds " << FormatCount(result.item_count) << "\n";
  if (result.suppressed == 0) return;
  out << FormatCount(result.suppressed)
      << " of them only suppressed: they are never returned again, but what was learned from them "
         "still shapes\nother recalls: for good under the delta rules, until the next "
         "`mnemectl train` in a trained memory.\n";
}

void AddDelete(CLI::App& items, Context& context) {
  CLI::App* remove = items.add_subcommand("delete", "Forget items, by id or by what was stored");
  remove->footer(
      "A memory that keeps no vectors forgets by the pairs that were stored: --pairs FILE, in a\n"
      "format of `store`.\n"
      "Example:\n"
      "  mnemectl items delete faces anna 17\n"
      "  mnemectl items delete faces --filter 'NOT lang:*'\n"
      "  mnemectl items delete classes --pairs old.jsonl");
  struct Flags {
    std::string memory;
    std::vector<std::string> ids;
    StoreFiles pairs;
    std::string filter;
    std::string etag;
    bool allow_missing = false;
  };
  auto flags = std::make_shared<Flags>();
  remove->add_option("MEMORY", flags->memory, "Which memory")->required();
  CLI::Option* ids = remove->add_option("ID", flags->ids, "Which items");
  CLI::Option* pairs =
      remove->add_option("--pairs", flags->pairs.keys, "Keys: .npy, .fvecs, .jsonl or -")
          ->excludes(ids);
  remove->add_option("--responses", flags->pairs.responses, "Responses of --pairs")->needs(pairs);
  remove->add_option("--ids", flags->pairs.ids, "Ids of --pairs")->needs(pairs);
  remove->add_option("--weights", flags->pairs.weights, "Weights of --pairs")->needs(pairs);
  remove->add_option("--filter", flags->filter, "All items whose attributes match")
      ->excludes(ids)
      ->excludes(pairs);
  remove->add_option("--etag", flags->etag, "With one ID: only if it still has this etag")
      ->needs(ids);
  remove->add_flag("--allow-missing", flags->allow_missing, "Unknown ids are no error");
  remove->callback([&context, flags] {
    context.action = [&context, flags]() -> absl::Status {
      if (flags->ids.empty() && flags->pairs.keys.empty() && flags->filter.empty()) {
        return UsageError("nothing to delete was named", "", "ids, --filter, or --pairs",
                          "Give one of them.");
      }
      if (!flags->etag.empty() && flags->ids.size() != 1) {
        return UsageError("--etag is about one item", absl::StrCat(flags->ids.size(), " ids"),
                          "one id", "Delete the items one by one.");
      }
      Rows rows;
      for (const std::string& text : flags->ids) rows.ids.push_back(ParseId(text));
      if (!flags->pairs.keys.empty()) {
        auto source = OpenRows(flags->pairs, context.io.in);
        if (!source.ok()) return source.status();
        constexpr size_t kAll = std::numeric_limits<size_t>::max();
        auto read = (*source)->Read(kAll, kAll);
        if (!read.ok()) return read.status();
        rows = *std::move(read);
      }
      auto client = MakeClient(context);
      if (!client.ok()) return client.status();
      if (!flags->etag.empty()) rows.etags = {flags->etag};
      const client::StoreBatch batch = rows.batch();
      const client::DeleteOptions options{.allow_missing = flags->allow_missing,
                                          .call = context.call()};
      const auto result = flags->filter.empty()
                              ? client->DeleteItems(flags->memory,
                                                    {.ids = rows.ids,
                                                     .keys = batch.keys,
                                                     .responses = batch.responses,
                                                     .weights = rows.weights,
                                                     .etags = rows.etags},
                                                    options)
                              : client->DeleteItemsWhere(flags->memory, flags->filter, options);
      if (!result.ok()) return result.status();
      if (context.json) {
        context.io.out << Dump({{"memory", flags->memory},
                                {"deleted", result->deleted},
                                {"missing", result->missing},
                                {"suppressed", result->suppressed},
                                {"item_count", result->item_count}})
                       << "\n";
      } else {
        PrintDeleted(*result, flags->memory, context.io.out);
      }
      return absl::OkStatus();
    };
  });
}

}  // namespace

void AddItemsCommands(CLI::App& app, Context& context) {
  CLI::App* items = app.add_subcommand("items", "List, get, delete items");
  items->footer("Example:\n  mnemectl items list faces");
  items->require_subcommand(1);
  AddList(*items, context);
  AddGet(*items, context);
  AddDelete(*items, context);
}

}  // namespace mneme::cli
