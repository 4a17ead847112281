// Plans and specs of a federation as a coordination store or a configuration may hold them: any
// bytes.
#include "core/base/bytes.h"
#include "core/base/crc32c.h"
#include "core/base/status.h"
#include "core/federation/plan.h"
#include "core/federation/planner.h"
#include "tests/fuzz/fuzz.h"

namespace mneme::fuzz {
namespace {

using absl::StatusCode;

// What is taken for a plan is one: a node may take its place in it, and it says the same again.
void CheckPlan(std::string_view bytes) {
  const auto plan = federation::DecodePlan(bytes);
  if (!plan.ok()) {
    return CheckError(plan.status(), {StatusCode::kInvalidArgument, StatusCode::kDataLoss});
  }
  MNEME_CHECK(federation::Check(*plan).ok());
  const auto again = federation::DecodePlan(federation::Encode(*plan));
  MNEME_CHECK(again.ok() && *again == *plan);
  for (federation::NodeIndex node = 0; node < plan->nodes.size(); ++node) {
    for (const federation::Role& role : federation::PlaceOf(*plan, node).roles) {
      MNEME_CHECK(role.depth < plan->nodes.size() && role.height < plan->nodes.size());
    }
  }
}

void CheckSpec(std::string_view bytes) {
  const auto spec = federation::DecodeSpec(bytes);
  if (!spec.ok()) return CheckError(spec.status(), {StatusCode::kInvalidArgument});
  MNEME_CHECK(federation::Validate(*spec).ok());
  const auto again = federation::DecodeSpec(federation::Encode(*spec));
  MNEME_CHECK(again.ok() && *again == *spec);
  MNEME_CHECK(federation::Hash(*again) == federation::Hash(*spec));
}

std::string WithChecksum(std::string_view bytes) {
  ByteWriter writer;
  writer.PutRaw(bytes);
  writer.Put(Crc32c(bytes));
  return writer.Take();
}

std::string PlanWithoutChecksum(federation::Transport transport) {
  federation::PlanInput input{
      .nodes = {{.name = "a", .address = "a:7413", .incarnation = 1}, {.name = "b"}, {.name = "c"}},
      .links = {{"a", "b"}, {"b", "c"}},
      .interest = {{"a", "c", 1}, {"a", "a", 1}, {"b", "a", 1}},
      .spec = {.d_k = 4, .d_v = 3, .transport = transport}};
  input.spec.privacy.share_items = transport == federation::Transport::kFactor;
  const auto plan = federation::MakePlan(input, {.epoch = 7, .created_by = "a"});
  MNEME_CHECK(plan.ok());
  const std::string bytes = federation::Encode(*plan);
  return bytes.substr(0, bytes.size() - sizeof(uint32_t));
}

}  // namespace

// The checksum is put behind the bytes, so that what stands before it is read.
void TestOne(std::string_view bytes) {
  CheckPlan(bytes);
  CheckPlan(WithChecksum(bytes));
  CheckSpec(bytes);
}

std::vector<Seed> Seeds() {
  federation::Spec spec{.d_k = 16, .d_v = 16, .loss = federation::Loss::kHuber};
  spec.steps.c = 0.25;
  return {{"gradient", PlanWithoutChecksum(federation::Transport::kGradient)},
          {"factor", PlanWithoutChecksum(federation::Transport::kFactor)},
          {"sealed", WithChecksum(PlanWithoutChecksum(federation::Transport::kStatistic))},
          {"spec", federation::Encode(spec)}};
}

}  // namespace mneme::fuzz
