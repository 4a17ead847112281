#include "server/http/routes.h"

#include <algorithm>

#include "core/base/status.h"

namespace mneme::server {
namespace {

constexpr std::string_view kPrefix = "/v1/";

// "/v1/{memory=memories/*}:retrieve" in its parts.
RpcPath Parse(const Rpc& method) {
  const std::string& rule = method.rule.http();
  RpcPath out{.method = &method};
  const size_t open = rule.find('{'), equals = rule.find('='), star = rule.find("/*}");
  if (open != std::string::npos && equals != std::string::npos && star != std::string::npos) {
    out.field = rule.substr(open + 1, equals - open - 1);
    out.collection = rule.substr(equals + 1, star - equals - 1);
  } else {
    MNEME_CHECK(open == std::string::npos);  // a rule that nobody can find
    const size_t end = rule.find(':');
    out.collection = rule.substr(kPrefix.size(), end - kPrefix.size());
  }
  const size_t colon = rule.rfind(':');
  if (colon != std::string::npos) out.verb = rule.substr(colon + 1);
  return out;
}

// The path with COLLECTION/* for the resource name.
std::string Generic(const RpcPath& path) {
  return absl::StrCat(AbslView(kPrefix), path.collection, path.field.empty() ? "" : "/*",
                      path.verb.empty() ? "" : ":", path.verb);
}

// How many characters two paths share at their beginning.
size_t CommonStart(std::string_view a, std::string_view b) {
  const auto ends = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return static_cast<size_t>(ends.first - a.begin());
}

}  // namespace

const std::map<std::string, Page, std::less<>>& Routes::pages() {
  static const std::map<std::string, Page, std::less<>> pages = {{"/healthz", Page::kHealth},
                                                                 {"/readyz", Page::kReady},
                                                                 {"/metrics", Page::kMetrics},
                                                                 {"/openapi.json", Page::kOpenApi}};
  return pages;
}

Routes::Routes() {
  for (const Rpc& method : AllRpcs()) {
    if (!method.rule.http().empty()) rpcs_.emplace(method.rule.http(), Parse(method));
  }
  for (const auto& [rule, path] : rpcs_) {
    MNEME_CHECK(by_path_.emplace(Generic(path), &path).second);
  }
}

absl::StatusOr<std::variant<Page, RpcTarget>> Routes::Find(std::string_view verb,
                                                           std::string_view path) const {
  const auto wants = [&](std::string_view other) {
    return Unimplemented(
        absl::StrFormat("%s is asked for with %s", AbslView(path), AbslView(other)),
        {.reason = "HTTP_VERB",
         .given = std::string(verb),
         .expected = std::string(other),
         .next_step = other == "POST" ? "POST the request as JSON; {} where it has no fields."
                                      : absl::StrCat("Send ", AbslView(other), ".")});
  };
  if (const auto page = pages().find(path); page != pages().end()) {
    if (verb == "GET" || verb == "HEAD") return page->second;
    return wants("GET");
  }
  // /v1/COLLECTION/NAME:VERB becomes /v1/COLLECTION/*:VERB.
  std::string generic(path);
  std::string resource;
  if (path.starts_with(kPrefix)) {
    const std::string_view rest = path.substr(kPrefix.size());
    const size_t slash = rest.find('/');
    const size_t colon = rest.rfind(':');
    if (slash != std::string_view::npos && colon != std::string_view::npos && slash + 1 < colon) {
      resource = rest.substr(0, colon);
      generic = absl::StrCat(AbslView(kPrefix), AbslView(rest.substr(0, slash)), "/*",
                             AbslView(rest.substr(colon)));
    }
  }
  if (const auto rpc = by_path_.find(generic); rpc != by_path_.end()) {
    if (verb != "POST") return wants("POST");
    return RpcTarget{.path = rpc->second, .resource = std::move(resource)};
  }
  // A resource or a collection without a verb: what it is asked for elsewhere.
  const bool has_verb = generic.find(':') != std::string::npos;
  const size_t name = generic.find('/', std::min(kPrefix.size(), generic.size()));
  const std::string verbless = name == std::string::npos
                                   ? absl::StrCat(generic, ":list")
                                   : absl::StrCat(generic.substr(0, name), "/*:get");
  const auto usual = has_verb ? by_path_.end() : by_path_.find(verbless);
  const auto nearest =
      usual != by_path_.end()
          ? usual
          : std::max_element(by_path_.begin(), by_path_.end(), [&](const auto& a, const auto& b) {
              return CommonStart(a.first, generic) < CommonStart(b.first, generic);
            });
  return NotFound(absl::StrFormat("there is nothing at %s", AbslView(path)),
                  {.reason = "HTTP_PATH",
                   .given = std::string(path),
                   .expected = nearest->first,
                   .next_step = "Each RPC is a POST to NAME:VERB; GET /openapi.json lists all."});
}

}  // namespace mneme::server
