// Grants: patterns of names, and which role covers which.
#include "server/auth/identity.h"

#include "gtest/gtest.h"

namespace mneme::server {
namespace {

Caller With(std::vector<Grant> grants) {
  Identity identity;
  identity.name = "somebody";
  identity.grants = std::move(grants);
  return Caller(std::make_shared<const Identity>(std::move(identity)));
}

TEST(Glob, StarStandsForAnyCharactersAndQuestionMarkForOne) {
  EXPECT_TRUE(MatchesGlob("*", ""));
  EXPECT_TRUE(MatchesGlob("*", "faces"));
  EXPECT_TRUE(MatchesGlob("faces-*", "faces-"));
  EXPECT_TRUE(MatchesGlob("faces-*", "faces-2026"));
  EXPECT_TRUE(MatchesGlob("*-v?", "a-b-v2"));
  EXPECT_TRUE(MatchesGlob("a*b*c", "a-b-b-c"));
  EXPECT_TRUE(MatchesGlob("", ""));
  EXPECT_FALSE(MatchesGlob("", "a"));
  EXPECT_FALSE(MatchesGlob("faces-*", "faces"));
  EXPECT_FALSE(MatchesGlob("faces", "faces-2026"));
  EXPECT_FALSE(MatchesGlob("faces", "my-faces"));
  EXPECT_FALSE(MatchesGlob("v?", "v"));
  EXPECT_FALSE(MatchesGlob("a*b", "a-b-c"));
}

TEST(Glob, ManyStarsEndSoon) {
  std::string pattern, text(5'000, 'a');
  for (int i = 0; i < 500; ++i) pattern += "a*";
  EXPECT_FALSE(MatchesGlob(pattern + "b", text));  // by recursion this would not end
  EXPECT_TRUE(MatchesGlob(pattern, text));
}

TEST(Caller, ARoleCoversThoseBeforeItAndNoneAfter) {
  const Caller caller = With({{v1::ROLE_WRITER, "mine"}});
  EXPECT_TRUE(caller.MayDo(v1::ROLE_READER, "mine"));
  EXPECT_TRUE(caller.MayDo(v1::ROLE_WRITER, "mine"));
  EXPECT_FALSE(caller.MayDo(v1::ROLE_TRAINER, "mine"));
  EXPECT_FALSE(caller.MayDo(v1::ROLE_ADMIN, "mine"));
  EXPECT_FALSE(caller.MayDo(v1::ROLE_READER, "other"));
}

TEST(Caller, OneGrantDoesNotLendItsRoleToAnothersMemories) {
  const Caller caller = With({{v1::ROLE_READER, "*"}, {v1::ROLE_ADMIN, "mine-*"}});
  EXPECT_TRUE(caller.MayDo(v1::ROLE_READER, "other"));
  EXPECT_FALSE(caller.MayDo(v1::ROLE_WRITER, "other"));
  EXPECT_TRUE(caller.MayDo(v1::ROLE_ADMIN, "mine-1"));
  EXPECT_TRUE(caller.MayDoOnAll(v1::ROLE_READER));
  EXPECT_FALSE(caller.MayDoOnAll(v1::ROLE_ADMIN));
  EXPECT_TRUE(caller.MayDoSomewhere(v1::ROLE_ADMIN));
}

TEST(Caller, WithoutGrantsNothingIsAllowedAndWithoutAnIdentityEverything) {
  EXPECT_FALSE(With({}).MayDoSomewhere(v1::ROLE_ANY));
  EXPECT_FALSE(With({}).MayDo(v1::ROLE_READER, "x"));
  EXPECT_TRUE(Caller().MayDo(v1::ROLE_ADMIN, "x"));
  EXPECT_TRUE(Caller().MayDoOnAll(v1::ROLE_ADMIN));
}

}  // namespace
}  // namespace mneme::server
