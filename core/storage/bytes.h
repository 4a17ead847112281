// Fixed-width integers and floats as bytes: big-endian in keys, little-endian in values.
//
// `Reader` takes from the front and remembers whether there was ever too little; what it gives
// after that is zero. So a decoder reads all its fields and asks once.
#ifndef MNEME_CORE_STORAGE_BYTES_H_
#define MNEME_CORE_STORAGE_BYTES_H_

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace mneme::storage {

static_assert(std::endian::native == std::endian::little,
              "values are copied as they lie in memory");

template <std::unsigned_integral T>
void AppendBigEndian(std::string& out, T value) {
  for (int shift = 8 * (sizeof(T) - 1); shift >= 0; shift -= 8) {
    out += static_cast<char>(value >> shift);
  }
}

template <typename T>
void AppendLittleEndian(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  template <std::unsigned_integral T>
  T BigEndian() {
    T value = 0;
    for (char c : Take(sizeof(T))) value = static_cast<T>(value << 8) | static_cast<uint8_t>(c);
    return value;
  }

  template <typename T>
  T LittleEndian() {
    T value{};
    const std::string_view bytes = Take(sizeof(T));
    if (!bytes.empty()) std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }

  // Empty when there are fewer.
  std::string_view Take(uint64_t count) {
    if (count > bytes_.size()) {
      short_ = true;
      bytes_ = {};
    }
    const std::string_view taken = bytes_.substr(0, short_ ? 0 : count);
    bytes_.remove_prefix(taken.size());
    return taken;
  }

  std::string_view Rest() const { return bytes_; }
  // All fields were there, and nothing is left over.
  bool Finished() const { return !short_ && bytes_.empty(); }
  bool ok() const { return !short_; }

 private:
  std::string_view bytes_;
  bool short_ = false;
};

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_BYTES_H_
