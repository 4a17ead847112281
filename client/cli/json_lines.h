// Associations as JSON Lines (the fields are in json.h), from a file or stdin. A line may also be a
// bare array: a key and nothing else. Empty lines are skipped. Ids and responses must be in all
// lines or in none; the others may be left out.
//
// Threads: one thread for each source.
#ifndef MNEME_CLIENT_CLI_JSON_LINES_H_
#define MNEME_CLIENT_CLI_JSON_LINES_H_

#include <istream>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/cli/rows.h"

namespace mneme::cli {

// "-" reads `in`, which must outlive the source.
absl::StatusOr<std::unique_ptr<RowSource>> OpenJsonLines(const std::string& path, std::istream& in);

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_JSON_LINES_H_
