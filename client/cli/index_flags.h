// The flags of `memory create` that say which index a dense memory has, and how an index is told to
// people.
//
// Threads: one.
#ifndef MNEME_CLIENT_CLI_INDEX_FLAGS_H_
#define MNEME_CLIENT_CLI_INDEX_FLAGS_H_

#include <CLI/App.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/describe.h"
#include "mneme/client.h"

namespace mneme::cli {

class IndexFlags {
 public:
  IndexFlags() = default;
  IndexFlags(const IndexFlags&) = delete;
  IndexFlags& operator=(const IndexFlags&) = delete;

  // Gives the options that it adds. `command` must outlive this.
  std::vector<CLI::Option*> AddTo(CLI::App& command);
  // Absent: --index was not given. UsageError when a flag of the other kind was.
  absl::StatusOr<std::optional<client::IndexSpec>> Make() const;

 private:
  absl::Status CheckUse(const std::vector<CLI::Option*>& others, std::string_view kind) const;

  std::vector<CLI::Option*> of_binary_;
  std::vector<CLI::Option*> of_graph_;
  std::string kind_;
  client::IndexSpec spec_;
  client::BinaryIndexSpec binary_;
  client::GraphIndexSpec graph_;
};

// "recall 0.985 (0.979 to 0.990)".
std::string RecallText(const client::MeasuredRecall& recall);
// "approximate: ...", or why the list is exact all the same.
std::string IndexReportText(const client::IndexReport& report);
// "binary, 320 bits, ...".
std::string IndexSpecText(const client::IndexSpec& spec);
// How it stands, and the table of what was measured.
void AddIndex(const client::IndexStatus& index, Fields& fields);

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_INDEX_FLAGS_H_
