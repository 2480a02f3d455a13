#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <torch/version.h>

#include <algorithm>
#include <chrono>

#include "apps/strata/verbs/shared.h"
#include "strata/base/error.h"

namespace strata::cli {
namespace {

constexpr int64_t kGeluSize = 50'000'000;
constexpr int kGeluRuns = 5;

std::string library_of(const void* address) {
  Dl_info info{};
  return ::dladdr(address, &info) != 0 && info.dli_fname != nullptr ? info.dli_fname : "unknown";
}

}  // namespace

TorchFacts torch_facts(const Common&) {
  TorchFacts facts;
  facts.version = TORCH_VERSION;
  facts.path = library_of(reinterpret_cast<const void*>(&at::get_num_threads));
  facts.cpu_level = at::get_cpu_capability();
  facts.parallel =
      fmt::format("{} threads, {} between operators", at::get_num_threads(), at::get_num_interop_threads());
  facts.cuda_built = at::hasCUDA() || at::globalContext().hasCUDA();
  facts.cuda_devices = facts.cuda_built ? at::detail::getCUDAHooks().deviceCount() : 0;
  try {
    const ImageSet set = load_images("fashion-mnist", "test", {.limit = 1});
    facts.data = set.name;
  } catch (const Error& error) {
    facts.data_error = error.what();
  }
  return facts;
}

double gelu_milliseconds(const Common&) {
  const at::NoGradGuard no_gradients;
  const at::Tensor x = at::randn({kGeluSize});
  std::vector<double> times;
  for (int i = 0; i < kGeluRuns; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const at::Tensor y = at::gelu(x);
    times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  std::nth_element(times.begin(), times.begin() + kGeluRuns / 2, times.end());
  return times[kGeluRuns / 2];
}

}  // namespace strata::cli
