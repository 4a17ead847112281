#include "client/cli/server_words.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <deque>
#include <string>
#include <vector>

#include "client/cli/context.h"

namespace mneme::cli {
namespace {

using client::Error;
using client::GetError;

class ServerWordsTest : public ::testing::Test {
 protected:
  ServerWordsTest() {
    store_ = app_.add_subcommand("store");
    store_->add_option("FILE", file_);
    for (const char* name : {"--ids", "--responses", "--weights", "--steps-max", "--beta"})
      store_->add_option(name, texts_.emplace_back());
    store_->add_flag("--upsert", upsert_);
    remove_ = app_.add_subcommand("delete");
    remove_->add_option("ID", ids_);
    remove_->add_option("--pairs", file_);
    remove_->add_option("--etag", etag_);
    query_ = app_.add_subcommand("query");
    query_->add_option("FILE", file_);
    query_->add_option("--cue", cues_);
    query_->add_option("--candidates", ids_)->delimiter(',');
    query_->add_option("--k,-k", k_);
    query_->add_option("--fraction", k_);
  }

  // What a user of `line` is told of `error`.
  Error Told(const std::string& line, Error error) {
    error.code = absl::StatusCode::kInvalidArgument;
    app_.parse(line);
    return GetError(InWordsOf(app_, client::MakeError(error)));
  }
  std::string Message(const std::string& line, const std::string& message) {
    return Told(line, {.message = message}).message;
  }
  std::string Step(const std::string& line, const std::string& next_step) {
    return Told(line, {.message = "m", .next_step = next_step}).next_step;
  }

  CLI::App app_;
  CLI::App* store_;
  CLI::App* remove_;
  CLI::App* query_;
  std::deque<std::string> texts_;
  std::string file_, etag_;
  std::vector<std::string> ids_, cues_;
  int k_ = 0;
  bool upsert_ = false;
};

TEST_F(ServerWordsTest, AColumnIsNamedByItsFile) {
  EXPECT_EQ(Message("store k.npy --ids ids.txt", "ids[7]: an item id of 200 bytes"),
            "ids.txt: row 7: an item id of 200 bytes");
  EXPECT_EQ(Message("store k.jsonl", "ids[7]: an item id of 200 bytes"),
            "k.jsonl: row 7: an item id of 200 bytes");
  EXPECT_EQ(Message("store -", "ids[7]: empty"), "stdin: row 7: empty");
  EXPECT_EQ(Message("store k.npy --responses r.npy", "responses have 5 columns"),
            "r.npy: responses have 5 columns");
  EXPECT_EQ(Message("store k.npy", "responses have 0 columns"), "responses have 0 columns")
      << "the file of keys is not to blame";
  EXPECT_EQ(Message("store k.jsonl", "responses have 0 columns"),
            "k.jsonl: responses have 0 columns");
  EXPECT_EQ(Message("store k.npy", "after chunk 3 of session s: key 9 is a zero vector"),
            "after chunk 3 of session s: k.npy: key 9 is a zero vector");
  EXPECT_EQ(Message("store k.npy --weights w.npy", "the weight of row 3 is -1"),
            "w.npy: the weight of row 3 is -1");
  EXPECT_EQ(Message("store k.npy --ids i.npy", "rows 1 and 2 have the same id '7'"),
            "i.npy: rows 1 and 2 have the same id '7'");
  EXPECT_EQ(Message("store k.npy", "key 3 is a zero vector"), "k.npy: key 3 is a zero vector");
  EXPECT_EQ(Message("delete --pairs p.npy", "keys have 5 columns"), "p.npy: keys have 5 columns");
}

TEST_F(ServerWordsTest, WhatWasTypedIsNamedAsItWasTyped) {
  EXPECT_EQ(Message("delete a 'b c'", "ids[1]: an item id of 200 bytes"),
            "ID 'b c': an item id of 200 bytes");
  EXPECT_EQ(Message("query --candidates a,b", "candidates[1]: no"), "--candidates 'b': no");
  EXPECT_EQ(Message("delete a --etag x", "etags[0]: 'x' is not an etag of an item"),
            "--etag 'x': 'x' is not an etag of an item");
  EXPECT_EQ(Message("query --cue 1,2", "cues have 2 columns"), "cues have 2 columns");
  EXPECT_EQ(Message("delete a", "ids[7]: beyond what was typed"), "ids[7]: beyond what was typed");
}

TEST_F(ServerWordsTest, FieldsAreFlagsWhereTheCommandHasThem) {
  EXPECT_EQ(Message("store k.npy", "steps_max is -3"), "--steps-max is -3");
  EXPECT_EQ(Message("store k.npy", "spec.dense.steps_max is -3."), "--steps-max is -3.");
  EXPECT_EQ(Message("query --cue 1", "steps_max is -3"), "steps_max is -3")
      << "it has no such flag";
  EXPECT_EQ(Message("store k.npy", "memory 'steps_max' is frozen"), "memory 'steps_max' is frozen");
  EXPECT_EQ(Step("store k.npy", "Set upsert to replace items."), "Set --upsert to replace items.");
  EXPECT_EQ(Step("store k.npy", "Leave --upsert out."), "Leave --upsert out.");
  EXPECT_EQ(Step("store k.npy", "Raise the beta of the memory."), "Raise the beta of the memory.");
  EXPECT_EQ(Step("query --cue 1", "Set k or fraction."), "Set --k or --fraction.");
  EXPECT_EQ(Step("store k.npy", "Raise limits.cues_max."), "Raise limits.cues_max.");
}

TEST_F(ServerWordsTest, AdviceNamesCommands) {
  EXPECT_EQ(Step("store k.npy", "See ListItems (mnemectl items list). The number 7 is an id."),
            "See `mnemectl items list`. The number 7 is an id.");
  EXPECT_EQ(Step("store k.npy",
                 "Unfreeze it with UpdateMemory, frozen = false (mnemectl memory "
                 "unfreeze), if need be."),
            "Unfreeze it with `mnemectl memory unfreeze`, if need be.");
  EXPECT_EQ(Step("store k.npy", "Use Retrieve, or create another."),
            "Use `mnemectl retrieve`, or create another.");
  EXPECT_EQ(
      Told("delete a", {.reason = "ITEM_ID", .message = "m", .next_step = "Shorten it."}).next_step,
      "`mnemectl items list` shows the ids as they are to be typed.");
  EXPECT_EQ(Told("store k.npy", {.reason = "ITEM_ID", .message = "m", .next_step = "Shorten it."})
                .next_step,
            "Shorten it.");
}

TEST_F(ServerWordsTest, OwnErrorsStayAsTheyAre) {
  app_.parse("store k.npy");
  const absl::Status own = UsageError("keys steps_max", "upsert", "beta", "Use Retrieve.");
  EXPECT_EQ(InWordsOf(app_, own), own);
  EXPECT_TRUE(InWordsOf(app_, absl::OkStatus()).ok());
}

}  // namespace
}  // namespace mneme::cli
