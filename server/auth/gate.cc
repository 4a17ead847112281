#include "server/auth/gate.h"

#include <grpc/grpc_security_constants.h>

#include <algorithm>
#include <utility>

#include "core/base/status.h"

namespace mneme::server {
namespace {

constexpr char kHeader[] = "authorization";
constexpr char kEverything[] = "all memories (\"*\")";
constexpr std::string_view kMemories = "memories/";
constexpr std::string_view kOperations = "operations/";
constexpr std::string_view kBackups = "backups/";

std::string_view Without(std::string_view prefix, std::string_view name) {
  return name.starts_with(prefix) ? name.substr(prefix.size()) : name;
}

absl::Status Denied(const Caller& caller, std::string_view verb, v1::Role needed,
                    const std::string& on) {
  const std::string role = RoleName(needed);
  return MakeError(absl::StatusCode::kPermissionDenied,
                   absl::StrFormat("'%s' may not %s: it takes the role %s on %s",
                                   AbslView(caller.name()), AbslView(verb), role, on),
                   {.reason = "PERMISSION",
                    .given = absl::StrCat(AbslView(caller.name()), " without it"),
                    .expected = absl::StrCat("the role ", role, " on ", on),
                    .next_step = "Ask who keeps the server's auth.file for a grant of it."});
}

absl::Status Denied(const Caller& caller, const Method& method, const std::string& on) {
  return Denied(caller, method.verb, method.role, on);
}

absl::Status NoRule() {
  return MakeError(absl::StatusCode::kPermissionDenied, "this call has no rule: nobody may make it",
                   {.reason = "PERMISSION",
                    .given = "a call without a rule",
                    .expected = "one that the server knows",
                    .next_step = "Report this: it is a fault of the server."});
}

absl::Status NoOperation(std::string_view id) {
  return NotFound(
      absl::StrFormat("there is no operation '%s'", AbslView(id)),
      {.reason = "OPERATION_NOT_FOUND",
       .given = std::string(id),
       .expected = "an operation since the server's start, on a memory that you may read",
       .next_step = "List the operations; after a restart there are none."});
}

// Calls of the HTTP port come from within this process, to which gRPC gives no address.
std::string AddressOf(const grpc::ServerContextBase& context) {
  std::string peer = context.peer();
  const bool is_socket =
      peer.starts_with("ipv4:") || peer.starts_with("ipv6:") || peer.starts_with("unix:");
  return is_socket ? peer : "http";
}

void AddNames(const grpc::AuthContext& context, const char* property, const char* prefix,
              std::vector<std::string>* to) {
  for (const grpc::string_ref& name : context.FindPropertyValues(property)) {
    to->push_back(absl::StrCat(prefix, absl::string_view(name.data(), name.size())));
  }
}

// Of a write in the memory's log.
std::optional<uint64_t> PositionIn(const google::protobuf::Message& response) {
  using google::protobuf::FieldDescriptor;
  const FieldDescriptor* field = response.GetDescriptor()->FindFieldByName("position");
  if (field == nullptr || field->cpp_type() != FieldDescriptor::CPPTYPE_UINT64) return std::nullopt;
  return response.GetReflection()->GetUInt64(response, field);
}

}  // namespace

void PinNames(const Passage& passage, google::protobuf::Message* request) {
  for (const PinnedName& pin : passage.pins) {
    SetTextAt(request, *pin.field, absl::StrCat(AbslView(kMemories), pin.own_name));
  }
}

bool MaySee(const Caller& caller, std::span<const std::string> subjects) {
  return std::ranges::all_of(subjects, [&caller](const std::string& subject) {
    return subject.starts_with(kBackups) ? caller.MayDoOnAll(v1::ROLE_ADMIN)
                                         : caller.MayDo(v1::ROLE_READER, subject);
  });
}

std::vector<std::string> CertificateNames(const grpc::ServerContextBase& context) {
  std::vector<std::string> names;
  const std::shared_ptr<const grpc::AuthContext> auth = context.auth_context();
  if (auth == nullptr || !auth->IsPeerAuthenticated()) return names;
  AddNames(*auth, GRPC_PEER_URI_PROPERTY_NAME, "uri:", &names);
  AddNames(*auth, GRPC_PEER_DNS_PROPERTY_NAME, "dns:", &names);
  return names;
}

absl::StatusOr<Caller> Gate::Identify(const grpc::ServerContextBase& context) const {
  if (!authenticator_.checks()) return Caller();
  const auto header = context.client_metadata().find(kHeader);
  if (header != context.client_metadata().end()) {
    return authenticator_.Identify({header->second.data(), header->second.size()});
  }
  return authenticator_.Identify({}, CertificateNames(context));
}

Passage Gate::Admit(const grpc::ServerContextBase& context,
                    const google::protobuf::Message& request, uint64_t bytes,
                    uint64_t calls) const {
  Passage passage;
  if (!authenticator_.checks() && audit_ == nullptr) return passage;
  passage.method = methods_.Find(request.GetDescriptor());
  if (passage.method == nullptr) {
    passage.status = NoRule();
    return passage;
  }
  absl::StatusOr<Caller> caller = Identify(context);
  if (!caller.ok()) {
    passage.status = caller.status();
    return passage;
  }
  passage.caller = *std::move(caller);
  const Identity* identity = passage.caller.identity();
  if (identity != nullptr && identity->limiter != nullptr) {
    passage.status = identity->limiter->TryTake(identity->name, calls, bytes, clock_.NowMonotonicNanos());
  }
  if (passage.status.ok())
    passage.status = Check(passage.caller, *passage.method, request, &passage.pins);
  return passage;
}

absl::Status Gate::Check(const Caller& caller, const Method& method,
                         const google::protobuf::Message& request,
                         std::vector<PinnedName>* pins) const {
  if (caller.is_unchecked()) return absl::OkStatus();
  if (!method.operation.empty()) {
    return CheckOperation(caller, method, TextAt(request, method.operation));
  }
  bool named = false;
  for (const FieldPath& path : method.memories) {
    const std::string& name = TextAt(request, path);
    if (name.empty()) continue;
    named = true;
    std::string own_name;
    MNEME_RETURN_IF_ERROR(CheckMemory(caller, method, Without(kMemories, name), &own_name));
    // What has no collection in front of it is the name of something to be made.
    const bool stands_for = !own_name.empty() && name.starts_with(kMemories);
    if (stands_for && !method.is_about_aliases) pins->push_back({&path, std::move(own_name)});
  }
  if (named) return absl::OkStatus();
  // A request that could name a memory and does not is answered from what it holds, or refused for
  // it by its handler.
  const bool anywhere = method.role == v1::ROLE_ANY || !method.memories.empty();
  if (anywhere ? caller.MayDoSomewhere(method.role) : caller.MayDoOnAll(method.role)) {
    return absl::OkStatus();
  }
  return Denied(caller, method, anywhere ? "some memory" : kEverything);
}

absl::Status Gate::CheckMemory(const Caller& caller, const Method& method, std::string_view name,
                               std::string* alias_of) const {
  if (caller.MayDoOnAll(method.role)) return absl::OkStatus();
  if (!caller.MayDo(method.role, name)) {
    return Denied(caller, method, absl::StrFormat("memory '%s'", AbslView(name)));
  }
  std::string own_name = directory_.resolve(name);
  if (own_name == name) return absl::OkStatus();
  if (caller.MayDo(method.role, own_name)) {
    *alias_of = std::move(own_name);
    return absl::OkStatus();
  }
  return Denied(caller, method,
                absl::StrFormat("the memory that '%s' is an alias of", AbslView(name)));
}

absl::Status Gate::CheckOperation(const Caller& caller, const Method& method,
                                  const std::string& name) const {
  const std::string_view id = Without(kOperations, name);
  const std::vector<std::string> subjects = directory_.subjects_of(id);
  if (subjects.empty() || !MaySee(caller, subjects)) return NoOperation(id);
  const std::string& subject = subjects.front();
  if (subject.starts_with(kBackups) || caller.MayDo(method.role, subject)) return absl::OkStatus();
  return Denied(caller, method, absl::StrFormat("memory '%s'", subject));
}

absl::Status Gate::CheckCaller(const grpc::ServerContextBase& context) const {
  return Identify(context).status();
}

absl::Status Gate::CheckCaller(std::string_view authorization, std::string_view verb) const {
  const absl::Status known = authenticator_.Identify(authorization).status();
  if (known.ok() || audit_ == nullptr) return known;
  AuditEntry entry{.unix_nanos = clock_.NowUnixNanos(),
                   .who = std::string(Caller().name()),
                   .from = "http",
                   .verb = std::string(verb),
                   .code = absl::StatusCodeToString(known.code())};
  if (const auto detail = GetErrorDetail(known); detail.has_value()) entry.reason = detail->reason;
  audit_->Write(std::move(entry));
  return known;
}

absl::Status Gate::CheckPage(std::string_view authorization) const {
  MNEME_ASSIGN_OR_RETURN(const Caller caller, authenticator_.Identify(authorization));
  if (caller.MayDoOnAll(v1::ROLE_READER)) return absl::OkStatus();
  return Denied(caller, "see this page", v1::ROLE_READER, kEverything);
}

void Gate::Charge(const Caller& caller, uint64_t response_bytes) const {
  const Identity* identity = caller.identity();
  if (identity == nullptr || identity->limiter == nullptr) return;
  identity->limiter->TakeBytes(response_bytes, clock_.NowMonotonicNanos());
}

void Gate::Note(const grpc::ServerContextBase& context, const Passage& passage,
                const google::protobuf::Message& request, const absl::Status& status,
                const google::protobuf::Message* response) const {
  if (audit_ == nullptr || passage.method == nullptr) return;
  const Method& method = *passage.method;
  const bool refused = absl::IsUnauthenticated(status) || absl::IsPermissionDenied(status);
  if (method.is_read() && !audit_reads_ && !refused) return;
  AuditEntry entry{.unix_nanos = clock_.NowUnixNanos(),
                   .who = std::string(passage.caller.name()),
                   .from = AddressOf(context),
                   .verb = method.verb,
                   .memory = std::string(Without(kMemories, LoggedName(method, request))),
                   .code = absl::StatusCodeToString(status.code())};
  if (const auto detail = GetErrorDetail(status); detail.has_value()) entry.reason = detail->reason;
  if (response != nullptr) entry.position = PositionIn(*response);
  audit_->Write(std::move(entry));
}

absl::Status Gate::Redact(const Caller& caller, const absl::Status& status) const {
  if (status.ok() || caller.MayDoOnAll(v1::ROLE_READER)) return status;
  std::optional<ErrorDetail> detail = GetErrorDetail(status);
  if (!detail.has_value() || detail->reason != "MEMORY_NOT_FOUND") return status;
  detail->expected = "a memory that was created";
  return MakeError(status.code(), StdView(status.message()), *detail);
}

}  // namespace mneme::server
