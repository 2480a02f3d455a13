// The measurements that the README quotes: ours and its baseline in turns, so that a slow minute of the machine hits
// both; medians with the least and the most.
#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <iostream>
#include <optional>
#include <sstream>

#include "apps/strata/table.h"
#include "apps/strata/verbs/shared.h"
#include "strata/base/child.h"
#include "strata/base/error.h"
#include "strata/base/process.h"
#include "strata/blocks/patches.h"
#include "strata/eval/score.h"
#include "strata/ops/activation.h"
#include "strata/ops/norm.h"
#include "strata/route/order.h"
#include "strata/stack/run.h"
#include "strata/train/objective.h"
#include "strata/train/optimiser.h"

namespace strata::cli {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int64_t kTrieRoutes = 100;
constexpr int64_t kTrieImages = 1000;
constexpr int64_t kSmallStart = int64_t{1} << 30;  // bytes; loading the libraries takes less

struct Series {
  std::string name;
  std::vector<double> milliseconds;

  double median() const {
    std::vector<double> sorted = milliseconds;
    std::sort(sorted.begin(), sorted.end());
    const size_t middle = sorted.size() / 2;
    return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }
};

/// One measurement: ours first, then its baselines.
struct Comparison {
  std::string what;
  std::vector<Series> series;
  std::vector<std::string> notes;
};

double milliseconds_of(const std::function<void()>& work) {
  const auto start = Clock::now();
  work();
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// ---- training steps and forward passes of vision transformers ----

struct Workload {
  std::string what;
  std::string size;      // here
  std::string baseline;  // the same in bench/baselines/fashion_vit.py
  int64_t batch;
  int64_t steps;       // per turn
  bool forward;        // only
  int64_t length = 0;  // tokens per sequence: a language model, and bench/baselines/gpt2.py
};

/// The same work as bench/baselines/fashion_vit.py: forward, smoothed loss, backward, clipping, AdamW, on one batch.
class TrainingStep {
 public:
  explicit TrainingStep(const Workload& work)
      : model_(make_model(vit_size(work.size), Random(0))),
        params_(trained_parameters(model_.stack().weights)),
        state_(fresh_state(params_.values)),
        draw_{identity(model_.stack().depth()), {}} {
    const VitConfig& vit = model_.vit;
    pixels_ = at::randn({work.batch, vit.image_channels, vit.image_height, vit.image_width});
    labels_ = at::randint(vit.classes, {work.batch}, at::kLong);
  }

  void forward() const {
    const at::NoGradGuard no_gradients;
    static_cast<void>(run(model_.stack(), draw_.route, image_stream(pixels_)));
  }

  void operator()() {
    const Tensor loss =
        losses(model_.stack(), draw_, pixels_, labels_, {.label_smoothing = 0.1}, {.training = true}).total;
    static_cast<void>(loss.item<double>());
    const auto grads = torch::autograd::grad({loss}, params_.values);
    adamw_in_place(params_.values, grads, state_, params_.decay, config_, config_.lr,
                   clip_factor(global_norm(grads), config_.clip));
  }

 private:
  Model model_;
  Parameters params_;
  OptimiserState state_;
  Draw draw_;
  Tensor pixels_, labels_;
  const OptimiserConfig config_{.lr = 1e-3, .beta2 = 0.98, .weight_decay = 0.05, .clip = 1};
};

/// The same work as bench/baselines/gpt2.py: forward, loss over the vocabulary, backward, clipping, AdamW, on one batch.
class TokenStep {
 public:
  explicit TokenStep(const Workload& work)
      : model_(make_model(language_size(work.size), Random(0))),
        params_(trained_parameters(model_.stack().weights)),
        state_(fresh_state(params_.values)),
        draw_{identity(model_.stack().depth()), {}} {
    const int64_t rows = work.batch * work.length, vocab = model_.language.vocab;
    batch_ = {at::randint(vocab, {rows}, at::kLong), at::randint(vocab, {rows}, at::kLong),
              equal_rows(work.batch, work.length), 0};
  }

  void operator()() {
    const double scale = 1.0 / static_cast<double>(batch_.targets.size(0));
    const Tensor loss = losses(model_.stack(), draw_, batch_, scale, {}, {.training = true}).total;
    static_cast<void>(loss.item<double>());
    const auto grads = torch::autograd::grad({loss}, params_.values);
    adamw_in_place(params_.values, grads, state_, params_.decay, config_, config_.lr,
                   clip_factor(global_norm(grads), config_.clip));
  }

 private:
  Model model_;
  Parameters params_;
  OptimiserState state_;
  Draw draw_;
  TextBatch batch_;
  const OptimiserConfig config_{.lr = 1e-3, .beta2 = 0.98, .weight_decay = 0.05, .clip = 1};
};

// The interpreter that owns the LibTorch in use, else any python3.
std::string python() {
  const fs::path torch(torch_facts({}).path);
  const fs::path owner = torch.parent_path().parent_path() / "../../../../bin/python3";
  std::error_code ignored;
  return fs::exists(owner, ignored) ? owner.lexically_normal().string() : "python3";
}

// Milliseconds per step of every mode, from one run of the script; its lines are JSON objects.
std::vector<std::pair<std::string, double>> baseline_steps(const std::string& script, const Workload& work,
                                                           const std::vector<std::string>& modes, int threads) {
  std::vector<std::string> command{python(),        script,
                                   "--model",       work.baseline,
                                   "--batch",       std::to_string(work.batch),
                                   "--steps",       std::to_string(work.steps),
                                   "--repetitions", "1",
                                   "--threads",     std::to_string(threads)};
  if (work.forward) command.emplace_back("--forward");
  command.emplace_back("--mode");
  command.insert(command.end(), modes.begin(), modes.end());
  std::istringstream lines(output_of(command, {"OMP_NUM_THREADS=" + std::to_string(threads)}));
  std::vector<std::pair<std::string, double>> result;
  for (std::string line; std::getline(lines, line);) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (json.is_object()) result.emplace_back("PyTorch " + json.value("mode", ""), json.value("median_ms", 0.0));
  }
  return result;
}

Comparison bench_work(const Common& common, const Bench& options, const Workload& work) {
  Comparison result{
      fmt::format("{}, batch {}, {} threads", work.what, work.batch, common.threads), {{"strata", {}}}, {}};
  const fs::path script = fs::path(own_program()).parent_path() / "../../bench/baselines/fashion_vit.py";
  bool baseline = fs::exists(script);
  if (!baseline) result.notes.push_back("no baseline: bench/baselines/fashion_vit.py is not beside this build");
  std::vector<std::string> modes = options.against;
  TrainingStep step(work);
  const auto once = [&] { work.forward ? step.forward() : step(); };
  for (int64_t i = 0; i < std::min<int64_t>(work.steps, 5); ++i) once();
  for (int64_t turn = 0; turn < options.repeats; ++turn) {
    std::vector<double> times;
    for (int64_t i = 0; i < work.steps; ++i) times.push_back(milliseconds_of(once));
    result.series[0].milliseconds.push_back(Series{"", times}.median());
    while (baseline) {
      try {
        for (const auto& [name, time] :
             baseline_steps(script.lexically_normal().string(), work, modes, common.threads)) {
          auto found = std::find_if(result.series.begin(), result.series.end(),
                                    [&, &wanted = name](const Series& each) { return each.name == wanted; });
          if (found == result.series.end()) found = result.series.insert(result.series.end(), {name, {}});
          found->milliseconds.push_back(time);
        }
        break;
      } catch (const Error& error) {
        result.notes.push_back(fmt::format("PyTorch {}: {}", modes.back(), error.what()));
        modes.pop_back();  // torch.compile needs a compiler of its own; eager alone still compares
        baseline = !modes.empty();
      }
    }
  }
  return result;
}

// Modes run one after the other in processes of their own, so that the peak of each is its own.
Comparison bench_tokens(const Common& common, const Bench& options, const Workload& work) {
  Comparison result{fmt::format("{}, {} x {} tokens, {} threads", work.what, work.batch, work.length, common.threads),
                    {{"strata", {}}},
                    {}};
  const int64_t before = peak_memory();
  std::optional<TokenStep> step(work);
  for (int64_t i = 0; i < 2; ++i) (*step)();
  const fs::path script = fs::path(own_program()).parent_path() / "../../bench/baselines/gpt2.py";
  const bool baseline = fs::exists(script);
  if (!baseline) result.notes.push_back("no baseline: bench/baselines/gpt2.py is not beside this build");
  std::vector<std::string> peaks;
  const auto peak_note = [&](const std::string& name, double mebibytes) {
    peaks.push_back(fmt::format("{} {:.0f} MiB", name, mebibytes));
  };
  for (int64_t turn = 0; turn < options.repeats; ++turn) {
    std::vector<double> times;
    for (int64_t i = 0; i < work.steps; ++i) times.push_back(milliseconds_of([&] { (*step)(); }));
    result.series[0].milliseconds.push_back(Series{"", times}.median());
    if (turn == 0) peak_note("strata", static_cast<double>(peak_memory() - before) / (1 << 20));
    for (const std::string& mode : options.against) {
      if (!baseline) break;
      const std::vector<std::string> command{
          python(),    script.lexically_normal().string(), "--model",       work.baseline,
          "--batch",   std::to_string(work.batch),         "--length",      std::to_string(work.length),
          "--steps",   std::to_string(work.steps),         "--repetitions", "1",
          "--threads", std::to_string(common.threads),     "--mode",        mode};
      const std::string name = "PyTorch " + mode;
      try {
        const auto json = nlohmann::json::parse(
            output_of(command, {"OMP_NUM_THREADS=" + std::to_string(common.threads)}), nullptr, false);
        if (!json.is_object()) fail(name, ": printed no result");
        auto found = std::find_if(result.series.begin(), result.series.end(),
                                  [&](const Series& each) { return each.name == name; });
        if (found == result.series.end()) found = result.series.insert(result.series.end(), {name, {}});
        found->milliseconds.push_back(json.value("median_ms", 0.0));
        if (turn == 0) peak_note(name, json.value("peak_mib", 0.0));
      } catch (const Error& error) {
        if (turn == 0) result.notes.push_back(fmt::format("{}: {}", name, error.what()));
      }
    }
  }
  // A process that measured something else before has had its own peak already.
  if (before < kSmallStart)
    result.notes.push_back(fmt::format("peak memory above the start: {}", fmt::join(peaks, ", ")));
  return result;
}

// ---- many routes with and without shared beginnings ----

Comparison bench_trie(const std::string& what, const Model& model, const std::vector<Route>& routes,
                      const ImageSet& set, int64_t repeats) {
  Comparison result{what, {{"shared beginnings", {}}, {"one by one", {}}}, {}};
  const ImageConfig images = images_of(model);
  TrieReport trie;
  for (int64_t turn = 0; turn < repeats; ++turn) {
    std::vector<Score> shared, separate;
    result.series[0].milliseconds.push_back(
        milliseconds_of([&] { shared = score_routes(model.stack(), routes, set, images, 500, &trie); }));
    result.series[1].milliseconds.push_back(
        milliseconds_of([&] { separate = score_routes(model.stack(), routes, set, images, 500, nullptr, false); }));
    if (shared != separate) fail("bench: scores through the trie differ from those one by one; this is a bug");
  }
  result.notes.push_back(fmt::format("{:.0f} block passes a batch instead of {:.0f}; all scores the same bits",
                                     trie.cost, trie.cost_one_by_one));
  return result;
}

std::vector<Comparison> bench_tries(const Bench& options) {
  // Twice the depth leaves routes less to share: it is the harder case.
  std::vector<Model> models;
  if (options.model.empty()) {
    VitConfig config = vit_size("fashion");
    models.push_back(make_model(config, Random(0)));
    config.depth *= 2;
    models.push_back(make_model(config, Random(0)));
  } else {
    models.push_back(open_model(options.model));
  }
  const ImageSet set = load_for(models.front(), options.data, "test", kTrieImages);
  std::vector<Comparison> all;
  for (const Model& model : models) {
    const int64_t depth = model.stack().depth();
    const auto compare = [&](const char* sampler, const SamplerConfig& config) {
      std::vector<Route> routes;
      for (int64_t i = 0; i < kTrieRoutes; ++i)
        routes.push_back(draw(config, depth, 1, Random(0).fork(static_cast<uint64_t>(i))).route);
      all.push_back(bench_trie(
          fmt::format("scoring {} routes by {}, {} blocks, {} images", kTrieRoutes, sampler, depth, set.size()), model,
          routes, set, options.repeats));
    };
    compare("window-4 shuffle", {.kind = "shuffle", .window = 4});
    compare("drop at rate 0.2", {.kind = "drop", .drop = 0.2});
  }
  return all;
}

// ---- big buffers kept or handed back ----

Comparison bench_gelu(const Common& common, const Bench& options) {
  Comparison result{fmt::format("gelu on 50M floats, {} threads", common.threads),
                    {{"blocks kept", {}}, {"system's allocator", {}}},
                    {}};
  const std::vector<std::string> command{own_program(), "gelu", "--threads", std::to_string(common.threads)};
  for (int64_t turn = 0; turn < options.repeats; ++turn) {
    result.series[0].milliseconds.push_back(std::stod(output_of(command, {"STRATA_ALLOCATOR=tuned"})));
    result.series[1].milliseconds.push_back(std::stod(output_of(command, {"STRATA_ALLOCATOR=system"})));
  }
  return result;
}

// ---- operators that only move data, against moving it ----

// Each against an ATen call that reads and writes as many numbers, on tensors far beyond the cache.
std::vector<Comparison> bench_bandwidth(const Common& common, const Bench& options) {
  constexpr int64_t kRows = 65536, kChannels = 768;
  const at::NoGradGuard no_gradients;
  const Tensor x = at::randn({kRows, kChannels}), y = at::randn_like(x), out = at::empty_like(x);
  const Tensor gain = at::ones({kChannels}), bias = at::zeros({kChannels});
  const Tensor both = at::randn({kRows, 2 * kChannels});
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
    Comparison comparison{fmt::format("{} on {} x {}, {} threads", each.what, kRows, kChannels, common.threads),
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
  const double ours = comparison.series.front().median();
  for (const auto& each : comparison.series) {
    const auto [least, most] = std::minmax_element(each.milliseconds.begin(), each.milliseconds.end());
    rows.push_back({each.name, fmt::format("{:.2f} ms", each.median()), fmt::format("{:.2f} to {:.2f}", *least, *most),
                    fmt::format("{:.2f}x", each.median() / ours)});
  }
  print_table({"", "#median", "#least to most", "#as long"}, rows);
  for (const auto& note : comparison.notes) std::cout << "  " << note << "\n";
  std::cout << std::endl;
}

}  // namespace

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
  const auto time = [&](const Workload& work) { done(bench_work(common, options, work)); };
  if (wanted("train")) time({"training step, Fashion-MNIST model", "fashion", "fashion", 256, 20, false});
  if (wanted("vit")) {
    time({"training step, ViT-Ti/16 at 224", "Ti/16", "vit_ti", 16, 4, false});
    time({"forward, ViT-Ti/16 at 224", "Ti/16", "vit_ti", 16, 10, true});
  }
  if (wanted("gpt2"))
    for (const int64_t batch : {2, 4})
      done(bench_tokens(common, options, {"training step, GPT-2 small", "gpt2", "gpt2", batch, 3, false, 256}));
  if (common.json) {
    auto json = nlohmann::ordered_json::array();
    for (const auto& each : all) {
      nlohmann::ordered_json entry{{"what", each.what}, {"notes", each.notes}};
      for (const auto& series : each.series)
        entry["series"].push_back({{"name", series.name},
                                   {"median_ms", series.median()},
                                   {"milliseconds", series.milliseconds},
                                   {"times_ours", series.median() / each.series.front().median()}});
      json.push_back(entry);
    }
    print_json(json);
  }
}

}  // namespace strata::cli
