// Every bound of the engine is in the list that users can ask for.
#include "core/engine/limits.h"

#include <cctype>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "gtest/gtest.h"

namespace mneme::engine {
namespace {

std::string ReadHeader() {
  std::ifstream in(MNEME_SOURCE_DIR "/core/engine/limits.h");
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// kPendingWritesMax -> pending_writes_max; the nanoseconds of a name are listed in seconds.
std::string ListedName(std::string constant) {
  constant = std::regex_replace(constant, std::regex("Nanos"), "Seconds");
  std::string out;
  for (const char c : constant.substr(1)) {
    if (std::isupper(static_cast<unsigned char>(c)) && !out.empty()) out += '_';
    out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return out;
}

std::set<std::string> ListedNames() {
  std::set<std::string> out;
  for (const NamedLimit& limit : AllLimits({})) out.insert(std::string(limit.name));
  return out;
}

TEST(Limits, EveryConstantIsListed) {
  const std::string header = ReadHeader();
  const std::set<std::string> listed = ListedNames();
  const std::regex constant("constexpr [a-z0-9_]+ (k[A-Za-z]+Max) =");
  size_t found = 0;
  for (std::sregex_iterator it(header.begin(), header.end(), constant), end; it != end; ++it) {
    EXPECT_TRUE(listed.contains(ListedName((*it)[1]))) << (*it)[1] << " is missing in limits.cc";
    ++found;
  }
  EXPECT_GT(found, 15u);
}

TEST(Limits, EveryConfigurableFieldIsListed) {
  const std::string header = ReadHeader();
  const std::set<std::string> listed = ListedNames();
  const std::regex field("uint(32|64)_t ([a-z_]+_max) =");
  size_t found = 0;
  for (std::sregex_iterator it(header.begin(), header.end(), field), end; it != end; ++it) {
    EXPECT_TRUE(listed.contains("limits." + (*it)[2].str())) << (*it)[2];
    ++found;
  }
  EXPECT_GE(found, 9u);
}

TEST(Limits, NamesAreDifferentAndValuesAreThoseInForce) {
  const Limits limits{.cues_max = 7};
  EXPECT_EQ(ListedNames().size(), AllLimits(limits).size());
  for (const NamedLimit& limit : AllLimits(limits)) {
    EXPECT_GT(limit.value, 0u) << limit.name;
    EXPECT_FALSE(limit.unit.empty()) << limit.name;
    EXPECT_TRUE(limit.description.ends_with('.')) << limit.name;
    if (limit.name == "limits.cues_max") {
      EXPECT_EQ(limit.value, 7u);
    }
  }
}

}  // namespace
}  // namespace mneme::engine
