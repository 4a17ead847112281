#include "server/rpc/rpc_table.h"

#include <map>

#include "core/base/status.h"
#include "google/longrunning/operations.pb.h"
#include "mneme/v1/admin_service.pb.h"
#include "mneme/v1/federation_service.pb.h"
#include "mneme/v1/memory_service.pb.h"
#include "mneme/v1/peer_service.pb.h"

namespace mneme::server {
namespace {

// google.longrunning is not ours to write rules into.
v1::MethodRule RuleOfOperations(const std::string& method) {
  v1::MethodRule rule;
  rule.set_role(v1::ROLE_ANY);
  if (method == "ListOperations") {
    rule.set_http("/v1/operations:list");
  } else if (method == "GetOperation") {
    rule.set_http("/v1/{name=operations/*}:get");
  } else if (method == "DeleteOperation") {
    rule.set_http("/v1/{name=operations/*}:delete");
  } else if (method == "CancelOperation") {
    rule.set_http("/v1/{name=operations/*}:cancel");
  } else if (method == "WaitOperation") {
    rule.set_http("/v1/{name=operations/*}:wait");
  }
  return rule;
}

std::vector<Rpc> MakeRpcs() {
  std::vector<Rpc> out;
  for (const google::protobuf::FileDescriptor* file :
       {v1::StoreRequest::descriptor()->file(), v1::SetAliasRequest::descriptor()->file(),
        v1::GetFederationRequest::descriptor()->file(), v1::PeerFrame::descriptor()->file(),
        google::longrunning::Operation::descriptor()->file()}) {
    const bool operations = file->package() == "google.longrunning";
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m) {
        const google::protobuf::MethodDescriptor* method = file->service(s)->method(m);
        out.push_back(
            {.descriptor = method,
             .path = absl::StrCat("/", file->service(s)->full_name(), "/", method->name()),
             .rule = operations ? RuleOfOperations(method->name())
                                : method->options().GetExtension(v1::rule)});
      }
    }
  }
  return out;
}

std::map<const google::protobuf::Descriptor*, size_t> MakeIndex() {
  std::map<const google::protobuf::Descriptor*, size_t> out;
  for (size_t i = 0; i < AllRpcs().size(); ++i) {
    MNEME_CHECK(out.emplace(AllRpcs()[i].descriptor->input_type(), i).second);
  }
  return out;
}

}  // namespace

const std::vector<Rpc>& AllRpcs() {
  static const std::vector<Rpc> methods = MakeRpcs();
  return methods;
}

size_t RpcOf(const google::protobuf::Descriptor& request) {
  static const std::map<const google::protobuf::Descriptor*, size_t> index = MakeIndex();
  const auto found = index.find(&request);
  MNEME_CHECK(found != index.end());
  return found->second;
}

}  // namespace mneme::server
