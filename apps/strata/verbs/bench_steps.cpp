// Training steps and forward passes against PyTorch, which waits in a process of its own for its turns: ours and each of
// its modes run some steps one right after the other, so that a slow minute of the machine hits all of them.
#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "apps/strata/verbs/bench.h"
#include "apps/strata/verbs/shared.h"
#include "strata/base/child.h"
#include "strata/base/error.h"
#include "strata/base/process.h"
#include "strata/base/threads.h"
#include "strata/blocks/patches.h"
#include "strata/kernels/small_product.h"
#include "strata/ops/attention.h"
#include "strata/route/order.h"
#include "strata/stack/run.h"
#include "strata/train/objective.h"
#include "strata/train/optimiser.h"

namespace strata::cli {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kSmallStart = int64_t{1} << 30;  // bytes; loading the libraries takes less
const OptimiserConfig kOptimiser{.lr = 1e-3, .beta2 = 0.98, .weight_decay = 0.05, .clip = 1};

// The second half of a step: gradients of the loss, their norm, AdamW.
struct Learner {
  explicit Learner(Model& model)
      : params(trained_parameters(model.stack().weights)), state(fresh_state(params.values)) {}

  void learn(const Tensor& loss) {
    static_cast<void>(loss.item<double>());
    const auto grads = torch::autograd::grad({loss}, params.values);
    adamw_in_place(params.values, grads, state, params.decay, kOptimiser, kOptimiser.lr,
                   clip_factor(global_norm(grads), kOptimiser.clip));
  }

  /// AdamW alone, on gradients that are there already.
  void update() {
    if (zeros.empty())
      for (const Tensor& value : params.values) zeros.push_back(at::zeros_like(value));
    adamw_in_place(params.values, zeros, state, params.decay, kOptimiser, kOptimiser.lr, 1);
  }

  Parameters params;
  OptimiserState state;
  std::vector<Tensor> zeros;
};

/// The same work as bench/baselines/fashion_vit.py: forward, smoothed loss, backward, clipping, AdamW, on one batch.
class VisionStep {
 public:
  VisionStep(const VitConfig& size, int64_t batch)
      : model_(make_model(size, Random(0))), learner_(model_), draw_{identity(model_.stack().depth()), {}} {
    pixels_ = at::randn({batch, size.image_channels, size.image_height, size.image_width});
    labels_ = at::randint(size.classes, {batch}, at::kLong);
  }

  void update() { learner_.update(); }

  void forward() const {
    const at::NoGradGuard no_gradients;
    static_cast<void>(run(model_.stack(), draw_.route, image_stream(pixels_)));
  }

  void train() {
    learner_.learn(losses(model_.stack(), draw_, pixels_, labels_, {.label_smoothing = 0.1}, {.training = true}).total);
  }

 private:
  Model model_;
  Learner learner_;
  Draw draw_;
  Tensor pixels_, labels_;
};

/// The same work as bench/baselines/gpt2.py: forward, loss over the vocabulary, backward, clipping, AdamW, on one batch.
class LanguageStep {
 public:
  LanguageStep(const LanguageConfig& size, int64_t batch, int64_t time)
      : model_(make_model(size, Random(0))), learner_(model_), draw_{identity(model_.stack().depth()), {}} {
    const int64_t rows = batch * time;
    batch_ = {at::randint(size.vocab, {rows}, at::kLong), at::randint(size.vocab, {rows}, at::kLong),
              equal_rows(batch, time), 0};
  }

  void update() { learner_.update(); }

  void train() {
    const double scale = 1.0 / static_cast<double>(batch_.targets.size(0));
    learner_.learn(losses(model_.stack(), draw_, batch_, scale, {}, {.training = true}).total);
  }

 private:
  Model model_;
  Learner learner_;
  Draw draw_;
  TextBatch batch_;
};

/// The products of a model's linear layers alone, by LibTorch, on memory that is there: what no way of computing the
/// step in float32 by the same library can do without. Attention alone, by our own operator.
class Products {
 public:
  /// One linear layer, `count` times, on [rows, in]; the first layer of a model needs no gradient of its input.
  void add(int64_t count, int64_t rows, int64_t in, int64_t out, bool input_gradient = true) {
    layers_.push_back({count, at::randn({rows, in}), at::randn({out, in}), at::randn({rows, out}),
                       input_gradient ? at::empty({rows, in}) : Tensor(), at::empty({out, in})});
    const double once = 2.0 * static_cast<double>(count * rows * in * out);
    forward_ += once;
    backward_ += input_gradient ? 2 * once : once;
  }

  /// `count` times over; scores and weighted values each have two factors that want gradients.
  void add_attention(int64_t count, int64_t sequences, int64_t time, int64_t channels, int64_t heads, bool causal) {
    attention_ = {count, heads, causal, at::randn({sequences, time, 3 * channels}).requires_grad_(),
                  at::randn({sequences, time, channels})};
    const double pairs = static_cast<double>(causal ? time * (time + 1) / 2 : time * time);
    const double both = 2 * 2.0 * static_cast<double>(count * sequences * channels) * pairs;
    forward_ += both;
    backward_ += 2 * both;
  }

  void run(bool backward) {
    const at::NoGradGuard no_gradients;
    for (Layer& layer : layers_)
      for (int64_t i = 0; i < layer.count; ++i) {
        at::mm_out(layer.y, layer.x, layer.weight.t());
        if (!backward) continue;
        if (layer.dx.defined()) at::mm_out(layer.dx, layer.y, layer.weight);
        at::mm_out(layer.dweight, layer.y.t(), layer.x);
      }
  }

  void attend(bool backward) const {
    const at::AutoGradMode gradients(backward);
    for (int64_t i = 0; i < attention_.count; ++i) {
      const Tensor y = ops::self_attention(attention_.qkv, attention_.heads, std::nullopt, attention_.causal);
      if (backward) static_cast<void>(torch::autograd::grad({y}, {attention_.qkv}, {attention_.dy}));
    }
  }

  /// Floating point operations of all of them, two to a multiply-add.
  double operations(bool backward) const { return forward_ + (backward ? backward_ : 0); }

 private:
  struct Layer {
    int64_t count;
    Tensor x, weight, y, dx, dweight;
  };
  struct Attention {
    int64_t count = 0, heads = 0;
    bool causal = false;
    Tensor qkv, dy;
  };
  std::vector<Layer> layers_;
  Attention attention_;
  double forward_ = 0, backward_ = 0;
};

void add_blocks(Products& products, int64_t blocks, int64_t rows, int64_t width, int64_t hidden) {
  products.add(blocks, rows, width, 3 * width);
  products.add(blocks, rows, width, width);
  products.add(blocks, rows, width, hidden);
  products.add(blocks, rows, hidden, width);
}

// Operations in a millisecond on all threads, each of which multiplies two factors that stay in its first cache level,
// for some hundredths of a second. Multiply-adds between registers alone would say too much: where somebody else's work
// shares the core, they run half as fast again, but a product has to load its factors.
double operations_in_cache() {
  constexpr int64_t rows = 16, columns = SmallProduct::kPanel, depth = 96, rounds = 2000;
  const double milliseconds = milliseconds_of([&] {
    parallel_for(threads(), 1, [&](int64_t begin, int64_t end, int) {
      const std::vector<float> a(rows * depth, 1.0F), b(depth * columns, 1.0F);
      std::vector<float> c(rows * columns);
      const SmallProduct product{.rows = rows,
                                 .columns = columns,
                                 .depth = depth,
                                 .a = a.data(),
                                 .a_row = depth,
                                 .b = b.data(),
                                 .c = c.data(),
                                 .c_row = columns};
      for (int64_t round = (end - begin) * rounds; round > 0; --round) small_product(product);
    });
  });
  return 2.0 * static_cast<double>(threads() * rounds * rows * columns * depth) / milliseconds;
}

// The interpreter that owns the LibTorch in use, else any python3.
std::string python() {
  const fs::path torch(torch_facts({}).path);
  const fs::path owner = torch.parent_path().parent_path() / "../../../../bin/python3";
  std::error_code ignored;
  return fs::exists(owner, ignored) ? owner.lexically_normal().string() : "python3";
}

// What a baseline says of one turn.
struct Turn {
  double milliseconds = 0;
  double peak_mebibytes = 0;
};

Turn turn_of(Child& baseline) {
  baseline.say("turn");
  const auto json = nlohmann::json::parse(baseline.hear(), nullptr, false);
  if (!json.is_object() || !json.contains("median_ms")) fail("bench: the baseline answered no JSON of a turn");
  return {json.value("median_ms", 0.0), json.value("peak_mib", 0.0)};
}

// One comparison: what the script is told, and our side of it.
struct Work {
  std::string what;
  std::string script;                   // in bench/baselines
  std::vector<std::string> parameters;  // of the script
  int64_t steps;                        // per turn
  std::function<void()> ours;
  std::function<Products()> products;  // made once our own peak is known
  std::function<void()> update;        // none in a forward pass
};

Comparison compare(const Common& common, const Bench& options, const Work& work, int64_t memory_before) {
  Comparison result{fmt::format("{}, {} threads", work.what, common.threads), {{"strata", {}}}, {}};
  const auto median_step = [&](const std::function<void()>& step) {
    std::vector<double> times;
    times.reserve(work.steps);
    for (int64_t i = 0; i < work.steps; ++i) times.push_back(milliseconds_of(step));
    return median_of(times);
  };
  for (int64_t i = 0; i < std::min<int64_t>(work.steps, 5); ++i) work.ours();
  const int64_t peak = peak_memory() - memory_before;

  const fs::path script = fs::path(own_program()).parent_path() / "../../bench/baselines" / work.script;
  std::vector<std::unique_ptr<Child>> baselines;  // of the series from the second on
  const bool there = fs::exists(script);
  if (!there) result.notes.push_back("no baseline: bench/baselines/" + work.script + " is not beside this build");
  for (const std::string& mode : there ? options.against : std::vector<std::string>()) {
    std::vector<std::string> command{python(),
                                     script.lexically_normal().string(),
                                     "--on-request",
                                     "--mode",
                                     mode,
                                     "--steps",
                                     std::to_string(work.steps),
                                     "--threads",
                                     std::to_string(common.threads)};
    command.insert(command.end(), work.parameters.begin(), work.parameters.end());
    try {
      auto baseline =
          std::make_unique<Child>(command, std::vector{"OMP_NUM_THREADS=" + std::to_string(common.threads)});
      static_cast<void>(baseline->hear());  // ready
      baselines.push_back(std::move(baseline));
      result.series.push_back({"PyTorch " + mode, {}});
    } catch (const Error& error) {  // torch.compile needs a compiler of its own; eager alone still compares
      result.notes.push_back(fmt::format("PyTorch {}: {}", mode, error.what()));
    }
  }
  const bool backward = work.update != nullptr;
  Series products{"linear layers' products alone", {}};
  Series least{backward ? "with attention and AdamW's update, each alone" : "with attention alone", {}};
  Series from_cache{"all products at the pace of factors in the first cache", {}};
  Products linear = work.products();
  const auto further = [&] {
    linear.attend(backward);
    if (backward) work.update();
  };
  linear.run(backward);
  further();
  std::vector<double> peaks(baselines.size());
  for (int64_t turn = 0; turn < options.repeats; ++turn) {
    result.series[0].milliseconds.push_back(median_step(work.ours));
    for (size_t i = 0; i < baselines.size(); ++i) {
      const Turn theirs = turn_of(*baselines[i]);
      result.series[i + 1].milliseconds.push_back(theirs.milliseconds);
      peaks[i] = theirs.peak_mebibytes;
    }
    products.milliseconds.push_back(milliseconds_of([&] { linear.run(backward); }));
    least.milliseconds.push_back(products.milliseconds.back() + milliseconds_of(further));
    from_cache.milliseconds.push_back(linear.operations(backward) / operations_in_cache());
  }
  std::vector<std::string> memory{fmt::format("strata {:.0f} MiB", static_cast<double>(peak) / (1 << 20))};
  for (size_t i = 0; i < baselines.size(); ++i)
    memory.push_back(fmt::format("{} {:.0f} MiB", result.series[i + 1].name, peaks[i]));
  result.series.push_back(std::move(products));
  result.series.push_back(std::move(least));
  result.series.push_back(std::move(from_cache));
  // A process that measured something else before has had its own peak already.
  if (memory_before < kSmallStart)
    result.notes.push_back(fmt::format("peak memory above the start: {}", fmt::join(memory, ", ")));
  return result;
}

}  // namespace

Comparison bench_vision_step(const Common& common, const Bench& options, bool large, bool forward) {
  const int64_t before = peak_memory();
  const VitConfig size = vit_size(large ? "Ti/16" : "fashion");
  const int64_t batch = large ? 16 : 256;
  VisionStep step(size, batch);
  const auto products = [&] {
    Products result;
    const int64_t patches = (size.image_height / size.patch_height) * (size.image_width / size.patch_width);
    result.add(1, batch * patches, size.image_channels * size.patch_height * size.patch_width, size.channels, false);
    add_blocks(result, size.depth, batch * (patches + 1), size.channels, size.hidden);
    result.add_attention(size.depth, batch, patches + 1, size.channels, size.heads, false);
    return result;
  };
  std::vector<std::string> parameters{"--model", large ? "vit_ti" : "fashion", "--batch", std::to_string(batch)};
  if (forward) parameters.emplace_back("--forward");
  return compare(common, options,
                 {.what = fmt::format("{}, {}, batch {}", forward ? "forward" : "training step",
                                      large ? "ViT-Ti/16 at 224" : "Fashion-MNIST model", batch),
                  .script = "fashion_vit.py",
                  .parameters = parameters,
                  .steps = large ? 2 : 10,
                  .ours = [&] { forward ? step.forward() : step.train(); },
                  .products = products,
                  .update = forward ? std::function<void()>() : [&] { step.update(); }},
                 before);
}

Comparison bench_language_step(const Common& common, const Bench& options, int64_t batch) {
  constexpr int64_t time = 256;
  const int64_t before = peak_memory();
  const LanguageConfig size = language_size("gpt2");
  LanguageStep step(size, batch, time);
  const auto products = [&] {
    Products result;
    add_blocks(result, size.depth, batch * time, size.channels, size.hidden);
    result.add_attention(size.depth, batch, time, size.channels, size.heads, true);
    result.add(1, batch * time, size.channels, size.vocab);
    return result;
  };
  return compare(common, options,
                 {.what = fmt::format("training step, GPT-2 small, {} x {} tokens", batch, time),
                  .script = "gpt2.py",
                  .parameters = {"--model", "gpt2", "--batch", std::to_string(batch), "--length", std::to_string(time)},
                  .steps = 1,
                  .ours = [&] { step.train(); },
                  .products = products,
                  .update = [&] { step.update(); }},
                 before);
}

}  // namespace strata::cli
