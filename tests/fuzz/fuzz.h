// What a fuzz target is: a function of bytes that must hold its properties on any bytes, and the
// seeds that its corpus begins with, made by the real encoders.
//
// A target FILE.cc defines TestOne and Seeds. entry.cc makes it libFuzzer's entry; where libFuzzer
// is not linked, corpus_main.cc feeds it the files of tests/fuzz/corpus/FILE. A property that does
// not hold ends the process (MNEME_CHECK), which libFuzzer reports with the input.
//
// Threads: TestOne is called by one thread. It keeps nothing from call to call, so that a crash is
// repeated by its input alone.
#ifndef MNEME_TESTS_FUZZ_FUZZ_H_
#define MNEME_TESTS_FUZZ_FUZZ_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace mneme::fuzz {

void TestOne(std::string_view bytes);

struct Seed {
  std::string name;  // of the file
  std::string bytes;
};
std::vector<Seed> Seeds();

// Takes an input apart from the front; where nothing is left it gives zeros and empty texts.
class Input {
 public:
  explicit Input(std::string_view bytes) : rest_(bytes) {}

  template <typename T>
  T Number() {
    T value{};
    const std::string_view raw = Take(sizeof(T));
    if (raw.size() == sizeof(T)) std::memcpy(&value, raw.data(), sizeof(T));
    return value;
  }
  uint8_t Byte() { return Number<uint8_t>(); }
  std::string_view Take(size_t most) {
    const std::string_view taken = rest_.substr(0, most);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  // Two bytes of length, then as much of it as there is.
  std::string_view Chunk() { return Take(Number<uint16_t>()); }
  std::string_view rest() const { return rest_; }
  bool empty() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

// What Input::Chunk takes apart.
std::string MakeChunk(std::string_view bytes);

// The error has one of these codes, and tells a program why and a person what to do next.
void CheckError(const absl::Status& status, std::initializer_list<absl::StatusCode> codes);

bool IsUtf8(std::string_view text);

}  // namespace mneme::fuzz

#endif  // MNEME_TESTS_FUZZ_FUZZ_H_
