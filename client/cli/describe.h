// A memory as text for people: spec, load, bytes, what was trained.
//
// Threads: plain functions.
#ifndef MNEME_CLIENT_CLI_DESCRIBE_H_
#define MNEME_CLIENT_CLI_DESCRIBE_H_

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/context.h"
#include "mneme/memory.h"

namespace mneme::cli {

std::string ModelName(const client::Memory& memory);  // "dense", "linear"
std::string Shape(const client::Memory& memory);      // "784 -> 10"
std::string ForPeople(client::LoadPhase phase);       // "satisfiable: every item can be recalled"

// Lines of a name and a value under each other; a name is given once for several lines.
class Fields {
 public:
  explicit Fields(std::ostream& out) : out_(out) {}
  // Nothing for an empty value.
  void Add(std::string_view name, std::string_view value);

 private:
  std::ostream& out_;
};

// What a training made and proved.
void AddEncoder(const client::EncoderState& encoder, Fields& fields);
void AddTrained(const client::TrainedState& trained, Fields& fields);

// Bytes by kind, in columns that add up to `total`.
void AddBytes(const std::vector<client::ByteAccount>& bytes, uint64_t total, Fields& fields);

// The whole memory; one JSON object with --json.
void PrintMemory(const client::Memory& memory, const Context& context);

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_DESCRIBE_H_
