#include "client/demo/images.h"

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <unordered_map>

#include "absl/strings/str_cat.h"
#include "client/cli/context.h"

namespace mneme::demo {
namespace {

constexpr char kMagic[] = "MNEMEIMG";
constexpr size_t kMagicBytes = 8;
constexpr size_t kFields = 6;
constexpr size_t kHeaderBytes = kMagicBytes + kFields * sizeof(uint32_t);

struct Header {
  uint32_t version = 0;
  uint32_t count = 0;
  uint32_t dim = 0;
  uint32_t width = 0;
  uint32_t dtype = 0;
  uint32_t crc = 0;
};

std::array<uint32_t, 256> MakeCrcTable() {
  std::array<uint32_t, 256> table;
  for (uint32_t byte = 0; byte < table.size(); ++byte) {
    uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0x82f63b78 : 0);
    table[byte] = value;
  }
  return table;
}

uint32_t Crc32c(std::string_view bytes) {
  const std::array<uint32_t, 256> table = MakeCrcTable();
  uint32_t crc = ~0u;
  for (const char byte : bytes) crc = table[(crc ^ static_cast<uint8_t>(byte)) & 0xff] ^ (crc >> 8);
  return ~crc;
}

absl::Status FileError(const std::string& path, std::string_view message, const std::string& given,
                       const std::string& expected) {
  return cli::UsageError(std::string(path).append(": ").append(message), given, expected,
                         "Make the file again with tests/tools/make_images.py.");
}

absl::StatusOr<Header> ReadHeader(const std::string& path, const std::string& bytes) {
  if (bytes.size() < kHeaderBytes || std::memcmp(bytes.data(), kMagic, kMagicBytes) != 0) {
    return FileError(path, "is not a file of images", "another beginning", kMagic);
  }
  std::array<uint32_t, kFields> field;
  std::memcpy(field.data(), bytes.data() + kMagicBytes, sizeof(field));
  const Header header{.version = field[0],
                      .count = field[1],
                      .dim = field[2],
                      .width = field[3],
                      .dtype = field[4],
                      .crc = field[5]};
  if (header.version != 1 || header.dtype != 0) {
    return FileError(path, "is of a kind not known here",
                     absl::StrCat("version ", header.version, ", dtype ", header.dtype),
                     "version 1, dtype 0");
  }
  const uint64_t expected = kHeaderBytes + uint64_t{header.count} * (1 + uint64_t{header.dim});
  if (header.width == 0 || header.dim % header.width != 0 || bytes.size() != expected) {
    return FileError(path, "is not as long as its header says",
                     absl::StrCat(bytes.size(), " bytes"), absl::StrCat(expected, " bytes"));
  }
  const uint32_t crc = Crc32c(std::string_view(bytes).substr(kHeaderBytes));
  if (crc != header.crc) {
    return FileError(path, "is damaged: its checksum differs", absl::StrCat(absl::Hex(crc)),
                     absl::StrCat(absl::Hex(header.crc)));
  }
  return header;
}

}  // namespace

absl::StatusOr<Images> LoadImages(const std::string& path, size_t count) {
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path)) {
    return FileError(path, "cannot be opened", path, "a file that can be read");
  }
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const absl::StatusOr<Header> header = ReadHeader(path, bytes);
  if (!header.ok()) return header.status();
  if (count == 0 || count > header->count) {
    return cli::UsageError(absl::StrCat(path, " does not hold that many images"),
                           absl::StrCat(count), absl::StrCat("1 to ", header->count),
                           "Ask for another --count.");
  }
  const uint8_t* labels = reinterpret_cast<const uint8_t*>(bytes.data()) + kHeaderBytes;
  const uint8_t* pixels = labels + header->count;
  Images images{.labels = {labels, labels + count},
                .width = header->width,
                .height = header->dim / header->width};
  images.pixels = {
      .data = std::vector<float>(count * header->dim), .rows = count, .cols = header->dim};
  for (size_t i = 0; i < images.pixels.data.size(); ++i) {
    images.pixels.data[i] = static_cast<float>(pixels[i]) / 255;
  }
  return images;
}

std::vector<size_t> FirstAlike(const client::Matrix& pixels) {
  std::vector<size_t> first(pixels.rows);
  std::unordered_map<std::string_view, size_t> seen;
  for (size_t i = 0; i < pixels.rows; ++i) {
    const std::string_view bytes(reinterpret_cast<const char*>(pixels.row(i).data()),
                                 pixels.cols * sizeof(float));
    first[i] = seen.emplace(bytes, i).first->second;
  }
  return first;
}

}  // namespace mneme::demo
