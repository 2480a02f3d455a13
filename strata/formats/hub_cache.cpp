#include "strata/formats/hub_cache.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "strata/base/error.h"
#include "strata/base/file.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMostRef = 1024;  // bytes of a file that holds the hash of a commit

// One component of a path that can lead nowhere else.
bool plain(std::string_view part) {
  return !part.empty() && !part.starts_with('.') && std::all_of(part.begin(), part.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
  });
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

std::string hub_cache() {
  if (const auto cache = environment("HF_HUB_CACHE"); !cache.empty()) return cache;
  if (const auto home = environment("HF_HOME"); !home.empty()) return home + "/hub";
  if (const auto cache = environment("XDG_CACHE_HOME"); !cache.empty()) return cache + "/huggingface/hub";
  return environment("HOME") + "/.cache/huggingface/hub";
}

std::optional<std::string> find_in_hub_cache(std::string_view name, const std::string& cache) {
  std::string revision = "main";
  if (const size_t at = name.find('@'); at != std::string_view::npos) {
    revision = name.substr(at + 1);
    name = name.substr(0, at);
  }
  const size_t slash = name.find('/');
  const std::string_view owner = slash == std::string_view::npos ? "" : name.substr(0, slash);
  const std::string_view model = slash == std::string_view::npos ? name : name.substr(slash + 1);
  if ((slash != std::string_view::npos && !plain(owner)) || !plain(model)) return std::nullopt;
  const std::string folder =
      cache + "/models--" + (owner.empty() ? "" : std::string(owner) + "--") + std::string(model);
  std::error_code error;
  if (!fs::is_directory(folder, error)) return std::nullopt;
  // A branch or tag is a file that holds a commit; its name may have slashes, each part of which must stay inside.
  bool inside = true;
  for (const auto& part : fs::path(revision)) inside = inside && plain(part.string());
  if (!inside) fail("model '", name, "': expected a branch, a tag or a commit behind @, found '", revision, "'");
  std::string commit = revision;
  const std::string ref = folder + "/refs/" + revision;
  if (fs::is_regular_file(ref, error)) {
    commit = read_text(ref, kMostRef);
    while (!commit.empty() && std::isspace(static_cast<unsigned char>(commit.back())) != 0) commit.pop_back();
  }
  std::string snapshot = folder + "/snapshots/" + commit;
  if (!plain(commit) || !fs::is_directory(snapshot, error))
    fail("model '", name, "': is in the cache ", cache, ", but not its revision '", revision,
         "'; fetch it, or name one that is there behind @");
  return snapshot;
}

std::string find_path(const std::string& name) {
  std::error_code error;
  if (fs::exists(name, error)) return name;
  if (const auto cached = find_in_hub_cache(name)) return *cached;
  fail(name, ": there is no such file or folder, and no model of that name in ", hub_cache());
}

}  // namespace strata
