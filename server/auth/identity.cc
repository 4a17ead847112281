#include "server/auth/identity.h"

#include <algorithm>
#include <cctype>

namespace mneme::server {

bool MatchesGlob(std::string_view pattern, std::string_view text) {
  size_t p = 0, t = 0;
  size_t star = pattern.npos, star_text = 0;  // the last `*`, and what it does not stand for yet
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != pattern.npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == pattern.npos;
}

bool Caller::MayDo(v1::Role role, std::string_view memory) const {
  return identity_ == nullptr || std::ranges::any_of(identity_->grants, [&](const Grant& grant) {
           return grant.role >= role && MatchesGlob(grant.memories, memory);
         });
}

bool Caller::MayDoOnAll(v1::Role role) const {
  return identity_ == nullptr || std::ranges::any_of(identity_->grants, [&](const Grant& grant) {
           return grant.role >= role && grant.memories == kAllMemories;
         });
}

bool Caller::MayDoSomewhere(v1::Role role) const {
  return identity_ == nullptr || std::ranges::any_of(identity_->grants, [&](const Grant& grant) {
           return grant.role >= role;
         });
}

std::string RoleName(v1::Role role) {
  std::string name = v1::Role_Name(role).substr(std::string_view("ROLE_").size());
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return name;
}

}  // namespace mneme::server
