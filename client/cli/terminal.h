// What is known of the terminal behind a stream.
//
// Threads: plain functions.
#ifndef MNEME_CLIENT_CLI_TERMINAL_H_
#define MNEME_CLIENT_CLI_TERMINAL_H_

#include <cstddef>
#include <functional>

namespace mneme::cli {

// Asked for each line, as a window may change; empty: no terminal, and nothing is drawn.
using Columns = std::function<size_t()>;

// Of the terminal behind `descriptor`; empty where there is none, or one that is "dumb" and can
// wipe no line. 80 columns where the terminal does not tell.
Columns ColumnsOf(int descriptor);

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_TERMINAL_H_
