#pragma once

#include <string>

#include "apps/strata/options.h"

namespace strata::cli {

/// What LibTorch brought into the process, for `strata doctor`.
struct TorchFacts {
  std::string version;
  std::string path;       // of libtorch_cpu
  std::string cpu_level;  // "AVX2": what its own kernels use
  std::string parallel;   // "OpenMP, 2 threads, 1 inter-op"
  bool cuda_built = false;
  int cuda_devices = 0;
  std::string cuda_device;  // the first one's name
  std::string data;         // which data sets were found: "fashion-mnist: 10000 test images"
  std::string data_error;   // or why not
};

/// The verbs that need tensors. They live in a module of their own, because loading LibTorch takes a third of a second
/// and 100 MB that `strata --help` should not cost. Errors leave as strata::Error or UsageError.
struct TensorVerbs {
  void (*train)(const Common&, const Train&);
  void (*eval)(const Common&, const Eval&);
  void (*run)(const Common&, const Run&);
  void (*probe)(const Common&, const Probe&);
  void (*prune)(const Common&, const Prune&);
  void (*merge)(const Common&, const Merge&);
  void (*generate)(const Common&, const Generate&);
  void (*bench)(const Common&, const Bench&);
  TorchFacts (*torch_facts)(const Common&);
  double (*gelu_milliseconds)(const Common&);
};

/// The name under which the module exports its table: `const TensorVerbs* strata_tensor_verbs()`.
inline constexpr const char* kTensorVerbsSymbol = "strata_tensor_verbs";

/// Opens the module beside this program (or where an installation has it) once. Throws Error saying why it cannot be
/// opened.
const TensorVerbs& tensor_verbs();

}  // namespace strata::cli
