// What each RPC asks of its caller: the rules beside the RPCs (proto/mneme/v1/method.proto), found
// by the type of the request, and a small table for the RPCs of google.longrunning.
//
// Made once. Thread-safe.
//
// Invariants: (1) all request types differ. (2) All RPCs of mneme.v1 that are linked in have a
// rule; else making the table ends the process.
#ifndef MNEME_SERVER_AUTH_METHODS_H_
#define MNEME_SERVER_AUTH_METHODS_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <string>
#include <unordered_map>
#include <vector>

#include "mneme/v1/method.pb.h"

namespace mneme::server {

// From a message to a field in it, or in a message in it.
using FieldPath = std::vector<const google::protobuf::FieldDescriptor*>;

// What stands at the path; empty where nothing does. Borrows from the message.
const std::string& TextAt(const google::protobuf::Message& message, const FieldPath& path);
void SetTextAt(google::protobuf::Message* message, const FieldPath& path, std::string text);

// Of what a caller calls a memory, in the audit log and in ours: no memory has a longer name, but a
// call that is refused may.
inline constexpr size_t kLoggedNameBytesMax = 128;

struct Method {
  std::string name;     // "mneme.v1.MemoryService/Store"
  std::string service;  // "mneme.v1.MemoryService"
  std::string verb;     // "Store"
  v1::Role role = v1::ROLE_UNSPECIFIED;
  std::vector<FieldPath> memories;
  bool is_about_aliases = false;  // its memories are aliases, not what these stand for
  FieldPath operation;  // its name; empty: the request names none. `role` is needed on its memory.

  bool is_read() const { return role <= v1::ROLE_READER; }
};

// What the request calls the first memory that it names, cut to kLoggedNameBytesMax; empty where it
// names none.
std::string LoggedName(const Method& method, const google::protobuf::Message& request);

class MethodTable {
 public:
  MethodTable();

  // Null: no RPC takes this.
  const Method* Find(const google::protobuf::Descriptor* request) const {
    const auto found = methods_.find(request);
    return found == methods_.end() ? nullptr : &found->second;
  }
  const std::unordered_map<const google::protobuf::Descriptor*, Method>& all() const {
    return methods_;
  }

 private:
  void Add(const google::protobuf::MethodDescriptor* from, const v1::MethodRule& rule);

  std::unordered_map<const google::protobuf::Descriptor*, Method> methods_;
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_AUTH_METHODS_H_
