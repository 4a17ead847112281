// Analyses from the command line: their flags, their reports as text, JSON and pictures, samples.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/unit/client/cli/app_fixture.h"

namespace mneme::cli {
namespace {

using google::longrunning::Operation;
using nlohmann::json;
using ::testing::HasSubstr;

void AddTable(const std::string& name,
              const std::vector<std::pair<std::string, std::vector<double>>>& columns,
              v1::AnalysisReport& report) {
  v1::AnalysisTable& table = *report.add_tables();
  table.set_name(name);
  for (const auto& [column, values] : columns) {
    v1::AnalysisColumn& to = *table.add_columns();
    to.set_name(column);
    to.mutable_values()->Assign(values.begin(), values.end());
  }
}

v1::AnalysisReport Basins() {
  v1::AnalysisReport report;
  report.set_analysis("basins");
  report.set_summary("3 of 3 items");
  const auto add = [&](const char* name, double value) {
    report.add_figures()->set_name(name);
    report.mutable_figures(report.figures_size() - 1)->set_value(value);
  };
  add("kept", 2);
  add("margin_min", 0.25);
  add("margin_median", std::numeric_limits<double>::quiet_NaN());
  v1::AnalysisFinding& finding = *report.add_findings();
  finding.mutable_id()->set_number(41);
  finding.mutable_other()->set_text("cat");
  finding.set_verdict("SWALLOWED");
  finding.set_share(0.1);
  v1::Warning& advice = *report.add_advice();
  advice.set_message("1 item is lost");
  advice.set_next_step("Recall with a beta of at least 9.");
  AddTable("margin", {{"from", {0, 1}}, {"to", {1, 2}}, {"count", {1, 2}}}, report);
  return report;
}

class AppAnalyzeTest : public AppTest {
 protected:
  void EndWith(const v1::AnalysisReport& report) {
    v1::AdminMetadata metadata;
    metadata.set_kind("analyze");
    metadata.set_subject("memories/faces");
    metadata.set_phase("done");
    metadata.set_progress(1);
    v1::AnalyzeResponse response;
    *response.mutable_report() = report;
    Operation operation;
    operation.set_name("operations/7");
    operation.mutable_metadata()->PackFrom(metadata);
    operation.set_done(true);
    operation.mutable_response()->PackFrom(response);
    server_.operations.Show({operation});
  }
  v1::AnalyzeRequest Asked() { return server_.admin.analyses().at(0); }
  static std::string Content(const std::string& file) {
    std::stringstream out;
    out << std::ifstream(file).rdbuf();
    return out.str();
  }
};

TEST_F(AppAnalyzeTest, BasinsAsTextAndAsPictures) {
  EndWith(Basins());
  const Outcome shown =
      Run({"analyze", "basins", "faces", "--items", "9", "--probes", "0", "--plot", "-"});
  ASSERT_EQ(shown.code, kExitOk) << shown.err;
  EXPECT_EQ(Asked().memory(), "memories/faces");
  EXPECT_EQ(Asked().basins().items(), 9u);
  EXPECT_TRUE(Asked().basins().has_probes());
  EXPECT_EQ(Asked().basins().probes(), 0u);
  EXPECT_FALSE(Asked().basins().has_beta());
  EXPECT_THAT(shown.out, HasSubstr("SWALLOWED"));
  EXPECT_THAT(shown.out, HasSubstr("cat"));
  EXPECT_THAT(shown.out, HasSubstr("Recall with a beta of at least 9."));
  EXPECT_THAT(shown.out, HasSubstr("items by their lead over the best rival"));
  const std::string file = folder_ + "/margins.svg";
  ASSERT_EQ(Run({"analyze", "basins", "faces", "--plot", file}).code, kExitOk);
  EXPECT_THAT(Content(file), HasSubstr("</svg>"));
}

TEST_F(AppAnalyzeTest, JsonHoldsFiguresTablesAndFindings) {
  EndWith(Basins());
  const Outcome shown = Run({"analyze", "basins", "faces", "--json"});
  ASSERT_EQ(shown.code, kExitOk) << shown.err;
  const json report = json::parse(shown.out)["report"];
  EXPECT_EQ(report["figures"]["kept"], 2);
  EXPECT_TRUE(report["figures"]["margin_median"].is_null());
  EXPECT_EQ(report["tables"]["margin"]["count"], json({1, 2}));
  EXPECT_EQ(report["findings"][0]["id"], 41);
  EXPECT_EQ(report["findings"][0]["other"], "cat");
}

TEST_F(AppAnalyzeTest, RecallSendsItsCues) {
  v1::AnalysisReport report;
  report.set_analysis("recall");
  AddTable("energy", {{"step", {1, 2}}, {"cue_0", {-1, -2}}}, report);
  EndWith(report);
  const std::string file = folder_ + "/energy.svg";
  ASSERT_EQ(Run({"analyze", "recall", "faces", SaveNpy("c.npy", 2, 3), "--plot", file}).code,
            kExitOk);
  EXPECT_EQ(Asked().recall().cues().rows(), 2u);
  EXPECT_EQ(Asked().recall().cues().cols(), 3u);
  EXPECT_THAT(Content(file), HasSubstr("energy of the state"));
  const Outcome many = Run({"analyze", "recall", "faces", SaveNpy("m.npy", 17, 3)});
  EXPECT_EQ(many.code, kExitUsage);
  EXPECT_THAT(many.err, HasSubstr("at most 16"));
  EXPECT_EQ(Run({"analyze", "recall", "faces"}).code, kExitUsage);
}

TEST_F(AppAnalyzeTest, SimulationsSendTheirFlags) {
  v1::AnalysisReport report;
  report.set_analysis("sedam");
  EndWith(report);
  ASSERT_EQ(
      Run({"analyze", "sedam", "spins", "--p", "0.2", "--steps", "500", "--start", "text:7"}).code,
      kExitOk);
  EXPECT_EQ(Asked().sedam().flip(), 0.2);
  EXPECT_EQ(Asked().sedam().steps(), 500u);
  EXPECT_EQ(Asked().sedam().patterns().start().text(), "7");
  ASSERT_EQ(
      Run({"analyze", "oscillators", "spins", "--generate", "3", "--k4", "0", "--loop", "9"}).code,
      kExitOk);
  const v1::OscillatorsAnalysis oscillators = server_.admin.analyses().at(1).oscillators();
  EXPECT_TRUE(oscillators.has_k4());
  EXPECT_EQ(oscillators.k4(), 0);
  EXPECT_EQ(oscillators.loop_points(), 9u);
  EXPECT_EQ(oscillators.patterns().generated(), 3u);
  ASSERT_EQ(Run({"analyze", "capacity", "faces", "--flip", "0.1", "--no-wait"}).code, kExitOk);
  EXPECT_EQ(server_.admin.analyses().at(2).capacity().flip(), 0.1);
  EXPECT_EQ(Run({"analyze", "sedam", "s", "--generate", "3", "--start", "1"}).code, kExitUsage);
  ASSERT_EQ(Run({"analyze", "energy-graph", "faces", "--visible", "tanh", "--hold", "0.5",
                 "--noise", "0"})
                .code,
            kExitOk);
  const v1::EnergyGraphAnalysis graph = server_.admin.analyses().at(3).energy_graph();
  EXPECT_EQ(graph.visible(), v1::LAGRANGIAN_TANH);
  EXPECT_EQ(graph.hidden(), v1::LAGRANGIAN_UNSPECIFIED);
  EXPECT_EQ(graph.hold(), 0.5);
  EXPECT_TRUE(graph.has_noise());
  EXPECT_EQ(Run({"analyze", "energy-graph", "faces", "--hidden", "sigmoid"}).code, kExitUsage);
  ASSERT_EQ(Run({"analyze", "confidence", "faces", "--cue-noise", "0.25"}).code, kExitOk);
  EXPECT_EQ(server_.admin.analyses().at(4).confidence().cue_noise(), 0.25);
  EXPECT_EQ(Run({"analyze", "confidence", "faces"}).code, kExitUsage);
}

TEST_F(AppAnalyzeTest, ADescentIsDrawnWithWhatIsLeftOfIt) {
  v1::AnalysisReport report;
  report.set_analysis("energy-graph");
  AddTable("trace", {{"step", {0, 1, 2}}, {"energy", {3, -1, -2}}}, report);
  EndWith(report);
  EXPECT_THAT(Run({"analyze", "energy-graph", "faces", "--plot", "-"}).out,
              HasSubstr("log10 of the energy above the lowest"));
}

TEST_F(AppAnalyzeTest, ConfidenceIsDrawnWhereThereAreCues) {
  v1::AnalysisReport report;
  report.set_analysis("confidence");
  const double none = std::numeric_limits<double>::quiet_NaN();
  AddTable("reliability", {{"confidence", {0.1, none, 0.9}}, {"accuracy", {0.2, none, 0.8}}},
           report);
  EndWith(report);
  EXPECT_THAT(Run({"analyze", "confidence", "faces", "--cue-noise", "1", "--plot", "-"}).out,
              HasSubstr("share of cues answered rightly"));
}

TEST_F(AppAnalyzeTest, ThereMustBeSomethingToDraw) {
  v1::AnalysisReport report;
  report.set_analysis("sedam");
  EndWith(report);
  const Outcome nothing = Run({"analyze", "sedam", "spins", "--plot", "-"});
  EXPECT_EQ(nothing.code, kExitError);
  EXPECT_THAT(nothing.err, HasSubstr("nothing to draw"));
  EXPECT_EQ(Run({"analyze", "sedam", "spins", "--plot", "-", "--no-wait"}).code, kExitUsage);
}

TEST_F(AppAnalyzeTest, WatchPrintsSamplesAndWhatWasMissed) {
  v1::AnalysisSample first, second;
  first.add_observables("q");
  first.add_values(0.5);
  second.set_step(9);
  second.add_values(0.25);
  second.set_missed(8);
  server_.admin.samples = {first, second};
  EXPECT_EQ(Run({"analyze", "watch", "operations/7"}).out,
            "step 0  q 0.5\n... 8 samples missed\nstep 9  q 0.25\n");
  std::istringstream lines(Run({"analyze", "watch", "7", "--json"}).out);
  std::string line;
  ASSERT_TRUE(std::getline(lines, line));
  EXPECT_EQ(json::parse(line), (json{{"step", 0}, {"q", 0.5}}));
  ASSERT_TRUE(std::getline(lines, line));
  EXPECT_EQ(json::parse(line)["missed"], 8);
}

}  // namespace
}  // namespace mneme::cli
