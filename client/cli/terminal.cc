#include "client/cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace mneme::cli {

Columns ColumnsOf(int descriptor) {
  const char* term = std::getenv("TERM");
  if (isatty(descriptor) == 0 || (term != nullptr && std::string_view(term) == "dumb")) return {};
  return [descriptor]() -> size_t {
    constexpr size_t kUsual = 80;
    winsize size{};
    const bool known = ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return known ? size.ws_col : kUsual;
  };
}

}  // namespace mneme::cli
