// Stores and deletions off the wire: lifetimes, etags, attributes, and what makes two requests the
// same.
#include "server/rpc/convert_write.h"

#include <cmath>
#include <functional>
#include <limits>

#include "core/base/status.h"
#include "gtest/gtest.h"
#include "server/rpc/tokens.h"

namespace mneme::server {
namespace {

std::string Reason(const absl::Status& status) {
  const std::optional<ErrorDetail> detail = GetErrorDetail(status);
  return detail.has_value() ? detail->reason : "(no detail)";
}

// Two rows of two columns.
v1::StoreRequest TwoRows() {
  v1::StoreRequest request;
  request.set_memory("memories/m");
  request.set_request_id("r");
  request.mutable_keys()->set_rows(2);
  request.mutable_keys()->set_cols(2);
  for (float value : {1.0f, 2.0f, 3.0f, 4.0f}) request.mutable_keys()->add_values(value);
  return request;
}

TEST(DecodeStore, LifetimesOneARow) {
  v1::StoreRequest request = TwoRows();
  request.add_expire_times()->set_seconds(5);
  request.mutable_expire_times(0)->set_nanos(7);
  request.add_expire_times();  // by ttl
  DecodeArena arena;
  const auto command = DecodeStore(request, arena);
  ASSERT_TRUE(command.ok()) << command.status();
  EXPECT_EQ(command->expire_unix_nanos, (std::vector<int64_t>{5'000'000'007, 0}));
  EXPECT_FALSE(command->ttl_nanos.has_value());
}

TEST(DecodeStore, OneLifetimeForAll) {
  v1::StoreRequest request = TwoRows();
  request.mutable_ttl()->set_seconds(0);  // there, and zero: for ever
  DecodeArena arena;
  auto command = DecodeStore(request, arena);
  ASSERT_TRUE(command.ok()) << command.status();
  EXPECT_EQ(command->ttl_nanos, int64_t{0});
  request.mutable_ttl()->set_seconds(3'600);
  command = DecodeStore(request, arena);
  ASSERT_TRUE(command.ok());
  EXPECT_EQ(command->ttl_nanos, int64_t{3'600'000'000'000});
}

TEST(DecodeStore, RefusesLifetimesThatAreNone) {
  const auto reason = [](const std::function<void(v1::StoreRequest&)>& fill) {
    v1::StoreRequest request = TwoRows();
    fill(request);
    DecodeArena arena;
    return Reason(DecodeStore(request, arena).status());
  };
  EXPECT_EQ(reason([](v1::StoreRequest& r) { r.mutable_ttl()->set_seconds(-1); }), "DURATION");
  EXPECT_EQ(reason([](v1::StoreRequest& r) { r.mutable_ttl()->set_nanos(1'000'000'000); }),
            "DURATION");
  EXPECT_EQ(reason([](v1::StoreRequest& r) {
              r.mutable_ttl()->set_seconds(std::numeric_limits<int64_t>::max());
            }),
            "DURATION");
  EXPECT_EQ(reason([](v1::StoreRequest& r) { r.add_expire_times(); }), "SHAPE");
  EXPECT_EQ(reason([](v1::StoreRequest& r) {
              r.add_expire_times();
              r.add_expire_times()->set_seconds(9'300'000'000);  // beyond 64 bits of nanoseconds
            }),
            "TIMESTAMP");
  EXPECT_EQ(reason([](v1::StoreRequest& r) {
              r.add_expire_times();
              r.add_expire_times()->set_nanos(-1);
            }),
            "TIMESTAMP");
  EXPECT_EQ(reason([](v1::StoreRequest& r) {
              r.mutable_ttl()->set_seconds(1);
              r.add_expire_times();
              r.add_expire_times();
            }),
            "EXPIRE");
}

TEST(DecodeStore, EtagsOneARow) {
  v1::StoreRequest request = TwoRows();
  request.add_etags();
  request.add_etags(FormatItemEtag({.uid = 7, .row = 12}));
  DecodeArena arena;
  const auto command = DecodeStore(request, arena);
  ASSERT_TRUE(command.ok()) << command.status();
  ASSERT_EQ(command->etags.size(), 2u);
  EXPECT_FALSE(command->etags[0].has_value());
  EXPECT_EQ(command->etags[1], (engine::ItemEtag{.uid = 7, .row = 12}));
  request.set_etags(0, "made up");
  const absl::Status made_up = DecodeStore(request, arena).status();
  EXPECT_EQ(made_up.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(Reason(made_up), "ETAG");
  request.mutable_etags()->RemoveLast();
  EXPECT_EQ(Reason(DecodeStore(request, arena).status()), "SHAPE");
}

TEST(DecodeStore, RefusesAttributesThatNoFilterCouldPlace) {
  const auto reason = [](const std::function<void(v1::AttributeValue&)>& fill) {
    v1::StoreRequest request = TwoRows();
    request.add_attributes();
    fill((*request.add_attributes()->mutable_values())["a"]);
    DecodeArena arena;
    const absl::Status status = DecodeStore(request, arena).status();
    return status.ok() ? std::string("OK") : Reason(status);
  };
  EXPECT_EQ(reason([](v1::AttributeValue& v) { v.set_double_value(1.5); }), "OK");
  EXPECT_EQ(reason([](v1::AttributeValue& v) { v.set_double_value(NAN); }), "ATTRIBUTE");
  EXPECT_EQ(reason([](v1::AttributeValue& v) { v.set_double_value(-INFINITY); }), "ATTRIBUTE");
  EXPECT_EQ(reason([](v1::AttributeValue& v) {
              v.mutable_double_list()->add_values(1);
              v.mutable_double_list()->add_values(NAN);
            }),
            "ATTRIBUTE");
  EXPECT_EQ(reason([](v1::AttributeValue&) {}), "ATTRIBUTE");
  EXPECT_EQ(reason([](v1::AttributeValue& v) { v.mutable_timestamp_value()->set_seconds(-5); }),
            "OK");
  EXPECT_EQ(reason([](v1::AttributeValue& v) {
              v.mutable_timestamp_value()->set_seconds(300'000'000'000);
            }),
            "ATTRIBUTE");
}

// Everything but durability makes a Store another one: a retry under the same request id with a
// change in it must be told apart.
TEST(BodyHash, OfAStoreCoversAllThatItIs) {
  const auto hash = [](const std::function<void(v1::StoreRequest&)>& fill) {
    v1::StoreRequest request = TwoRows();
    fill(request);
    DecodeArena arena;
    const auto command = DecodeStore(request, arena);
    EXPECT_TRUE(command.ok()) << command.status();
    return command.ok() ? command->body_hash : 0;
  };
  const uint64_t plain = hash([](v1::StoreRequest&) {});
  const std::vector<std::function<void(v1::StoreRequest&)>> changes = {
      [](v1::StoreRequest& r) { r.mutable_keys()->set_values(3, 5); },
      [](v1::StoreRequest& r) { r.set_upsert(true); },
      [](v1::StoreRequest& r) { r.mutable_ttl(); },
      [](v1::StoreRequest& r) { r.mutable_ttl()->set_seconds(1); },
      [](v1::StoreRequest& r) {
        r.add_expire_times()->set_seconds(1);
        r.add_expire_times();
      },
      [](v1::StoreRequest& r) {
        r.add_expire_times();
        r.add_expire_times()->set_seconds(1);
      },
      [](v1::StoreRequest& r) {
        r.add_etags(FormatItemEtag({.uid = 1, .row = 2}));
        r.add_etags();
      },
      [](v1::StoreRequest& r) {
        r.add_etags();
        r.add_etags(FormatItemEtag({.uid = 1, .row = 2}));
      },
  };
  std::vector<uint64_t> seen = {plain};
  for (size_t i = 0; i < changes.size(); ++i) {
    seen.push_back(hash(changes[i]));
    for (size_t j = 0; j + 1 < seen.size(); ++j) EXPECT_NE(seen[j], seen.back()) << i << ", " << j;
  }
  EXPECT_EQ(hash([](v1::StoreRequest& r) { r.set_durability(v1::DURABILITY_OS); }), plain);
}

TEST(BodyHash, OfADeletionCoversFilterAndEtags) {
  const auto hash = [](const std::function<void(v1::DeleteItemsRequest&)>& fill) {
    v1::DeleteItemsRequest request;
    request.set_memory("memories/m");
    request.set_request_id("r");
    fill(request);
    DecodeArena arena;
    const auto command = DecodeDelete(request, arena);
    EXPECT_TRUE(command.ok()) << command.status();
    return command.ok() ? command->body_hash : 0;
  };
  const auto by_id = [](v1::DeleteItemsRequest& r) { r.add_ids()->set_number(1); };
  const auto with_etag = [](v1::DeleteItemsRequest& r) {
    r.add_ids()->set_number(1);
    r.add_etags(FormatItemEtag({.uid = 1, .row = 2}));
  };
  const auto by_filter = [](v1::DeleteItemsRequest& r) { r.set_filter("a = 1"); };
  const auto by_other = [](v1::DeleteItemsRequest& r) { r.set_filter("a = 2"); };
  EXPECT_NE(hash(by_id), hash(with_etag));
  EXPECT_NE(hash(by_filter), hash(by_other));
  EXPECT_NE(hash(by_filter), hash(by_id));
  EXPECT_EQ(hash(by_filter), hash(by_filter));
}

TEST(EncodeStored, SaysWhatWentOutAndWhereItStands) {
  v1::StoreResponse response;
  EncodeStored({.uid = 3, .position = 9, .stored = 2, .evicted = 5, .item_count = 40}, &response);
  EXPECT_EQ(response.stored(), 2u);
  EXPECT_EQ(response.evicted(), 5u);
  EXPECT_EQ(response.position(), 9u);
  EXPECT_EQ(response.item_count(), 40u);
  EXPECT_EQ(DecodeReadToken(response.read_token())->position, 9u);
  v1::DeleteItemsResponse deleted;
  EncodeDeleted({.deleted = 4, .more = true}, &deleted);
  EXPECT_EQ(deleted.deleted(), 4u);
  EXPECT_TRUE(deleted.more());
}

TEST(ItemEtag, AnyChangedCharacterIsFoundOut) {
  const std::string etag = FormatItemEtag({.uid = 0x1234, .row = 99});
  const auto back = ParseItemEtag(etag, "etag");
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(*back, (engine::ItemEtag{.uid = 0x1234, .row = 99}));
  for (size_t i = 0; i < etag.size(); ++i) {
    std::string changed = etag;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    const auto other = ParseItemEtag(changed, "etag");
    // The last character holds bits that mean nothing.
    EXPECT_TRUE(!other.ok() || *other == *back) << i;
    EXPECT_FALSE(ParseItemEtag(etag.substr(0, i), "etag").ok()) << i;
  }
}

}  // namespace
}  // namespace mneme::server
