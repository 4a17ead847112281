// Linear memories from the command line: their flags, their state, lists with certificates.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/client/cli/app_fixture.h"

namespace mneme::cli {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class AppLinearTest : public AppTest {
 protected:
  v1::LinearSpec Created(size_t request = 0) {
    return server_.Received<v1::CreateMemoryRequest>().at(request).memory().linear();
  }
  // A memory of rule tam, trained.
  v1::MemoryState& UseTrainedMemory() {
    v1::Memory& memory = server_.memory.emplace();
    memory.set_name("memories/words");
    memory.set_key_dim(256);
    memory.set_response_dim(256);
    memory.mutable_linear()->set_rule(v1::LINEAR_RULE_TAM);
    memory.mutable_linear()->set_partitions(1);
    v1::MemoryState& state = *memory.mutable_state();
    state.set_partitions(1);
    state.set_item_count(5000);
    v1::TrainedState& trained = *state.mutable_trained();
    trained.set_items(5000);
    trained.set_certified(4999);
    trained.set_list_size(20);
    trained.set_radius_min(0.0125);
    return state;
  }
};

TEST_F(AppLinearTest, CreatesWithEveryFlagOfItsRule) {
  const std::string mean = SaveNpy("keys.npy", 3, 4);  // 0 1 2 3, 4 5 6 7, 8 9 10 11
  ASSERT_EQ(Run({"memory", "create",         "a",    "--model",      "linear",      "--dim",
                 "4",      "--response-dim", "2",    "--rule",       "gated-delta", "--beta",
                 "0.5",    "--gamma",        "0.9",  "--partitions", "3",           "--key-mean",
                 mean,     "--load-policy",  "grow", "--load-limit", "0.25"})
                .code,
            kExitOk);
  ASSERT_EQ(Run({"memory", "create", "b", "--model", "linear", "--dim", "4", "--response-dim", "2",
                 "--rule", "tam", "--lambda", "0.01", "--tail-fraction", "0.1"})
                .code,
            kExitOk);
  ASSERT_EQ(Run({"memory", "create", "c", "--model", "linear", "--dim", "4", "--response-dim", "2",
                 "--rule", "cmm", "--fast-statistics"})
                .code,
            kExitOk);
  EXPECT_EQ(Created().rule(), v1::LINEAR_RULE_GATED_DELTA);
  EXPECT_EQ(Created().beta(), 0.5);
  EXPECT_EQ(Created().gamma(), 0.9);
  EXPECT_EQ(Created().load_policy(), v1::LOAD_POLICY_GROW);
  EXPECT_EQ(Created().load_limit(), 0.25);
  EXPECT_THAT(Created().key_mean(), ::testing::ElementsAre(4, 5, 6, 7));
  EXPECT_FALSE(Created().has_lambda());
  EXPECT_EQ(Created(1).rule(), v1::LINEAR_RULE_TAM);
  EXPECT_EQ(Created(1).lambda(), 0.01);
  EXPECT_EQ(Created(1).tail_fraction(), 0.1);
  EXPECT_TRUE(Created(2).fast_statistics());
}

TEST_F(AppLinearTest, RefusesAFlagThatTheModelDoesNotUse) {
  const auto refused = [&](std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"memory", "create", "x", "--dim", "4"});
    const Outcome outcome = Run(flags);
    EXPECT_EQ(outcome.code, kExitUsage);
    return outcome.err;
  };
  EXPECT_THAT(refused({"--gamma", "0.5"}), HasSubstr("--gamma does nothing in a dense memory"));
  EXPECT_THAT(refused({"--fast-statistics"}), HasSubstr("does nothing in a dense memory"));
  EXPECT_THAT(refused({"--model", "linear", "--similarity", "l2"}),
              HasSubstr("--similarity does nothing in a linear memory of rule ridge"));
  EXPECT_THAT(
      refused({"--model", "linear", "--rule", "delta", "--gamma", "0.5"}),
      HasSubstr("a feature memory, or a linear memory of rule decayed or gated-delta or rls"));
  EXPECT_THAT(refused({"--model", "linear", "--rule", "cmm", "--beta", "1"}),
              HasSubstr("a dense memory, or a feature memory, or a linear memory of rule delta"));
  EXPECT_THAT(refused({"--model", "linear", "--list-size", "5"}), HasSubstr("rule tam"));
  EXPECT_THAT(refused({"--model", "linear", "--load-limit", "0.5"}), HasSubstr("--load-policy"));
  EXPECT_THAT(refused({"--model", "linear", "--key-mean", SaveNpy("mean.npy", 1, 3)}),
              HasSubstr("expected:  rows of 4"));
  EXPECT_EQ(server_.calls(), 0);
}

TEST_F(AppLinearTest, DescribesLoadBytesAndWhatWasTrained) {
  v1::MemoryState& state = UseTrainedMemory();
  state.set_memory_bytes(1'310'720);
  for (const auto& [what, bytes] :
       {std::pair<std::string, uint64_t>{"W", 262'144}, {"statistics", 1'048'576}}) {
    v1::ByteAccount& account = *state.add_bytes();
    account.set_what(what);
    account.set_bytes(bytes);
  }
  v1::LoadMeter& meter = *state.mutable_load_meter();
  meter.set_load(0.0763);
  meter.set_capacity_items(6700);
  meter.set_used(0.75);
  meter.set_criterion("TAM_CERTIFIED(r=0.004)");
  meter.set_phase(v1::LOAD_PHASE_SATISFIABLE);
  state.set_suppressed_count(3);
  state.mutable_trained()->set_delta_count(12);
  const std::string out = Run({"memory", "describe", "words"}).out;
  EXPECT_THAT(out, HasSubstr("██████████████████░░░░░░ 75 % of 6,700 items by TAM_CERTIFIED("));
  EXPECT_THAT(out, HasSubstr("satisfiable: every item"));
  EXPECT_THAT(out, HasSubstr("W                262,144  256.0 KiB\n"
                             "               statistics     1,048,576    1.0 MiB\n"
                             "               all in memory  1,310,720    1.2 MiB\n"));
  EXPECT_THAT(out, HasSubstr("4,999 of 5,000 items certified (99.980 %) in lists of 20"));
  EXPECT_THAT(out, HasSubstr("least radius 0.0125"));
  EXPECT_THAT(out, HasSubstr("12 items stored since: certificates are void"));
  EXPECT_THAT(out, HasSubstr("3 deleted items still shape recalls"));
  const json parsed = json::parse(Run({"memory", "describe", "words", "--json"}).out);
  EXPECT_EQ(parsed["state"]["bytes"]["statistics"], 1'048'576);
  EXPECT_EQ(parsed["state"]["load_meter"]["phase"], "SATISFIABLE");
  EXPECT_EQ(parsed["state"]["trained"]["certified"], 4999);
  EXPECT_EQ(parsed["state"]["suppressed_count"], 3);
  EXPECT_EQ(parsed["spec"]["rule"], "TAM");
}

TEST_F(AppLinearTest, AsksATrainedMemoryForItsCertifiedList) {
  UseTrainedMemory();
  server_.certificate_state = v1::CERTIFICATE_STATE_SEALED;
  server_.certificate.set_certified(true);
  server_.certificate.set_radius(0.25);
  server_.certificate.set_distance(0.125);
  server_.certificate.set_inside_radius(true);
  const Outcome outcome = Run({"query", "words", "--cue", "1,2", "--check-radius"});
  ASSERT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("CERTIFIED  RADIUS  DISTANCE  INSIDE"));
  EXPECT_THAT(outcome.out, HasSubstr("yes          0.25     0.125  yes"));
  EXPECT_THAT(outcome.out, HasSubstr("certified for lists of the 20 best"));
  const auto request = server_.Received<v1::ListwiseQueryRequest>().at(0);
  EXPECT_EQ(request.size_case(), v1::ListwiseQueryRequest::SIZE_NOT_SET);
  EXPECT_TRUE(request.check_radius());
  const json parsed = json::parse(Run({"query", "words", "--cue", "1,2", "--json"}).out);
  EXPECT_EQ(parsed["certificates"], "SEALED");
  EXPECT_EQ(parsed["list_size"], 20);
  EXPECT_EQ(parsed["items"][0]["certificate"]["inside_radius"], true);
}

TEST_F(AppLinearTest, SaysWhyAListCarriesNoCertificates) {
  const auto reason = [&](v1::CertificateState state) {
    server_.certificate_state = state;
    return Run({"query", "words", "--cue", "1,2", "-k", "3"}).out;
  };
  EXPECT_THAT(reason(v1::CERTIFICATE_STATE_UNCERTIFIED_DELTA), HasSubstr("stored since"));
  EXPECT_THAT(reason(v1::CERTIFICATE_STATE_UNTRAINED), HasSubstr("mnemectl train"));
  EXPECT_THAT(reason(v1::CERTIFICATE_STATE_UNCERTIFIED_SHORT), HasSubstr("shorter"));
  EXPECT_THAT(reason(v1::CERTIFICATE_STATE_UNCERTIFIED_PARTITIONS), HasSubstr("partitions"));
  EXPECT_THAT(reason(v1::CERTIFICATE_STATE_UNSPECIFIED),
              AllOf(HasSubstr("best"), Not(HasSubstr("certificates"))));
}

TEST_F(AppLinearTest, GivesTenItemsWhereNothingWasTrained) {
  ASSERT_EQ(Run({"query", "faces", "--cue", "1,2"}).code, kExitOk);
  EXPECT_EQ(server_.Received<v1::ListwiseQueryRequest>().at(0).k(), 10u);
}

TEST_F(AppLinearTest, RanksResponsesOfAFile) {
  const std::string file = SaveNpy("responses.npy", 7, 2);
  const Outcome outcome =
      Run({"query", "classes", "--cue", "1,2", "--candidate-responses", file, "-k", "2"});
  ASSERT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_EQ(server_.Received<v1::ListwiseQueryRequest>().at(0).candidate_responses().rows(), 7u);
  EXPECT_EQ(
      Run({"query", "classes", "--cue", "1", "--candidate-responses", file, "--candidates", "1"})
          .code,
      kExitUsage);
}

TEST_F(AppLinearTest, RetrievesFromAMemoryThatKeepsNoItems) {
  const auto refusal = client::testing::MakeRichStatus(grpc::StatusCode::FAILED_PRECONDITION,
                                                       "keeps no responses", "CODEBOOK_NOT_KEPT");
  server_.FailWith({refusal});
  ASSERT_EQ(Run({"retrieve", "sums", "--cue", "1,2"}).code, kExitOk);
  const auto requests = server_.Received<v1::RetrieveRequest>();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].top(), 3u);
  EXPECT_EQ(requests[1].top(), 0u);

  server_.FailWith({refusal});
  EXPECT_EQ(Run({"retrieve", "sums", "--cue", "1,2", "--top", "2"}).code, kExitError)
      << "what was asked for is not left out silently";
}

TEST_F(AppLinearTest, PrintsWarningsAndReplaysOfAStore) {
  server_.warning.set_reason("LOAD");
  server_.warning.set_message("the load is 0.3, its limit 0.2");
  server_.warning.set_next_step("Raise the limit.");
  Outcome outcome = Run({"store", "words", "-"}, "[1, 2]\n");
  ASSERT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("1 stored in words"));
  EXPECT_EQ(outcome.err,
            "warning: the load is 0.3, its limit 0.2 (LOAD)\n  next step: Raise the limit.\n");
  EXPECT_EQ(
      json::parse(Run({"store", "words", "-", "--json"}, "[1]\n").out)["warnings"][0]["reason"],
      "LOAD");
  server_.replayed = true;
  outcome = Run({"store", "words", "-", "--request-id", "r"}, "[1, 2]\n");
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr("1 had been stored before"), HasSubstr("nothing was stored again")));
}

TEST_F(AppLinearTest, SaysHowManyDeletedItemsWereOnlySuppressed) {
  server_.suppressed = 2;
  const Outcome outcome = Run({"items", "delete", "words", "1", "2", "3"});
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("3 deleted"), HasSubstr("2 of them only suppressed")));
  EXPECT_EQ(json::parse(Run({"items", "delete", "words", "1", "--json"}).out)["suppressed"], 2);
}

}  // namespace
}  // namespace mneme::cli
