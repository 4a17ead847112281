// Each RPC of the contract has a rule that can be kept.
#include "server/auth/methods.h"

#include <google/protobuf/descriptor.h>

#include <set>

#include "google/longrunning/operations.pb.h"
#include "gtest/gtest.h"
#include "mneme/v1/admin_service.pb.h"
#include "mneme/v1/federation_service.pb.h"
#include "mneme/v1/memory_service.pb.h"
#include "mneme/v1/peer_service.pb.h"

namespace mneme::server {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;

std::vector<const MethodDescriptor*> AllMethods() {
  std::vector<const MethodDescriptor*> out;
  for (const FileDescriptor* file :
       {v1::StoreRequest::descriptor()->file(), v1::SetAliasRequest::descriptor()->file(),
        v1::GetFederationRequest::descriptor()->file(), v1::PeerFrame::descriptor()->file(),
        google::longrunning::Operation::descriptor()->file()}) {
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m)
        out.push_back(file->service(s)->method(m));
    }
  }
  return out;
}

// Fields that name memories, by what they are called in the contract. A new one of these names must
// stand in the rule of its RPC, unless that is for those who may do everything.
void CollectNames(const Descriptor* message, const std::string& prefix, int depth,
                  std::set<std::string>* out) {
  static const std::set<std::string> kNamesOfMemories = {"memory", "memory_id", "source", "from"};
  for (int i = 0; i < message->field_count(); ++i) {
    const FieldDescriptor* field = message->field(i);
    const bool is_text = field->cpp_type() == FieldDescriptor::CPPTYPE_STRING &&
                         field->type() == FieldDescriptor::TYPE_STRING && !field->is_repeated();
    if (is_text && kNamesOfMemories.contains(field->name())) out->insert(prefix + field->name());
    if (field->message_type() != nullptr && !field->is_repeated() && depth < 2)
      CollectNames(field->message_type(), prefix + field->name() + ".", depth + 1, out);
  }
}

TEST(Methods, EachRpcHasARuleAndARequestOfItsOwn) {
  const MethodTable table;  // ends the process where one has none
  std::set<const Descriptor*> requests;
  for (const MethodDescriptor* method : AllMethods()) {
    EXPECT_TRUE(requests.insert(method->input_type()).second) << method->full_name();
    const Method* found = table.Find(method->input_type());
    ASSERT_NE(found, nullptr) << method->full_name();
    EXPECT_EQ(found->verb, method->name());
    EXPECT_NE(found->role, v1::ROLE_UNSPECIFIED) << method->full_name();
  }
  EXPECT_EQ(table.all().size(), requests.size());
}

TEST(Methods, FieldsThatNameMemoriesStandInTheRules) {
  for (const MethodDescriptor* method : AllMethods()) {
    std::set<std::string> names;
    CollectNames(method->input_type(), "", 0, &names);
    const v1::MethodRule& rule = method->options().GetExtension(v1::rule);
    if (rule.role() >= v1::ROLE_ADMIN && rule.memories().empty()) continue;
    std::set<std::string> in_rule;
    for (const std::string& path : rule.memories()) in_rule.insert(path);
    for (const std::string& name : names) {
      if (name.starts_with("chunk.")) continue;  // of a stream: `open` names it, these must not
      EXPECT_TRUE(in_rule.contains(name)) << method->full_name() << ": " << name;
    }
  }
}

TEST(Methods, WhatNamesAnOperationAsksForARoleOnItsMemory) {
  const MethodTable table;
  for (const MethodDescriptor* method : AllMethods()) {
    const Method& found = *table.Find(method->input_type());
    const bool names_one =
        method->input_type()->FindFieldByName("operation") != nullptr ||
        (found.service == "google.longrunning.Operations" && found.verb != "ListOperations");
    EXPECT_EQ(!found.operation.empty(), names_one) << found.name;
  }
  EXPECT_EQ(table.Find(google::longrunning::CancelOperationRequest::descriptor())->role,
            v1::ROLE_TRAINER);
}

TEST(Methods, TextsAreReadWhereThePathsPoint) {
  const MethodTable table;
  v1::SetAliasRequest request;
  const Method& method = *table.Find(v1::SetAliasRequest::descriptor());
  ASSERT_EQ(method.memories.size(), 2u);
  EXPECT_EQ(TextAt(request, method.memories[0]), "");
  request.mutable_alias()->set_name("memories/x");
  request.mutable_alias()->set_memory("memories/y");
  EXPECT_EQ(TextAt(request, method.memories[0]), "memories/x");
  EXPECT_EQ(TextAt(request, method.memories[1]), "memories/y");
  v1::MergeSketchRequest merge;
  merge.set_sketch("bytes");  // the other member of the oneof
  EXPECT_EQ(TextAt(merge, table.Find(v1::MergeSketchRequest::descriptor())->memories[1]), "");
}

}  // namespace
}  // namespace mneme::server
