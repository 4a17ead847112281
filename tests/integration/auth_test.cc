// Who may do what, against a live daemon: each RPC of the contract, as its descriptors tell it, by
// each role, on memories of his own and of others; and what a caller can find out of the latter.
#include "tests/integration/auth.h"

#include <atomic>
#include <thread>

#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"

namespace mneme::test {
namespace {

using google::protobuf::Message;
using google::protobuf::MethodDescriptor;
using grpc::StatusCode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(AuthTest, EachRpcIsForThoseWithItsRoleOnItsMemoriesAlone) {
  int allowed = 0, denied = 0;
  for (const MethodDescriptor* method : UnaryMethods()) {
    const v1::MethodRule& rule = method->options().GetExtension(v1::rule);
    for (const Person& person : kPeople) {
      for (const std::string memory : {"mine", "mine-none", "theirs", "none"}) {
        const bool has_role = person.role >= rule.role();
        const bool covered =
            person.memories == "*" || (person.memories == "mine*" && memory.starts_with("mine"));
        const bool expected = rule.role() == v1::ROLE_ANY ? !person.memories.empty()
                              : rule.memories().empty()   ? has_role && person.memories == "*"
                                                          : has_role && covered;
        const ErrorParts error = Call(person.name, method, *RequestOn(method, memory));
        EXPECT_EQ(!IsDenied(error), expected)
            << person.name << " " << method->name() << " " << memory << ": " << error.message;
        if (!expected) {
          EXPECT_EQ(error.reason, "PERMISSION") << method->name();
          EXPECT_FALSE(error.next_step.empty());
        }
        ++(expected ? allowed : denied);
      }
    }
  }
  EXPECT_GT(allowed, 100);
  EXPECT_GT(denied, 400);
}

TEST_F(AuthTest, AnAliasIsForThoseWhoMayUseBothNames) {
  for (const MethodDescriptor* method : UnaryMethods()) {
    if (method->options().GetExtension(v1::rule).memories().empty()) continue;
    for (const char* person : {"admin", "trainer", "writer", "reader"}) {
      EXPECT_TRUE(IsDenied(Call(person, method, *RequestOn(method, "mine-alias"))))
          << person << " " << method->name();
    }
  }
  v1::GetMemoryRequest get;
  get.set_name("memories/mine-alias");
  v1::Memory memory;
  EXPECT_TRUE(stub_->GetMemory(As("root").get(), get, &memory).ok());
}

TEST_F(AuthTest, AnAliasThatMovesGivesNoAccess) {
  std::atomic<bool> over{false};
  const auto point_to = [&](const std::string& memory) {
    v1::SetAliasRequest set;
    set.mutable_alias()->set_name("memories/mine-moving");
    set.mutable_alias()->set_memory("memories/" + memory);
    v1::Alias made;
    return admin_->SetAlias(As("root").get(), set, &made).ok();
  };
  ASSERT_TRUE(point_to("mine"));
  std::thread mover([&] {
    for (int i = 0; !over; ++i) point_to(i % 2 == 0 ? "theirs" : "mine");
  });
  v1::StoreRequest store;
  store.set_memory("memories/mine-moving");
  SetMatrix(UnitRows(7, 1, kDim), kDim, store.mutable_keys());
  int stored = 0, refused = 0;
  // Until each has happened often.
  while (stored < 100 || refused < 100) {
    v1::StoreResponse response;
    const ErrorParts error = Unpack(stub_->Store(As("writer").get(), store, &response));
    stored += error.code == StatusCode::OK ? 1 : 0;
    refused += error.reason == "PERMISSION" ? 1 : 0;
    ASSERT_TRUE(error.code == StatusCode::OK || error.reason == "PERMISSION") << error.message;
  }
  over = true;
  mover.join();
  v1::GetMemoryRequest get;
  get.set_name("memories/theirs");
  v1::Memory memory;
  ASSERT_TRUE(stub_->GetMemory(As("root").get(), get, &memory).ok());
  EXPECT_EQ(memory.state().item_count(), 0u);
  get.set_name("memories/mine");
  ASSERT_TRUE(stub_->GetMemory(As("root").get(), get, &memory).ok());
  EXPECT_EQ(memory.state().item_count(), static_cast<uint64_t>(stored));
}

TEST_F(AuthTest, MemoriesOfOthersAnswerAsThoseThatAreNotThere) {
  for (const MethodDescriptor* method : UnaryMethods()) {
    if (method->options().GetExtension(v1::rule).memories().empty()) continue;
    for (const char* person : {"admin", "reader"}) {
      ErrorParts there = Call(person, method, *RequestOn(method, "theirs"));
      ErrorParts absent = Call(person, method, *RequestOn(method, "absent"));
      EXPECT_EQ(absl::StrReplaceAll(there.message, {{"theirs", "absent"}}), absent.message);
      EXPECT_EQ(there.code, absent.code);
    }
  }
  // A name that is not taken is not answered with one that is.
  v1::GetMemoryRequest get;
  get.set_name("memories/mine-zzz");
  v1::Memory memory;
  const ErrorParts error = Unpack(stub_->GetMemory(As("reader").get(), get, &memory));
  EXPECT_EQ(error.reason, "MEMORY_NOT_FOUND");
  EXPECT_THAT(error.message + error.expected + error.next_step, Not(HasSubstr("theirs")));
  EXPECT_THAT(Unpack(stub_->GetMemory(As("root").get(), get, &memory)).expected,
              HasSubstr("theirs"));
}

TEST_F(AuthTest, ListsShowWhatTheCallerMayRead) {
  const auto memories = [&](const std::string& person) {
    std::vector<std::string> names;
    v1::ListMemoriesRequest request;
    request.set_page_size(1);
    v1::ListMemoriesResponse page;
    do {
      EXPECT_TRUE(stub_->ListMemories(As(person).get(), request, &page).ok());
      for (const v1::Memory& memory : page.memories()) names.push_back(memory.name());
      request.set_page_token(page.next_page_token());
    } while (!page.next_page_token().empty());
    return names;
  };
  EXPECT_THAT(memories("root"), ElementsAre("memories/mine", "memories/theirs"));
  EXPECT_THAT(memories("reader"), ElementsAre("memories/mine"));
  // Nor are those of others counted.
  const auto counted = [&](const std::string& person) {
    v1::ServerInfo info;
    EXPECT_TRUE(stub_->GetServerInfo(As(person).get(), {}, &info).ok());
    return std::pair(info.memory_count(), info.memory_bytes());
  };
  EXPECT_EQ(counted("root").first, 2u);
  EXPECT_EQ(counted("reader").first, 1u);
  EXPECT_EQ(counted("reader").second * 2, counted("root").second);  // they are alike
  v1::ListAliasesResponse aliases;
  ASSERT_TRUE(admin_->ListAliases(As("root").get(), {}, &aliases).ok());
  EXPECT_EQ(aliases.aliases_size(), 1);
  ASSERT_TRUE(admin_->ListAliases(As("admin").get(), {}, &aliases).ok());
  EXPECT_EQ(aliases.aliases_size(), 0);
}

TEST_F(AuthTest, OperationsOnMemoriesOfOthersAreNotThere) {
  v1::CloneMemoryRequest clone;
  clone.set_source("memories/theirs");
  clone.set_memory_id("theirs-copy");
  google::longrunning::Operation operation;
  ASSERT_TRUE(admin_->CloneMemory(As("root").get(), clone, &operation).ok());
  google::longrunning::ListOperationsResponse list;
  ASSERT_TRUE(operations_->ListOperations(As("root").get(), {}, &list).ok());
  EXPECT_EQ(list.operations_size(), 1);
  ASSERT_TRUE(operations_->ListOperations(As("admin").get(), {}, &list).ok());
  EXPECT_EQ(list.operations_size(), 0);
  const auto* service = google::longrunning::Operation::descriptor()->file()->service(0);
  for (int m = 0; m < service->method_count(); ++m) {
    if (service->method(m)->name() == "ListOperations") continue;
    std::unique_ptr<Message> request = New(service->method(m)->input_type());
    Set(request.get(), "name", operation.name());
    const ErrorParts there = Call("admin", service->method(m), *request);
    Set(request.get(), "name", "operations/absent");
    const ErrorParts absent = Call("admin", service->method(m), *request);
    EXPECT_EQ(there.code, StatusCode::NOT_FOUND) << service->method(m)->name();
    EXPECT_EQ(absl::StrReplaceAll(there.message, {{operation.name().substr(11), "absent"}}),
              absent.message);
  }
  v1::WatchAnalysisRequest watch;
  watch.set_operation(operation.name());
  v1::AnalysisSample sample;
  const auto context = As("admin");
  const auto reader = admin_->WatchAnalysis(context.get(), watch);
  EXPECT_FALSE(reader->Read(&sample));
  EXPECT_EQ(Unpack(reader->Finish()).reason, "OPERATION_NOT_FOUND");
  google::longrunning::GetOperationRequest get;
  get.set_name(operation.name());
  EXPECT_TRUE(operations_->GetOperation(As("root").get(), get, &operation).ok());
}

TEST_F(AuthTest, HowMuchIsReadAtTheStartIsForThoseWhoMayReadAll) {
  daemon_->Stop(SIGKILL);
  ASSERT_NO_FATAL_FAILURE(Start());
  v1::ServerInfo info;
  do {
    ASSERT_TRUE(stub_->GetServerInfo(As("root").get(), {}, &info).ok());
  } while (!info.startup().done());
  EXPECT_EQ(info.startup().memories_total(), 2u);
  ASSERT_TRUE(stub_->GetServerInfo(As("reader").get(), {}, &info).ok());
  EXPECT_TRUE(info.startup().done());
  EXPECT_EQ(info.startup().memories_total() + info.startup().memories_done(), 0u);
  EXPECT_EQ(info.startup().rows_total() + info.startup().rows_done(), 0u);
}

// Its answer tells what the copy is called.
TEST_F(AuthTest, TheMakingOfACopyIsSeenByWhoMayReadBothMemories) {
  google::longrunning::Operation operation;
  const auto copy = [&](const std::string& source, const std::string& to) {
    v1::CloneMemoryRequest clone;
    clone.set_source("memories/" + source);
    clone.set_memory_id(to);
    ASSERT_TRUE(admin_->CloneMemory(As("root").get(), clone, &operation).ok());
    google::longrunning::WaitOperationRequest wait;
    wait.set_name(operation.name());
    ASSERT_TRUE(operations_->WaitOperation(As("root").get(), wait, &operation).ok());
    ASSERT_TRUE(operation.has_response());
  };
  const auto seen_by_admin = [&] {
    google::longrunning::ListOperationsResponse list;
    EXPECT_TRUE(operations_->ListOperations(As("admin").get(), {}, &list).ok());
    return list.operations_size();
  };
  google::longrunning::GetOperationRequest get;
  google::longrunning::WaitOperationRequest wait;
  for (const auto& [source, to] :
       {std::pair("mine", "secret-copy"), std::pair("theirs", "mine-copy")}) {
    copy(source, to);
    get.set_name(operation.name());
    wait.set_name(operation.name());
    EXPECT_EQ(seen_by_admin(), 0);
    EXPECT_EQ(Unpack(operations_->GetOperation(As("admin").get(), get, &operation)).reason,
              "OPERATION_NOT_FOUND");
    EXPECT_EQ(Unpack(operations_->WaitOperation(As("admin").get(), wait, &operation)).reason,
              "OPERATION_NOT_FOUND");
  }
  copy("mine", "mine-own-copy");
  get.set_name(operation.name());
  EXPECT_EQ(seen_by_admin(), 1);
  EXPECT_TRUE(operations_->GetOperation(As("admin").get(), get, &operation).ok());
}

}  // namespace
}  // namespace mneme::test
