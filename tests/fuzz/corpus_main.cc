// main of a fuzz target where libFuzzer is not linked.
//
//   fuzz_tokens FOLDER|FILE...          feeds the files to the target; a failed property aborts
//   fuzz_tokens --write-seeds FOLDER    writes the target's seeds
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace mneme::fuzz {
namespace {

// Sorted, so that two runs go alike.
std::set<std::string> FilesOf(const std::string& path) {
  if (!std::filesystem::is_directory(path)) return {path};
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (entry.is_regular_file()) files.insert(entry.path().string());
  }
  return files;
}

bool Feed(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  // Just as long as the file, so that AddressSanitizer sees a read past its end.
  const std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
  if (!file) {
    std::fprintf(stderr, "error: %s cannot be read\n", path.c_str());
    return false;
  }
  std::fprintf(stderr, "%s\n", path.c_str());  // the last one named is the one that failed
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  return true;
}

int WriteSeeds(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  for (const Seed& seed : Seeds()) {
    std::ofstream file(folder / seed.name, std::ios::binary | std::ios::trunc);
    file << seed.bytes;
    if (!file.flush()) {
      std::fprintf(stderr, "error: %s cannot be written\n", (folder / seed.name).c_str());
      return 1;
    }
  }
  return 0;
}

int Main(const std::vector<std::string>& arguments) {
  if (arguments.size() == 2 && arguments[0] == "--write-seeds") return WriteSeeds(arguments[1]);
  size_t fed = 0;
  for (const std::string& argument : arguments) {
    for (const std::string& path : FilesOf(argument)) {
      if (!Feed(path)) return 1;
      ++fed;
    }
  }
  std::fprintf(stderr, "%zu inputs\n", fed);
  return fed == 0 ? 1 : 0;  // a corpus that is not found is no success
}

}  // namespace
}  // namespace mneme::fuzz

int main(int argc, char** argv) { return mneme::fuzz::Main({argv + 1, argv + argc}); }
