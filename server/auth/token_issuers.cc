#include "server/auth/token_issuers.h"

#include <algorithm>
#include <utility>

#include "core/base/status.h"

namespace mneme::server {
namespace {

std::vector<Grant> GrantsOf(const TokenIssuer& issuer, const TokenBearer& bearer) {
  std::vector<Grant> out;
  for (const GroupGrant& entry : issuer.grants) {
    if (entry.group.empty() || std::ranges::count(bearer.groups, entry.group) > 0) {
      out.push_back(entry.grant);
    }
  }
  return out;
}

}  // namespace

TokenIssuers::TokenIssuers(std::vector<TokenIssuer> issuers, const TokenIssuers* before)
    : issuers_(std::move(issuers)) {
  if (before == nullptr) return;
  MutexLock lock(&before->mutex_);
  limiters_ = before->limiters_;
}

absl::StatusOr<std::shared_ptr<const Identity>> TokenIssuers::Identify(
    std::string_view token, const KeyDigest& digest, int64_t now_unix_nanos) const {
  if (std::shared_ptr<const Identity> known = Remembered(digest); known != nullptr) {
    MNEME_RETURN_IF_ERROR(
        CheckTokenTime(known->not_before_unix_nanos, known->not_after_unix_nanos, now_unix_nanos));
    return known;
  }
  const std::string claimed = ClaimedIssuer(token);
  const auto issuer = std::ranges::find_if(
      issuers_, [&](const TokenIssuer& each) { return each.rules.issuer == claimed; });
  if (issuer == issuers_.end()) return UnknownIssuer(claimed);
  MNEME_ASSIGN_OR_RETURN(const TokenBearer bearer,
                         CheckToken(token, issuer->rules, now_unix_nanos));
  Identity identity{.name = issuer->name + ":" + bearer.name,
                    .grants = GrantsOf(*issuer, bearer),
                    .not_before_unix_nanos = bearer.not_before_unix_nanos,
                    .not_after_unix_nanos = bearer.not_after_unix_nanos};
  identity.limiter = LimiterOf(identity.name, issuer->limits);
  auto out = std::make_shared<const Identity>(std::move(identity));
  Remember(digest, out, now_unix_nanos);
  return out;
}

size_t TokenIssuers::remembered() const {
  MutexLock lock(&mutex_);
  return identities_.size();
}

std::shared_ptr<const Identity> TokenIssuers::Remembered(const KeyDigest& digest) const {
  MutexLock lock(&mutex_);
  const auto found = identities_.find(digest);
  return found == identities_.end() ? nullptr : found->second;
}

void TokenIssuers::Remember(const KeyDigest& digest, std::shared_ptr<const Identity> identity,
                            int64_t now_unix_nanos) const {
  MutexLock lock(&mutex_);
  if (identities_.size() >= kTokensRememberedMax) {
    std::erase_if(identities_, [&](const auto& entry) {
      return entry.second->not_after_unix_nanos <= now_unix_nanos;
    });
  }
  // Digests are as good as random: any of them may go, and is checked again when it comes.
  if (identities_.size() >= kTokensRememberedMax) identities_.erase(identities_.begin());
  identities_[digest] = std::move(identity);
}

std::shared_ptr<RateLimiter> TokenIssuers::LimiterOf(const std::string& name,
                                                     const RateLimits& limits) const {
  if (limits == RateLimits()) return nullptr;
  MutexLock lock(&mutex_);
  std::shared_ptr<RateLimiter>& limiter = limiters_[name];
  if (limiter == nullptr || limiter->limits() != limits) {
    limiter = std::make_shared<RateLimiter>(limits);
  }
  std::shared_ptr<RateLimiter> out = limiter;
  if (limiters_.size() > 2 * kTokensRememberedMax) {
    std::erase_if(limiters_, [](const auto& entry) { return entry.second.use_count() == 1; });
  }
  return out;
}

}  // namespace mneme::server
