// The configuration's table: every key by every way, and what is refused.
#include "server/config/config.h"

#include <map>
#include <set>

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/config/load.h"

namespace mneme::server {
namespace {

using ::testing::HasSubstr;

TEST(Config, DefaultsPrintedAndReadAgainAreTheDefaults) {
  const Config defaults;
  Config read;
  ASSERT_TRUE(ApplyYaml(read, PrintConfig(defaults), "printed").ok());
  for (const ConfigKey& key : ConfigKeys()) EXPECT_EQ(key.get(read), key.get(defaults)) << key.name;
  EXPECT_TRUE(ValidateConfig(defaults).ok());
}

TEST(Config, NamesAndVariablesAreUnique) {
  std::set<std::string> names, variables;
  for (const ConfigKey& key : ConfigKeys()) {
    EXPECT_TRUE(names.insert(key.name).second) << key.name;
    EXPECT_TRUE(variables.insert(key.environment()).second) << key.name;
    EXPECT_FALSE(key.help.empty()) << key.name;
  }
}

TEST(Config, BytesTakeUnits) {
  Config config;
  ASSERT_TRUE(SetKey(config, "data.storage_memory_bytes", "64M").ok());
  EXPECT_EQ(config.storage_memory_bytes, 64ull << 20);
  ASSERT_TRUE(SetKey(config, "limits.payload_bytes_max", "2k").ok());
  EXPECT_EQ(config.limits.payload_bytes_max, 2048u);
  for (const char* bad :
       {"", "k", "64MB", "-1", "1e9", "99999999999999999999", "0x10", "17179869184G"}) {
    const std::string before = std::to_string(config.storage_memory_bytes);
    EXPECT_FALSE(SetKey(config, "data.storage_memory_bytes", bad).ok()) << bad;
    EXPECT_EQ(std::to_string(config.storage_memory_bytes), before);
  }
}

TEST(Config, AnUnknownKeySuggestsTheNearest) {
  Config config;
  const absl::Status status = SetKey(config, "limits.cue_max", "1");
  EXPECT_THAT(std::string(status.message()), HasSubstr("did you mean 'limits.cues_max'?"));
  EXPECT_EQ(GetErrorDetail(status)->reason, "CONFIG_KEY");
}

TEST(Config, YamlErrorsNameTheLine) {
  Config config;
  EXPECT_THAT(std::string(ApplyYaml(config, "log:\n  level: loud\n", "f").message()),
              HasSubstr("f, line 2"));
  EXPECT_FALSE(ApplyYaml(config, "log: [a, b]", "f").ok());
  EXPECT_FALSE(ApplyYaml(config, "log: {level: info", "f").ok());
  EXPECT_FALSE(ApplyYaml(config, "just text", "f").ok());
  EXPECT_TRUE(ApplyYaml(config, "", "f").ok());
}

TEST(Config, TheEnvironmentIsReadByNameAndStrangersAreReported) {
  Config config;
  EXPECT_TRUE(ApplyEnvironment(config, {{"PATH", "x"},
                                        {"MNEME_LOG_LEVEL", "error"},
                                        {"MNEME_SERVER", "mnemectl's"},
                                        {"MNEME_TLS_CA", "mnemectl's"},
                                        {"MNEME_API_KEY", "mnemectl's"},
                                        {"MNEME_TOKEN", "mnemectl's"}})
                  .ok());
  EXPECT_EQ(config.log_level, "error");
  EXPECT_FALSE(ApplyEnvironment(config, {{"MNEME_LOG_LEVLE", "error"}}).ok());
}

TEST(Config, OnlyLoopbackIsServedWithoutTlsAndAuthentication) {
  Config config;
  for (const char* good : {"127.0.0.1:7411", "localhost:0", "[::1]:1", "unix:/tmp/s"}) {
    config.listen = good;
    EXPECT_TRUE(ValidateConfig(config).ok()) << good;
  }
  for (const char* bad : {"0.0.0.0:7411", "[::]:7411", "10.0.0.1:1", ":7411", ""}) {
    config.listen = bad;
    EXPECT_FALSE(ValidateConfig(config).ok()) << bad;
  }
}

TEST(Config, OtherAddressesTakeTlsAndAuthenticationOrTheWordThatTheyNeedNot) {
  const auto listens = [](void (*change)(Config&)) {
    Config config;
    config.listen = "0.0.0.0:7411";
    change(config);
    return ValidateConfig(config).ok();
  };
  EXPECT_FALSE(listens([](Config& c) { c.auth_file = "a"; }));
  EXPECT_FALSE(listens([](Config& c) { c.tls_certificate = c.tls_key = "a"; }));
  EXPECT_FALSE(listens([](Config& c) { c.tls_certificate = c.tls_key = c.tls_client_ca = "a"; }));
  EXPECT_TRUE(listens([](Config& c) { c.tls_certificate = c.tls_key = c.auth_file = "a"; }));
  EXPECT_TRUE(listens([](Config& c) {
    c.tls_certificate = c.tls_key = c.tls_client_ca = "a";
    c.tls_client_certificates = "required";
    c.http_listen = "none";
  }));
  EXPECT_FALSE(listens([](Config& c) {  // HTTP would let in who has no certificate
    c.tls_certificate = c.tls_key = c.tls_client_ca = "a";
    c.tls_client_certificates = "required";
  }));
  EXPECT_FALSE(listens([](Config& c) {  // HTTP has no TLS
    c.tls_certificate = c.tls_key = c.auth_file = "a";
    c.http_listen = "0.0.0.0:7412";
  }));
  EXPECT_TRUE(listens([](Config& c) { c.allow_insecure = true; }));
  // Nodes know each other by certificates, with or without an auth.file.
  const auto peers = [](void (*change)(Config&)) {
    Config config;
    config.federation_file = config.federation_node = "a";
    config.peer_listen = "0.0.0.0:7413";
    change(config);
    return ValidateConfig(config).ok();
  };
  EXPECT_FALSE(peers([](Config&) {}));
  EXPECT_FALSE(peers([](Config& c) { c.auth_file = "a"; }));
  EXPECT_FALSE(peers([](Config& c) { c.tls_certificate = c.tls_key = "a"; }));
  EXPECT_TRUE(peers([](Config& c) { c.tls_certificate = c.tls_key = c.tls_client_ca = "a"; }));
  EXPECT_TRUE(peers([](Config& c) { c.allow_insecure = true; }));
}

TEST(Config, FederationsAreInAFileOrInAnEtcd) {
  const auto refusal = [](void (*change)(Config&)) -> std::string {
    Config config;
    config.federation_etcd = "10.0.0.9:2379";
    config.federation_node = "north-1";
    change(config);
    return std::string(ValidateConfig(config).message());
  };
  EXPECT_EQ(refusal([](Config&) {}), "");
  EXPECT_THAT(refusal([](Config& c) { c.federation_file = "a"; }), HasSubstr("federation.etcd"));
  EXPECT_THAT(refusal([](Config& c) { c.federation_node = ""; }), HasSubstr("federation.node"));
  EXPECT_THAT(refusal([](Config& c) { c.federation_node = "a/b"; }), HasSubstr("a/b"));
  EXPECT_THAT(refusal([](Config& c) { c.peer_advertise = "host"; }), HasSubstr("peer.advertise"));
  EXPECT_EQ(refusal([](Config& c) { c.peer_advertise = "host:7413"; }), "");
  // Nobody can dial "any address".
  const auto any = [](Config& c) {
    c.allow_insecure = true;
    c.peer_listen = "0.0.0.0:7413";
  };
  EXPECT_THAT(refusal(any), HasSubstr("peer.advertise"));
  EXPECT_EQ(refusal([](Config& c) {
              c.allow_insecure = true;
              c.peer_listen = "[::]:7413";
              c.peer_advertise = "10.0.0.1:7413";
            }),
            "");
}

TEST(Config, APartOfTheAccessToEtcdNeedsTheOtherPart) {
  const auto refusal = [](void (*change)(Config&)) {
    Config config;
    config.federation_etcd = "127.0.0.1:2379,localhost:2380";
    config.federation_node = "north";
    change(config);
    return std::string(ValidateConfig(config).message());
  };
  EXPECT_THAT(refusal([](Config& c) { c.etcd_tls_certificate = "a"; }), HasSubstr("etcd_tls_key"));
  EXPECT_THAT(refusal([](Config& c) { c.etcd_tls_key = "a"; }), HasSubstr("etcd_tls_certificate"));
  EXPECT_THAT(refusal([](Config& c) { c.etcd_tls_certificate = c.etcd_tls_key = "a"; }),
              HasSubstr("etcd_tls_ca"));
  EXPECT_THAT(refusal([](Config& c) { c.etcd_tls_server_name = "a"; }), HasSubstr("etcd_tls_ca"));
  EXPECT_THAT(refusal([](Config& c) { c.federation_etcd_user = "a"; }),
              HasSubstr("etcd_password_file"));
  EXPECT_THAT(refusal([](Config& c) { c.federation_etcd_password_file = "a"; }),
              HasSubstr("etcd_user"));
  EXPECT_THAT(refusal([](Config& c) {
                c.federation_etcd = "";
                c.etcd_tls_ca = "a";
              }),
              HasSubstr("federation.etcd"));
  EXPECT_EQ(
      refusal([](Config& c) { c.federation_etcd_user = c.federation_etcd_password_file = "a"; }),
      "")
      << "this machine";
  // A password in the clear goes no further.
  EXPECT_THAT(refusal([](Config& c) {
                c.federation_etcd += ",10.0.0.9:2379";
                c.federation_etcd_user = c.federation_etcd_password_file = "a";
              }),
              HasSubstr("etcd_tls_ca"));
  EXPECT_EQ(refusal([](Config& c) {
              c.federation_etcd += ",10.0.0.9:2379";
              c.federation_etcd_user = c.federation_etcd_password_file = c.etcd_tls_ca = "a";
            }),
            "");
}

TEST(Config, HalfOfTlsIsRefused) {
  const auto refusal = [](void (*change)(Config&)) {
    Config config;
    change(config);
    return std::string(ValidateConfig(config).message());
  };
  EXPECT_THAT(refusal([](Config& c) { c.tls_certificate = "a"; }), HasSubstr("tls.key"));
  EXPECT_THAT(refusal([](Config& c) { c.tls_key = "a"; }), HasSubstr("tls.certificate"));
  EXPECT_THAT(refusal([](Config& c) { c.tls_client_ca = "a"; }), HasSubstr("tls.certificate"));
  EXPECT_THAT(refusal([](Config& c) {
                c.tls_certificate = c.tls_key = "a";
                c.tls_client_certificates = "required";
              }),
              HasSubstr("tls.client_ca"));
}

TEST(Config, APortIsANumberThatAPortCanHave) {
  Config config;
  for (const char* bad : {"127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000",
                          "localhost:-1", "localhost:80x", "[::1]:", "unix:"}) {
    config.listen = bad;
    EXPECT_FALSE(ValidateConfig(config).ok()) << bad;
  }
}

TEST(Config, ADirectoryIsNoConfigurationFile) {
  Config config;
  for (const char* bad : {"/", "/nowhere/at/all.yaml"}) {
    const absl::Status status = ApplyYamlFile(config, bad);
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << bad;
    EXPECT_EQ(GetErrorDetail(status)->reason, "CONFIG_FILE");
  }
}

TEST(Config, AnEmptyFileIsTakenForOneThatWasCutOff) {
  Config config;
  const absl::Status status = ApplyYamlFile(config, "/dev/null");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_EQ(GetErrorDetail(status)->reason, "CONFIG_FILE");
  EXPECT_TRUE(ApplyYaml(config, "# defaults\n", "a file of comments").ok());
}

TEST(Config, AMemoryLimitIsNoneOrEnoughToStartWith) {
  Config config;
  EXPECT_TRUE(SetKey(config, "engine.memory_bytes_max", "0").ok());
  EXPECT_TRUE(SetKey(config, "engine.memory_bytes_max", "1G").ok());
  EXPECT_EQ(config.memory_bytes_max, 1ull << 30);
  EXPECT_FALSE(SetKey(config, "engine.memory_bytes_max", "1M").ok());
}

TEST(Config, BackupsLieBesideTheDataUnlessToldOtherwise) {
  Config config;
  config.data_dir = "/var/lib/mneme/";
  EXPECT_EQ(BackupDirectory(config), "/var/lib/mneme-backups");
  config.backup_dir = "/mnt/backups";
  EXPECT_EQ(BackupDirectory(config), "/mnt/backups");
}

TEST(Config, TracingTakesAShareAndACollectorThatCanBeOne) {
  Config config;
  for (const char* bad : {"1.5", "-0.1", "nan", "half", "", "0.5x"}) {
    EXPECT_FALSE(SetKey(config, "tracing.sample_ratio", bad).ok()) << bad;
  }
  EXPECT_EQ(config.tracing_sample_ratio, Config().tracing_sample_ratio);
  ASSERT_TRUE(SetKey(config, "tracing.sample_ratio", "0.25").ok());
  EXPECT_EQ(config.tracing_sample_ratio, 0.25);
  for (const char* good : {"collector:4317", "unix:/run/collector.sock", ""}) {
    config.tracing_endpoint = good;
    EXPECT_TRUE(ValidateConfig(config).ok()) << good;
  }
  for (const char* bad : {"collector", "http://collector:4317", "collector:port"}) {
    config.tracing_endpoint = bad;
    EXPECT_FALSE(ValidateConfig(config).ok()) << bad;
  }
  config.tracing_endpoint = "collector:4317";
  config.tracing_tls_ca = "ca.pem";
  EXPECT_FALSE(ValidateConfig(config).ok());
  config.tracing_tls = true;
  EXPECT_TRUE(ValidateConfig(config).ok());
}

}  // namespace
}  // namespace mneme::server
