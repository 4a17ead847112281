// Who may do what, against a live daemon: each RPC of the contract, as its descriptors tell it, by
// each role, on memories of his own and of others; and what a caller can find out of the latter.
#include <google/protobuf/message.h>
#include <grpcpp/generic/generic_stub.h>
#include <openssl/sha.h>

#include <atomic>
#include <fstream>
#include <future>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/strings/escaping.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "google/longrunning/operations.grpc.pb.h"
#include "gtest/gtest.h"
#include "mneme/v1/admin_service.grpc.pb.h"
#include "mneme/v1/federation_service.pb.h"
#include "mneme/v1/method.pb.h"
#include "tests/integration/live.h"
#include "tests/support/certificates.h"

namespace mneme::test {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;
using grpc::StatusCode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kDim = 4;

std::string Sha256Hex(const std::string& text) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  return absl::BytesToHexString(std::string(digest, digest + sizeof(digest)));
}

struct Person {
  std::string name;
  v1::Role role = v1::ROLE_UNSPECIFIED;
  std::string memories;  // empty: no grant
};

// The key of a person is "key-of-" and the name.
const Person kPeople[] = {
    {"root", v1::ROLE_ADMIN, "*"},          {"admin", v1::ROLE_ADMIN, "mine*"},
    {"trainer", v1::ROLE_TRAINER, "mine*"}, {"writer", v1::ROLE_WRITER, "mine*"},
    {"reader", v1::ROLE_READER, "mine*"},   {"nobody", v1::ROLE_UNSPECIFIED, ""}};

std::string AuthFile() {
  std::string text = "keys:\n";
  for (const Person& person : kPeople) {
    text +=
        "  - name: " + person.name + "\n    sha256: " + Sha256Hex("key-of-" + person.name) + "\n";
    if (person.memories.empty()) continue;
    std::string role = v1::Role_Name(person.role).substr(5);
    for (char& c : role) c = static_cast<char>(std::tolower(c));
    text += "    grants: [{role: " + role + ", memories: \"" + person.memories + "\"}]\n";
  }
  return text + "  - name: slow\n    sha256: " + Sha256Hex("key-of-slow") +
         "\n    grants: [{role: reader, memories: \"*\"}]\n    limits: {calls_per_second: 0.01}\n";
}

class AuthTest : public ::testing::Test {
 protected:
  void Start() {
    daemon_ =
        Daemon::Mnemed(MNEMED_PATH, directory_.path(),
                       {"--auth.file=" + WriteFile(directory_.path() + "/auth.yaml", AuthFile()),
                        "--audit.file=" + directory_.path() + "/audit.jsonl"});
    ASSERT_NE(daemon_->port(), 0) << "mnemed did not start; see its log";
    channel_ = daemon_->Connect();
    stub_ = v1::MemoryService::NewStub(channel_);
    admin_ = v1::AdminService::NewStub(channel_);
    operations_ = google::longrunning::Operations::NewStub(channel_);
  }
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(Start());
    for (const char* name : {"mine", "theirs"}) {
      v1::CreateMemoryRequest create;
      create.set_memory_id(name);
      create.mutable_memory()->set_key_dim(kDim);
      create.mutable_memory()->mutable_dense()->set_similarity(v1::SIMILARITY_DOT);
      v1::Memory memory;
      ASSERT_TRUE(stub_->CreateMemory(As("root").get(), create, &memory).ok());
    }
    v1::SetAliasRequest alias;
    alias.mutable_alias()->set_name("memories/mine-alias");
    alias.mutable_alias()->set_memory("memories/theirs");
    v1::Alias made;
    ASSERT_TRUE(admin_->SetAlias(As("root").get(), alias, &made).ok());
  }

  // The context of a call; "": without a key.
  static std::unique_ptr<grpc::ClientContext> As(const std::string& person) {
    auto context = std::make_unique<grpc::ClientContext>();
    context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    if (!person.empty()) context->AddMetadata("authorization", "Bearer key-of-" + person);
    return context;
  }
  // Any unary call.
  ErrorParts Call(const std::string& person, const MethodDescriptor* method,
                  const Message& request) {
    grpc::GenericStub stub(channel_);
    const grpc::Slice slice(request.SerializeAsString());
    const grpc::ByteBuffer bytes(&slice, 1);
    grpc::ByteBuffer response;
    const auto context = As(person);
    std::promise<grpc::Status> done;
    stub.UnaryCall(context.get(), "/" + method->service()->full_name() + "/" + method->name(), {},
                   &bytes, &response,
                   [&done](grpc::Status status) { done.set_value(std::move(status)); });
    return Unpack(done.get_future().get());
  }
  static std::unique_ptr<Message> New(const Descriptor* type) {
    return std::unique_ptr<Message>(
        google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
  }
  static void Set(Message* message, const std::string& path, const std::string& text) {
    const std::vector<std::string> parts = absl::StrSplit(path, '.');
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      const FieldDescriptor* field = message->GetDescriptor()->FindFieldByName(parts[i]);
      message = message->GetReflection()->MutableMessage(message, field);
    }
    message->GetReflection()->SetString(
        message, message->GetDescriptor()->FindFieldByName(parts.back()), text);
  }
  // The request of a unary RPC that names one memory wherever it can, and changes nothing where it
  // is allowed.
  static std::unique_ptr<Message> RequestOn(const MethodDescriptor* method,
                                            const std::string& memory) {
    std::unique_ptr<Message> request = New(method->input_type());
    for (const std::string& path : method->options().GetExtension(v1::rule).memories())
      Set(request.get(), path, "memories/" + memory);
    if (method->name() == "DeleteMemory") Set(request.get(), "etag", "not the present one");
    return request;
  }
  static std::vector<const MethodDescriptor*> UnaryMethods() {
    std::vector<const MethodDescriptor*> out;
    for (const auto* file :
         {v1::StoreRequest::descriptor()->file(), v1::SetAliasRequest::descriptor()->file(),
          v1::GetFederationRequest::descriptor()->file()}) {
      for (int s = 0; s < file->service_count(); ++s) {
        for (int m = 0; m < file->service(s)->method_count(); ++m) {
          const MethodDescriptor* method = file->service(s)->method(m);
          if (!method->client_streaming() && !method->server_streaming()) out.push_back(method);
        }
      }
    }
    return out;
  }
  static bool IsDenied(const ErrorParts& error) {
    return error.code == StatusCode::PERMISSION_DENIED || error.code == StatusCode::UNAUTHENTICATED;
  }
  std::vector<nlohmann::json> StopAndReadAudit() {
    stub_.reset();  // an open connection would hold up the end
    admin_.reset();
    operations_.reset();
    channel_.reset();
    EXPECT_EQ(daemon_->Stop(SIGTERM), 0);
    std::vector<nlohmann::json> out;
    std::ifstream file(directory_.path() + "/audit.jsonl");
    for (std::string line; std::getline(file, line);) out.push_back(nlohmann::json::parse(line));
    return out;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<Daemon> daemon_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::MemoryService::Stub> stub_;
  std::unique_ptr<v1::AdminService::Stub> admin_;
  std::unique_ptr<google::longrunning::Operations::Stub> operations_;
};

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

TEST_F(AuthTest, WithoutAKnownKeyNothingIsServed) {
  for (const MethodDescriptor* method : UnaryMethods()) {
    const ErrorParts without = Call("", method, *RequestOn(method, "mine"));
    EXPECT_EQ(without.code, StatusCode::UNAUTHENTICATED) << method->name();
    EXPECT_EQ(without.reason, "NO_CREDENTIALS");
    EXPECT_THAT(without.next_step, HasSubstr("--api-key-file"));
    EXPECT_EQ(Call("stranger", method, *RequestOn(method, "mine")).reason, "UNKNOWN_KEY");
  }
  const auto* operations = google::longrunning::Operation::descriptor()->file()->service(0);
  for (int m = 0; m < operations->method_count(); ++m) {
    const MethodDescriptor* method = operations->method(m);
    const ErrorParts error = Call("", method, *New(method->input_type()));
    EXPECT_EQ(error.code, StatusCode::UNAUTHENTICATED) << method->name();
    EXPECT_TRUE(IsDenied(Call("nobody", method, *New(method->input_type()))) ||
                Call("nobody", method, *New(method->input_type())).reason == "OPERATION_NOT_FOUND")
        << method->name();
  }
}

// A large message is looked into only once its sender is known, who hears that it cannot be parsed.
TEST_F(AuthTest, LargeMessagesOfStrangersAreNotParsed) {
  auto stub = std::make_unique<grpc::GenericStub>(channel_);
  const grpc::Slice garbage(std::string(100'000, '\xff'));
  const grpc::ByteBuffer bytes(&garbage, 1);
  const auto send = [&](const std::string& person, const MethodDescriptor* method) {
    const auto context = As(person);
    grpc::CompletionQueue queue;
    const auto call = stub->PrepareCall(
        context.get(), "/" + method->service()->full_name() + "/" + method->name(), &queue);
    grpc::Status status;
    void* tag = nullptr;
    bool ok = false;
    call->StartCall(&tag);
    queue.Next(&tag, &ok);
    call->WriteLast(bytes, {}, &tag);
    queue.Next(&tag, &ok);
    call->Finish(&status, &tag);
    queue.Next(&tag, &ok);
    return Unpack(status);
  };
  int methods = 0;
  for (const auto* file :
       {v1::StoreRequest::descriptor()->file(), v1::SetAliasRequest::descriptor()->file(),
        v1::GetFederationRequest::descriptor()->file(),
        google::longrunning::Operation::descriptor()->file()}) {
    for (int m = 0; m < file->service(0)->method_count(); ++m) {
      const MethodDescriptor* const method = file->service(0)->method(m);
      ++methods;
      EXPECT_EQ(send("", method).reason, "NO_CREDENTIALS") << method->full_name();
      EXPECT_EQ(send("stranger", method).reason, "UNKNOWN_KEY") << method->full_name();
      if (method->client_streaming()) continue;  // is let in before its messages
      const auto unreadable = send("root", method);
      EXPECT_EQ(unreadable.code, StatusCode::INVALID_ARGUMENT) << method->full_name();
      EXPECT_EQ(unreadable.reason, "REQUEST_BYTES") << method->full_name();
    }
  }
  EXPECT_GT(methods, 40);
  v1::ListMemoriesResponse page;
  EXPECT_TRUE(stub_->ListMemories(As("root").get(), {}, &page).ok());
  stub.reset();  // as StopAndReadAudit does
  // Refusals of what was not read are in the audit log too.
  const std::vector<nlohmann::json> audit = StopAndReadAudit();
  EXPECT_EQ(std::count_if(audit.begin(), audit.end(),
                          [](const nlohmann::json& line) {
                            return line["verb"] == "Store" && line["code"] == "UNAUTHENTICATED";
                          }),
            2);
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

TEST_F(AuthTest, AStreamIsLetInAtItsBeginningAndByItsMemory) {
  const auto open = [&](const std::string& person, const std::string& memory) {
    const auto context = As(person);
    const auto stream = stub_->StoreStream(context.get());
    v1::StoreStreamRequest request;
    request.mutable_open()->set_memory("memories/" + memory);
    request.mutable_open()->set_session_id("session");
    stream->Write(request);
    stream->WritesDone();
    v1::StoreStreamResponse response;
    while (stream->Read(&response)) {
    }
    return Unpack(stream->Finish());
  };
  EXPECT_EQ(open("writer", "mine").code, StatusCode::OK);
  EXPECT_EQ(open("writer", "theirs").reason, "PERMISSION");
  EXPECT_EQ(open("writer", "mine-alias").reason, "PERMISSION");
  EXPECT_EQ(open("reader", "mine").reason, "PERMISSION");
  EXPECT_EQ(open("nobody", "mine").reason, "PERMISSION");
  EXPECT_EQ(open("", "mine").reason, "NO_CREDENTIALS");
  EXPECT_EQ(open("stranger", "mine").reason, "UNKNOWN_KEY");
  // Whoever says nothing does not stay.
  const auto context = As("");
  const auto stream = stub_->StoreStream(context.get());
  v1::StoreStreamResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(stream->Finish().error_code(), StatusCode::UNAUTHENTICATED);
}

TEST_F(AuthTest, WhoOpensStreamsWithoutEndKeepsNobodyElseOut) {
  struct Open {
    std::unique_ptr<grpc::ClientContext> context;
    std::unique_ptr<grpc::ClientReaderWriter<v1::StoreStreamRequest, v1::StoreStreamResponse>> it;
  };
  v1::StoreStreamResponse response;
  const auto open = [&](const std::string& person, std::vector<Open>* to) {
    to->push_back({As(person), nullptr});
    to->back().it = stub_->StoreStream(to->back().context.get());
    v1::StoreStreamRequest request;
    request.mutable_open()->set_memory("memories/mine");
    request.mutable_open()->set_session_id("session");
    to->back().it->Write(request);
    return to->back().it->Read(&response);
  };
  std::vector<Open> of_writer, of_trainer;
  while (of_writer.size() <= 1024 && open("writer", &of_writer)) {
  }
  EXPECT_EQ(of_writer.size(), 257u);
  const ErrorParts error = Unpack(of_writer.back().it->Finish());
  EXPECT_EQ(error.reason, "BUSY");
  EXPECT_EQ(error.given, "257 streams");
  EXPECT_THAT(error.message, HasSubstr("'writer'"));
  EXPECT_TRUE(open("trainer", &of_trainer));
  EXPECT_GT(response.opened().window(), 512u);
}

TEST_F(AuthTest, AKeyThatIsTakenBackEndsItsStreamsAndCalls) {
  const auto context = As("writer");
  const auto stream = stub_->StoreStream(context.get());
  v1::StoreStreamRequest request;
  request.mutable_open()->set_memory("memories/mine");
  request.mutable_open()->set_session_id("session");
  v1::StoreStreamResponse response;
  ASSERT_TRUE(stream->Write(request));
  ASSERT_TRUE(stream->Read(&response));
  const auto chunk = [](uint64_t sequence) {
    v1::StoreStreamRequest out;
    out.mutable_chunk()->set_sequence(sequence);
    SetMatrix(UnitRows(sequence, 1, kDim), kDim,
              out.mutable_chunk()->mutable_store()->mutable_keys());
    return out;
  };
  ASSERT_TRUE(stream->Write(chunk(1)));
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.ack().sequence(), 1u);

  WriteFile(directory_.path() + "/auth.yaml",
            absl::StrReplaceAll(AuthFile(), {{"name: writer", "name: stranger"},
                                             {Sha256Hex("key-of-writer"), Sha256Hex("other")}}));
  v1::ReloadConfigResponse reloaded;
  ASSERT_TRUE(admin_->ReloadConfig(As("root").get(), {}, &reloaded).ok());
  stream->Write(chunk(2));
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(Unpack(stream->Finish()).reason, "UNKNOWN_KEY");
  v1::ListMemoriesResponse page;
  EXPECT_EQ(Unpack(stub_->ListMemories(As("writer").get(), {}, &page)).reason, "UNKNOWN_KEY");
  EXPECT_TRUE(stub_->ListMemories(As("reader").get(), {}, &page).ok());

  // A bad file changes nothing, and says why.
  WriteFile(directory_.path() + "/auth.yaml", "keys: none");
  const ErrorParts error = Unpack(admin_->ReloadConfig(As("root").get(), {}, &reloaded));
  EXPECT_THAT(error.message, HasSubstr("line 1"));
  EXPECT_TRUE(stub_->ListMemories(As("reader").get(), {}, &page).ok());
}

TEST_F(AuthTest, WhoIsTooFastIsToldHowLongToWait) {
  v1::ListMemoriesResponse page;
  EXPECT_TRUE(stub_->ListMemories(As("slow").get(), {}, &page).ok());
  const ErrorParts error = Unpack(stub_->ListMemories(As("slow").get(), {}, &page));
  EXPECT_EQ(error.code, StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(error.reason, "RATE");
  EXPECT_TRUE(error.retry);
  EXPECT_TRUE(stub_->ListMemories(As("reader").get(), {}, &page).ok());  // others are not
}

TEST_F(AuthTest, TheAuditLogTellsWritesAndRefusalsAndNoSecrets) {
  v1::StoreRequest store;
  store.set_memory("memories/mine");
  SetMatrix(UnitRows(5, 2, kDim), kDim, store.mutable_keys());
  store.add_payloads("a payload");
  store.add_payloads("another payload");
  v1::StoreResponse stored;
  const grpc::Status status = stub_->Store(As("writer").get(), store, &stored);
  ASSERT_TRUE(status.ok()) << status.error_message();
  store.set_memory("memories/theirs");
  EXPECT_FALSE(stub_->Store(As("writer").get(), store, &stored).ok());
  v1::ListMemoriesResponse page;
  EXPECT_TRUE(stub_->ListMemories(As("reader").get(), {}, &page).ok());
  EXPECT_FALSE(stub_->ListMemories(As("stranger").get(), {}, &page).ok());
  const std::vector<nlohmann::json> lines = StopAndReadAudit();
  std::vector<std::string> told;
  for (const nlohmann::json& line : lines) {
    told.push_back(line["who"].get<std::string>() + " " + line["verb"].get<std::string>() + " " +
                   line.value("memory", "-") + " " + line["code"].get<std::string>());
    EXPECT_THAT(line["from"].get<std::string>(), HasSubstr("127.0.0.1"));
    for (const char* secret : {"payload", "key-of-", "stranger"})
      EXPECT_THAT(line.dump(), Not(HasSubstr(secret)));
  }
  EXPECT_THAT(told, ElementsAre("root CreateMemory mine OK", "root CreateMemory theirs OK",
                                "root SetAlias mine-alias OK", "writer Store mine OK",
                                "writer Store theirs PERMISSION_DENIED",
                                " ListMemories - UNAUTHENTICATED"));
  ASSERT_EQ(lines.size(), 6u);
  EXPECT_EQ(lines[3]["position"], stored.position());
  EXPECT_EQ(lines[4]["reason"], "PERMISSION");
}

}  // namespace
}  // namespace mneme::test
