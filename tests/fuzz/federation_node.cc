// The state of a federation's node as a damaged disk may give it back: any bytes.
#include "core/base/bytes.h"
#include "core/base/crc32c.h"
#include "core/base/status.h"
#include "core/federation/checkpoint.h"
#include "core/federation/node.h"
#include "tests/fuzz/fuzz.h"

namespace mneme::fuzz {
namespace {

using absl::StatusCode;

federation::Spec SmallSpec() { return {.d_k = 2, .d_v = 2}; }

std::string WithChecksum(std::string_view bytes) {
  ByteWriter writer;
  writer.PutRaw(bytes);
  writer.Put(Crc32c(bytes));
  return writer.Take();
}

// What is taken for a state says the same again, and a node that starts from it lives.
void CheckState(std::string_view bytes) {
  auto state = federation::DecodeCheckpoint(bytes);
  if (!state.ok()) {
    return CheckError(state.status(), {StatusCode::kDataLoss, StatusCode::kFailedPrecondition});
  }
  MNEME_CHECK(federation::DecodeCheckpoint(federation::Encode(*state)).ok());
  state->spec_hash = federation::Hash(SmallSpec());
  const auto node = federation::Node::Create(
      {.name = "a", .spec = SmallSpec(), .incarnation = state->incarnation + 1}, &*state, 1);
  if (!node.ok()) {
    return CheckError(node.status(),
                      {StatusCode::kInvalidArgument, StatusCode::kFailedPrecondition});
  }
  std::vector<federation::Action> actions;
  (*node)->Handle(
      federation::Items{.first = (*node)->replay_from(), .keys = {1, 0}, .responses = {0, 1}}, 0,
      &actions);
  (*node)->Handle(federation::Tick{}, 1, &actions);
  (*node)->Handle(federation::Stop{}, 2, &actions);
  for (const float value : (*node)->memory()) MNEME_CHECK(value == value);
}

std::string StateWithoutChecksum() {
  federation::Checkpoint state{.incarnation = 1,
                               .clean = true,
                               .epoch = 2,
                               .round = 3,
                               .memory = {1, 0, 0, 1},
                               .steps = {.steps = 4, .recent = {1, 2}},
                               .own_cursor = 5,
                               .cursors = {{"b", 4}},
                               .sources = {{.node = "b", .incarnation = 1, .items = {{1, 3}}}}};
  state.regret = {.loss = 1,
                  .weight = 1,
                  .energy = 1,
                  .squares = {1, 0, 1},
                  .products = {1, 0, 0, 1},
                  .readings = {{.round = 3, .loss = 1}}};
  const std::string bytes = federation::Encode(state);
  return bytes.substr(0, bytes.size() - sizeof(uint32_t));
}

}  // namespace

// The checksum is put behind the bytes, so that what stands before it is read.
void TestOne(std::string_view bytes) {
  CheckState(bytes);
  CheckState(WithChecksum(bytes));
}

std::vector<Seed> Seeds() {
  return {{"state", StateWithoutChecksum()}, {"sealed", WithChecksum(StateWithoutChecksum())}};
}

}  // namespace mneme::fuzz
