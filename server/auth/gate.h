// The one place where calls are let in: who makes it, whether he may, whether it is too fast; and
// where the audit log is told how it ended.
//
// The rule of a call is found by the type of its request (methods.h), so no handler has to say what
// it needs, and none can forget it: a unary call is admitted by UnaryCall (server/rpc/call.h), a
// stream with its opening message. What a memory is called counts, and what an alias stands for:
// the caller needs the role on both. grpc.health and the reflection service are open to all: they
// tell nothing of what is stored.
//
// A caller learns nothing about memories that he may not read: refusals are the same whether they
// are there or not, lists leave them out, and operations that name one are "not found".
//
// Without auth.file and audit.file a call costs one atomic load. Thread-safe.
#ifndef MNEME_SERVER_AUTH_GATE_H_
#define MNEME_SERVER_AUTH_GATE_H_

#include <google/protobuf/message.h>
#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "server/auth/audit_log.h"
#include "server/auth/authenticator.h"
#include "server/auth/methods.h"

namespace mneme::server {

// What the gate asks about what is stored. Thread-safe functions.
struct Directory {
  // The memory's own name where the name is an alias; else the name.
  std::function<std::string(std::string_view name)> resolve;
  // What an operation is about, a memory or "backups/...", and behind it all other memories that it
  // names; empty: there is none of this id.
  std::function<std::vector<std::string>(std::string_view id)> subjects_of;
};

// An alias in a request, and the memory that it stood for when the gate asked.
struct PinnedName {
  const FieldPath* field = nullptr;  // of the method
  std::string own_name;
};

// A call that came to the gate.
struct Passage {
  absl::Status status;  // OK: it may go on
  Caller caller;
  const Method* method = nullptr;  // null: neither checked nor audited
  std::vector<PinnedName> pins;    // mostly none
};

// Puts memories' own names where the request has aliases: what the gate has checked is what the
// handler then uses, wherever the alias points by then.
void PinNames(const Passage& passage, google::protobuf::Message* request);

class Gate {
 public:
  // `audit` null: no audit log. All must outlive the gate.
  Gate(const Authenticator& authenticator, const Clock& clock, AuditLog* audit, bool audit_reads)
      : authenticator_(authenticator), clock_(clock), audit_(audit), audit_reads_(audit_reads) {}

  // Once, before calls come.
  void SetDirectory(Directory directory) { directory_ = std::move(directory); }

  // Unauthenticated: see Authenticator. PermissionDenied (PERMISSION): the role is not granted.
  // NotFound (OPERATION_NOT_FOUND): no operation, or one that names a memory that he may not read.
  // ResourceExhausted (RATE). `bytes`: of the request; `calls`: as how many it counts.
  Passage Admit(const grpc::ServerContextBase& context, const google::protobuf::Message& request,
                uint64_t bytes, uint64_t calls = 1) const;

  // Of a call whose message has not been parsed. Errors as Admit's, of who he is alone.
  absl::Status CheckCaller(const grpc::ServerContextBase& context) const;
  // Of a call of `verb` over HTTP, before its body is read. Who is refused is in the audit log.
  absl::Status CheckCaller(std::string_view authorization, std::string_view verb) const;
  // Of a page that tells of all memories (metrics): it takes the role reader on all. Errors as
  // Admit's.
  absl::Status CheckPage(std::string_view authorization) const;
  // Counts an answer against the caller's rate limit.
  void Charge(const Caller& caller, uint64_t response_bytes) const;
  // Tells the audit log how the call ended; `response` null where it has none.
  void Note(const grpc::ServerContextBase& context, const Passage& passage,
            const google::protobuf::Message& request, const absl::Status& status,
            const google::protobuf::Message* response) const;

  // Without the names of memories that the caller may not read.
  absl::Status Redact(const Caller& caller, const absl::Status& status) const;

 private:
  absl::StatusOr<Caller> Identify(const grpc::ServerContextBase& context) const;
  // Notes the aliases that it finds in `pins`.
  absl::Status Check(const Caller& caller, const Method& method,
                     const google::protobuf::Message& request, std::vector<PinnedName>* pins) const;
  // `*own_name` is set where `name` is an alias and was checked by what it stands for.
  absl::Status CheckMemory(const Caller& caller, const Method& method, std::string_view name,
                           std::string* own_name) const;
  absl::Status CheckOperation(const Caller& caller, const Method& method,
                              const std::string& name) const;

  const Authenticator& authenticator_;
  const Clock& clock_;
  AuditLog* const audit_;
  const bool audit_reads_;
  const MethodTable methods_;
  Directory directory_;
};

// Whether the caller may know of an operation on these (Directory::subjects_of): he may read each.
bool MaySee(const Caller& caller, std::span<const std::string> subjects);

// "dns:NAME" and "uri:URI" of the client's certificate, which was verified; empty without one.
std::vector<std::string> CertificateNames(const grpc::ServerContextBase& context);

}  // namespace mneme::server

#endif  // MNEME_SERVER_AUTH_GATE_H_
