// How calls are let in, against a live daemon: keys that are not known or are taken back, messages
// that are not parsed, streams, rates, and what the audit log tells of them.
#include <algorithm>

#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "tests/integration/auth.h"

namespace mneme::test {
namespace {

using google::protobuf::MethodDescriptor;
using grpc::StatusCode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

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
  const auto send = [&](const std::string& person, const MethodDescriptor* method) {
    return Unpack(SendBytes(person, "/" + method->service()->full_name() + "/" + method->name(),
                            std::string(100'000, '\xff')));
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
  // Refusals of what was not read are in the audit log too.
  const std::vector<nlohmann::json> audit = StopAndReadAudit();
  EXPECT_EQ(std::count_if(audit.begin(), audit.end(),
                          [](const nlohmann::json& line) {
                            return line["verb"] == "Store" && line["code"] == "UNAUTHENTICATED";
                          }),
            2);
}

// What a message takes once it is parsed is within what all calls may hold, whoever sends it.
TEST_F(AuthTest, MessagesOfManySmallPartsAreNotParsed) {
  v1::StoreRequest store;
  const auto* parts = store.GetDescriptor()->FindFieldByName("expire_times");
  std::string bytes;
  for (int i = 0; i < 10'000'000; ++i) {
    bytes.push_back(static_cast<char>(parts->number() << 3 | 2));
    bytes.push_back('\0');
  }
  const ErrorParts refused = Unpack(SendBytes("root", "/mneme.v1.MemoryService/Store", bytes));
  EXPECT_EQ(refused.code, StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(refused.reason, "LIMIT");
  EXPECT_THAT(refused.message, HasSubstr("all calls together"));
  // Likewise in a stream: in its first message's chunk.
  v1::StoreStreamRequest message;
  message.mutable_chunk()->mutable_store();
  const auto wrapped = [](int number, const std::string& inner) {
    std::string out(1, static_cast<char>(number << 3 | 2));
    for (uint64_t n = inner.size(); n > 0; n >>= 7) {
      out.push_back(static_cast<char>((n & 0x7f) | (n > 0x7f ? 0x80 : 0)));
    }
    return out + inner;
  };
  const auto number = [](const google::protobuf::Descriptor* type, const char* name) {
    return type->FindFieldByName(name)->number();
  };
  const std::string chunk = wrapped(number(v1::StoreStreamChunk::descriptor(), "store"), bytes);
  const std::string in_stream =
      wrapped(number(v1::StoreStreamRequest::descriptor(), "chunk"), chunk);
  const ErrorParts of_stream =
      Unpack(SendBytes("root", "/mneme.v1.MemoryService/StoreStream", in_stream));
  EXPECT_EQ(of_stream.reason, "LIMIT") << of_stream.message;
  const ErrorParts unreadable =
      Unpack(SendBytes("root", "/mneme.v1.MemoryService/StoreStream", "no message"));
  EXPECT_EQ(unreadable.reason, "REQUEST_BYTES") << unreadable.message;
  v1::ListMemoriesResponse page;
  EXPECT_TRUE(stub_->ListMemories(As("root").get(), {}, &page).ok());
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
