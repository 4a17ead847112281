// "did you mean": the known word that looks most like the one given.
//
// Threads: any.
#ifndef MNEME_CLIENT_CLI_NEAREST_H_
#define MNEME_CLIENT_CLI_NEAREST_H_

#include <string>
#include <string_view>
#include <vector>

namespace mneme::cli {

// Empty when none is near: more than a third of the letters, and more than two, would have to
// change. Cost O(|given| · |known|) for each.
std::string Nearest(std::string_view given, const std::vector<std::string>& known);

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_NEAREST_H_
