#include "server/observe/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <optional>
#include <string_view>

#include "core/base/status.h"

namespace mneme::server {
namespace {

// %* in the pattern: the message so that no part of it can be taken for another line of the log. It
// may have lines; those after the first are set in.
class PlainMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& msg, const std::tm&,
              spdlog::memory_buf_t& dest) override {
    const std::string_view text(msg.payload.data(), msg.payload.size());
    for (size_t i = 0; i < text.size(); ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      if (text[i] == '\n') {
        dest.push_back('\n');
        if (text.substr(i + 1, 2) == "  ") continue;
        for (int k = 0; k < 2; ++k) dest.push_back(' ');
      } else {
        dest.push_back((byte < 0x20 && text[i] != '\t') || byte == 0x7f ? '?' : text[i]);
      }
    }
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<PlainMessage>();
  }
};

// %* in the pattern: the message as the inside of a JSON string.
class JsonMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& msg, const std::tm&,
              spdlog::memory_buf_t& dest) override {
    constexpr char kHex[] = "0123456789abcdef";
    for (const char c : msg.payload) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\') {
        dest.push_back('\\');
        dest.push_back(c);
      } else if (byte < 0x20) {
        for (const char e : {'\\', 'u', '0', '0', kHex[byte >> 4], kHex[byte & 15]})
          dest.push_back(e);
      } else {
        dest.push_back(c);
      }
    }
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<JsonMessage>();
  }
};

}  // namespace

void InitLog(const std::string& level, const std::string& format) {
  auto logger =
      std::make_shared<spdlog::logger>("mnemed", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  if (format == "json") {
    formatter->add_flag<JsonMessage>('*');
    formatter->set_pattern(
        R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","thread":%t,"message":"%*"})");
  } else {
    formatter->add_flag<PlainMessage>('*');
    formatter->set_pattern("%Y-%m-%d %H:%M:%S.%e %L %*");
  }
  logger->set_formatter(std::move(formatter));
  logger->set_level(spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

std::string Explain(const absl::Status& status) {
  std::string out(status.message());
  const std::optional<ErrorDetail> detail = GetErrorDetail(status);
  if (detail.has_value() && !detail->next_step.empty()) out += "\n  -> " + detail->next_step;
  return out;
}

void LogWarning(const std::string& line) { spdlog::warn("{}", line); }

void SetLogLevel(const std::string& level) { spdlog::set_level(spdlog::level::from_str(level)); }

}  // namespace mneme::server
