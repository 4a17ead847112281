#include "client/cli/say.h"

#include "client/cli/json.h"

namespace mneme::cli {

absl::Status Say(const absl::Status& status, const std::string& verb, const std::string& name,
                 const std::string& sentence, const Context& context) {
  if (!status.ok()) return status;
  if (context.json) {
    context.io.out << Dump({{verb, name}}) << "\n";
  } else {
    context.io.out << sentence << "\n";
  }
  return status;
}

absl::Status SayDeleted(const absl::Status& status, const std::string& name,
                        const Context& context) {
  return Say(status, "deleted", name, name + " deleted", context);
}

}  // namespace mneme::cli
