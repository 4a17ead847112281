#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "echo.grpc.pb.h"
#include "tests/bench/bench.h"

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

}  // namespace mneme::bench
