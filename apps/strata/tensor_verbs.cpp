#include "apps/strata/tensor_verbs.h"

#include <dlfcn.h>

#include <array>
#include <filesystem>

#include "strata/base/child.h"
#include "strata/base/error.h"

namespace strata::cli {
namespace {

const TensorVerbs* open_module() {
  const std::filesystem::path folder = std::filesystem::path(own_program()).parent_path();
  std::string reason = "it was built without LibTorch";
  for (const auto& path : {folder / "libstrata_verbs.so", folder / STRATA_MODULE_FOLDER / "libstrata_verbs.so"}) {
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) continue;
    void* module = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (module == nullptr) {
      reason = ::dlerror();
      break;
    }
    const auto table = reinterpret_cast<const TensorVerbs* (*)()>(::dlsym(module, kTensorVerbsSymbol));
    if (table != nullptr) return table();
    reason = path.string() + " belongs to another version";
  }
  fail("this command cannot work with tensors: ", reason, "; build it again with ./check");
}

}  // namespace

const TensorVerbs& tensor_verbs() {
  static const TensorVerbs* verbs = open_module();
  return *verbs;
}

}  // namespace strata::cli
