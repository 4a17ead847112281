#include "server/auth/methods.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/status.h"
#include "google/longrunning/operations.pb.h"
#include "mneme/v1/admin_service.pb.h"
#include "mneme/v1/federation_service.pb.h"
#include "mneme/v1/memory_service.pb.h"
#include "mneme/v1/peer_service.pb.h"

namespace mneme::server {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// RPCs that name an operation: what is needed on the memory that it is about.
struct OperationRule {
  const char* verb;
  v1::Role role;
  const char* field;
};
constexpr OperationRule kOperationRules[] = {
    {"GetOperation", v1::ROLE_READER, "name"},       {"WaitOperation", v1::ROLE_READER, "name"},
    {"WatchAnalysis", v1::ROLE_READER, "operation"}, {"CancelOperation", v1::ROLE_TRAINER, "name"},
    {"DeleteOperation", v1::ROLE_TRAINER, "name"},
};

FieldPath PathOf(const Descriptor* message, const std::string& text) {
  FieldPath path;
  for (const absl::string_view part : absl::StrSplit(text, '.')) {
    const std::string name(part);
    MNEME_CHECK(message != nullptr);
    const FieldDescriptor* field = message->FindFieldByName(name);
    MNEME_CHECK(field != nullptr && !field->is_repeated());
    path.push_back(field);
    message = field->message_type();
  }
  MNEME_CHECK(path.back()->cpp_type() == FieldDescriptor::CPPTYPE_STRING);
  return path;
}

}  // namespace

const std::string& TextAt(const google::protobuf::Message& message, const FieldPath& path) {
  const google::protobuf::Message* at = &message;
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    at = &at->GetReflection()->GetMessage(*at, path[i]);
  }
  std::string scratch;
  const std::string& text = at->GetReflection()->GetStringReference(*at, path.back(), &scratch);
  MNEME_CHECK(&text != &scratch);  // strings of our messages are stored as such
  return text;
}

void SetTextAt(google::protobuf::Message* message, const FieldPath& path, std::string text) {
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    message = message->GetReflection()->MutableMessage(message, path[i]);
  }
  message->GetReflection()->SetString(message, path.back(), std::move(text));
}

std::string LoggedName(const Method& method, const google::protobuf::Message& request) {
  for (const FieldPath& path : method.memories) {
    const std::string& name = TextAt(request, path);
    if (!name.empty()) return name.substr(0, kLoggedNameBytesMax);
  }
  return "";
}

MethodTable::MethodTable() {
  const google::protobuf::FileDescriptor* const files[] = {
      v1::StoreRequest::descriptor()->file(), v1::SetAliasRequest::descriptor()->file(),
      v1::GetFederationRequest::descriptor()->file(), v1::PeerFrame::descriptor()->file()};
  for (const google::protobuf::FileDescriptor* file : files) {
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m) {
        const google::protobuf::MethodDescriptor* method = file->service(s)->method(m);
        Add(method, method->options().GetExtension(v1::rule));
      }
    }
  }
  const google::protobuf::ServiceDescriptor* const operations =
      google::longrunning::Operation::descriptor()->file()->FindServiceByName("Operations");
  v1::MethodRule known;
  known.set_role(v1::ROLE_ANY);
  for (int m = 0; m < operations->method_count(); ++m) Add(operations->method(m), known);
}

void MethodTable::Add(const google::protobuf::MethodDescriptor* from, const v1::MethodRule& rule) {
  Method method{.name = absl::StrCat(from->service()->full_name(), "/", from->name()),
                .service = from->service()->full_name(),
                .verb = from->name(),
                .role = rule.role(),
                .is_about_aliases = from->input_type() == v1::SetAliasRequest::descriptor() ||
                                    from->input_type() == v1::DeleteAliasRequest::descriptor()};
  for (const std::string& path : rule.memories()) {
    method.memories.push_back(PathOf(from->input_type(), path));
  }
  for (const OperationRule& operation : kOperationRules) {
    if (method.verb != operation.verb) continue;
    method.role = operation.role;
    method.operation = PathOf(from->input_type(), operation.field);
  }
  MNEME_CHECK(method.role != v1::ROLE_UNSPECIFIED);
  MNEME_CHECK(methods_.emplace(from->input_type(), std::move(method)).second);
}

}  // namespace mneme::server
