// Where the real data of an experiment lies, and what to say when it is not there.
#ifndef MNEME_TESTS_LAB_DATA_FILE_H_
#define MNEME_TESTS_LAB_DATA_FILE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace mneme::lab {

// A kind of raw file, made by a script of tests/tools.
struct DataKind {
  std::string_view what;       // "image", "vector"
  std::string_view extension;  // ".img"
  std::string_view maker;      // "tests/tools/make_images.py"
  std::string_view fetcher;    // "tests/tools/fetch-images"
};

// The bytes of `data`: a path, or the name of a set that the build tree holds as data/NAME.EXT,
// beside the folder of the preset that this program lies in.
//
// NotFound (DATA_ABSENT) naming `package`, where it is not empty, and the script that installs it.
absl::StatusOr<std::string> ReadDataFile(const DataKind& kind, std::string_view data,
                                         std::string_view package);

// DataLoss (FORMAT): the file is not what it should be.
absl::Status BrokenDataFile(const DataKind& kind, std::string_view data, std::string_view what);

}  // namespace mneme::lab

#endif  // MNEME_TESTS_LAB_DATA_FILE_H_
