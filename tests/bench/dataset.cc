#include "tests/bench/dataset.h"

#include <cmath>
#include <cstring>
#include <fstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/random.h"
#include "core/base/status.h"

namespace mneme::bench {
namespace {

// The head that both kinds of file have, behind 8 bytes of magic: version, count, dim, one number
// of its own (width, or bytes of the words), dtype, checksum.
struct Head {
  uint32_t version, count, dim, own, dtype, checksum;
};

absl::Status NotFetched(const std::string& path, std::string_view command) {
  return NotFound(absl::StrCat("there is no ", path),
                  {.reason = "DATA",
                   .given = path,
                   .expected = "a file made by tests/tools",
                   .next_step = absl::StrCat("Run ", AbslView(command), ".")});
}

absl::StatusOr<Head> ReadHead(std::ifstream& file, const std::string& path,
                              std::string_view magic) {
  char found[8];
  Head head;
  if (!file.read(found, sizeof(found)) || std::string_view(found, 8) != magic ||
      !file.read(reinterpret_cast<char*>(&head), sizeof(head)) || head.version != 1) {
    return DataLoss(absl::StrCat(path, " has another header"),
                    {.reason = "DATA",
                     .given = path,
                     .expected = std::string(magic),
                     .next_step = "Delete it and fetch it again."});
  }
  return head;
}

absl::Status TooFew(const std::string& path, size_t count, size_t wanted) {
  return NotFound(absl::StrCat(path, " holds ", count, " vectors, ", wanted, " are needed"),
                  {.reason = "DATA",
                   .given = absl::StrCat(count),
                   .expected = absl::StrCat(wanted),
                   .next_step = "Fetch the whole set, or run with --quick."});
}

void ToUnit(std::span<float> row) {
  double squares = 0;
  for (const float x : row) squares += static_cast<double>(x) * x;
  if (squares == 0) return;
  for (float& x : row) x = static_cast<float>(x / std::sqrt(squares));
}

}  // namespace

Dataset GaussianUnits(size_t rows, size_t cues, size_t dim) {
  Dataset out{
      .similarity = models::Similarity::kDot, .rows = Matrix(rows, dim), .cues = Matrix(cues, dim)};
  Random random(1);
  for (size_t i = 0; i < rows; ++i) random.FillUnit(out.rows.row(i));
  for (size_t i = 0; i < cues; ++i) random.FillUnit(out.cues.row(i));
  return out;
}

absl::StatusOr<Dataset> FashionImages(const std::string& folder, size_t rows, size_t cues) {
  const std::string path = folder + "/fashion.img";
  std::ifstream file(path, std::ios::binary);
  if (!file) return NotFetched(path, "tests/tools/fetch-images fashion");
  MNEME_ASSIGN_OR_RETURN(const Head head, ReadHead(file, path, "MNEMEIMG"));
  if (head.count < rows + cues) return TooFew(path, head.count, rows + cues);
  Dataset out{.similarity = models::Similarity::kL2,
              .rows = Matrix(rows, head.dim),
              .cues = Matrix(cues, head.dim)};
  std::vector<char> bytes(head.dim);
  file.seekg(head.count, std::ios::cur);  // labels
  for (size_t i = 0; i < head.count && file.read(bytes.data(), head.dim); ++i) {
    const size_t cue = i - (head.count - cues);
    if (i >= rows && i < head.count - cues) continue;
    const std::span<float> to = i < rows ? out.rows.row(i) : out.cues.row(cue);
    for (size_t j = 0; j < to.size(); ++j) {
      to[j] = static_cast<float>(static_cast<uint8_t>(bytes[j])) / 255.0f;
    }
  }
  return out;
}

absl::StatusOr<Dataset> WordVectors(const std::string& folder, size_t rows, size_t cues) {
  const std::string whole = folder + "/glove-all.vec", part = folder + "/glove.vec";
  std::ifstream file(whole, std::ios::binary);
  std::string path = whole;
  if (!file) {
    file.open(part, std::ios::binary);
    path = part;
  }
  if (!file) return NotFetched(whole, "tests/tools/fetch-vectors --all");
  MNEME_ASSIGN_OR_RETURN(const Head head, ReadHead(file, path, "MNEMEVEC"));
  if (head.count < rows + cues) return TooFew(path, head.count, rows + cues);
  Dataset out{.similarity = models::Similarity::kCosine,
              .rows = Matrix(rows, head.dim),
              .cues = Matrix(cues, head.dim)};
  const size_t every = (rows + cues) / cues;
  size_t row = 0, cue = 0;
  for (size_t i = 0; row + cue < rows + cues; ++i) {
    const bool is_cue = cue < cues && (i % every == every - 1 || row == rows);
    const std::span<float> to = is_cue ? out.cues.row(cue++) : out.rows.row(row++);
    if (!file.read(reinterpret_cast<char*>(to.data()),
                   static_cast<std::streamsize>(to.size_bytes()))) {
      return TooFew(path, i, rows + cues);
    }
    ToUnit(to);
  }
  return out;
}

}  // namespace mneme::bench
