#include "server/auth/policy.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "core/base/status.h"
#include "server/config/text_file.h"
#include "server/config/yaml_reader.h"

namespace mneme::server {
namespace {

constexpr v1::Role kGrantable[] = {v1::ROLE_READER, v1::ROLE_WRITER, v1::ROLE_TRAINER,
                                   v1::ROLE_ADMIN};
constexpr char kAnonymous[] = "anonymous";
constexpr size_t kAudiencesMax = 16;

constexpr YamlReader kYaml("AUTH_FILE", "See docs/security.md for what the file may say.");

using Reader = YamlReader::Reader;

Reader Text(std::string* out) {
  return [out](const YAML::Node& node) -> absl::Status {
    const bool is_text =
        node.IsScalar() && !node.Scalar().empty() && node.Scalar().size() <= kIdentityNameBytesMax;
    if (!is_text) {
      return kYaml.Bad(node, "no text, or a long one",
                       absl::StrCat("a text of at most ", kIdentityNameBytesMax, " bytes"));
    }
    *out = node.Scalar();
    return absl::OkStatus();
  };
}

// A day, which is its first second, or a second; of UTC.
Reader Time(int64_t* unix_nanos) {
  return [unix_nanos](const YAML::Node& node) -> absl::Status {
    absl::Time time;
    std::string why;
    const std::string text = node.IsScalar() ? node.Scalar() : "";
    const bool is_time = absl::ParseTime("%Y-%m-%d", text, &time, &why) ||
                         absl::ParseTime(absl::RFC3339_full, text, &time, &why);
    // Beyond these nanoseconds do not fit.
    if (!is_time || time < absl::FromUnixSeconds(0) ||
        time > absl::FromUnixNanos(std::numeric_limits<int64_t>::max())) {
      return kYaml.Bad(node, absl::StrCat("'", text, "'"), "2026-01-31 or 2026-01-31T12:00:00Z");
    }
    *unix_nanos = absl::ToUnixNanos(time);
    return absl::OkStatus();
  };
}

// A number; with k, M or G the powers of 1024.
Reader Rate(double* out) {
  return [out](const YAML::Node& node) -> absl::Status {
    std::string text = node.IsScalar() ? node.Scalar() : "";
    const std::string given = text;
    double unit = 1;
    const size_t power =
        text.empty() ? std::string::npos : std::string_view("kMG").find(text.back());
    if (power != std::string::npos) {
      unit = std::pow(1024, power + 1);
      text.pop_back();
    }
    double number = 0;
    if (!YAML::convert<double>::decode(YAML::Node(text), number) ||
        !(number * unit >= kRateMin && number * unit <= kRateMax)) {
      return kYaml.Bad(
          node, absl::StrCat("'", given, "'"),
          absl::StrCat("a number from ", kRateMin, " to ", kRateMax, ", or one with k, M or G"));
    }
    *out = number * unit;
    return absl::OkStatus();
  };
}

Reader RoleOf(v1::Role* out) {
  return [out](const YAML::Node& node) -> absl::Status {
    std::vector<std::string> names;
    for (const v1::Role role : kGrantable) {
      names.push_back(RoleName(role));
      if (node.IsScalar() && node.Scalar() == names.back()) {
        *out = role;
        return absl::OkStatus();
      }
    }
    return kYaml.Bad(node, absl::StrCat("'", node.IsScalar() ? node.Scalar() : "", "'"),
                     absl::StrCat("one of ", absl::StrJoin(names, ", ")));
  };
}

// With the keys that grants of its kind have besides.
absl::StatusOr<Grant> ReadGrant(const YAML::Node& node, std::map<std::string, Reader> more = {}) {
  Grant grant;
  more["role"] = RoleOf(&grant.role);
  more["memories"] = Text(&grant.memories);
  MNEME_RETURN_IF_ERROR(kYaml.ReadMap(node, more));
  if (grant.role == v1::ROLE_UNSPECIFIED || grant.memories.empty()) {
    return kYaml.Bad(node, "a grant without role or memories",
                     "{role: reader, memories: \"*\"}, with the names that are meant");
  }
  return grant;
}

Reader LimitsOf(RateLimits* out) {
  return [out](const YAML::Node& rates) {
    return kYaml.ReadMap(rates, {{"calls_per_second", Rate(&out->calls_per_second)},
                                 {"bytes_per_second", Rate(&out->bytes_per_second)}});
  };
}

// One text, or a list of them.
Reader Texts(std::vector<std::string>* out) {
  return [out](const YAML::Node& node) -> absl::Status {
    const Reader each = [out](const YAML::Node& entry) {
      return Text(&out->emplace_back())(entry);
    };
    return node.IsSequence() ? kYaml.ReadList(node, kAudiencesMax, each) : each(node);
  };
}

Reader Seconds(int64_t most, int64_t* out) {
  return [most, out](const YAML::Node& node) -> absl::Status {
    if (YAML::convert<int64_t>::decode(node, *out) && *out >= 0 && *out <= most) {
      return absl::OkStatus();
    }
    return kYaml.Bad(node, node.IsScalar() ? node.Scalar() : "no number",
                     absl::StrCat("a whole number of seconds from 0 to ", most));
  };
}

absl::Status ReadDigest(const YAML::Node& node, KeyDigest* out) {
  const std::string text = node.IsScalar() ? node.Scalar() : "";
  const bool is_hex = text.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
  if (text.size() != 2 * out->size() || !is_hex) {
    return kYaml.Bad(node, absl::StrCat(text.size(), " characters"),
                     "the SHA-256 of the key in 64 hexadecimal digits");
  }
  const std::string bytes = absl::HexStringToBytes(text);
  std::copy(bytes.begin(), bytes.end(), out->begin());
  return absl::OkStatus();
}

// What a policy is made of, entry by entry.
class Builder {
 public:
  Builder(std::string where, const Policy* before) : where_(std::move(where)), before_(before) {
    if (before == nullptr) return;
    for (const auto& [digest, identity] : before->keys) Remember(identity);
    for (const auto& [name, identity] : before->certificates) Remember(identity);
    Remember(before->anonymous);
  }

  absl::Status Read(const YAML::Node& root) {
    const auto list = [this](absl::Status (Builder::*each)(const YAML::Node&)) -> Reader {
      return [this, each](const YAML::Node& node) {
        return kYaml.ReadList(node, kIdentitiesMax, [this, each](const YAML::Node& entry) {
          return (this->*each)(entry);
        });
      };
    };
    return kYaml.ReadMap(
        root, {{"keys", list(&Builder::ReadKey)},
               {"certificates", list(&Builder::ReadCertificate)},
               {"jwt", list(&Builder::ReadIssuer)},
               {kAnonymous, [this](const YAML::Node& node) { return ReadAnonymous(node); }}});
  }

  Policy Take() {
    if (!issuers_.empty()) {
      policy_.tokens = std::make_shared<const TokenIssuers>(
          std::move(issuers_), before_ == nullptr ? nullptr : before_->tokens.get());
    }
    return std::move(policy_);
  }

 private:
  void Remember(const std::shared_ptr<const Identity>& identity) {
    if (identity != nullptr && identity->limiter != nullptr) {
      limiters_[identity->name] = identity->limiter;
    }
  }

  // The keys that all kinds of identities have, beside `own`.
  absl::StatusOr<std::shared_ptr<const Identity>> ReadIdentity(const YAML::Node& node,
                                                               Identity identity,
                                                               std::map<std::string, Reader> own) {
    RateLimits limits;
    own["grants"] = [&](const YAML::Node& grants) {
      return kYaml.ReadList(grants, kGrantsMax, [&](const YAML::Node& entry) -> absl::Status {
        MNEME_ASSIGN_OR_RETURN(Grant grant, ReadGrant(entry));
        identity.grants.push_back(std::move(grant));
        return absl::OkStatus();
      });
    };
    own["limits"] = LimitsOf(&limits);
    if (identity.name.empty()) {
      own["name"] = Text(&identity.name);
      own["not_before"] = Time(&identity.not_before_unix_nanos);
      own["not_after"] = Time(&identity.not_after_unix_nanos);
    }
    MNEME_RETURN_IF_ERROR(kYaml.ReadMap(node, own));
    if (identity.name.empty()) return kYaml.Bad(node, "an entry without a name", "name: TEXT");
    if (identity.not_before_unix_nanos >= identity.not_after_unix_nanos) {
      return kYaml.Bad(node, "not_after that is not after not_before", "a time between them");
    }
    if (!names_.insert(identity.name).second) {
      return kYaml.Bad(node, absl::StrCat("the name '", identity.name, "' again"),
                       "a name of its own for each key and certificate");
    }
    identity.limiter = LimiterOf(identity.name, limits);
    return std::make_shared<const Identity>(std::move(identity));
  }

  std::shared_ptr<RateLimiter> LimiterOf(const std::string& name, const RateLimits& limits) const {
    if (limits == RateLimits()) return nullptr;
    const auto known = limiters_.find(name);
    if (known != limiters_.end() && known->second->limits() == limits) return known->second;
    return std::make_shared<RateLimiter>(limits);
  }

  absl::Status ReadKey(const YAML::Node& node) {
    KeyDigest digest = {};
    bool has_digest = false;
    MNEME_ASSIGN_OR_RETURN(std::shared_ptr<const Identity> identity,
                           ReadIdentity(node, {}, {{"sha256", [&](const YAML::Node& text) {
                                                      has_digest = true;
                                                      return ReadDigest(text, &digest);
                                                    }}}));
    if (!has_digest) return kYaml.Bad(node, "a key without sha256", "sha256: of the key");
    if (policy_.keys.emplace(digest, std::move(identity)).second) return absl::OkStatus();
    return kYaml.Bad(node, "the same key again", "a key of its own for each name");
  }

  absl::Status ReadCertificate(const YAML::Node& node) {
    std::string san;
    MNEME_ASSIGN_OR_RETURN(std::shared_ptr<const Identity> identity,
                           ReadIdentity(node, {}, {{"san", Text(&san)}}));
    if (!(san.starts_with("dns:") || san.starts_with("uri:")) || san.size() == 4) {
      return kYaml.Bad(node, absl::StrCat("the san '", san, "'"), "dns:NAME or uri:URI");
    }
    if (policy_.certificates.emplace(san, std::move(identity)).second) return absl::OkStatus();
    return kYaml.Bad(node, absl::StrCat("the san '", san, "' again"), "each once");
  }

  absl::Status ReadAnonymous(const YAML::Node& node) {
    Identity identity;
    identity.name = kAnonymous;
    MNEME_ASSIGN_OR_RETURN(std::shared_ptr<const Identity> read,
                           ReadIdentity(node, std::move(identity), {}));
    if (!read->grants.empty()) policy_.anonymous = std::move(read);
    return absl::OkStatus();
  }

  absl::Status ReadIssuer(const YAML::Node& node) {
    TokenIssuer issuer;
    TokenRules& rules = issuer.rules;
    std::string path;
    const Reader grants = [&](const YAML::Node& list) {
      return kYaml.ReadList(list, kGrantsMax, [&](const YAML::Node& entry) -> absl::Status {
        std::string group;
        MNEME_ASSIGN_OR_RETURN(Grant grant, ReadGrant(entry, {{"group", Text(&group)}}));
        issuer.grants.push_back({std::move(group), std::move(grant)});
        return absl::OkStatus();
      });
    };
    MNEME_RETURN_IF_ERROR(kYaml.ReadMap(
        node, {{"name", Text(&issuer.name)},
               {"issuer", Text(&rules.issuer)},
               {"audience", Texts(&rules.audiences)},
               {"jwks", Text(&path)},
               {"leeway_seconds", Seconds(kTokenLeewaySecondsMax, &rules.leeway_seconds)},
               {"identity", Text(&rules.identity_claim)},
               {"groups", Text(&rules.groups_claim)},
               {"grants", grants},
               {"limits", LimitsOf(&issuer.limits)}}));
    if (issuer.name.empty() || rules.issuer.empty() || rules.audiences.empty() || path.empty()) {
      return kYaml.Bad(node, "an issuer without name, issuer, audience or jwks", "all four");
    }
    if (issuers_.size() >= kIssuersMax) {
      return kYaml.Bad(node, "one issuer more", absl::StrCat("at most ", kIssuersMax));
    }
    const auto same = [&](const TokenIssuer& other) { return other.rules.issuer == rules.issuer; };
    if (std::ranges::any_of(issuers_, same) || !names_.insert(issuer.name).second) {
      return kYaml.Bad(node, absl::StrCat("the name or the issuer of '", issuer.name, "' again"),
                       "a name and an issuer of its own for each");
    }
    // What is relative lies beside auth.file.
    const std::filesystem::path file = std::filesystem::path(where_).parent_path() / path;
    MNEME_ASSIGN_OR_RETURN(rules.keys, WebKeySet::Read(file.string()));
    issuers_.push_back(std::move(issuer));
    return absl::OkStatus();
  }

  const std::string where_;
  const Policy* const before_;
  Policy policy_;
  std::vector<TokenIssuer> issuers_;
  std::set<std::string> names_;
  std::map<std::string, std::shared_ptr<RateLimiter>> limiters_;  // of the policy before
};

}  // namespace

absl::StatusOr<Policy> ParsePolicy(const std::string& yaml, const std::string& where,
                                   const Policy* before) {
  Builder builder(where, before);
  MNEME_RETURN_IF_ERROR(kYaml.ReadDocument(yaml, where, [&](const YAML::Node& root) {
    return root.IsNull() ? absl::OkStatus() : builder.Read(root);
  }));
  return builder.Take();
}

absl::StatusOr<Policy> ReadPolicy(const std::string& path, const Policy* before) {
  const absl::StatusOr<std::string> text = ReadTextFile(path, kAuthFileBytesMax);
  if (text.ok()) return ParsePolicy(*text, path, before);
  return NotFound(
      absl::StrCat("auth.file: ", text.status().message()),
      {.reason = "AUTH_FILE",
       .given = path,
       .expected = absl::StrCat("a readable YAML file of at most ", kAuthFileBytesMax, " bytes"),
       .next_step = "Correct the path or its permissions."});
}

}  // namespace mneme::server
