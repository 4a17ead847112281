#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "echo.grpc.pb.h"
#include "tests/bench/floors.h"

namespace mneme::bench {
namespace {

class EchoService final : public Echo::CallbackService {
  grpc::ServerUnaryReactor* Call(grpc::CallbackServerContext* context, const EchoRequest* request,
                                 EchoReply* reply) override {
    reply->mutable_payload()->resize(request->reply_bytes());
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

// The payload's tag and length take up to three bytes, the size of the reply three more.
EchoRequest RequestOf(size_t request_bytes, size_t reply_bytes) {
  EchoRequest out;
  out.mutable_payload()->resize(request_bytes > 6 ? request_bytes - 6 : 0);
  out.set_reply_bytes(static_cast<uint32_t>(reply_bytes > 3 ? reply_bytes - 3 : 0));
  return out;
}

}  // namespace

int RunEchoServer(const std::string& port_file) {
  EchoService service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  std::ofstream(port_file + ".tmp") << port << "\n";
  if (std::rename((port_file + ".tmp").c_str(), port_file.c_str()) != 0) return 1;
  server->Wait();
  return 0;
}

struct EchoServer::Parts {
  test::TemporaryDirectory directory;
  std::unique_ptr<test::Daemon> daemon;
  std::unique_ptr<Echo::Stub> stub;
  std::vector<EchoRequest> requests;
};

EchoServer::EchoServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
EchoServer::~EchoServer() = default;

absl::StatusOr<std::unique_ptr<EchoServer>> EchoServer::Start(const Context& context) {
  auto parts = std::make_unique<Parts>();
  const std::string& folder = parts->directory.path();
  parts->daemon = std::make_unique<test::Daemon>(
      context.self, std::vector<std::string>{"echo-server", folder + "/port"}, folder + "/port",
      folder + "/log");
  if (parts->daemon->port() == 0) {
    return Unavailable("the echo server did not start",
                       {.reason = "DAEMON",
                        .given = context.self,
                        .expected = "a server that listens",
                        .next_step = "Run mneme-bench echo-server FILE by hand."});
  }
  parts->stub = Echo::NewStub(parts->daemon->Connect());
  return std::unique_ptr<EchoServer>(new EchoServer(std::move(parts)));
}

StartCall EchoServer::Calls(size_t request_bytes, size_t reply_bytes) {
  parts_->requests = {RequestOf(request_bytes, reply_bytes)};
  return UnaryCalls<EchoReply>(
      parts_->requests, [this](auto* context, auto* request, auto* response, auto done) {
        parts_->stub->async()->Call(context, request, response, std::move(done));
      });
}

absl::StatusOr<LoadResult> EchoServer::OneAtATime(size_t calls, size_t request_bytes,
                                                  size_t reply_bytes) {
  const EchoRequest request = RequestOf(request_bytes, reply_bytes);
  return bench::OneAtATime(calls, [&](size_t) {
    grpc::ClientContext context;
    EchoReply reply;
    return parts_->stub->Call(&context, request, &reply);
  });
}

}  // namespace mneme::bench
