#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>

#include "apps/strata/table.h"
#include "apps/strata/tensor_verbs.h"
#include "apps/strata/verbs.h"
#include "strata/base/child.h"
#include "strata/base/error.h"
#include "strata/base/process.h"
#include "strata/base/progress.h"
#include "strata/base/version.h"
#include "strata/kernels/isa.h"

namespace strata::cli {
namespace {

struct Finding {
  std::string name;
  std::string value;
  std::string why;
};

struct Report {
  std::vector<Finding> findings;
  std::vector<std::string> warnings;

  void found(std::string name, std::string value, std::string why = "") {
    findings.push_back({std::move(name), std::move(value), std::move(why)});
  }
  void warn(std::string text) { warnings.push_back(std::move(text)); }
};

std::string features_of(const CpuFeatures& cpu) {
  const std::pair<const char*, bool> all[] = {
      {"sse4.2", cpu.sse4_2},
      {"avx2", cpu.avx2},
      {"fma", cpu.fma},
      {"f16c", cpu.f16c},
      {"avx512f", cpu.avx512f},
      {"avx512bw", cpu.avx512bw},
      {"avx512dq", cpu.avx512dq},
      {"avx512vl", cpu.avx512vl},
      {"avx512_vnni", cpu.avx512_vnni},
      {"avx512_bf16", cpu.avx512_bf16},
      {"amx_bf16", cpu.amx_bf16},
  };
  std::string text;
  for (const auto& [name, has] : all)
    if (has) text += (text.empty() ? "" : " ") + std::string(name);
  return text;
}

// Files mapped into this process whose names hold one of these words.
std::set<std::string> loaded_libraries(std::initializer_list<const char*> words) {
  std::set<std::string> found;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const auto slash = line.find('/');
    if (slash == std::string::npos) continue;
    const std::string path = line.substr(slash);
    const std::string file = path.substr(path.rfind('/') + 1);
    if (std::any_of(words.begin(), words.end(), [&](const char* word) { return file.starts_with(word); }))
      found.insert(path);
  }
  return found;
}

void look_at_processor(Report& report) {
  const CpuFeatures& cpu = cpu_features();
  report.found("processor", cpu.model.empty() ? cpu.vendor : cpu.model, features_of(cpu));
  const auto size = [](int64_t bytes) {
    return bytes > 0 ? bytes_text(static_cast<double>(bytes)) : std::string("unknown");
  };
  report.found("caches", size(cpu.l1d_bytes) + " / " + size(cpu.l2_bytes) + " / " + size(cpu.l3_bytes),
               "level 1 data, level 2, level 3");
  std::string levels;
  for (const Isa isa : supported_isas()) levels += (levels.empty() ? "" : ", ") + std::string(isa_name(isa));
  report.found("kernels", isa_name(active_isa()),
               (std::getenv("STRATA_ISA") != nullptr ? "STRATA_ISA; this machine runs " : "the best of ") + levels);
  if (!cpu.avx2) report.warn("this processor has no AVX2: kernels run at their reference level, many times slower");
}

void look_at_memory(Report& report) {
  const int64_t free = memory_available();
  report.found("memory", free > 0 ? bytes_text(static_cast<double>(free)) : "unknown",
               "free without swapping, limits of control groups included");
  if (free > 0 && free < 2'000'000'000)
    report.warn("less than 2 GB of memory are free: building and training will be slow or fail");
}

void look_at_torch(Report& report, const Common& common) {
  TorchFacts torch;
  try {
    torch = tensor_verbs().torch_facts(common);
  } catch (const Error& error) {
    report.found("LibTorch", "none", "");
    report.warn(error.what());
    return;
  }
  report.found("LibTorch", torch.version, torch.path);
  report.found("its kernels", torch.cpu_level, torch.parallel);
  report.found("CUDA",
               !torch.cuda_built         ? "not in this LibTorch"
               : torch.cuda_devices == 0 ? "no device"
                                         : torch.cuda_device,
               torch.cuda_devices > 1 ? fmt::format("{} devices", torch.cuda_devices) : "");
  const auto runtimes = loaded_libraries({"libgomp", "libomp", "libiomp"});
  std::string names;
  for (const auto& path : runtimes) names += (names.empty() ? "" : ", ") + path;
  report.found("OpenMP", fmt::format("{} runtime{}", runtimes.size(), runtimes.size() == 1 ? "" : "s"), names);
  if (runtimes.size() != 1 || names.find("libgomp") == std::string::npos)
    report.warn("expected exactly one OpenMP runtime, libgomp, but found " + (names.empty() ? "none" : names) +
                ": several pools of threads fight over the cores");
  if (!torch.data.empty()) report.found("data", torch.data);
  if (!torch.data_error.empty()) report.warn(torch.data_error);
}

double gelu_with(const std::string& allocator, const Common& common) {
  return number_of({own_program(), "gelu", "--threads", std::to_string(common.threads)},
                   {"STRATA_ALLOCATOR=" + allocator});
}

}  // namespace

void doctor(const Common& common, const Doctor& options, const Startup& startup) {
  Report report;
  report.found("strata", version(), STRATA_BUILD);
  report.found("threads", std::to_string(common.threads), startup.threads_reason);
  report.found("allocator", startup.allocator.pool ? "tuned" : "system's", startup.allocator.reason);
  look_at_processor(report);
  look_at_memory(report);
  look_at_torch(report, common);
  if (options.measure) {
    const double system = gelu_with("system", common);
    const double tuned = gelu_with("tuned", common);
    report.found(
        "gelu", fmt::format("{:.0f} ms", tuned),
        fmt::format("50M floats; {:.0f} ms with the system's allocator, {:.1f} times as long", system, system / tuned));
  }
  if (common.json) {
    nlohmann::ordered_json json;
    for (const auto& each : report.findings)
      json["findings"].push_back({{"name", each.name}, {"value", each.value}, {"why", each.why}});
    json["warnings"] = report.warnings;
    std::cout << json.dump(2) << "\n";
    return;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& each : report.findings) rows.push_back({each.name, each.value, each.why});
  print_table({"", "chosen", "why"}, rows);
  for (const auto& warning : report.warnings) std::cout << "warning: " << warning << "\n";
  if (report.warnings.empty()) std::cout << "nothing to complain about\n";
}

}  // namespace strata::cli
