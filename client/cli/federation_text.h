// A federation as text, or as JSON where that was asked for.
//
// Threads: one.
#ifndef MNEME_CLIENT_CLI_FEDERATION_TEXT_H_
#define MNEME_CLIENT_CLI_FEDERATION_TEXT_H_

#include "client/cli/context.h"
#include "mneme/client.h"

namespace mneme::cli {

void PrintFederation(const client::Federation& federation, const Context& context);

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_FEDERATION_TEXT_H_
