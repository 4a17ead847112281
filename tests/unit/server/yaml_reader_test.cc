#include "server/config/yaml_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "core/base/status.h"
#include "gtest/gtest.h"
#include "server/config/text_file.h"

namespace mneme::server {
namespace {

constexpr YamlReader kYaml("A_FILE", "See the page.");

struct Read {
  std::string name;
  std::vector<std::string> words;
};

absl::Status ReadAll(const std::string& text, Read* out) {
  const YamlReader::Reader word = [out](const YAML::Node& node) -> absl::Status {
    if (!node.IsScalar()) return kYaml.Bad(node, "no word", "a word");
    out->words.push_back(node.Scalar());
    return absl::OkStatus();
  };
  return kYaml.ReadDocument(text, "a.yaml", [&](const YAML::Node& root) {
    return kYaml.ReadMap(
        root,
        {{"name",
          [out](const YAML::Node& node) {
            out->name = node.Scalar();
            return absl::OkStatus();
          }},
         {"words", [&word](const YAML::Node& node) { return kYaml.ReadList(node, 2, word); }}});
  });
}

TEST(YamlReader, HandsEachValueToTheReaderOfItsKey) {
  Read read;
  ASSERT_TRUE(ReadAll("words: [one, two]\nname: n\n", &read).ok());
  EXPECT_EQ(read.name, "n");
  EXPECT_EQ(read.words, (std::vector<std::string>{"one", "two"}));
}

TEST(YamlReader, RefusesWithFileLineAndWhatWouldBeRight) {
  const struct {
    std::string text, message;
  } cases[] = {
      {"name: n\nnames: m\n", "a.yaml: line 2: found the key 'names', expected one of name, words"},
      {"name: n\nname: m\n", "a.yaml: line 2: found 'name' again, expected it once"},
      {"words: [a, b, c]\n", "a.yaml: line 1: found 3 entries, expected a list of at most 2"},
      {"words: a\n", "a.yaml: line 1: found no list, expected a list of at most 2"},
      {"name: n\nwords:\n  - a\n  - {b: c}\n", "a.yaml: line 4: found no word, expected a word"},
      {"- name\n", "a.yaml: line 1: found no keys, expected `key: value` lines"},
  };
  for (const auto& [text, message] : cases) {
    Read read;
    const absl::Status status = ReadAll(text, &read);
    EXPECT_EQ(status.message(), message) << text;
    EXPECT_EQ(GetErrorDetail(status)->reason, "A_FILE");
    EXPECT_EQ(GetErrorDetail(status)->next_step, "See the page.");
  }
}

TEST(YamlReader, SaysWhereATextIsNoYaml) {
  Read read;
  const absl::Status status = ReadAll("name: n\nwords: [a\n", &read);
  EXPECT_TRUE(absl::StartsWith(status.message(), "a.yaml: line ")) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "this is no YAML")) << status;
  EXPECT_EQ(GetErrorDetail(status)->reason, "A_FILE");
}

class TextFile : public ::testing::Test {
 protected:
  TextFile() { std::filesystem::create_directory(folder_); }
  ~TextFile() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& text) const {
    const std::string path = folder_ / name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  const std::filesystem::path folder_ =
      std::filesystem::path(::testing::TempDir()) / ("text_file." + std::to_string(getpid()));
};

TEST_F(TextFile, IsReadWholeUpToItsBound) {
  constexpr size_t kMany = 200'000;  // of several pieces
  const std::string text(kMany, 'x');
  const std::string path = Write("many", text);
  EXPECT_EQ(*ReadTextFile(path, kMany), text);
  const absl::Status longer = ReadTextFile(path, kMany - 1).status();
  EXPECT_EQ(longer.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(GetErrorDetail(longer)->expected, "a file of at most 199999 bytes");
  EXPECT_EQ(*ReadTextFile(Write("empty", ""), 0), "");
}

TEST_F(TextFile, MayBeAPipe) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  std::thread writer([end = ends[1]] {
    for (const char c : std::string("ab")) EXPECT_EQ(write(end, &c, 1), 1);
    close(end);
  });
  EXPECT_EQ(*ReadTextFile("/dev/fd/" + std::to_string(ends[0]), 10), "ab");
  writer.join();
  close(ends[0]);
}

TEST_F(TextFile, ThatSaysNothingIsGivenUp) {
  constexpr std::chrono::milliseconds kShort{20};
  const std::string path = folder_ / "pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const absl::Status nobody = ReadTextFile(path, 10, kShort).status();
  EXPECT_EQ(nobody.code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(absl::EndsWith(nobody.message(), "nobody writes into this pipe")) << nobody;
  const int silent = open(path.c_str(), O_RDWR | O_CLOEXEC);
  EXPECT_EQ(ReadTextFile(path, 10, kShort).status().code(), absl::StatusCode::kNotFound);
  close(silent);
}

TEST_F(TextFile, ThatIsNoneSaysWhy) {
  const absl::Status missing = ReadTextFile(folder_ / "none", 10).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(absl::EndsWith(missing.message(), "cannot be read: No such file or directory"));
  const absl::Status folder = ReadTextFile(folder_, 10).status();
  EXPECT_EQ(folder.code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(absl::EndsWith(folder.message(), "cannot be read: Is a directory")) << folder;
}

}  // namespace
}  // namespace mneme::server
