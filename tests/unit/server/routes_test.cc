#include "server/http/routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "core/base/status.h"
#include "server/http/json_door.h"
#include "server/rpc/rpc_table.h"

namespace mneme::server {
namespace {

using ::testing::HasSubstr;

// The RPC at a path, and the resource name in it: "Retrieve memories/faces".
std::string Find(const Routes& routes, std::string_view verb, std::string_view path) {
  const auto found = routes.Find(verb, path);
  if (!found.ok()) return GetErrorDetail(found.status())->reason;
  if (std::holds_alternative<Page>(*found)) return "page";
  const RpcTarget& rpc = std::get<RpcTarget>(*found);
  return rpc.path->method->name() + " " + rpc.resource;
}

TEST(Routes, EachRpcThatIsNoStreamHasAPathOfItsOwn) {
  const Routes routes;
  std::set<std::string> with_path;
  for (const auto& [rule, path] : routes.rpcs()) with_path.insert(path.method->name());
  for (const Rpc& rpc : AllRpcs()) {
    EXPECT_EQ(with_path.contains(rpc.name()), !rpc.streams()) << rpc.path;
  }
}

TEST(Routes, EachPathNamesAFieldOfItsRequest) {
  const Routes routes;
  for (const auto& [rule, path] : routes.rpcs()) {
    const google::protobuf::Descriptor* message = path.method->descriptor->input_type();
    std::string_view field = path.field;
    while (!field.empty()) {
      const size_t dot = field.find('.');
      const auto* found = message->FindFieldByName(std::string(field.substr(0, dot)));
      ASSERT_NE(found, nullptr) << rule;
      message = found->message_type();
      field = dot == std::string_view::npos ? "" : field.substr(dot + 1);
    }
  }
}

TEST(Routes, TheCollectionSaysWhichRpcAVerbMeans) {
  const Routes routes;
  EXPECT_EQ(Find(routes, "POST", "/v1/memories/a:get"), "GetMemory memories/a");
  EXPECT_EQ(Find(routes, "POST", "/v1/backups/7:get"), "GetBackup backups/7");
  EXPECT_EQ(Find(routes, "POST", "/v1/operations/x-1:get"), "GetOperation operations/x-1");
  EXPECT_EQ(Find(routes, "POST", "/v1/memories/a:deleteAlias"), "DeleteAlias memories/a");
  EXPECT_EQ(Find(routes, "POST", "/v1/memories"), "CreateMemory ");
  EXPECT_EQ(Find(routes, "POST", "/v1/memories:list"), "ListMemories ");
  EXPECT_EQ(Find(routes, "GET", "/metrics"), "page");
  EXPECT_EQ(Find(routes, "HEAD", "/healthz"), "page");
}

TEST(Routes, WhatIsNotThereIsRefusedWithWhatComesNearest) {
  const Routes routes;
  for (const char* path : {"", "/", "/v1", "/v1/", "v1/memories", "/v1/memories/:get",
                           "/v1/memories/a", "/v1/memories:get", "/v1/memories/a:", "/v1//a:get",
                           "/v2/memories", ":", "/:/", "/metrics/"}) {
    EXPECT_EQ(Find(routes, "POST", path), "HTTP_PATH") << path;
  }
  const auto found = routes.Find("POST", "/v1/memories/a:retreive");
  EXPECT_EQ(GetErrorDetail(found.status())->expected, "/v1/memories/*:retrieve");
  EXPECT_EQ(GetErrorDetail(routes.Find("GET", "/v1/memories/a").status())->expected,
            "/v1/memories/*:get");
  EXPECT_EQ(GetErrorDetail(routes.Find("GET", "/v1/aliases").status())->expected,
            "/v1/aliases:list");
  EXPECT_EQ(Find(routes, "GET", "/v1/memories:list"), "HTTP_VERB");
  EXPECT_EQ(Find(routes, "POST", "/metrics"), "HTTP_VERB");
  EXPECT_EQ(Find(routes, "PATCH", "/v1/memories/a:update"), "HTTP_VERB");
}

TEST(RpcTable, NamesAreUniqueAsLabelsOfMetrics) {
  std::set<std::string> names;
  for (const Rpc& rpc : AllRpcs()) EXPECT_TRUE(names.insert(rpc.name()).second) << rpc.name();
  EXPECT_GT(names.size(), 30u);
}

TEST(RpcTable, ARequestLeadsToItsRpc) {
  for (size_t i = 0; i < AllRpcs().size(); ++i) {
    EXPECT_EQ(RpcOf(*AllRpcs()[i].descriptor->input_type()), i);
  }
}

TEST(ParseTimeout, TakesGrpcsFormAndNothingElse) {
  EXPECT_EQ(ParseTimeout("5S").value(), std::chrono::seconds(5));
  EXPECT_EQ(ParseTimeout("20m").value(), std::chrono::milliseconds(20));
  EXPECT_EQ(ParseTimeout("0n").value(), std::chrono::nanoseconds(0));
  EXPECT_EQ(ParseTimeout("1H").value(), std::chrono::hours(1));
  EXPECT_EQ(ParseTimeout("99999999H").value(), std::chrono::hours(24));
  EXPECT_EQ(ParseTimeout("99999999u").value(), std::chrono::microseconds(99'999'999));
  for (const char* bad : {"", "S", "5", "5s", "-1S", "+1S", " 1S", "1 S", "1.5S", "123456789S",
                          "1SS", "18446744073709551616S"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseTimeout(bad).status())) << bad;
  }
}

}  // namespace
}  // namespace mneme::server
