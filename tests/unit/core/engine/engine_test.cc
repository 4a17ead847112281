// The engine's answers to every situation of a write or a read, over a real data directory.
#include "core/engine/engine.h"

#include <cmath>
#include <limits>
#include <thread>

#include "tests/unit/core/engine/engine_fixture.h"
#include "tests/unit/core/filter/attribute_bytes.h"

namespace mneme::engine {
namespace {

TEST_F(EngineTest, StoresAndRecallsFromANoisyCue) {
  ASSERT_TRUE(Create("faces", DenseSpecOf(32)).ok());
  const Matrix keys = UnitRows(200, 32, 1);
  auto stored = Store({.memory = "faces", .keys = keys, .ids = Numbers(0, 200)});
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->stored, 200u);
  EXPECT_EQ(stored->position, 1u);
  EXPECT_EQ(stored->item_count, 200u);

  Random random(2);
  Matrix cues = Matrix::Copy(keys.view().slice(50, 20));
  for (float& x : cues.flat()) x += static_cast<float>(0.05 * random.Gaussian());
  auto reply = Query({.memory = "faces", .cues = {.cues = cues}, .spec = {.top = 3}});
  ASSERT_TRUE(reply.ok()) << reply.status();
  ASSERT_EQ(reply->answer.cues.size(), 20u);
  EXPECT_EQ(reply->position, 1u);
  for (size_t i = 0; i < 20; ++i) {
    const models::CueAnswer& cue = reply->answer.cues[i];
    ASSERT_EQ(cue.top.size(), 3u);
    EXPECT_EQ(cue.top[0].id, ItemId(uint64_t{50 + i}));
    for (size_t j = 0; j < 32; ++j)
      EXPECT_NEAR(reply->answer.recalls.at(i, j), keys.at(50 + i, j), 1e-3);
  }
}

TEST_F(EngineTest, AnEmptyMemoryAnswersEmptyStore) {
  ASSERT_TRUE(Create("dense", DenseSpecOf(4)).ok());
  ASSERT_TRUE(Create("ridge", LinearSpecOf(4, 3, models::LinearRule::kRidge)).ok());
  const Matrix cue = UnitRows(1, 4, 1);
  for (const char* name : {"dense", "ridge"}) {
    auto reply = Query({.memory = name, .cues = {.cues = cue}, .spec = {.top = 2}});
    ASSERT_TRUE(reply.ok()) << name << reply.status();
    EXPECT_EQ(reply->answer.cues[0].status, models::AnswerStatus::kEmptyStore) << name;
    EXPECT_EQ(reply->answer.cues[0].p_max, 0) << name;
    EXPECT_TRUE(reply->answer.cues[0].top.empty()) << name;
  }
}

TEST_F(EngineTest, BadBatchesSayWhatIsWrongAndStoreNothing) {
  ASSERT_TRUE(Create("m", DenseSpecOf(4, 2)).ok());
  const Matrix keys = UnitRows(3, 4, 1), responses = UnitRows(3, 2, 2), wide = UnitRows(3, 5, 3);
  Matrix nan = Matrix::Copy(keys);
  nan.at(1, 2) = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> weights = {1, 0, 1};
  struct Case {
    const char* reason;
    StoreCommand command;
  };
  const std::vector<Case> cases = {
      {"MEMORY_NOT_FOUND", {.memory = "other", .keys = keys, .responses = responses}},
      {"EMPTY_BATCH", {.memory = "m"}},
      {"SHAPE", {.memory = "m", .keys = wide, .responses = responses}},
      {"SHAPE", {.memory = "m", .keys = keys}},
      {"SHAPE", {.memory = "m", .keys = keys, .responses = responses.view().slice(0, 2)}},
      {"SHAPE", {.memory = "m", .keys = keys, .responses = responses, .ids = Numbers(0, 2)}},
      {"NOT_FINITE", {.memory = "m", .keys = nan, .responses = responses}},
      {"WEIGHT", {.memory = "m", .keys = keys, .responses = responses, .weights = weights}},
      {"DUPLICATE_ID",
       {.memory = "m",
        .keys = keys,
        .responses = responses,
        .ids = {ItemId("a"), ItemId("b"), ItemId("a")}}},
      {"REQUEST_ID",
       {.memory = "m", .keys = keys, .responses = responses, .request_id = "two words"}},
  };
  for (const Case& c : cases) {
    auto reply = Store(c.command);
    ASSERT_FALSE(reply.ok()) << c.reason;
    EXPECT_EQ(Reason(reply.status()), c.reason) << reply.status();
    EXPECT_FALSE(GetErrorDetail(reply.status())->next_step.empty()) << c.reason;
  }
  EXPECT_EQ(engine_->GetMemory("m")->stats.items, 0u);
  EXPECT_EQ(engine_->GetMemory("m")->position, 0u);
}

TEST_F(EngineTest, BatchesOverALimitAreRefusedWithTheLimit) {
  limits_.rows_per_store_max = 8;
  limits_.cues_max = 4;
  Reopen(true);
  ASSERT_TRUE(Create("m", DenseSpecOf(4)).ok());
  const Matrix keys = UnitRows(9, 4, 1);
  auto stored = Store({.memory = "m", .keys = keys});
  EXPECT_EQ(stored.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Reason(stored.status()), "LIMIT");
  EXPECT_EQ(GetErrorDetail(stored.status())->given, "9");
  auto query = Query({.memory = "m", .cues = {.cues = keys}});
  EXPECT_EQ(Reason(query.status()), "LIMIT");
  auto list = Query({.memory = "m",
                     .cues = {.cues = keys.view().slice(0, 1)},
                     .spec = {.kind = models::QueryKind::kList, .top = 5000}});
  EXPECT_EQ(Reason(list.status()), "LIMIT");
}

TEST_F(EngineTest, ExistingIdsAreRefusedAndUpsertReplacesThem) {
  ASSERT_TRUE(Create("m", DenseSpecOf(8)).ok());
  const Matrix first = UnitRows(3, 8, 1), second = UnitRows(2, 8, 2);
  ASSERT_TRUE(Store({.memory = "m", .keys = first, .ids = Numbers(0, 3)}).ok());
  auto clash =
      Store({.memory = "m", .keys = second, .ids = {ItemId(uint64_t{9}), ItemId(uint64_t{1})}});
  EXPECT_EQ(clash.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(GetErrorDetail(clash.status())->given, "1");
  EXPECT_EQ(engine_->GetMemory("m")->stats.items, 3u);
  EXPECT_EQ(GetItem("m", ItemId(uint64_t{9})).status().code(), absl::StatusCode::kNotFound);

  auto upsert = Store({.memory = "m",
                       .keys = second,
                       .ids = {ItemId(uint64_t{9}), ItemId(uint64_t{1})},
                       .upsert = true});
  ASSERT_TRUE(upsert.ok()) << upsert.status();
  EXPECT_EQ(upsert->replaced, 1u);
  EXPECT_EQ(upsert->item_count, 4u);
  auto item = GetItem("m", ItemId(uint64_t{1}));
  ASSERT_TRUE(item.ok());
  EXPECT_EQ(item->key, std::vector<float>(second.row(1).begin(), second.row(1).end()));
  // The old key of item 1 no longer answers.
  auto reply = Query({.memory = "m",
                      .cues = {.cues = first.view().slice(1, 1)},
                      .spec = {.kind = models::QueryKind::kList, .top = 4}});
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ(reply->answer.cues[0].top.size(), 4u);
  EXPECT_LT(reply->answer.cues[0].top[0].score, -1e-3);
}

TEST_F(EngineTest, ServerMadeIdsGrowAndAreTold) {
  ASSERT_TRUE(Create("m", DenseSpecOf(8)).ok());
  const Matrix keys = UnitRows(5, 8, 1);
  auto a = Store({.memory = "m", .keys = keys});
  auto b = Store({.memory = "m", .keys = keys});
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_GE(b->first_id, a->first_id + 5);
  EXPECT_TRUE(GetItem("m", ItemId(a->first_id + 4)).ok());
}

TEST_F(EngineTest, ARetriedRequestIsAnsweredFromTheFirstAndOthersAreRefused) {
  ASSERT_TRUE(Create("m", DenseSpecOf(8)).ok());
  const Matrix keys = UnitRows(2, 8, 1);
  StoreCommand command{.memory = "m", .keys = keys, .request_id = "r-1", .body_hash = 11};
  auto first = Store(command);
  auto again = Store(command);
  ASSERT_TRUE(first.ok() && again.ok());
  EXPECT_FALSE(first->replayed);
  EXPECT_TRUE(again->replayed);
  EXPECT_EQ(again->first_id, first->first_id);
  EXPECT_EQ(again->position, first->position);
  EXPECT_EQ(engine_->GetMemory("m")->stats.items, 2u);
  command.body_hash = 12;
  EXPECT_EQ(Reason(Store(command).status()), "REQUEST_ID_REUSED");
  Reopen(false);
  command.body_hash = 11;
  auto after = Store(command);
  ASSERT_TRUE(after.ok());
  EXPECT_TRUE(after->replayed);
  EXPECT_EQ(after->first_id, first->first_id);
  EXPECT_EQ(engine_->GetMemory("m")->stats.items, 2u);
}

TEST_F(EngineTest, ARequestIdOfADroppedMemoryDoesNotCountForTheNext) {
  const Matrix keys = UnitRows(2, 8, 1);
  const StoreCommand command{.memory = "m", .keys = keys, .request_id = "load-0", .body_hash = 11};
  for (int life = 0; life < 2; ++life) {
    ASSERT_TRUE(Create("m", DenseSpecOf(8)).ok());
    auto stored = Store(command);
    ASSERT_TRUE(stored.ok()) << stored.status();
    EXPECT_FALSE(stored->replayed);
    EXPECT_EQ(engine_->GetMemory("m")->stats.items, 2u);
    EXPECT_TRUE(Store(command)->replayed);
    ASSERT_TRUE(Drop("m").ok());
  }
}

TEST_F(EngineTest, AnEtagOfADroppedMemoryIsNotTheNextOnes) {
  auto first = Create("m", DenseSpecOf(8));
  ASSERT_TRUE(Drop("m").ok());
  ASSERT_TRUE(Create("m", DenseSpecOf(8)).ok());
  auto dropped = Await<bool>(
      [&](auto done) { engine_->DropMemory({.name = "m", .etag = EtagOf(*first)}, done); });
  EXPECT_EQ(dropped.status().code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(engine_->GetMemory("m").ok());
}

TEST_F(EngineTest, SpecsAndAnswersThatWouldTakeAllMemoryAreRefused) {
  models::MemorySpec spec =
      LinearSpecOf(16'384, 16'384, models::LinearRule::kCmm, models::Retain::kStatistics);
  std::get<models::LinearSpec>(spec.model).partitions = 256;
  EXPECT_EQ(Reason(Create("huge", spec).status()), "LIMIT");
  spec.key_dim = 16;
  spec.response_dim = 4'096;
  ASSERT_TRUE(Create("wide", spec).ok());
  const Matrix cues = UnitRows(1'024, 16, 1);
  EXPECT_EQ(Reason(Query({.memory = "wide", .cues = {.cues = cues}}).status()), "LIMIT");
  ASSERT_TRUE(Create("m", DenseSpecOf(16)).ok());
  EXPECT_EQ(Reason(Query({.memory = "m",
                          .cues = {.cues = cues.view().slice(0, 1)},
                          .spec = {.steps_max = 1'000'000}})
                       .status()),
            "LIMIT");
}

TEST_F(EngineTest, KeysFarFromTheOriginAreRecalledInAnyBatch) {
  ASSERT_TRUE(Create("m", DenseSpecOf(64)).ok());
  Random random(3);
  Matrix keys(200, 64);
  for (float& x : keys.flat()) x = static_cast<float>(300 + 0.1 * random.Gaussian());
  ASSERT_TRUE(Store({.memory = "m", .keys = keys, .ids = Numbers(0, 200)}).ok());
  for (size_t batch : {1, 3, 4, 20, 64}) {
    auto reply =
        Query({.memory = "m", .cues = {.cues = keys.view().slice(0, batch)}, .spec = {.top = 1}});
    ASSERT_TRUE(reply.ok());
    for (size_t i = 0; i < batch; ++i) {
      EXPECT_EQ(reply->answer.cues[i].top[0].id, ItemId(uint64_t{i})) << "of " << batch;
      EXPECT_GT(reply->answer.cues[i].p_max, 0.9) << "of " << batch;
    }
  }
}

TEST_F(EngineTest, PayloadsOfAListAreBounded) {
  limits_.message_bytes_max = 10'000;
  Reopen(true);
  ASSERT_TRUE(Create("m", DenseSpecOf(4)).ok());
  const std::string payload(4'000, 'x');
  const Matrix keys = UnitRows(4, 4, 1);
  ASSERT_TRUE(Store({.memory = "m",
                     .keys = keys,
                     .payloads = std::vector<storage::Payload>(4, {.payload = payload})})
                  .ok());
  QueryCommand query{.memory = "m",
                     .cues = {.cues = keys.view().slice(0, 1)},
                     .spec = {.kind = models::QueryKind::kList, .top = 2},
                     .payloads = true};
  EXPECT_TRUE(Query(query).ok());
  query.spec.top = 4;
  EXPECT_EQ(Reason(Query(query).status()), "LIMIT");
}

TEST_F(EngineTest, PagesStayUnderTheirBytes) {
  ASSERT_TRUE(Create("m", DenseSpecOf(4)).ok());
  const std::string payload(1'000'000, 'x');
  const Matrix keys = UnitRows(9, 4, 1);
  ASSERT_TRUE(Store({.memory = "m",
                     .keys = keys,
                     .payloads = std::vector<storage::Payload>(9, {.payload = payload})})
                  .ok());
  ListItemsCommand list{.memory = "m", .page_size = 100, .payloads = true};
  size_t items = 0;
  for (int pages = 0; pages < 3; ++pages) {
    auto page = Await<ItemPage>([&](auto done) { engine_->ListItems(list, done); });
    ASSERT_TRUE(page.ok());
    EXPECT_EQ(page->items.size(), 3u);  // a fourth would make 4 MB
    items += page->items.size();
    ASSERT_EQ(page->next_row.has_value(), pages < 2);
    if (page->next_row.has_value()) list.first_row = *page->next_row;
  }
  EXPECT_EQ(items, 9u);
}

TEST_F(EngineTest, AnItemThatIsReplacedAllTheTimeIsAlwaysThereAndWhole) {
  ASSERT_TRUE(Create("m", DenseSpecOf(4)).ok());
  const Matrix keys = UnitRows(2, 4, 1);
  const auto put = [&](size_t i) {
    const std::string payload(1, static_cast<char>('0' + i));
    return Store({.memory = "m",
                  .keys = keys.view().slice(i, 1),
                  .ids = {ItemId("a")},
                  .payloads = {{.payload = payload}},
                  .upsert = true,
                  .sync = Sync::kMemory});
  };
  ASSERT_TRUE(put(0).ok());
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (size_t i = 0; !stop; ++i) EXPECT_TRUE(put(i % 2).ok());
  });
  for (int i = 0; i < 300; ++i) {
    auto item = GetItem("m", ItemId("a"));
    ASSERT_TRUE(item.ok()) << item.status();
    const size_t which = item->payload.payload == "0" ? 0 : 1;
    EXPECT_EQ(item->key, std::vector<float>(keys.row(which).begin(), keys.row(which).end()));
  }
  stop = true;
  writer.join();
}

TEST_F(EngineTest, AfterCloseEveryCallIsRefusedAndAnswered) {
  ASSERT_TRUE(Create("m", DenseSpecOf(4)).ok());
  ASSERT_TRUE(engine_->Close().ok());
  const Matrix keys = UnitRows(1, 4, 1);
  EXPECT_EQ(Reason(Store({.memory = "m", .keys = keys}).status()), "STOPPING");
  EXPECT_EQ(Reason(GetItem("m", ItemId("a")).status()), "STOPPING");
  engine_->counters();
}

TEST_F(EngineTest, TwoRetriesInFlightStoreOnce) {
  ASSERT_TRUE(Create("m", DenseSpecOf(8)).ok());
  const Matrix keys = UnitRows(2, 8, 1);
  std::vector<std::future<absl::StatusOr<WriteReply>>> replies;
  for (int i = 0; i < 16; ++i) {
    auto promise = std::make_shared<std::promise<absl::StatusOr<WriteReply>>>();
    replies.push_back(promise->get_future());
    engine_->Store({.memory = "m", .keys = keys, .request_id = "same", .body_hash = 5},
                   [promise](absl::StatusOr<WriteReply> r) { promise->set_value(std::move(r)); });
  }
  int replayed = 0;
  for (auto& reply : replies) {
    auto r = reply.get();
    ASSERT_TRUE(r.ok()) << r.status();
    replayed += r->replayed;
  }
  EXPECT_EQ(replayed, 15);
  EXPECT_EQ(engine_->GetMemory("m")->stats.items, 2u);
}

TEST_F(EngineTest, DeletesAllOrNothing) {
  ASSERT_TRUE(Create("m", DenseSpecOf(8)).ok());
  const Matrix keys = UnitRows(4, 8, 1);
  ASSERT_TRUE(Store({.memory = "m", .keys = keys, .ids = Numbers(0, 4)}).ok());
  auto missing = Delete({.memory = "m", .ids = {ItemId(uint64_t{1}), ItemId("nobody")}});
  EXPECT_EQ(Reason(missing.status()), "ITEM_NOT_FOUND");
  EXPECT_EQ(engine_->GetMemory("m")->stats.items, 4u);
  auto deleted = Delete(
      {.memory = "m", .ids = {ItemId(uint64_t{1}), ItemId("nobody")}, .allow_missing = true});
  ASSERT_TRUE(deleted.ok());
  EXPECT_EQ(deleted->deleted, 1u);
  EXPECT_EQ(deleted->missing, 1u);
  EXPECT_EQ(deleted->item_count, 3u);
  EXPECT_EQ(engine_->GetMemory("m")->stats.items, 3u);
}

TEST_F(EngineTest, ZeroVectorsAreRefusedUnderCosineAndOneBadCueDoesNotSpoilABatch) {
  models::MemorySpec spec = DenseSpecOf(4);
  std::get<models::DenseSpec>(spec.model).similarity = models::Similarity::kCosine;
  ASSERT_TRUE(Create("m", spec).ok());
  Matrix keys = UnitRows(3, 4, 1);
  ASSERT_TRUE(Store({.memory = "m", .keys = keys}).ok());
  for (float& x : keys.row(1)) x = 0;
  EXPECT_EQ(Reason(Store({.memory = "m", .keys = keys}).status()), "ZERO_VECTOR");
  auto reply = Query({.memory = "m", .cues = {.cues = keys}});
  ASSERT_TRUE(reply.ok());
  EXPECT_TRUE(reply->answer.cues[0].error.ok());
  EXPECT_EQ(Reason(reply->answer.cues[1].error), "ZERO_VECTOR");
  auto alone = Query({.memory = "m", .cues = {.cues = keys.view().slice(1, 1)}});
  EXPECT_EQ(Reason(alone.status()), "ZERO_VECTOR");
}

TEST_F(EngineTest, ReadTokensOfAnotherMemoryOrTheFutureAreRefused) {
  ASSERT_TRUE(Create("a", DenseSpecOf(4)).ok());
  ASSERT_TRUE(Create("b", DenseSpecOf(4)).ok());
  const Matrix key = UnitRows(1, 4, 1);
  auto stored = Store({.memory = "a", .keys = key});
  ASSERT_TRUE(stored.ok());
  QueryCommand query{
      .memory = "a", .cues = {.cues = key}, .token = ReadToken{stored->uid, stored->position}};
  EXPECT_TRUE(Query(query).ok());
  query.token->position = 99;
  EXPECT_EQ(Reason(Query(query).status()), "NOT_YET");
  query.memory = "b";
  EXPECT_EQ(Reason(Query(query).status()), "READ_TOKEN");
}

TEST_F(EngineTest, ListsRankCandidatesAndNameTheMissing) {
  ASSERT_TRUE(Create("m", DenseSpecOf(8)).ok());
  const Matrix keys = UnitRows(50, 8, 1);
  ASSERT_TRUE(Store({.memory = "m", .keys = keys, .ids = Numbers(0, 50)}).ok());
  auto reply = Query({.memory = "m",
                      .cues = {.cues = keys.view().slice(7, 1)},
                      .spec = {.kind = models::QueryKind::kList},
                      .candidates = std::vector<ItemId>{ItemId(uint64_t{3}), ItemId(uint64_t{7}),
                                                        ItemId("ghost"), ItemId(uint64_t{3})}});
  ASSERT_TRUE(reply.ok()) << reply.status();
  ASSERT_EQ(reply->answer.cues[0].top.size(), 2u);
  EXPECT_EQ(reply->answer.cues[0].top[0].id, ItemId(uint64_t{7}));
  EXPECT_EQ(reply->answer.cues[0].top[1].id, ItemId(uint64_t{3}));
  EXPECT_EQ(reply->candidates_missing, std::vector<ItemId>{ItemId("ghost")});
  auto share = Query({.memory = "m",
                      .cues = {.cues = keys.view().slice(7, 1)},
                      .spec = {.kind = models::QueryKind::kList},
                      .fraction = 0.1});
  ASSERT_TRUE(share.ok());
  EXPECT_EQ(share->answer.cues[0].top.size(), 5u);
}

TEST_F(EngineTest, MemoriesAreMadeUpdatedListedAndDropped) {
  ASSERT_TRUE(Create("b", DenseSpecOf(4)).ok());
  auto a = Create("a", LinearSpecOf(4, 2, models::LinearRule::kCmm));
  ASSERT_TRUE(a.ok());
  EXPECT_EQ(Reason(Create("a", DenseSpecOf(4)).status()), "MEMORY_EXISTS");
  EXPECT_EQ(Reason(Create("Bad Name", DenseSpecOf(4)).status()), "MEMORY_NAME");
  EXPECT_EQ(Create("c", DenseSpecOf(0)).status().code(), absl::StatusCode::kInvalidArgument);
  auto listed = engine_->ListMemories("", 10);
  ASSERT_EQ(listed.size(), 2u);
  EXPECT_EQ(listed[0].name, "a");
  auto updated = Await<MemoryInfo>([&](auto done) {
    engine_->UpdateMemory({.name = "a", .etag = Etag{a->uid, 1}, .description = "x"}, done);
  });
  ASSERT_TRUE(updated.ok());
  EXPECT_EQ(updated->revision, 2u);
  auto raced = Await<MemoryInfo>([&](auto done) {
    engine_->UpdateMemory({.name = "a", .etag = Etag{a->uid, 1}, .description = "y"}, done);
  });
  EXPECT_EQ(raced.status().code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(Drop("a").ok());
  EXPECT_EQ(Drop("a").status().code(), absl::StatusCode::kNotFound);
  auto again = Create("a", DenseSpecOf(4));
  ASSERT_TRUE(again.ok());
  EXPECT_NE(again->uid, a->uid);
  EXPECT_EQ(again->stats.items, 0u);
}

TEST_F(EngineTest, PayloadsComeBackWithListsAndItems) {
  ASSERT_TRUE(Create("m", DenseSpecOf(4)).ok());
  const Matrix keys = UnitRows(2, 4, 1);
  const std::string attributes = filter::AttributeBytes({{"year", int64_t{1}}});
  ASSERT_TRUE(
      Store({.memory = "m",
             .keys = keys,
             .ids = Numbers(0, 2),
             .payloads = {{.payload = "zero"}, {.payload = "one", .attributes = attributes}}})
          .ok());
  auto item = GetItem("m", ItemId(uint64_t{1}));
  ASSERT_TRUE(item.ok());
  EXPECT_EQ(item->payload.payload, "one");
  EXPECT_EQ(item->payload.attributes, attributes);
  auto reply = Query({.memory = "m",
                      .cues = {.cues = keys},
                      .spec = {.kind = models::QueryKind::kList, .top = 2},
                      .payloads = true});
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ(reply->payloads[0][0].payload, "zero");
  EXPECT_EQ(reply->payloads[1][0].payload, "one");
}

TEST_F(EngineTest, ReadersSeeWholeBatchesWhileWritersWrite) {
  constexpr size_t kBatch = 7, kBatches = 60;
  ASSERT_TRUE(Create("m", DenseSpecOf(16)).ok());
  const Matrix keys = UnitRows(kBatch * kBatches, 16, 1);
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int t = 0; t < 2; ++t) {
    readers.emplace_back([&] {
      while (!stop) {
        auto reply = Query({.memory = "m",
                            .cues = {.cues = keys.view().slice(0, 1)},
                            .spec = {.kind = models::QueryKind::kList, .top = 1}});
        ASSERT_TRUE(reply.ok()) << reply.status();
        EXPECT_EQ(reply->answer.items_scored, reply->position * kBatch);
      }
    });
  }
  for (size_t b = 0; b < kBatches; ++b) {
    ASSERT_TRUE(
        Store({.memory = "m", .keys = keys.view().slice(b * kBatch, kBatch), .sync = Sync::kMemory})
            .ok());
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
}

// The pool's only thread is held by a scan that asks whether it is still wanted.
TEST_F(EngineTest, ACheapCueIsAnsweredWhereItArrivesAlsoBesideScans) {
  options_.scan_threads = 1;
  Reopen(true);
  ASSERT_TRUE(Create("small", DenseSpecOf(16)).ok());
  ASSERT_TRUE(Create("large", DenseSpecOf(64)).ok());
  const Matrix few = UnitRows(20, 16, 1), many = UnitRows(8192, 64, 2);
  ASSERT_TRUE(Store({.memory = "small", .keys = few.view()}).ok());
  ASSERT_TRUE(Store({.memory = "large", .keys = many.view()}).ok());
  std::promise<void> asked, released, ended;
  std::shared_future<void> release = released.get_future().share();
  std::once_flag once;
  engine_->Query({.memory = "large",
                  .cues = {.cues = many.view().slice(0, 1)},
                  .spec = {.kind = models::QueryKind::kList, .top = 1},
                  .cancelled =
                      [&] {
                        std::call_once(once, [&] { asked.set_value(); });
                        release.wait();
                        return false;
                      }},
                 [&](absl::StatusOr<QueryReply> reply) {
                   EXPECT_TRUE(reply.ok()) << reply.status();
                   ended.set_value();
                 });
  asked.get_future().wait();
  const uint64_t inlined = engine_->counters().cues_inline;
  bool answered = false;
  engine_->Query({.memory = "small",
                  .cues = {.cues = few.view().slice(3, 1)},
                  .spec = {.kind = models::QueryKind::kList, .top = 1}},
                 [&](absl::StatusOr<QueryReply> reply) {
                   ASSERT_TRUE(reply.ok()) << reply.status();
                   EXPECT_NEAR(reply->answer.cues[0].top[0].score, 0, 1e-5);  // l2
                   answered = true;
                 });
  EXPECT_TRUE(answered) << "it waits behind the scan";
  EXPECT_EQ(engine_->counters().cues_inline, inlined + 1);
  released.set_value();
  ended.get_future().wait();
}

TEST_F(EngineTest, ManyWritersShareCommits) {
  ASSERT_TRUE(Create("m", DenseSpecOf(8)).ok());
  const Matrix keys = UnitRows(512, 8, 1);
  std::atomic<int> left{512};
  std::promise<void> all;
  for (size_t i = 0; i < 512; ++i) {
    engine_->Store({.memory = "m", .keys = keys.view().slice(i, 1)},
                   [&](absl::StatusOr<WriteReply> reply) {
                     EXPECT_TRUE(reply.ok());
                     if (--left == 0) all.set_value();
                   });
  }
  all.get_future().wait();
  const EngineCounters counters = engine_->counters();
  EXPECT_EQ(counters.writes, 513u);
  EXPECT_LT(counters.syncs, 257u);  // one by one it would be 513
  EXPECT_EQ(engine_->GetMemory("m")->stats.items, 512u);
}

}  // namespace
}  // namespace mneme::engine
