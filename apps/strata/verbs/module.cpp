// What the command finds when it opens this module: the verbs, each with LibTorch set up first and its errors
// translated.
#include <ATen/Parallel.h>
#include <c10/util/Exception.h>

#include <new>

#include "apps/strata/verbs/shared.h"
#include "strata/base/block_pool.h"
#include "strata/base/error.h"
#include "strata/ops/host_memory.h"

namespace strata::cli {
namespace {

// As many threads as chosen at start, in LibTorch's one pool; its second pool, for operators side by side, stays empty.
void set_up_torch(const Common& common) {
  if (choose_allocator().pool) use_block_pool();
  at::set_num_threads(common.threads);
  at::set_num_interop_threads(1);
}

// c10::Error is known on this side only, and carries a stack trace nobody wants to read.
template <auto verb, class Result, class... Options>
Result guarded(const Common& common, const Options&... options) {
  try {
    static const bool once = (set_up_torch(common), true);
    static_cast<void>(once);
    return verb(common, options...);
  } catch (const c10::OutOfMemoryError&) {
    throw std::bad_alloc();
  } catch (const c10::Error& error) {
    std::string text = error.what_without_backtrace();
    if (text.find("not enough memory") != std::string::npos) throw std::bad_alloc();
    fail(text.substr(0, text.find('\n')));
  }
}

const TensorVerbs kVerbs{
    .train = guarded<&train, void, Train>,
    .eval = guarded<&eval, void, Eval>,
    .run = guarded<&run, void, Run>,
    .probe = guarded<&probe, void, Probe>,
    .prune = guarded<&prune, void, Prune>,
    .merge = guarded<&merge, void, Merge>,
    .generate = guarded<&generate, void, Generate>,
    .bench = guarded<&bench, void, Bench>,
    .torch_facts = guarded<&torch_facts, TorchFacts>,
    .gelu_milliseconds = guarded<&gelu_milliseconds, double>,
};

}  // namespace
}  // namespace strata::cli

extern "C" const strata::cli::TensorVerbs* strata_tensor_verbs() {
  return &strata::cli::kVerbs;
}
