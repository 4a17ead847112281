// Errors of the client library: absl::Status everywhere, carrying what the server said
// (google.rpc.Status with ErrorInfo, Help and RetryInfo). GetError turns one into plain fields.
//
//   absl::StatusOr<Memory> memory = client.GetMemory("faces");
//   if (!memory.ok()) std::cerr << mneme::client::GetError(memory.status()).next_step << "\n";
//
// Threads: plain values.
#ifndef MNEME_CLIENT_CPP_INCLUDE_MNEME_ERROR_H_
#define MNEME_CLIENT_CPP_INCLUDE_MNEME_ERROR_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"

namespace mneme::client {

// An error in plain fields. What the server did not say is empty.
struct Error {
  absl::StatusCode code = absl::StatusCode::kOk;
  std::string reason;     // UPPER_SNAKE_CASE, stable: programs switch on it
  std::string message;    // what was wrong with what
  std::string given;      // what was sent
  std::string expected;   // what would have been right
  std::string next_step;  // what to do now
  std::optional<std::chrono::milliseconds> retry_after;  // set where waiting helps
  // Of a call that was split into several requests: rows that were carried out all the same.
  std::optional<uint64_t> rows_done;
};

// The fields of `status`; code kOk and nothing else for OK. Works for any absl::Status.
Error GetError(const absl::Status& status);

// The reverse: a status that carries these fields.
absl::Status MakeError(const Error& error);

// The error with the rows that it names ("row 3", "rows 2 and 7", "cue 0", "ids[3]") counted from
// `first` on, for who sends rows in batches of his own; nullopt where it names none. The calls of
// the library that split rows into requests have done so for their own.
std::optional<Error> CountRowsFrom(uint64_t first, const Error& error);

}  // namespace mneme::client

#endif  // MNEME_CLIENT_CPP_INCLUDE_MNEME_ERROR_H_
