// A live daemon that knows people of each role, and calls as them.
#ifndef MNEME_TESTS_INTEGRATION_AUTH_H_
#define MNEME_TESTS_INTEGRATION_AUTH_H_

#include <google/protobuf/message.h>
#include <grpcpp/generic/generic_stub.h>
#include <openssl/sha.h>

#include <cctype>
#include <fstream>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"
#include "google/longrunning/operations.grpc.pb.h"
#include "gtest/gtest.h"
#include "mneme/v1/admin_service.grpc.pb.h"
#include "mneme/v1/federation_service.pb.h"
#include "mneme/v1/method.pb.h"
#include "tests/integration/live.h"
#include "tests/support/certificates.h"

namespace mneme::test {

inline constexpr int kDim = 4;

inline std::string Sha256Hex(const std::string& text) {
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
inline const Person kPeople[] = {
    {"root", v1::ROLE_ADMIN, "*"},          {"admin", v1::ROLE_ADMIN, "mine*"},
    {"trainer", v1::ROLE_TRAINER, "mine*"}, {"writer", v1::ROLE_WRITER, "mine*"},
    {"reader", v1::ROLE_READER, "mine*"},   {"nobody", v1::ROLE_UNSPECIFIED, ""}};

inline std::string AuthFile() {
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
    daemon_ = Daemon::Mnemed(
        MNEMED_PATH, directory_.path(),
        {"--auth.file=" + WriteFile(directory_.path() + "/auth.yaml", AuthFile()),
         "--audit.file=" + directory_.path() + "/audit.jsonl", "--engine.memory_bytes_max=1G"});
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
  ErrorParts Call(const std::string& person, const google::protobuf::MethodDescriptor* method,
                  const google::protobuf::Message& request) {
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
  // A call with one message of these bytes, whatever they are.
  grpc::Status SendBytes(const std::string& person, const std::string& path,
                         const std::string& message) {
    const grpc::Slice slice(message);
    const grpc::ByteBuffer bytes(&slice, 1);
    const auto context = As(person);
    grpc::CompletionQueue queue;
    const auto call = grpc::GenericStub(channel_).PrepareCall(context.get(), path, &queue);
    grpc::Status status;
    void* tag = nullptr;
    bool ok = false;
    call->StartCall(&tag);
    queue.Next(&tag, &ok);
    call->WriteLast(bytes, {}, &tag);
    queue.Next(&tag, &ok);
    call->Finish(&status, &tag);
    queue.Next(&tag, &ok);
    return status;
  }
  static std::unique_ptr<google::protobuf::Message> New(const google::protobuf::Descriptor* type) {
    return std::unique_ptr<google::protobuf::Message>(
        google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
  }
  static void Set(google::protobuf::Message* message, const std::string& path,
                  const std::string& text) {
    const std::vector<std::string> parts = absl::StrSplit(path, '.');
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      const google::protobuf::FieldDescriptor* field =
          message->GetDescriptor()->FindFieldByName(parts[i]);
      message = message->GetReflection()->MutableMessage(message, field);
    }
    message->GetReflection()->SetString(
        message, message->GetDescriptor()->FindFieldByName(parts.back()), text);
  }
  // The request of a unary RPC that names one memory wherever it can, and changes nothing where it
  // is allowed.
  static std::unique_ptr<google::protobuf::Message> RequestOn(
      const google::protobuf::MethodDescriptor* method, const std::string& memory) {
    std::unique_ptr<google::protobuf::Message> request = New(method->input_type());
    for (const std::string& path : method->options().GetExtension(v1::rule).memories())
      Set(request.get(), path, "memories/" + memory);
    if (method->name() == "DeleteMemory") Set(request.get(), "etag", "not the present one");
    return request;
  }
  static std::vector<const google::protobuf::MethodDescriptor*> UnaryMethods() {
    std::vector<const google::protobuf::MethodDescriptor*> out;
    for (const auto* file :
         {v1::StoreRequest::descriptor()->file(), v1::SetAliasRequest::descriptor()->file(),
          v1::GetFederationRequest::descriptor()->file()}) {
      for (int s = 0; s < file->service_count(); ++s) {
        for (int m = 0; m < file->service(s)->method_count(); ++m) {
          const google::protobuf::MethodDescriptor* method = file->service(s)->method(m);
          if (!method->client_streaming() && !method->server_streaming()) out.push_back(method);
        }
      }
    }
    return out;
  }
  static bool IsDenied(const ErrorParts& error) {
    return error.code == grpc::StatusCode::PERMISSION_DENIED ||
           error.code == grpc::StatusCode::UNAUTHENTICATED;
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

}  // namespace mneme::test

#endif  // MNEME_TESTS_INTEGRATION_AUTH_H_
