// The measurements that the README quotes: ours and its baseline in turns, so that a slow minute of the machine hits
// both; medians with the least and the most, and the median of the ratios within a turn.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>

#include "apps/strata/table.h"
#include "apps/strata/verbs/bench.h"
#include "apps/strata/verbs/shared.h"
#include "strata/base/child.h"
#include "strata/ops/activation.h"
#include "strata/ops/norm.h"

namespace strata::cli {
namespace {

// ---- big buffers kept or handed back ----

Comparison bench_gelu(const Common& common, const Bench& options) {
  Comparison result{fmt::format("gelu on 50M floats, {} threads", common.threads),
                    {{"blocks kept", {}}, {"system's allocator", {}}},
                    {}};
  const std::vector<std::string> command{own_program(), "gelu", "--threads", std::to_string(common.threads)};
  for (int64_t turn = 0; turn < options.repeats; ++turn) {
    result.series[0].milliseconds.push_back(number_of(command, {"STRATA_ALLOCATOR=tuned"}));
    result.series[1].milliseconds.push_back(number_of(command, {"STRATA_ALLOCATOR=system"}));
  }
  return result;
}

// ---- operators that only move data, against moving it ----

// Each against an ATen call that reads and writes as many numbers, on tensors far beyond the cache.
std::vector<Comparison> bench_bandwidth(const Common& common, const Bench& options) {
  constexpr int64_t rows = 65536, channels = 768;
  const at::NoGradGuard no_gradients;
  const Tensor x = at::randn({rows, channels}), y = at::randn_like(x), out = at::empty_like(x);
  const Tensor gain = at::ones({channels}), bias = at::zeros({channels});
  const Tensor both = at::randn({rows, 2 * channels});
  const auto copy = [&] { out.copy_(x); };
  const auto add = [&] { at::add_out(const_cast<Tensor&>(out), x, y); };
  Tensor result;  // kept until the next one is there, as in a network
  struct Case {
    const char* what;
    std::function<void()> ours;
    const char* moving;
    std::function<void()> theirs;
  };
  const std::vector<Case> cases{
      {"layer_norm", [&] { result = ops::layer_norm(x, gain, bias, 1e-5); }, "copy: 1 read, 1 written", copy},
      {"rms_norm", [&] { result = ops::rms_norm(x, gain, 1e-5); }, "copy: 1 read, 1 written", copy},
      {"gelu", [&] { result = ops::gelu(x); }, "copy: 1 read, 1 written", copy},
      {"swiglu", [&] { result = ops::swiglu(both); }, "add: 2 read, 1 written", add},
  };
  std::vector<Comparison> all;
  for (const auto& each : cases) {
    Comparison comparison{fmt::format("{} on {} x {}, {} threads", each.what, rows, channels, common.threads),
                          {{each.what, {}}, {each.moving, {}}},
                          {}};
    each.ours();  // the first touch of fresh memory is not what is measured
    for (int64_t turn = 0; turn < options.repeats; ++turn) {
      comparison.series[0].milliseconds.push_back(milliseconds_of(each.ours));
      comparison.series[1].milliseconds.push_back(milliseconds_of(each.theirs));
    }
    all.push_back(std::move(comparison));
  }
  return all;
}

void print(const Comparison& comparison) {
  std::cout << comparison.what << "\n";
  std::vector<std::vector<std::string>> rows;
  rows.reserve(comparison.series.size());
  for (const auto& each : comparison.series) {
    const auto [least, most] = std::minmax_element(each.milliseconds.begin(), each.milliseconds.end());
    rows.push_back({each.name, fmt::format("{:.2f} ms", median_of(each.milliseconds)),
                    fmt::format("{:.2f} to {:.2f}", *least, *most),
                    fmt::format("{:.2f}x", times_ours(comparison, each))});
  }
  print_table({"", "#median", "#least to most", "#as long"}, rows);
  for (const auto& note : comparison.notes) std::cout << "  " << note << "\n";
  std::cout << std::endl;
}

}  // namespace

double median_of(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double times_ours(const Comparison& comparison, const Series& series) {
  const std::vector<double>& ours = comparison.series.front().milliseconds;
  if (series.milliseconds.size() != ours.size()) return median_of(series.milliseconds) / median_of(ours);
  std::vector<double> ratios;
  ratios.reserve(ours.size());
  for (size_t turn = 0; turn < ours.size(); ++turn) ratios.push_back(series.milliseconds[turn] / ours[turn]);
  return median_of(ratios);
}

double milliseconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

void bench(const Common& common, const Bench& options) {
  const auto wanted = [&](const char* name) {
    return options.what.empty() || std::find(options.what.begin(), options.what.end(), name) != options.what.end();
  };
  std::vector<Comparison> all;
  const auto done = [&](Comparison comparison) {
    if (!common.json) print(comparison);
    all.push_back(std::move(comparison));
  };
  if (wanted("gelu")) done(bench_gelu(common, options));
  if (wanted("bandwidth"))
    for (auto& each : bench_bandwidth(common, options)) done(std::move(each));
  if (wanted("trie"))
    for (auto& each : bench_tries(options)) done(std::move(each));
  if (wanted("train")) done(bench_vision_step(common, options, false, false));
  if (wanted("vit"))
    for (const bool forward : {false, true}) done(bench_vision_step(common, options, true, forward));
  if (wanted("gpt2"))
    for (const int64_t batch : {2, 4}) done(bench_language_step(common, options, batch));
  if (common.json) {
    auto json = nlohmann::ordered_json::array();
    for (const auto& each : all) {
      nlohmann::ordered_json entry{{"what", each.what}, {"notes", each.notes}};
      for (const auto& series : each.series)
        entry["series"].push_back({{"name", series.name},
                                   {"median_ms", median_of(series.milliseconds)},
                                   {"milliseconds", series.milliseconds},
                                   {"times_ours", times_ours(each, series)}});
      json.push_back(entry);
    }
    print_json(json);
  }
}

}  // namespace strata::cli
