// Aliases at the gate: what was checked is what is used.
#include "server/auth/gate.h"

#include "core/base/status.h"
#include "google/longrunning/operations.pb.h"
#include "gtest/gtest.h"
#include "mneme/v1/admin_service.pb.h"
#include "mneme/v1/memory_service.pb.h"

namespace mneme::server {
namespace {

class GateTest : public ::testing::Test {
 protected:
  GateTest() {
    Identity anybody{.name = "anonymous", .grants = {{v1::ROLE_ADMIN, "mine*"}}};
    Policy policy;
    policy.anonymous = std::make_shared<const Identity>(std::move(anybody));
    authenticator_.SetPolicy(std::make_shared<const Policy>(std::move(policy)));
    gate_.SetDirectory({.resolve =
                            [this](std::string_view name) {
                              return name == "mine-alias" ? target_ : std::string(name);
                            },
                        .subjects_of =
                            [](std::string_view id) {
                              return id == "copy"   ? std::vector<std::string>{"mine", "theirs"}
                                     : id == "own"  ? std::vector<std::string>{"mine", "mine-too"}
                                     : id == "save" ? std::vector<std::string>{"backups/new"}
                                                    : std::vector<std::string>{};
                            }});
  }
  template <typename Request>
  absl::Status Pass(Request* request) {
    const grpc::ServerContext context;
    const Passage passage = gate_.Admit(context, *request, 0);
    target_ = "theirs";  // it is moved while the call is on its way
    PinNames(passage, request);
    return passage.status;
  }

  std::string target_ = "mine";
  ManualClock clock_;
  Authenticator authenticator_{clock_};
  Gate gate_{authenticator_, clock_, nullptr, false};
};

TEST_F(GateTest, AnAliasIsReplacedByWhatWasChecked) {
  v1::StoreRequest store;
  store.set_memory("memories/mine-alias");
  ASSERT_TRUE(Pass(&store).ok());
  EXPECT_EQ(store.memory(), "memories/mine");
  v1::StoreRequest again;
  again.set_memory("memories/mine-alias");
  EXPECT_FALSE(Pass(&again).ok());
  EXPECT_EQ(again.memory(), "memories/mine-alias");
  v1::StoreStreamRequest stream;
  stream.mutable_open()->set_memory("memories/mine-alias");
  target_ = "mine";
  ASSERT_TRUE(Pass(&stream).ok());
  EXPECT_EQ(stream.open().memory(), "memories/mine");
  v1::StoreRequest own;
  own.set_memory("memories/mine-own");
  ASSERT_TRUE(Pass(&own).ok());
  EXPECT_EQ(own.memory(), "memories/mine-own");
}

TEST_F(GateTest, CallsOnAliasesThemselvesAndNewNamesStay) {
  v1::DeleteAliasRequest drop;
  drop.set_name("memories/mine-alias");
  ASSERT_TRUE(Pass(&drop).ok());
  EXPECT_EQ(drop.name(), "memories/mine-alias");
  target_ = "mine";
  v1::SetAliasRequest set;
  set.mutable_alias()->set_name("memories/mine-alias");
  set.mutable_alias()->set_memory("memories/mine");
  ASSERT_TRUE(Pass(&set).ok());
  EXPECT_EQ(set.alias().name(), "memories/mine-alias");
  target_ = "mine";
  v1::CloneMemoryRequest clone;
  clone.set_source("memories/mine-alias");
  clone.set_memory_id("mine-alias");
  ASSERT_TRUE(Pass(&clone).ok());
  EXPECT_EQ(clone.source(), "memories/mine");
  EXPECT_EQ(clone.memory_id(), "mine-alias");  // which is taken, as the handler will say
}

// An operation tells all its names, so it is for those who may read all of them.
TEST_F(GateTest, AnOperationIsSeenByWhoMayReadAllThatItNames) {
  const auto get = [this](const std::string& id) {
    google::longrunning::CancelOperationRequest cancel;
    cancel.set_name("operations/" + id);
    return Pass(&cancel);
  };
  EXPECT_TRUE(get("own").ok());
  for (const char* id : {"copy", "save", "absent"}) EXPECT_TRUE(absl::IsNotFound(get(id))) << id;
}

TEST(RatedGate, StoresOfOneMessageCountEach) {
  Policy policy;
  policy.anonymous = std::make_shared<const Identity>(
      Identity{.name = "anonymous",
               .grants = {{v1::ROLE_ADMIN, "*"}},
               .limiter = std::make_shared<RateLimiter>(RateLimits{.calls_per_second = 1})});
  ManualClock clock;
  Authenticator authenticator(clock);
  authenticator.SetPolicy(std::make_shared<const Policy>(std::move(policy)));
  const Gate gate(authenticator, clock, nullptr, false);
  const auto store = [&gate](uint64_t stores) {
    v1::StoreStreamRequest stream;
    stream.mutable_open()->set_memory("memories/mine");
    const grpc::ServerContext context;
    return gate.Admit(context, stream, 0, stores).status;
  };
  EXPECT_TRUE(store(10).ok());  // more than the bucket holds: paid for by those after it
  clock.Advance(9'000'000'000);
  const absl::Status refused = store(1);
  EXPECT_EQ(GetErrorDetail(refused)->reason, "RATE") << refused;
  clock.Advance(1'000'000'000);
  EXPECT_TRUE(store(1).ok());
}

}  // namespace
}  // namespace mneme::server
