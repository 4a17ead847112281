// The flags that `store` and `load` share.
//
// Threads: one.
#ifndef MNEME_CLIENT_CLI_STORE_FLAGS_H_
#define MNEME_CLIENT_CLI_STORE_FLAGS_H_

#include <CLI/App.hpp>
#include <string>

#include "client/cli/rows.h"
#include "mneme/types.h"

namespace mneme::cli {

struct StoreSource {
  std::string memory;
  StoreFiles files;
  bool upsert = false;
  std::string durability = "disk";
  client::Dtype dtype = client::Dtype::kFloat32;
};

// `source` must outlive the command.
void AddStoreSource(CLI::App& command, StoreSource& source);
client::Durability DurabilityOf(const StoreSource& source);

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_STORE_FLAGS_H_
