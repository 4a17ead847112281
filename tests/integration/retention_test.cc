// Lifetimes, caps, etags, freezing and filters over the wire.
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/live.h"

namespace mneme::test {
namespace {

using grpc::StatusCode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kDim = 4;

class RetentionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    daemon_ = Daemon::Mnemed(MNEMED_PATH, directory_.path());
    ASSERT_NE(daemon_->port(), 0) << "mnemed did not start; see its log";
    stub_ = v1::MemoryService::NewStub(daemon_->Connect());
  }

  grpc::Status Create(const std::string& id, const v1::ItemPolicy& policy = {}) {
    v1::CreateMemoryRequest request;
    request.set_memory_id(id);
    request.mutable_memory()->set_key_dim(kDim);
    request.mutable_memory()->mutable_dense()->set_similarity(v1::SIMILARITY_DOT);
    *request.mutable_memory()->mutable_item_policy() = policy;
    v1::Memory memory;
    return MNEME_CALL(stub_, CreateMemory, request, &memory);
  }
  // Items `first` .. `first + n - 1`.
  static v1::StoreRequest Items(uint64_t first, int n) {
    v1::StoreRequest request;
    request.set_memory("memories/m");
    SetMatrix(UnitRows(first + 1, n, kDim), kDim, request.mutable_keys());
    for (int i = 0; i < n; ++i) request.add_ids()->set_number(first + static_cast<uint64_t>(i));
    return request;
  }
  ErrorParts Store(const v1::StoreRequest& request, v1::StoreResponse* response = nullptr) {
    v1::StoreResponse ignored;
    return Unpack(MNEME_CALL(stub_, Store, request, response != nullptr ? response : &ignored));
  }
  ErrorParts Update(const v1::Memory& memory, std::initializer_list<const char*> paths) {
    v1::UpdateMemoryRequest request;
    *request.mutable_memory() = memory;
    request.mutable_memory()->set_name("memories/m");
    for (const char* path : paths) request.mutable_update_mask()->add_paths(path);
    v1::Memory updated;
    return Unpack(MNEME_CALL(stub_, UpdateMemory, request, &updated));
  }
  v1::Memory Get() {
    v1::GetMemoryRequest request;
    request.set_name("memories/m");
    v1::Memory memory;
    EXPECT_TRUE(MNEME_CALL(stub_, GetMemory, request, &memory).ok());
    return memory;
  }
  v1::Item GetItem(uint64_t id) {
    v1::GetItemRequest request;
    request.set_memory("memories/m");
    request.mutable_id()->set_number(id);
    v1::Item item;
    const grpc::Status status = MNEME_CALL(stub_, GetItem, request, &item);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return item;
  }
  std::vector<uint64_t> Ids(const std::string& filter = "") {
    std::vector<uint64_t> out;
    v1::ListItemsRequest request;
    request.set_memory("memories/m");
    request.set_page_size(3);
    request.set_filter(filter);
    v1::ListItemsResponse page;
    do {
      const grpc::Status status = MNEME_CALL(stub_, ListItems, request, &page);
      EXPECT_TRUE(status.ok()) << status.error_message();
      for (const v1::Item& item : page.items()) out.push_back(item.id().number());
      request.set_page_token(page.next_page_token());
    } while (!page.next_page_token().empty());
    return out;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<Daemon> daemon_;
  std::unique_ptr<v1::MemoryService::Stub> stub_;
};

TEST_F(RetentionTest, AnItemSaysWhenItExpiresAndIsGoneThen) {
  ASSERT_TRUE(Create("m").ok());
  v1::StoreRequest request = Items(1, 2);
  request.add_expire_times()->set_seconds(4'000'000'000);
  request.add_expire_times();  // never: the memory has no ttl
  ASSERT_EQ(Store(request).code, StatusCode::OK);
  EXPECT_EQ(GetItem(1).expire_time().seconds(), 4'000'000'000);
  EXPECT_FALSE(GetItem(2).has_expire_time());

  request = Items(10, 2);
  request.mutable_ttl()->set_nanos(1'000'000);  // a millisecond
  ASSERT_EQ(Store(request).code, StatusCode::OK);
  while (Ids().size() > 2) {
  }
  EXPECT_THAT(Ids(), ElementsAre(1, 2));
  while (Get().state().expired_count() < 2) {
  }
  EXPECT_EQ(Get().state().item_count(), 2u);

  request = Items(20, 1);
  request.add_expire_times()->set_seconds(1'000'000'000);
  EXPECT_EQ(Store(request).reason, "EXPIRED");
}

TEST_F(RetentionTest, ACapRefusesOrEvictsAsThePolicySays) {
  v1::ItemPolicy policy;
  policy.set_items_max(3);
  ASSERT_TRUE(Create("m", policy).ok());
  ASSERT_EQ(Store(Items(1, 3)).code, StatusCode::OK);
  const ErrorParts full = Store(Items(4, 1));
  EXPECT_EQ(full.code, StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(full.reason, "FULL");
  EXPECT_FALSE(full.next_step.empty());

  v1::Memory change;
  change.mutable_item_policy()->set_full_policy(v1::FULL_POLICY_EVICT_OLDEST);
  ASSERT_EQ(Update(change, {"item_policy.full_policy"}).code, StatusCode::OK);
  EXPECT_EQ(Get().item_policy().items_max(), 3u) << "a part of the policy that was not named";
  v1::StoreResponse response;
  ASSERT_EQ(Store(Items(4, 2), &response).code, StatusCode::OK);
  EXPECT_EQ(response.evicted(), 2u);
  EXPECT_THAT(Ids(), ElementsAre(3, 4, 5));
  EXPECT_EQ(Get().state().evicted_count(), 2u);
}

TEST_F(RetentionTest, AnEtagGuardsReplacementAndDeletion) {
  ASSERT_TRUE(Create("m").ok());
  ASSERT_EQ(Store(Items(1, 1)).code, StatusCode::OK);
  const std::string first = GetItem(1).etag();
  ASSERT_FALSE(first.empty());
  v1::StoreRequest replace = Items(1, 1);
  replace.set_upsert(true);
  replace.add_etags(first);
  ASSERT_EQ(Store(replace).code, StatusCode::OK);
  EXPECT_NE(GetItem(1).etag(), first);
  const ErrorParts raced = Store(replace);
  EXPECT_EQ(raced.code, StatusCode::ABORTED);
  EXPECT_EQ(raced.reason, "ETAG");

  v1::DeleteItemsRequest remove;
  remove.set_memory("memories/m");
  remove.add_ids()->set_number(1);
  remove.add_etags(first);
  v1::DeleteItemsResponse removed;
  EXPECT_EQ(Unpack(MNEME_CALL(stub_, DeleteItems, remove, &removed)).reason, "ETAG");
  remove.set_etags(0, GetItem(1).etag());
  EXPECT_TRUE(MNEME_CALL(stub_, DeleteItems, remove, &removed).ok());
  EXPECT_THAT(Ids(), IsEmpty());
}

TEST_F(RetentionTest, AFrozenMemoryAnswersAndTakesNothing) {
  ASSERT_TRUE(Create("m").ok());
  ASSERT_EQ(Store(Items(1, 2)).code, StatusCode::OK);
  v1::Memory change;
  change.set_frozen(true);
  ASSERT_EQ(Update(change, {"frozen"}).code, StatusCode::OK);
  EXPECT_TRUE(Get().frozen());
  EXPECT_EQ(Store(Items(3, 1)).reason, "FROZEN");
  EXPECT_THAT(Ids(), ElementsAre(1, 2));
  change.set_frozen(false);
  ASSERT_EQ(Update(change, {"frozen"}).code, StatusCode::OK);
  EXPECT_EQ(Store(Items(3, 1)).code, StatusCode::OK);
}

TEST_F(RetentionTest, UpdatesOfWhatCannotChangeAreRefused) {
  ASSERT_TRUE(Create("m").ok());
  const ErrorParts error = Update({}, {"key_dim"});
  EXPECT_EQ(error.code, StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(error.reason, "UPDATE_MASK");
  EXPECT_THAT(error.expected, HasSubstr("item_policy.ttl"));
}

class FilterTest : public RetentionTest {
 protected:
  void SetUp() override {
    RetentionTest::SetUp();
    ASSERT_TRUE(Create("m").ok());
    v1::StoreRequest request = Items(0, 20);
    for (int i = 0; i < 20; ++i) {
      auto& values = *request.add_attributes()->mutable_values();
      values["year"].set_int64_value(1990 + i);
      values["lang"].set_string_value(i % 2 == 0 ? "fi" : "en");
    }
    ASSERT_EQ(Store(request).code, StatusCode::OK);
  }
};

TEST_F(FilterTest, ListsAnswersAndDeletionsTakeOnlyWhatMatches) {
  EXPECT_THAT(Ids("year >= 2000 AND lang = \"fi\""), ElementsAre(10, 12, 14, 16, 18));

  v1::ListwiseQueryRequest query;
  query.set_memory("memories/m");
  SetMatrix(UnitRows(99, 1, kDim), kDim, query.mutable_cues());
  query.set_k(10);
  query.set_filter("year < 1993");
  v1::ListwiseQueryResponse lists;
  ASSERT_TRUE(MNEME_CALL(stub_, ListwiseQuery, query, &lists).ok());
  EXPECT_EQ(lists.items_scored(), 3u);
  std::set<uint64_t> named;
  for (const v1::ScoredItem& item : lists.lists(0).items()) named.insert(item.id().number());
  EXPECT_THAT(named, ElementsAre(0, 1, 2));
  EXPECT_EQ(lists.lists(0).shortfall(), v1::SHORTFALL_FILTER);
  query.clear_filter();
  query.set_k(30);
  ASSERT_TRUE(MNEME_CALL(stub_, ListwiseQuery, query, &lists).ok());
  EXPECT_EQ(lists.lists(0).shortfall(), v1::SHORTFALL_MEMORY_SMALLER);

  v1::DeleteItemsRequest remove;
  remove.set_memory("memories/m");
  remove.set_filter("lang = \"en\"");
  remove.set_request_id("once");
  v1::DeleteItemsResponse removed;
  ASSERT_TRUE(MNEME_CALL(stub_, DeleteItems, remove, &removed).ok());
  EXPECT_EQ(removed.deleted(), 10u);
  EXPECT_FALSE(removed.more());
  ASSERT_TRUE(MNEME_CALL(stub_, DeleteItems, remove, &removed).ok());
  EXPECT_TRUE(removed.replayed());
  EXPECT_EQ(Ids().size(), 10u);
  remove.set_filter("lang = \"fi\"");
  EXPECT_EQ(Unpack(MNEME_CALL(stub_, DeleteItems, remove, &removed)).reason, "REQUEST_ID_REUSED");
}

TEST_F(FilterTest, WrongTypesAndTokensOfOtherFiltersAreErrors) {
  v1::ListItemsRequest list;
  list.set_memory("memories/m");
  list.set_page_size(2);
  v1::ListItemsResponse page;
  list.set_filter("year = \"1990\"");
  EXPECT_EQ(Unpack(MNEME_CALL(stub_, ListItems, list, &page)).reason, "FILTER_TYPE");
  list.set_filter("year = = 3");
  EXPECT_EQ(Unpack(MNEME_CALL(stub_, ListItems, list, &page)).reason, "FILTER");
  list.set_filter("year >= 1990");
  ASSERT_TRUE(MNEME_CALL(stub_, ListItems, list, &page).ok());
  ASSERT_FALSE(page.next_page_token().empty());
  list.set_page_token(page.next_page_token());
  list.set_filter("year >= 1991");
  EXPECT_EQ(Unpack(MNEME_CALL(stub_, ListItems, list, &page)).reason, "PAGE_TOKEN");
}

}  // namespace
}  // namespace mneme::test
