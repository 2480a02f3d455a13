#include "strata/formats/hub_cache.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "strata/base/error.h"
#include "tests/temporary_folder.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::ThrowsMessage;

struct Cache {
  TemporaryFolder folder;
  Cache() {
    add("models--google--vit-tiny", "abc123", {"main", "pr/1"});
    add("models--gpt2", "ffff", {"main"});
  }
  void add(const std::string& model, const std::string& commit, const std::vector<std::string>& refs) const {
    fs::create_directories(folder.file(model + "/snapshots/" + commit));
    for (const auto& ref : refs) {
      const std::string path = folder.file(model + "/refs/" + ref);
      fs::create_directories(fs::path(path).parent_path());
      std::ofstream(path) << commit << "\n";
    }
  }
  std::optional<std::string> find(const std::string& name) const { return find_in_hub_cache(name, folder.path()); }
  std::string at(const std::string& path) const { return folder.file(path); }
};

TEST(HubCache, FindsModelsByNameAndRevision) {
  const Cache cache;
  const std::string vit = cache.at("models--google--vit-tiny/snapshots/abc123");
  EXPECT_EQ(cache.find("google/vit-tiny"), vit);
  EXPECT_EQ(cache.find("google/vit-tiny@pr/1"), vit);
  EXPECT_EQ(cache.find("google/vit-tiny@abc123"), vit);
  EXPECT_EQ(cache.find("gpt2"), cache.at("models--gpt2/snapshots/ffff"));
  EXPECT_EQ(cache.find("google/vit-huge"), std::nullopt);
  EXPECT_EQ(cache.find("vit-tiny"), std::nullopt);
}

TEST(HubCache, PathsGoBeforeNames) {
  const Cache cache;
  ::setenv("HF_HUB_CACHE", cache.folder.path().c_str(), 1);
  EXPECT_EQ(find_path(cache.folder.path()), cache.folder.path());
  EXPECT_EQ(find_path("google/vit-tiny"), cache.at("models--google--vit-tiny/snapshots/abc123"));
  EXPECT_THAT([] { find_path("google/vit-huge"); },
              ThrowsMessage<Error>(HasSubstr("google/vit-huge: there is no such file or folder, and no model")));
  ::unsetenv("HF_HUB_CACHE");
}

TEST(HubCache, NamesThatLeadElsewhereAreNoModels) {
  const Cache cache;
  fs::create_directories(cache.at("elsewhere"));
  for (const char* name : {"", "/", "../elsewhere", "google/..", "a/b/c", "google/vit tiny", "google/"})
    EXPECT_EQ(cache.find(name), std::nullopt) << name;
  for (const char* revision : {"", "../../gpt2/snapshots/ffff", "missing", "/etc/passwd"})
    EXPECT_THAT([&] { cache.find("google/vit-tiny@" + std::string(revision)); },
                ThrowsMessage<Error>(HasSubstr("google/vit-tiny")))
        << revision;
  std::ofstream(cache.at("models--gpt2/refs/main")) << "../../elsewhere";
  EXPECT_THAT([&] { cache.find("gpt2"); }, ThrowsMessage<Error>(HasSubstr("not its revision 'main'")));
}

TEST(HubCache, LiesWhereTheEnvironmentSays) {
  const auto with = [](const char* name, const char* value) {
    for (const char* other : {"HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"}) ::unsetenv(other);
    if (name) ::setenv(name, value, 1);
    const std::string cache = hub_cache();
    if (name) ::unsetenv(name);
    return cache;
  };
  EXPECT_EQ(with("HF_HUB_CACHE", "/x"), "/x");
  EXPECT_EQ(with("HF_HOME", "/x"), "/x/hub");
  EXPECT_EQ(with("XDG_CACHE_HOME", "/x"), "/x/huggingface/hub");
  EXPECT_THAT(with(nullptr, nullptr), HasSubstr("/.cache/huggingface/hub"));
}

}  // namespace
}  // namespace strata
