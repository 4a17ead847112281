#include "client/cli/app.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "client/cli/matrix_file.h"
#include "tests/unit/client/cli/app_fixture.h"

namespace mneme::cli {
namespace {

using client::testing::MakeRichStatus;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(AppTest, HasAnExampleInEveryHelp) {
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{},
                                             {"memory"},
                                             {"memory", "create"},
                                             {"memory", "list"},
                                             {"memory", "describe"},
                                             {"memory", "update"},
                                             {"memory", "delete"},
                                             {"store"},
                                             {"retrieve"},
                                             {"query"},
                                             {"items"},
                                             {"items", "list"},
                                             {"items", "get"},
                                             {"items", "delete"},
                                             {"train"},
                                             {"operation"},
                                             {"operation", "list"},
                                             {"operation", "describe"},
                                             {"operation", "wait"},
                                             {"operation", "cancel"},
                                             {"operation", "delete"},
                                             {"forecast"},
                                             {"info"},
                                             {"health"}}) {
    std::vector<std::string> arguments = command;
    arguments.push_back("--help");
    const Outcome outcome = RunBare(arguments);
    EXPECT_EQ(outcome.code, kExitOk);
    EXPECT_THAT(outcome.out, HasSubstr("Example:\n  mnemectl"));
  }
}

TEST_F(AppTest, TellsAWrongCommandLine) {
  EXPECT_EQ(RunBare({}).code, kExitUsage);
  EXPECT_EQ(RunBare({"memory", "create", "x"}).code, kExitUsage);
  EXPECT_EQ(RunBare({"memory", "create", "x", "--dim", "3", "--model", "quantum"}).code,
            kExitUsage);
  EXPECT_EQ(RunBare({"info", "--nonsense"}).code, kExitUsage);
  EXPECT_EQ(RunBare({"info", "--timeout", "soon"}).code, kExitUsage);
  EXPECT_EQ(RunBare({"info", "--timeout", "-1s"}).code, kExitUsage);
  EXPECT_EQ(RunBare({"retrieve", "faces"}).code, kExitUsage);
  EXPECT_EQ(RunBare({"items", "delete", "faces"}).code, kExitUsage);
  EXPECT_EQ(server_.calls(), 0);
}

TEST_F(AppTest, ANumberThatAFlagCannotHoldIsRefusedInWords) {
  const auto said = [this](const std::string& steps) {
    const Outcome outcome = RunBare({"train", "faces", "--steps", steps});
    EXPECT_EQ(outcome.code, kExitUsage);
    return outcome.err;
  };
  EXPECT_THAT(said("5000000000"),
              HasSubstr("--steps is 5000000000, expected a whole number of at most 4,294,967,295"));
  EXPECT_THAT(said("99999999999999999999"), HasSubstr("expected a smaller whole number"));
  EXPECT_THAT(said("-1"), HasSubstr("expected a whole number, 0 or more"));
  EXPECT_THAT(said("2.5"), HasSubstr("expected a whole number, 0 or more"));
  EXPECT_THAT(said("many"), HasSubstr("--steps is many, expected a number"));
  const json error =
      json::parse(RunBare({"train", "faces", "--cue-noise", "loud", "--json"}).err)["error"];
  EXPECT_EQ(error["given"], "loud");
  EXPECT_EQ(error["expected"], "a number");
  EXPECT_EQ(server_.calls(), 0);
}

TEST_F(AppTest, CreatesAMemoryOfEitherModel) {
  ASSERT_EQ(Run({"memory", "create", "faces", "--dim", "784", "--similarity", "cosine", "--beta",
                 "2.5", "--label", "team=vision", "--label", "a=b=c"})
                .code,
            kExitOk);
  ASSERT_EQ(Run({"memory", "create", "classes", "--model", "linear", "--dim", "784",
                 "--response-dim", "10", "--rule", "cmm", "--retain", "statistics"})
                .code,
            kExitOk);
  const auto requests = server_.Received<v1::CreateMemoryRequest>();
  EXPECT_EQ(requests[0].memory().dense().similarity(), v1::SIMILARITY_COSINE);
  EXPECT_EQ(requests[0].memory().dense().beta(), 2.5);
  EXPECT_EQ(requests[0].memory().labels().at("a"), "b=c");
  EXPECT_EQ(requests[0].memory().retain(), v1::RETAIN_ALL);
  EXPECT_EQ(requests[1].memory().linear().rule(), v1::LINEAR_RULE_CMM);
  EXPECT_FALSE(requests[1].memory().linear().has_lambda());
  EXPECT_EQ(requests[1].memory().retain(), v1::RETAIN_STATISTICS);
}

TEST_F(AppTest, DescribesInTextAndInJson) {
  const Outcome text = Run({"memory", "describe", "faces"});
  EXPECT_EQ(text.code, kExitOk);
  EXPECT_THAT(text.out, HasSubstr("dense: similarity COSINE, beta 2.5"));
  const json parsed = json::parse(Run({"--json", "memory", "describe", "faces"}).out);
  EXPECT_EQ(parsed["name"], "memories/faces");
  EXPECT_EQ(parsed["spec"]["similarity"], "COSINE");
  EXPECT_EQ(parsed["state"]["item_count"], 7);
  EXPECT_EQ(json::parse(Run({"memory", "list", "--json"}).out)["memories"].size(), 3u);
  EXPECT_THAT(Run({"memory", "list"}).out, HasSubstr("memories/m2"));
}

TEST_F(AppTest, UpdatesAndDeletes) {
  EXPECT_EQ(Run({"memory", "update", "faces", "--no-labels", "--etag", "e"}).code, kExitOk);
  EXPECT_THAT(server_.Received<v1::UpdateMemoryRequest>().at(0).update_mask().paths(),
              ElementsAre("labels"));
  EXPECT_EQ(Run({"memory", "update", "faces"}).code, kExitUsage);
  EXPECT_EQ(Run({"memory", "delete", "faces", "--allow-missing"}).code, kExitOk);
  EXPECT_TRUE(server_.Received<v1::DeleteMemoryRequest>().at(0).allow_missing());
}

TEST_F(AppTest, StoresAFileWithItsColumns) {
  const std::string keys = SaveNpy("keys.npy", 5, 4);
  const std::string responses = SaveNpy("responses.npy", 5, 2);
  const std::string weights = SaveNpy("weights.npy", 5, 1);
  std::ofstream(folder_ + "/ids.txt") << "a\nb\n3\ntext:4\ne\n";
  const Outcome outcome =
      Run({"store", "faces", keys, "--responses", responses, "--weights", weights, "--ids",
           folder_ + "/ids.txt", "--upsert", "--batch-rows", "3", "--request-id", "r"});
  ASSERT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("5 stored in faces"));
  const auto requests = server_.Received<v1::StoreRequest>();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].keys().rows(), 3u);
  EXPECT_EQ(requests[1].keys().rows(), 2u);
  EXPECT_EQ(requests[1].responses().cols(), 2u);
  EXPECT_EQ(requests[1].weights(1), 4);
  EXPECT_EQ(requests[0].ids(2).number(), 3u);
  EXPECT_EQ(requests[1].ids(0).text(), "4");
  EXPECT_TRUE(requests[0].upsert());
  EXPECT_EQ(requests[0].request_id(), "r/0");
  EXPECT_EQ(requests[1].request_id(), "r/1");
}

TEST_F(AppTest, SendsVectorsInTheTypeThatTheFlagNames) {
  const std::string keys = SaveNpy("keys.npy", 2, 4);
  ASSERT_EQ(Run({"store", "faces", keys, "--dtype", "bf16"}).code, kExitOk);
  ASSERT_EQ(Run({"store", "faces", keys, "--dtype=int8"}).code, kExitOk);
  ASSERT_EQ(Run({"store", "faces", keys}).code, kExitOk);
  const auto stores = server_.Received<v1::StoreRequest>();
  EXPECT_EQ(stores.at(0).keys().dtype(), v1::DTYPE_BFLOAT16);
  EXPECT_EQ(stores.at(0).keys().data().size(), 16u);
  EXPECT_EQ(stores.at(1).keys().dtype(), v1::DTYPE_INT8);
  EXPECT_EQ(stores.at(1).keys().scales().size(), 8u);
  EXPECT_EQ(stores.at(2).keys().dtype(), v1::DTYPE_FLOAT32);
  ASSERT_EQ(Run({"query", "faces", "--cue", "1,0,0,0", "--k", "1", "--dtype", "fp16"}).code,
            kExitOk);
  EXPECT_EQ(server_.Received<v1::ListwiseQueryRequest>().at(0).cues().dtype(), v1::DTYPE_FLOAT16);
  const Outcome recall =
      Run({"retrieve", "faces", "--cue", "1,0", "--top", "0", "--recall-dtype", "int8"});
  ASSERT_EQ(recall.code, kExitOk) << recall.err;
  EXPECT_EQ(server_.Received<v1::RetrieveRequest>().at(0).recall_dtype(), v1::DTYPE_INT8);
  EXPECT_EQ(Run({"store", "faces", keys, "--dtype", "fp8"}).code, kExitUsage);
}

TEST_F(AppTest, SaysWhatIdsTheServerMadeIfAny) {
  const std::string keys = SaveNpy("keys.npy", 2, 2);
  EXPECT_THAT(Run({"store", "faces", keys}).out, HasSubstr("ids made by the server, from 1000 on"));
  EXPECT_THAT(Run({"store", "faces", "-"}, "{\"id\": \"a\", \"key\": [1, 2]}\n").out,
              Not(HasSubstr("ids")));
  server_.makes_ids = false;  // as a memory that keeps sums alone
  EXPECT_THAT(Run({"store", "faces", keys}).out,
              HasSubstr("no ids: the memory keeps sums of its items, not the items"));
  EXPECT_FALSE(json::parse(Run({"store", "faces", keys, "--json"}).out).contains("first_id"));
}

TEST_F(AppTest, StoresJsonLinesFromStdin) {
  const Outcome outcome =
      Run({"store", "faces", "-", "--json"}, "{\"id\": \"a\", \"key\": [1, 2]}\n");
  ASSERT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_EQ(json::parse(outcome.out)["stored"], 1);
  EXPECT_EQ(server_.Received<v1::StoreRequest>().at(0).ids(0).text(), "a");
}

TEST_F(AppTest, RefusesColumnsOfAnotherLength) {
  const Outcome outcome =
      Run({"store", "faces", SaveNpy("keys.npy", 5, 4), "--weights", SaveNpy("weights.npy", 4, 1)});
  EXPECT_EQ(outcome.code, kExitUsage);
  EXPECT_THAT(outcome.err, HasSubstr("expected:  5"));
  EXPECT_EQ(server_.calls(), 0);
}

TEST_F(AppTest, WhatItDoesNotKnowIsNamedWithTheNearestThatItDoes) {
  const auto told = [this](std::vector<std::string> arguments) {
    const Outcome outcome = RunBare(std::move(arguments));
    EXPECT_EQ(outcome.code, kExitUsage);
    return outcome.err;
  };
  EXPECT_THAT(told({"memory", "crate", "x"}),
              HasSubstr("'crate' is no subcommand of memory; did you mean create?"));
  EXPECT_THAT(told({"memroy", "create", "x"}),
              HasSubstr("'memroy' is no subcommand of mnemectl; did you mean memory?"));
  EXPECT_THAT(told({"memory", "zzzzzzzz"}), HasSubstr("'zzzzzzzz' is no subcommand of memory ("));
  EXPECT_THAT(told({"memory"}), HasSubstr("memory needs a subcommand"));
  EXPECT_THAT(
      told({"memory", "create", "x", "--dim", "4", "--simlarity", "l2"}),
      ::testing::AllOf(HasSubstr("--simlarity is no flag of create; did you mean --similarity?"),
                       HasSubstr("given:     --simlarity l2")));
  EXPECT_THAT(told({"memory", "list", "more"}), HasSubstr("list takes no more: more"));
  EXPECT_THAT(told({"items", "list", "faces", "--limit", "0"}),
              HasSubstr("--limit: 0 is too few, expected 1 or more"));
  EXPECT_THAT(
      told({"create", "x"}),
      ::testing::AllOf(HasSubstr("'create' is a subcommand, but not"), HasSubstr("memory create")));
  EXPECT_THAT(told({"memory", "create", "x", "--dim", "4", "--similarity", "cosin"}),
              ::testing::AllOf(HasSubstr("--similarity is cosin, which is no choice; did you mean "
                                         "cosine?"),
                               HasSubstr("expected:  cosine, dot, ")));
  EXPECT_THAT(told({"memory", "create", "x"}),
              ::testing::AllOf(HasSubstr("mnemectl memory create needs --dim"),
                               HasSubstr("--dim: Numbers in a key"),
                               HasSubstr("`mnemectl memory create --help`")));
  EXPECT_THAT(told({"store", "faces"}), HasSubstr("mnemectl store needs FILE"));
  EXPECT_THAT(told({"memory", "create", "x", "--dim"}), HasSubstr("--dim: 1 required"));
  const Outcome help = RunBare({"memory", "--help"});
  EXPECT_EQ(help.code, kExitOk);
  EXPECT_THAT(help.out, HasSubstr("create"));
}

TEST_F(AppTest, EveryRefusalOfACommandLineIsAnObjectForPrograms) {
  for (const std::vector<std::string>& line : std::vector<std::vector<std::string>>{
           {"memory", "create", "x"},
           {"memory", "create", "x", "--dim"},
           {"memory", "create", "x", "--dim", "x"},
           {"memory", "create", "x", "--dim", "4", "--model", "y"},
           {"query", "x", "--k", "3", "--fraction", "0.1"},
           {"items", "delete", "x", "--responses", "y"},
           {"nothing"},
           {}}) {
    std::vector<std::string> arguments = line;
    arguments.push_back("--json");
    const Outcome outcome = RunBare(arguments);
    EXPECT_EQ(outcome.code, kExitUsage);
    const json error = json::parse(outcome.err)["error"];
    EXPECT_EQ(error["reason"], "USAGE") << outcome.err;
    EXPECT_THAT(error["next_step"].get<std::string>(), Not(::testing::IsEmpty())) << outcome.err;
  }
}

TEST_F(AppTest, SaysHowManyRowsWereStoredBeforeAnError) {
  server_.on_store = [](const v1::StoreRequest& request) {
    const float first = *reinterpret_cast<const float*>(request.keys().data().data());
    if (first < 8) return grpc::Status::OK;
    return MakeRichStatus(grpc::StatusCode::INVALID_ARGUMENT, "key row 1 holds NaN", "NOT_FINITE");
  };
  const Outcome outcome =
      Run({"store", "faces", SaveNpy("keys.npy", 6, 4), "--batch-rows", "2", "--json"});
  EXPECT_EQ(outcome.code, kExitError);
  const json error = json::parse(outcome.err)["error"];
  EXPECT_EQ(error["reason"], "NOT_FINITE");
  EXPECT_EQ(error["message"], folder_ + "/keys.npy: key row 3 holds NaN");
  EXPECT_EQ(error["rows_done"], 2);
  EXPECT_EQ(error["next_step"], "Send keys of 128 columns.");
}

TEST_F(AppTest, RetrievesIntoAFileAndATable) {
  const std::string out = folder_ + "/recalls.npy";
  const Outcome outcome = Run({"retrieve", "faces", SaveNpy("cues.npy", 3, 4), "--mask", "0-1",
                               "--top", "1", "--out", out});
  ASSERT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("3 cues: 3 CONVERGED"));
  auto file = OpenMatrix(out);
  ASSERT_TRUE(file.ok()) << file.status();
  const auto recalls = (*file)->Read(10);
  ASSERT_EQ(recalls->data.size(), 12u);
  EXPECT_EQ(recalls->data[11], 22);
  EXPECT_EQ(server_.Received<v1::RetrieveRequest>().at(0).mask().bits(), "\x03");
}

TEST_F(AppTest, ARecallShowsItsEnergyWhereTheModelHasOne) {
  EXPECT_THAT(Run({"retrieve", "faces", "--cue", "1,2"}).out, Not(HasSubstr("ENERGY")));
  server_.recall_result.set_energy(-0.75);
  const std::string out = Run({"retrieve", "faces", "--cue", "1,2"}).out;
  EXPECT_THAT(out, HasSubstr("ENERGY"));
  EXPECT_THAT(out, HasSubstr("-0.75"));
  server_.recall_result.set_energy(0);
  EXPECT_THAT(Run({"retrieve", "faces", "--cue", "1,2"}).out, Not(HasSubstr("ENERGY")));
}

TEST_F(AppTest, RetrievesTypedCuesAsJsonLines) {
  const Outcome outcome =
      Run({"retrieve", "faces", "--cue", "1,2", "--cue", "3,4", "--json", "--beta", "0.5"});
  ASSERT_EQ(outcome.code, kExitOk) << outcome.err;
  std::istringstream lines(outcome.out);
  std::string line;
  ASSERT_TRUE(std::getline(lines, line));
  ASSERT_TRUE(std::getline(lines, line));
  const json second = json::parse(line);
  EXPECT_EQ(second["cue"], 1);
  EXPECT_EQ(second["status"], "CONVERGED");
  EXPECT_EQ(second["exactness"], "EXACT");
  EXPECT_EQ(second["recall"], json({6.0, 8.0}));
  EXPECT_EQ(second["top"][0]["id"], 3);
  EXPECT_FALSE(std::getline(lines, line));
  EXPECT_EQ(server_.Received<v1::RetrieveRequest>().at(0).beta(), 0.5);
}

TEST_F(AppTest, QueriesWithCandidates) {
  const Outcome outcome =
      Run({"query", "faces", "-", "-k", "3", "--candidates", "7,text:7"}, "[1, 2]\n");
  ASSERT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("best"));
  const auto request = server_.Received<v1::ListwiseQueryRequest>().at(0);
  EXPECT_EQ(request.k(), 3u);
  EXPECT_EQ(request.candidates(0).number(), 7u);
  EXPECT_EQ(request.candidates(1).text(), "7");
  EXPECT_EQ(Run({"query", "faces", "--cue", "1", "--fraction", "0.5", "-k", "3"}).code, kExitUsage);
}

TEST_F(AppTest, GetsAndDeletesItems) {
  EXPECT_THAT(Run({"items", "get", "faces", "anna"}).out, HasSubstr("anna\n  weight      0.5"));
  EXPECT_THAT(Run({"items", "delete", "faces", "anna", "17"}).out, HasSubstr("2 deleted"));
  EXPECT_EQ(Run({"items", "delete", "faces", "--pairs", "-"}, "[1, 2]\n").code, kExitOk);
  EXPECT_EQ(server_.Received<v1::DeleteItemsRequest>().at(1).keys().cols(), 2u);
}

TEST_F(AppTest, PrintsWhatWasWrongAndTheNextStep) {
  server_.FailWith({MakeRichStatus(grpc::StatusCode::NOT_FOUND, "no memory 'faces'", "NO_MEMORY")});
  const Outcome outcome = Run({"memory", "describe", "faces"});
  EXPECT_EQ(outcome.code, kExitNotFound);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err,
            "mnemectl: no memory 'faces' (NOT_FOUND, NO_MEMORY)\n"
            "  given:     127\n"
            "  expected:  128\n"
            "  next step: Send keys of 128 columns.\n");
}

TEST_F(AppTest, EndsWithACodeForEachKindOfFailure) {
  EXPECT_EQ(RunBare({"info", "--server", "unix:/nonexistent/sock", "--timeout", "50ms"}).code,
            kExitUnavailable);
  server_.FailWith({MakeRichStatus(grpc::StatusCode::ABORTED, "etag", "ETAG")});
  EXPECT_EQ(Run({"memory", "update", "faces", "--description", "x"}).code, kExitError);
  stop_.request_stop();
  EXPECT_EQ(Run({"info"}).code, kExitStopped);
}

TEST_F(AppTest, ReportsHealth) {
  EXPECT_EQ(Run({"health"}).out, "SERVING\n");
  server_.server().GetHealthCheckService()->SetServingStatus(false);
  const Outcome outcome = Run({"health"});
  EXPECT_EQ(outcome.code, kExitUnavailable);
  EXPECT_EQ(outcome.out, "NOT_SERVING\n");
}

TEST_F(AppTest, ShowsTheServersLimits) {
  v1::Limits limits;
  limits.set_rows_per_store_max(10'000);
  server_.set_limits(limits);
  EXPECT_THAT(Run({"info"}).out, HasSubstr("rows of a store     10,000"));
  EXPECT_EQ(json::parse(Run({"info", "--json"}).out)["limits"]["rows_per_store_max"], 10'000);
}

TEST_F(AppTest, FailsWhenItsOutputIsClosed) {
  std::istringstream in;
  std::ostream closed(nullptr);
  std::ostringstream err;
  EXPECT_EQ(RunApp({"info", "--server", server_.target()}, {.in = in, .out = closed, .err = err}),
            kExitError);
}

}  // namespace
}  // namespace mneme::cli
