#include "tests/faults/abuse.h"

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace mneme::test {
namespace {

constexpr char kInfo[] = "/mneme.v1.MemoryService/GetServerInfo";
constexpr int kAtOnce = 100;  // frames or calls of one burst
constexpr size_t kHeaderBytes = 15'000;
constexpr uint32_t kCancel = 8;
constexpr int kEnhanceYourCalm = 11;

std::string Code(uint32_t code) {
  return {static_cast<char>(code >> 24), static_cast<char>(code >> 16),
          static_cast<char>(code >> 8), static_cast<char>(code)};
}

std::string Repeat(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

// The same frames in each burst.
std::function<std::string(uint64_t)> Always(std::string bytes) {
  return [bytes = std::move(bytes)](uint64_t) { return bytes; };
}

// `calls` in each burst, each with a stream of its own.
std::function<std::string(uint64_t)> Calls(int calls, std::function<std::string(uint32_t)> call) {
  return [calls, call = std::move(call)](uint64_t number) {
    std::string out;
    for (int i = 0; i < calls; ++i) {
      out += call(static_cast<uint32_t>(
          (number * static_cast<uint64_t>(calls) + static_cast<uint64_t>(i)) * 2 + 1));
    }
    return out;
  };
}

std::vector<Abuse> MakeFloods() {
  const std::string call = CallHeaders(kInfo);
  const std::string message = CallMessage("");
  const std::string large = HeaderField("x", std::string(kHeaderBytes, 'x'));
  return {
      {.name = "rapid reset",
       .burst = Calls(kAtOnce,
                      [=](uint32_t stream) {
                        return Frame(kHeaders, kEndHeaders, stream, call) +
                               Frame(kReset, 0, stream, Code(kCancel));
                      })},
      {.name = "rapid reset of whole calls",
       .burst = Calls(kAtOnce,
                      [=](uint32_t stream) {
                        return Frame(kHeaders, kEndHeaders, stream, call) +
                               Frame(kData, kEndStream, stream, message) +
                               Frame(kReset, 0, stream, Code(kCancel));
                      })},
      {.name = "headers without end",
       .opening = Frame(kHeaders, 0, 1, call),
       .burst = Always(Repeat(Frame(kContinuation, 0, 1, large), 8))},
      {.name = "empty headers without end",
       .opening = Frame(kHeaders, 0, 1, call),
       .burst = Always(Repeat(Frame(kContinuation, 0, 1), 10 * kAtOnce))},
      {.name = "calls with too large headers",
       .burst = Calls(4,
                      [=](uint32_t stream) {
                        return Frame(kHeaders, kEndHeaders | kEndStream, stream, call + large);
                      })},
      {.name = "pings",
       .burst = Always(Repeat(Frame(kPing, 0, 0, "12345678"), 10 * kAtOnce)),
       .goaway = kEnhanceYourCalm},
      {.name = "answers to no ping",
       .burst = Always(Repeat(Frame(kPing, kAck, 0, "12345678"), 50 * kAtOnce))},
      {.name = "settings",
       .burst =
           Always(Repeat(Frame(kSettings, 0, 0, std::string("\0\3\0\0\0\x64", 6)), 50 * kAtOnce))},
      {.name = "window updates",
       .burst = Always(Repeat(Frame(kWindowUpdate, 0, 0, Code(1)), 50 * kAtOnce))},
      {.name = "window updates, a call broken off now and then",
       .burst = Calls(1,
                      [=](uint32_t stream) {
                        return Frame(kHeaders, kEndHeaders, stream, call) +
                               Frame(kReset, 0, stream, Code(kCancel)) +
                               Repeat(Frame(kWindowUpdate, 0, 0, Code(1)), 50 * kAtOnce);
                      })},
      {.name = "priorities",
       .burst = Always(Repeat(Frame(kPriority, 0, 1, std::string("\0\0\0\0\1", 5)), 50 * kAtOnce))},
  };
}

}  // namespace

const std::vector<Abuse>& Floods() {
  static const std::vector<Abuse> floods = MakeFloods();
  return floods;
}

Reader::Reader(const Daemon& daemon, std::string memory, int dim)
    : Reader(daemon.Connect(), std::move(memory), dim) {}

Reader::Reader(std::shared_ptr<grpc::Channel> channel, std::string memory, int dim)
    : stub_(v1::MemoryService::NewStub(std::move(channel))),
      thread_([this, memory = std::move(memory), dim] { Run(memory, dim); }) {}

void Reader::Stop() {
  over_ = true;
  if (thread_.joinable()) thread_.join();
}

void Reader::Run(const std::string& memory, int dim) {
  v1::RetrieveRequest retrieve;
  retrieve.set_memory(memory);
  retrieve.set_top(1);
  SetMatrix(UnitRows(4, 1, dim), dim, retrieve.mutable_cues());
  while (!over_) {
    const auto start = std::chrono::steady_clock::now();
    v1::RetrieveResponse recalled;
    const grpc::Status status = MNEME_CALL(stub_, Retrieve, retrieve, &recalled);
    if (status.ok()) times_.Add(start);
    if (!status.ok() && status.error_code() != grpc::StatusCode::RESOURCE_EXHAUSTED) ++failed_;
  }
}

void MakeReadMemory(v1::MemoryService::Stub& stub, const std::string& name, int dim, int rows) {
  v1::CreateMemoryRequest create;
  create.set_memory_id(name);
  create.mutable_memory()->set_key_dim(static_cast<uint32_t>(dim));
  create.mutable_memory()->mutable_dense()->set_beta(16);
  v1::Memory memory;
  grpc::Status status = MNEME_CALL(&stub, CreateMemory, create, &memory);
  ASSERT_TRUE(status.ok()) << status.error_message();
  if (rows == 0) return;
  v1::StoreRequest store;
  store.set_memory("memories/" + name);
  SetMatrix(UnitRows(3, rows, dim), dim, store.mutable_keys());
  v1::StoreResponse stored;
  status = MNEME_CALL(&stub, Store, store, &stored);
  ASSERT_TRUE(status.ok()) << status.error_message();
}

Holdings HoldingsOf(pid_t pid) {
  const auto count = [pid](const char* what) {
    std::error_code error;
    const std::filesystem::directory_iterator entries(absl::StrCat("/proc/", pid, "/", what),
                                                      error);
    return error ? uint64_t{0} : static_cast<uint64_t>(std::distance(begin(entries), end(entries)));
  };
  return {.files = count("fd"), .threads = count("task")};
}

}  // namespace mneme::test
