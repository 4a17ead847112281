// Which way of learning from each other is better, seed by seed, on the graphs of the reference
// rows.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace {

struct Row {
  const char* name;
  const char* arguments;
  // Best consensus over gradient: at least, at most.
  double consensus_least;
  double consensus_most;
};

constexpr double kAny = 1e9;
const Row kRows[] = {
    {"A1", "--topology=ring --n=16 --interest=uniform --het=0.5 --gain=3", 1.1, kAny},
    {"A2", "--topology=path --n=8 --interest=selfheavy --het=0.5 --gain=3", 4.5, kAny},
    {"A3", "--topology=ring --n=16 --interest=self+1 --het=1 --gain=3", 7, kAny},
    {"A4", "--topology=grid --n=16 --interest=next2 --het=1 --gain=3", 12, kAny},
    {"A5", "--topology=star --n=16 --interest=hub --het=1 --gain=3", 12, kAny},
    {"A6", "--topology=grid --n=16 --interest=groups4 --het=1 --gain=1", 6, kAny},
    // One truth that all want: consensus is as good.
    {"A7", "--topology=bintree --n=15 --interest=uniform --het=0 --gain=3", 0.9, 1.1},
    {"A8", "--topology=rgg --n=20 --T=1500 --interest=selfheavy --het=0.5 --gain=3", 6, kAny},
    {"A9", "--topology=complete --n=10 --interest=selfheavy --het=0.5 --gain=2", 6, kAny},
    {"A10", "--topology=path --n=24 --T=3000 --interest=uniform --het=0.5 --gain=2", 1.6, kAny},
};

nlohmann::json Measured(const std::string& arguments) {
  const std::string command = std::string(MNEME_LAB) + " federation " + arguments + " --json";
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return {};
  std::string text;
  std::array<char, 4096> block;
  for (size_t size; (size = fread(block.data(), 1, block.size(), pipe)) > 0;) {
    text.append(block.data(), size);
  }
  EXPECT_EQ(pclose(pipe), 0) << command;
  return nlohmann::json::parse(text, nullptr, false)["measured"];
}

double Regret(const nlohmann::json& measured, const std::string& label) {
  return measured.at("regret@" + label).at("mean").get<double>();
}

class FederationOrder : public testing::TestWithParam<Row> {};

TEST_P(FederationOrder, HoldsOnEverySeed) {
  for (const char* seed : {"1", "2"}) {
    SCOPED_TRACE(std::string("seed ") + seed);
    const std::string arguments = std::string(GetParam().arguments) + " --seed=" + seed;
    const nlohmann::json found =
        Measured(arguments + " --c=4 --mode=central,factor,gradient,barrier,wrong_point,local");
    const double gradient = Regret(found, "gradient");
    EXPECT_LE(Regret(found, "central"), 1.02 * Regret(found, "factor"));
    EXPECT_LE(Regret(found, "factor"), 1.02 * gradient);
    EXPECT_LT(gradient, Regret(found, "barrier"));
    EXPECT_LT(gradient, Regret(found, "wrong_point"));
    EXPECT_LT(Regret(found, "wrong_point"), Regret(found, "local"));

    const nlohmann::json consensus = Measured(arguments + " --c=1,2,4,8 --mode=consensus");
    double best = kAny;
    for (const char* c : {"1", "2", "4", "8"}) best = std::min(best, Regret(consensus, c));
    EXPECT_GE(best, GetParam().consensus_least * gradient);
    EXPECT_LE(best, GetParam().consensus_most * gradient);
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, FederationOrder, testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
