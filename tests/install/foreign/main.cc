// Uses the installed client and the installed generated code. Nobody listens at the target: the
// error must say so.
#include <iostream>

#include "mneme/client.h"
#include "mneme/v1/memory_service.grpc.pb.h"

int main() {
  mneme::v1::StoreRequest request;
  request.mutable_keys()->set_dtype(mneme::v1::DTYPE_FLOAT32);

  mneme::client::Client client(
      {.target = "unix:/nonexistent/mneme.sock", .retry = {.attempts_max = 1}});
  const auto info = client.GetServerInfo();
  const mneme::client::Error error = mneme::client::GetError(info.status());
  std::cout << error.message << "\n" << error.next_step << "\n";
  return error.reason == "UNREACHABLE" && !error.next_step.empty() ? 0 : 1;
}
