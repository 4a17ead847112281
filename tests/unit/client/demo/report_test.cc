#include "client/demo/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

namespace mneme::demo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Report MakeReport(size_t masked_right, size_t salt_right) {
  Report report{.images = 1000, .duplicates = 2};
  report.stores.push_back({.memory = kImagesMemory, .seconds = 0.5});
  for (const auto& [damage, right] :
       {std::pair{Damage::kLowerHalfMasked, masked_right}, {Damage::kSaltAndPepper, salt_right}}) {
    report.measurements.push_back({.damage = damage,
                                   .memory = kImagesMemory,
                                   .cues = 1000,
                                   .right = right,
                                   .p50_ms = 1.25,
                                   .p99_ms = 2.5,
                                   .cues_per_second = 12'345,
                                   .memory_bytes = 3 << 20});
  }
  report.examples.push_back({.damage = Damage::kSaltAndPepper,
                             .cue = {0, 1, 1, 0},
                             .recall = {1, 1, 1, 1},
                             .right = true});
  return report;
}

TEST(Check, FailsBelowItsRatesAndSaysWhich) {
  EXPECT_TRUE(Check(MakeReport(980, 990)).ok());
  EXPECT_EQ(client::GetError(Check(MakeReport(979, 1000))).given, "97.9 %");
  const client::Error salt = client::GetError(Check(MakeReport(1000, 989)));
  EXPECT_THAT(salt.message, HasSubstr("salt and pepper"));
  EXPECT_EQ(cli::ExitCodeOf(Check(MakeReport(1000, 989))), cli::kExitError);
  EXPECT_FALSE(Check(Report()).ok()) << "what was not measured is not fulfilled";
}

TEST(PrintText, ShowsWhatWasMeasured) {
  std::ostringstream out;
  PrintText(MakeReport(987, 1000), 2, Colors::kAscii, 80, out);
  EXPECT_THAT(out.str(),
              HasSubstr("lower half masked     demo-images    98.7 %  1.25 ms  2.50 ms"));
  EXPECT_THAT(out.str(), HasSubstr("12.3k/s     3.0 MiB"));
  EXPECT_THAT(out.str(), HasSubstr("2 images have the very pixels of another"));
  EXPECT_THAT(out.str(), HasSubstr("++  @@"));
}

TEST(PrintJson, ShowsWhatWasMeasured) {
  std::ostringstream out;
  PrintJson(MakeReport(987, 1000), out);
  const nlohmann::json json = nlohmann::json::parse(out.str());
  EXPECT_EQ(json["measurements"][0]["right"], 987);
  EXPECT_EQ(json["measurements"][0]["rate"], 0.987);
  EXPECT_EQ(json["duplicates"], 2);
}

TEST(Draw, PutsTwoPixelsIntoACell) {
  const std::vector<float> image{0, 1, 1, 1, 0, 2};  // three rows of two; the last has none below
  EXPECT_THAT(Draw(image, 2, Colors::kAscii), ElementsAre("+@", " +"));
  EXPECT_THAT(Draw(image, 2, Colors::kTrueColor)[0],
              "\x1b[38;2;0;0;0;48;2;255;255;255m▀\x1b[38;2;255;255;255;48;2;255;255;255m▀\x1b[0m");
  EXPECT_THAT(Draw(image, 2, Colors::kGrey256)[0],
              "\x1b[38;5;232;48;5;255m▀\x1b[38;5;255;48;5;255m▀\x1b[0m");
}

TEST(ArrangePairs, PutsAsManyInARowAsFit) {
  const std::vector<std::pair<Picture, Picture>> pairs(
      2, {{.lines = {"##"}, .caption = "cue"}, {.lines = {".."}, .caption = "r"}});
  EXPECT_EQ(ArrangePairs(pairs, 2, 18), "##  ..      ##  ..\ncu  r       cu  r \n\n");
  EXPECT_EQ(ArrangePairs(pairs, 2, 17), "##  ..\ncu  r \n\n##  ..\ncu  r \n\n");
}

}  // namespace
}  // namespace mneme::demo
