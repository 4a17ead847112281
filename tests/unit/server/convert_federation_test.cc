// Specs on the wire: every key, there and back.
#include "server/peer/convert_federation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/federation/spec_fields.h"

namespace mneme::server {
namespace {

namespace fed = mneme::federation;

TEST(ConvertFederation, TheTableOfKeysHasAllThatTheWireHas) {
  std::vector<std::string> keys, fields;
  const fed::Spec spec;
  fed::VisitFields(spec, [&](const char* key, const auto&) { keys.push_back(key); });
  const auto* wire = v1::FederationSpec::descriptor();
  for (int i = 0; i < wire->field_count(); ++i) fields.push_back(wire->field(i)->name());
  EXPECT_THAT(keys, ::testing::UnorderedElementsAreArray(fields));
}

// No two fields are alike, and none has its default: one that is lost, or that takes another's
// place, shows.
fed::Spec Unlike() {
  fed::Spec spec;
  uint32_t next = 2;
  fed::VisitFields(spec, [&]<typename Field>(const char*, Field& field) {
    if constexpr (std::is_enum_v<Field>) {
      field = static_cast<Field>(1);
    } else if constexpr (std::is_same_v<Field, bool>) {
      field = !field;
    } else {
      field = static_cast<
          typename std::conditional_t<std::is_same_v<Field, std::optional<double>>, double, Field>>(
          next++);
    }
  });
  return spec;
}

TEST(ConvertFederation, EveryKeyOfASpecGoesThereAndBack) {
  fed::Spec spec = Unlike();
  // What does not go together.
  spec.loss = fed::Loss::kHuber;
  spec.transport = fed::Transport::kGradient;
  spec.combine = fed::Combine::kPipelined;
  spec.wire.topk_share = 0.25;
  spec.noise = {};
  spec.lag_max = 900;
  FederationInfo info;
  info.spec = spec;
  v1::Federation federation;
  EncodeFederation(info, &federation);
  v1::CreateFederationRequest request;
  request.set_federation_id("f");
  *request.mutable_spec() = federation.spec();
  request.set_interest_floor(0.125);
  request.set_items_per_round(7);
  const auto back = DecodeDescription(request);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->spec, spec);
  EXPECT_EQ(back->interest_floor, 0.125);
  EXPECT_EQ(back->items_per_round, 7);
}

TEST(ConvertFederation, WhatIsNotSaidIsTheDefault) {
  v1::CreateFederationRequest request;
  request.mutable_spec()->set_key_dim(4);
  request.mutable_spec()->set_response_dim(2);
  const auto made = DecodeDescription(request);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->spec, (fed::Spec{.d_k = 4, .d_v = 2}));
  request.mutable_spec()->set_warm_start(static_cast<v1::FederationWarmStart>(9));
  EXPECT_EQ(GetErrorDetail(DecodeDescription(request).status())->reason, "SPEC");
}

}  // namespace
}  // namespace mneme::server
