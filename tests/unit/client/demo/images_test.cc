#include "client/demo/images.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "mneme/error.h"

namespace mneme::demo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ImagesTest : public ::testing::Test {
 protected:
  ~ImagesTest() override { std::filesystem::remove(path_); }

  // Two images of 2 x 2 with the labels 3 and 7, as make_images.py writes them: the checksum is the
  // one it computes.
  static std::string File() {
    std::string bytes = "MNEMEIMG";
    for (const uint32_t field : {1u, 2u, 4u, 2u, 0u, 0xdd039d50u}) {
      bytes.append(reinterpret_cast<const char*>(&field), sizeof(field));
    }
    return bytes + std::string("\x03\x07\x00\xff\x00\x33\x00\x00\x00\x00", 10);
  }

  absl::StatusOr<Images> Load(const std::string& bytes, size_t count = 2) {
    std::ofstream(path_, std::ios::binary) << bytes;
    return LoadImages(path_, count);
  }

  const std::string path_ =
      ::testing::TempDir() + ::testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(ImagesTest, ReadsPixelsAndLabels) {
  const auto images = Load(File());
  ASSERT_TRUE(images.ok()) << images.status();
  EXPECT_EQ(images->width, 2u);
  EXPECT_EQ(images->height, 2u);
  EXPECT_THAT(images->labels, ElementsAre(3, 7));
  EXPECT_THAT(images->pixels.data, ElementsAre(0, 1, 0, 0.2f, 0, 0, 0, 0));
  EXPECT_EQ(Load(File(), 1)->pixels.rows, 1u);
}

TEST_F(ImagesTest, RefusesEveryCutAndEveryChangedByte) {
  const std::string whole = File();
  for (size_t i = 0; i < whole.size(); ++i) {
    EXPECT_FALSE(Load(whole.substr(0, i)).ok()) << "cut at " << i;
    std::string changed = whole;
    changed[i] = static_cast<char>(changed[i] ^ 0x10);
    const auto images = Load(changed);
    EXPECT_FALSE(images.ok()) << "byte " << i << " changed";
  }
}

TEST_F(ImagesTest, SaysHowManyThereAre) {
  EXPECT_EQ(client::GetError(Load(File(), 3).status()).expected, "1 to 2");
  EXPECT_THAT(client::GetError(LoadImages(path_ + "absent", 1).status()).message,
              HasSubstr("cannot be opened"));
}

TEST(FirstAlike, FindsImagesOfTheSamePixels) {
  const client::Matrix pixels{.data = {1, 2, 3, 4, 1, 2, 3, 5, 1, 2}, .rows = 5, .cols = 2};
  EXPECT_THAT(FirstAlike(pixels), ElementsAre(0, 1, 0, 3, 0));
}

}  // namespace
}  // namespace mneme::demo
