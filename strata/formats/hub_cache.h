#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace strata {

/// The folder where Hugging Face's tools keep what they fetched: HF_HUB_CACHE, else hub/ in HF_HOME, else
/// huggingface/hub in XDG_CACHE_HOME, else ~/.cache/huggingface/hub.
std::string hub_cache();

/// The snapshot of a model in a hub cache: "google/vit-base-patch16-224", "gpt2", or with a revision behind @ (a branch,
/// a tag or a commit; main where none is given). Nothing when `name` cannot be a model's or is not in the cache; throws
/// Error when the model is there but not in that revision.
std::optional<std::string> find_in_hub_cache(std::string_view name, const std::string& cache = hub_cache());

/// Where the file, folder or model called so lies: the name itself where it is a path to something, else the model's
/// snapshot in the local cache. Throws Error when there is neither.
std::string find_path(const std::string& name);

}  // namespace strata
