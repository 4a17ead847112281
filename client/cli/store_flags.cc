#include "client/cli/store_flags.h"

#include <CLI/CLI.hpp>
#include <map>

#include "client/cli/dtype_flag.h"

namespace mneme::cli {
namespace {

const std::map<std::string, client::Durability> kDurabilities = {
    {"disk", client::Durability::kDisk},
    {"os", client::Durability::kOs},
    {"memory", client::Durability::kMemory}};

}  // namespace

void AddStoreSource(CLI::App& command, StoreSource& source) {
  command.add_option("MEMORY", source.memory, "Where to store")->required();
  command
      .add_option("FILE", source.files.keys, "Keys: .npy, .fvecs, .jsonl, or - for JSON on stdin")
      ->required();
  command.add_option("--responses", source.files.responses, "Responses: .npy or .fvecs");
  command.add_option("--ids", source.files.ids, "Ids: .npy of whole numbers, or text, one a line");
  command.add_option("--weights", source.files.weights, "Weights: .npy");
  command.add_flag("--upsert", source.upsert, "Ids that are there already are replaced");
  command.add_option("--durability", source.durability, "How safe before the server answers")
      ->transform(CLI::IsMember(&kDurabilities));
  AddDtypeFlag(command, "--dtype", "Send vectors as fp32, bf16, fp16 or int8: fewer bytes, rounded",
               source.dtype);
}

client::Durability DurabilityOf(const StoreSource& source) {
  return kDurabilities.at(source.durability);
}

}  // namespace mneme::cli
