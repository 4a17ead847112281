// Associations read from a file, a batch at a time, whatever the format.
//
// Threads: one thread for each source.
#ifndef MNEME_CLIENT_CLI_ROWS_H_
#define MNEME_CLIENT_CLI_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mneme/client.h"

namespace mneme::cli {

// A batch: columns of equal length; those that the source has not are empty.
struct Rows {
  client::Matrix keys;
  client::Matrix responses;
  std::vector<client::ItemId> ids;
  std::vector<float> weights;
  std::vector<std::string> payloads;
  std::vector<client::Attributes> attributes;
  std::vector<client::Timestamp> expire_times;
  std::vector<std::string> etags;

  client::StoreBatch batch() const {
    return {.keys = keys.ref(),
            .responses = responses.rows == 0 ? client::MatrixRef() : responses.ref(),
            .ids = ids,
            .weights = weights,
            .payloads = payloads,
            .attributes = attributes,
            .expire_times = expire_times,
            .etags = etags};
  }
};

class RowSource {
 public:
  virtual ~RowSource() = default;
  // Rows in all; nullopt when only reading to the end would tell.
  virtual std::optional<uint64_t> total() const = 0;
  // The next rows: at most `rows_max`, about `bytes_max` bytes of numbers, at least one row; none
  // at the end. An error (USAGE) where the file ends early, cannot be read on, or holds what no row
  // can be made of.
  virtual absl::StatusOr<Rows> Read(size_t rows_max, size_t bytes_max) = 0;
};

// Keys with their other columns from files of their own; empty names for those left out.
struct StoreFiles {
  std::string keys;  // .npy, .fvecs, .jsonl, or "-" for JSON Lines on `in`
  std::string responses;
  std::string ids;  // .npy of whole numbers, or text with an id a line; \r\n ends one too
  std::string weights;
};

// What was read of a request id file, weights or responses must have a row for each key; a JSON
// Lines file brings its own columns, so that none may be given beside it.
absl::StatusOr<std::unique_ptr<RowSource>> OpenRows(const StoreFiles& files, std::istream& in);

// That reading failed behind so many lines: not the end of the file.
absl::Status LinesBroken(const std::string& name, uint64_t lines);

// "17" is the number 17, "anna" a text; "text:17" and "number:17" say which.
client::ItemId ParseId(const std::string& text);

// How ParseId takes it: with "text:" before a text that would be taken for something else.
std::string FormatId(const client::ItemId& id);

// "0.1,0.2,-3".
absl::StatusOr<std::vector<float>> ParseNumbers(const std::string& text);

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_ROWS_H_
