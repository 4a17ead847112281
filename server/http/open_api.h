// The description of the JSON door as OpenAPI 3.1, made of the contract's descriptors.
#ifndef MNEME_SERVER_HTTP_OPEN_API_H_
#define MNEME_SERVER_HTTP_OPEN_API_H_

#include <string>

#include "server/http/routes.h"

namespace mneme::server {

// Paths of all RPCs that have one, and schemas of the messages that they take and give, as
// protobuf's JSON mapping writes them. The same bytes each time.
std::string MakeOpenApi(const Routes& routes);

}  // namespace mneme::server

#endif  // MNEME_SERVER_HTTP_OPEN_API_H_
