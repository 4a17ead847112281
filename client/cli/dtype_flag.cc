#include "client/cli/dtype_flag.h"

#include <CLI/CLI.hpp>
#include <map>

namespace mneme::cli {
namespace {

const std::map<std::string, client::Dtype> kDtypes = {{"fp32", client::Dtype::kFloat32},
                                                      {"bf16", client::Dtype::kBfloat16},
                                                      {"fp16", client::Dtype::kFloat16},
                                                      {"int8", client::Dtype::kInt8}};

}  // namespace

void AddDtypeFlag(CLI::App& command, const std::string& flag, const std::string& help,
                  client::Dtype& dtype) {
  command
      .add_option_function<std::string>(
          flag, [&dtype](const std::string& name) { dtype = kDtypes.at(name); }, help)
      ->transform(CLI::IsMember(&kDtypes))
      ->default_str("fp32");
}

}  // namespace mneme::cli
