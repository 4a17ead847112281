// mnemectl memory export-sketch|merge: sums of feature memories, from one to another.
#include <CLI/CLI.hpp>
#include <fstream>
#include <iterator>
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/json.h"
#include "client/cli/text.h"

namespace mneme::cli {
namespace {

absl::Status FileError(std::string_view verb, const std::string& path) {
  return UsageError(absl::StrCat("the file cannot be ", std::string(verb)), path,
                    "a file that can be", "Look at its path and permissions.");
}

absl::StatusOr<std::string> ReadSketch(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in.good() && !in.eof()) return FileError("read", path);
  return bytes;
}

void AddExport(CLI::App& memory, Context& context) {
  CLI::App* command = memory.add_subcommand(
      "export-sketch", "Write the sums of a feature memory to a file, to merge them elsewhere");
  command->footer(
      "Example:\n"
      "  mnemectl --server a:7411 memory export-sketch seen seen.sketch\n"
      "  mnemectl --server b:7411 memory merge seen --sketch seen.sketch");
  struct Flags {
    std::string name;
    std::string file;
  };
  auto flags = std::make_shared<Flags>();
  command->add_option("NAME", flags->name, "The memory")->required();
  command->add_option("FILE", flags->file, "Where to")->required();
  command->callback([&context, flags] {
    context.action = [&context, flags]() -> absl::Status {
      auto client = MakeClient(context);
      if (!client.ok()) return client.status();
      const auto sketch = client->ExportSketch(flags->name, context.call());
      if (!sketch.ok()) return sketch.status();
      std::ofstream out(flags->file, std::ios::binary | std::ios::trunc);
      out.write(sketch->bytes.data(), static_cast<std::streamsize>(sketch->bytes.size()));
      if (!out.flush()) return FileError("written", flags->file);
      if (context.json) {
        context.io.out << Dump({{"file", flags->file},
                                {"bytes", sketch->bytes.size()},
                                {"item_count", sketch->item_count},
                                {"epoch", ToJson(sketch->epoch)}})
                       << "\n";
      } else {
        context.io.out << FormatCount(sketch->item_count) << " items in "
                       << FormatBytes(sketch->bytes.size()) << " written to " << flags->file
                       << "\n";
      }
      return absl::OkStatus();
    };
  });
}

void AddMerge(CLI::App& memory, Context& context) {
  CLI::App* command = memory.add_subcommand(
      "merge", "Add the sums of another feature memory, as if its items had been stored here");
  command->footer(
      "Both must have been made with one kind, features, beta, seed and dimension. The other "
      "stays\n"
      "as it is. A merge is a write: it is done once, however often it is retried.\n"
      "Example:\n"
      "  mnemectl memory merge all today\n"
      "  mnemectl memory merge all --sketch seen.sketch");
  struct Flags {
    std::string into;
    std::string from;
    std::string file;
    std::string request_id;
  };
  auto flags = std::make_shared<Flags>();
  command->add_option("INTO", flags->into, "The memory that grows")->required();
  CLI::Option* from = command->add_option("FROM", flags->from, "A memory of the same server");
  command->add_option("--sketch", flags->file, "A file of export-sketch, in place of FROM")
      ->excludes(from);
  command->add_option("--request-id", flags->request_id,
                      "Do it once under this id, however often it is sent (default: a new one)");
  command->callback([&context, flags] {
    context.action = [&context, flags]() -> absl::Status {
      if (flags->from.empty() && flags->file.empty()) {
        return UsageError("there is nothing to merge", "INTO alone", "FROM, or --sketch FILE",
                          "Name another memory, or a file of export-sketch.");
      }
      const client::MergeOptions options{.request_id = flags->request_id, .call = context.call()};
      absl::StatusOr<std::string> sketch = std::string();
      if (!flags->file.empty()) sketch = ReadSketch(flags->file);
      if (!sketch.ok()) return sketch.status();
      auto client = MakeClient(context);
      if (!client.ok()) return client.status();
      const auto merged = flags->file.empty()
                              ? client->MergeMemory(flags->into, flags->from, options)
                              : client->MergeSketch(flags->into, *sketch, options);
      if (!merged.ok()) return merged.status();
      if (context.json) {
        context.io.out << Dump({{"merged", merged->merged},
                                {"item_count", merged->item_count},
                                {"position", merged->position},
                                {"replayed", merged->replayed}})
                       << "\n";
      } else {
        context.io.out << FormatCount(merged->merged) << " items merged into " << flags->into
                       << ", which holds " << FormatCount(merged->item_count) << " now\n";
      }
      return absl::OkStatus();
    };
  });
}

}  // namespace

void AddSketchCommands(CLI::App& memory, Context& context) {
  AddExport(memory, context);
  AddMerge(memory, context);
}

}  // namespace mneme::cli
