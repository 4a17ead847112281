#include "client/cli/mask.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "client/cli/matrix_file.h"
#include "mneme/error.h"

namespace mneme::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Mask, SetsTheBitsOfRangesEndsIncluded) {
  const auto mask = Mask::Parse("0-2,9,15-15", 16);
  ASSERT_TRUE(mask.ok()) << mask.status();
  EXPECT_THAT(*mask->ForCues(0, 3), ElementsAre(0b00000111, 0b10000010));
}

TEST(Mask, KnowsEverythingWhenNotGiven) { EXPECT_THAT(*Mask().ForCues(5, 3), IsEmpty()); }

TEST(Mask, RefusesRangesOutsideTheCue) {
  for (const char* text : {"0-16", "16", "3-1", "a", "", "1,,2", "-3"}) {
    EXPECT_FALSE(Mask::Parse(text, 16).ok()) << text;
  }
}

TEST(Mask, ReadsRowsOfZerosAndOnes) {
  const std::string path = ::testing::TempDir() + "mask_test.npy";
  const std::vector<float> bits{1, 0, 0, 1, 1, 1};
  auto writer = NpyWriter::Create(path);
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE((*writer)->Write({bits.data(), 2, 3}).ok());
  ASSERT_TRUE((*writer)->Finish().ok());
  const auto mask = Mask::Parse(path, 3);
  ASSERT_TRUE(mask.ok()) << mask.status();
  EXPECT_THAT(*mask->ForCues(0, 2), ElementsAre(0b001, 0b111));
  EXPECT_THAT(*mask->ForCues(1, 1), ElementsAre(0b111));
  EXPECT_EQ(client::GetError(mask->ForCues(1, 2).status()).expected, "1, or at least 3");
  EXPECT_FALSE(Mask::Parse(path, 4).ok());
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace mneme::cli
