#include "strata/train/loop.h"

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/base/process.h"
#include "strata/base/progress.h"
#include "strata/base/threads.h"
#include "strata/base/version.h"
#include "strata/eval/spread.h"
#include "strata/formats/event_file.h"
#include "strata/kernels/isa.h"
#include "strata/models/peft.h"
#include "strata/route/order.h"
#include "strata/route/print.h"
#include "strata/train/image_lesson.h"
#include "strata/train/metrics.h"
#include "strata/train/scores_json.h"
#include "strata/train/state.h"
#include "strata/train/text_lesson.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr uint64_t kRoutes = 2, kLora = 3;  // streams below train.seed; 1 is that of the weights

constexpr int64_t kTimedSteps = 5;  // after as many to warm up: what the estimate is made from
constexpr int64_t kLongRun = 50;    // steps from which on an estimate is worth a line
constexpr int64_t kMetricsEvery = 10;
constexpr uint64_t kMostResult = 1 << 20;

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Matrix products of this thread in bfloat16 while one lives.
class Bf16Guard {
 public:
  explicit Bf16Guard(bool on) : on_(on) {
    if (!on_) return;
    was_enabled_ = at::autocast::is_autocast_enabled(at::kCPU);
    at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
    at::autocast::set_autocast_enabled(at::kCPU, true);
    at::autocast::increment_nesting();
  }
  Bf16Guard(const Bf16Guard&) = delete;
  Bf16Guard& operator=(const Bf16Guard&) = delete;
  ~Bf16Guard() {
    if (!on_) return;
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();  // weights cast for this step
    at::autocast::set_autocast_enabled(at::kCPU, was_enabled_);
  }

 private:
  bool on_, was_enabled_ = false;
};

RunIdentity identity_of(const Recipe& recipe, const Lesson& lesson) {
  return {fingerprint(recipe), lesson.checksum(),
          fmt::format("{} for tensors, {} for kernels", at::get_num_threads(), threads()), isa_name(active_isa())};
}

std::string score_text(const Score& score) {
  if (!score.measured()) return "nothing was held out to be measured on";
  if (score.is_text()) return fmt::format("{:.3f} bits per byte", score.bits_per_byte);
  return fmt::format("test accuracy {:.1f} %, loss {:.3f}", 100 * score.accuracy, score.loss);
}

// The folder of a run.
struct RunFolder {
  std::string path;
  std::string file(const char* name) const { return path + "/" + name; }
  std::string state() const { return file("state"); }
  std::string model() const { return file("model"); }
  std::string adapter() const { return file("adapter"); }
  std::string result() const { return file("result.json"); }
  std::string metrics() const { return file("metrics.jsonl"); }
};

std::string eval_text(const Recipe& recipe) {
  if (recipe.is_text())
    return fmt::format("{} orders, seed {}, {} tokens", recipe.eval.orders, recipe.eval.seed,
                       recipe.data.text.test_tokens);
  return fmt::format("{} orders, seed {}, {} test images", recipe.eval.orders, recipe.eval.seed,
                     recipe.data.test_limit);
}

void write_result(const RunFolder& folder, const Recipe& recipe, const RunIdentity& identity,
                  const TrainResult& result) {
  Json json{{"name", recipe.name},   {"recipe", identity.recipe}, {"evaluation", eval_text(recipe)},
            {"steps", result.steps}, {"seconds", result.seconds}, {"loss", result.loss},
            {"model", "model"}};
  if (result.sequential.measured()) json["sequential"] = result.sequential;
  if (result.arbitrary.routes > 0) json["arbitrary"] = result.arbitrary;
  write_file_atomic(folder.result(), json.dump(1) + "\n");
}

// The result of a run that is complete, when it is one of this recipe measured this way.
std::optional<TrainResult> finished(const RunFolder& folder, const Recipe& recipe, const std::string& wanted) {
  std::error_code error;
  if (!fs::exists(folder.result(), error) || !fs::exists(folder.model(), error)) return std::nullopt;
  try {
    const Json json = Json::parse(read_text(folder.result(), kMostResult));
    if (json.at("recipe") != wanted || json.at("evaluation") != eval_text(recipe)) return std::nullopt;
    TrainResult result;
    if (const auto known = json.find("sequential"); known != json.end()) known->get_to(result.sequential);
    if (const auto known = json.find("arbitrary"); known != json.end()) known->get_to(result.arbitrary);
    result.loss = json.at("loss").is_null() ? std::nan("") : json.at("loss").get<double>();
    result.steps = json.at("steps");
    result.seconds = json.at("seconds");
    result.finished_before = true;
    result.model_folder = folder.model();
    return result;
  } catch (const Json::exception&) {
    return std::nullopt;  // measured again and written anew
  }
}

// One run: what it trains, and how far it is.
class Run {
 public:
  Run(const Recipe& recipe, const TrainData& data, const TrainOptions& options)
      : recipe_(recipe),
        options_(options),
        lesson_(lesson_of(recipe, data)),
        folder_{options.run_folder},
        identity_(identity_of(recipe, *lesson_)),
        model_(first_model(recipe)),
        lora_(recipe.lora.rank > 0
                  ? std::optional(make_lora(model_.stack(), recipe.lora, Random(recipe.train.seed).fork(kLora)))
                  : std::nullopt),
        params_(lora_ ? lora_->parameters : trained_parameters(model_.stack().weights)) {}

  TrainResult go();

 private:
  void note(const std::string& text) { tell(TrainMessage::Kind::note, text); }
  void tell(TrainMessage::Kind kind, const std::string& text);
  void resume();
  int64_t next_batch(int64_t step);
  double step(int64_t step);
  void save(int64_t step);
  [[noreturn]] void stop_at(int64_t step, const Draw& draw, const char* what, double value);
  Stack weights_to_use() const;
  double seconds() const { return seconds_before_ + since(start_); }
  void estimate(int64_t done, double seconds_per_step);
  void train_steps();
  TrainResult measure();

  const Recipe& recipe_;
  const TrainOptions& options_;
  std::unique_ptr<Lesson> lesson_;
  RunFolder folder_;
  RunIdentity identity_;
  Model model_;
  std::optional<Lora> lora_;  // what is trained in place of the weights
  Parameters params_;
  OptimiserState state_;
  std::vector<Tensor> ema_;
  int64_t first_step_ = 0;
  double seconds_before_ = 0;
  Clock::time_point start_ = Clock::now();
  double loss_sum_ = 0;
  int64_t loss_count_ = 0;
  double norm_ = 0;
  std::string last_route_;
  Progress* progress_ = nullptr;
};

void Run::tell(TrainMessage::Kind kind, const std::string& text) {
  if (options_.on_message) return options_.on_message({kind, text});
  if (options_.quiet && kind != TrainMessage::Kind::warning) return;
  const std::string line = (kind == TrainMessage::Kind::warning ? "warning: " : "") + text;
  if (progress_ && !options_.quiet) return progress_->print(line);
  std::fprintf(stderr, "%s\n", line.c_str());
}

void Run::resume() {
  std::vector<std::string> warnings;
  auto stored = load_state(folder_.state(), warnings);
  for (const auto& warning : warnings) tell(TrainMessage::Kind::warning, warning);
  if (recipe_.train.ema > 0)
    for (const auto& value : params_.values) ema_.push_back(value.detach().clone());
  state_ = fresh_state(params_.values);
  if (!stored) return;
  if (!options_.force) check_identity(stored->identity, identity_, folder_.path);
  if (stored->step > recipe_.train.steps)
    fail("train: ", folder_.path, " has done ", stored->step, " steps, the recipe asks for ", recipe_.train.steps,
         "; use another folder or start it again");
  bool fits = stored->names == params_.names && stored->ema.size() == ema_.size();
  for (size_t i = 0; fits && i < params_.values.size(); ++i) {
    const auto sizes = params_.values[i].sizes();
    fits = stored->params[i].sizes() == sizes && stored->optimiser[i].first.sizes() == sizes &&
           stored->optimiser[i].second.sizes() == sizes && (ema_.empty() || stored->ema[i].sizes() == sizes);
  }
  if (!fits)
    fail("train: the checkpoint in ", folder_.path,
         " holds other tensors than this recipe's model; use another folder or start it again");
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < params_.values.size(); ++i) {
    params_.values[i].copy_(stored->params[i]);
    if (!ema_.empty()) ema_[i].copy_(stored->ema[i]);
  }
  state_ = std::move(stored->optimiser);
  first_step_ = stored->step;
  seconds_before_ = stored->seconds;
}

void Run::stop_at(int64_t step, const Draw& draw, const char* what, double value) {
  std::string kept = "no checkpoint had been written yet";
  try {
    std::vector<std::string> ignored;
    if (const auto last = load_state(folder_.state(), ignored))
      kept = fmt::format("the last good checkpoint is that of step {} in {}", last->step, folder_.state());
  } catch (const Error& error) {
    kept = error.what();
  }
  fail("train: the ", what, " became ", value, " at step ", step + 1, " under route ", print_route(draw.route), "; ",
       kept, "; a lower optimiser.lr (now ", recipe_.optimiser.lr,
       "), a longer schedule.warmup or optimiser.clip = 1 may help");
}

// What is learned by then does not hang on a file that cannot be read.
int64_t Run::next_batch(int64_t step) {
  try {
    return lesson_->next();
  } catch (const Error& error) {
    if (step == first_step_) throw;
    try {
      save(step);
    } catch (const Error& also) {
      fail(error.what(), "; and the ", step, " steps done could not be kept: ", also.what());
    }
    fail(error.what(), "; the ", step, " steps done are kept in ", folder_.state(), ", and the same command goes on");
  }
}

double Run::step(int64_t step) {
  const int64_t sequences = next_batch(step);
  const Draw draw = strata::draw(recipe_.sampler, model_.stack().depth(), sequences,
                                 Random(recipe_.train.seed).fork(kRoutes).fork(step));
  const int64_t pieces = std::min(recipe_.train.accumulate, sequences);
  RunOptions options{.training = true};
  if (lora_) options.overlays = {&lora_->overlay};
  std::vector<Tensor> grads(params_.values.size());
  double loss = 0;
  for (int64_t piece = 0; piece < pieces; ++piece) {
    const int64_t first = sequences * piece / pieces, count = sequences * (piece + 1) / pieces - first;
    Tensor total;
    double share = 1;
    {
      const Bf16Guard bf16(recipe_.train.precision == Precision::bf16);
      const auto part =
          lesson_->loss(model_.stack(), pieces > 1 ? slice(draw, first, count) : draw, first, count, options);
      total = part.loss;
      share = part.share;
    }
    const double value = total.item<double>();
    if (!std::isfinite(value)) stop_at(step, draw, "loss", value);
    loss += value * share;
    const auto found =
        torch::autograd::grad({total}, params_.values, {at::full_like(total, share)}, /*retain_graph=*/false,
                              /*create_graph=*/false, /*allow_unused=*/true);
    for (size_t i = 0; i < grads.size(); ++i)
      if (found[i].defined()) grads[i] = grads[i].defined() ? grads[i] + found[i] : found[i];
  }
  norm_ = global_norm(grads);
  if (!std::isfinite(norm_)) stop_at(step, draw, "norm of the gradient", norm_);
  adamw_in_place(params_.values, grads, state_, params_.decay, recipe_.optimiser,
                 recipe_.optimiser.lr * schedule_factor(recipe_.schedule, step, recipe_.train.steps),
                 clip_factor(norm_, recipe_.optimiser.clip), ema_, recipe_.train.ema);
  last_route_ = print_route(draw.route);
  return loss;
}

void Run::save(int64_t step) {
  save_state(folder_.state(), {step, seconds(), identity_, params_.names, params_.values, state_, ema_});
}

Stack Run::weights_to_use() const {
  const auto& values = ema_.empty() ? params_.values : ema_;
  Stack stack = model_.stack();
  if (lora_) {
    merge_overlay(stack, lora_overlay(*lora_, values));
    return stack;
  }
  for (size_t i = 0; i < values.size(); ++i) stack.weights.set(params_.names[i], values[i].detach());
  return stack;
}

void Run::estimate(int64_t done, double seconds_per_step) {
  const double left = seconds_per_step * static_cast<double>(recipe_.train.steps - done);
  const int64_t peak = peak_memory(), free = memory_available();
  std::string text = fmt::format("{} steps of {} {} at {:.1f} ms: about {}, {} of memory", recipe_.train.steps - done,
                                 lesson_->units(), lesson_->unit(), 1e3 * seconds_per_step, duration_text(left),
                                 bytes_text(static_cast<double>(peak)));
  if (free > 0) text += fmt::format(" ({} free)", bytes_text(static_cast<double>(free)));
  note(text);
}

void Run::train_steps() {
  const int64_t steps = recipe_.train.steps;
  if (first_step_ >= steps) return;
  if (recipe_.train.precision == Precision::bf16 && !cpu_features().avx512_bf16 && !cpu_features().amx_bf16)
    tell(TrainMessage::Kind::warning,
         "this processor has no bfloat16 arithmetic (AVX-512 BF16 or AMX), so train.precision = \"bf16\" is slower "
         "than float32 here");
  Metrics metrics(folder_.metrics(), first_step_);
  EventWriter events(folder_.path);
  lesson_->start(first_step_);
  const std::string unit = lesson_->unit();
  int64_t units = 0;
  Progress progress(recipe_.name, steps, first_step_, options_.quiet || options_.on_message);
  progress_ = &progress;
  const struct Forget {
    Progress*& pointer;
    ~Forget() { pointer = nullptr; }
  } forget{progress_};
  const auto both = [&](const std::string& tag, double value, int64_t step) {
    metrics.add(tag, value);
    events.scalar(tag, value, step);
  };
  double shown_loss = 0;
  auto timed_from = Clock::now();
  for (int64_t at = first_step_; at < steps; ++at) {
    const int64_t here = at - first_step_;
    const double loss = step(at);
    units += lesson_->units();
    const int64_t done = at + 1;
    shown_loss = here == 0 ? loss : 0.95 * shown_loss + 0.05 * loss;
    if (at >= steps - std::max<int64_t>(1, steps / 10)) loss_sum_ += loss, ++loss_count_;
    if (here + 1 == kTimedSteps) timed_from = Clock::now();
    if (here + 1 == 2 * kTimedSteps && steps - first_step_ >= kLongRun) estimate(done, since(timed_from) / kTimedSteps);
    const double speed = static_cast<double>(units) / since(start_);
    const std::string detail = fmt::format("loss {:.3f}  {:.0f} {}/s", shown_loss, speed, unit);
    progress.update(done, detail);
    if (options_.on_message)
      options_.on_message({TrainMessage::Kind::progress, fmt::format("{}/{}  {}", done, steps, detail)});
    const bool evaluate = lesson_->exam() && recipe_.eval.every > 0 && done % recipe_.eval.every == 0 && done < steps;
    if (done % kMetricsEvery == 0 || done == steps || evaluate) {
      both("train/loss", loss, done);
      both("train/lr", recipe_.optimiser.lr * schedule_factor(recipe_.schedule, at, steps), done);
      both("train/gradient_norm", norm_, done);
      both("train/" + unit + "_per_second", speed, done);
      metrics.add("route", last_route_);
      if (evaluate) {
        const Score now = score(weights_to_use(), identity(model_.stack().depth()), *lesson_->exam());
        both("test/accuracy", now.accuracy, done);
        both("test/loss", now.loss, done);
        if (now.is_text()) both("test/bits_per_byte", now.bits_per_byte, done);
        note(fmt::format("step {}: {}", done, score_text(now)));
      }
      metrics.write(done);
    }
    if (recipe_.train.checkpoint_every > 0 && done % recipe_.train.checkpoint_every == 0 && done < steps) save(done);
  }
  save(steps);
}

TrainResult Run::measure() {
  TrainResult result;
  Model final = model_;
  final.stack() = weights_to_use();
  lesson_->finish(final);
  final.notes.trained_routes = {print_toml(config_node(recipe_.sampler))};
  final.notes.recipe = recipe_.name;
  final.notes.strata_version = version();
  final.notes.steps = recipe_.train.steps;
  final.notes.seed = recipe_.train.seed;
  save_model(folder_.model(), final);
  if (lora_) {
    const Overlay change = lora_overlay(*lora_, ema_.empty() ? params_.values : ema_);
    write_adapter(folder_.adapter(),
                  adapter_of(change, model_.stack(), names_of(model_), {.base_model = recipe_.model.start}));
  }
  const int64_t depth = final.stack().depth();
  if (const Exam* exam = lesson_->exam()) {
    result.sequential = score(final.stack(), identity(depth), *exam);
    if (recipe_.eval.orders > 0)
      result.arbitrary = summarise(
          score_routes(final.stack(), random_orders(depth, recipe_.eval.orders, Random(recipe_.eval.seed)), *exam));
  }
  result.loss = loss_count_ > 0 ? loss_sum_ / static_cast<double>(loss_count_) : std::nan("");
  result.steps = recipe_.train.steps;
  result.resumed = first_step_ > 0;
  result.model_folder = folder_.model();
  return result;
}

TrainResult Run::go() {
  lesson_->check();
  if (const std::string warning = lesson_->warning(); !warning.empty()) tell(TrainMessage::Kind::warning, warning);
  std::error_code error;
  if (options_.restart && fs::exists(folder_.path, error)) {
    std::vector<std::string> old = find_event_files(folder_.path);
    old.insert(old.end(), {folder_.state(), folder_.model(), folder_.adapter(), folder_.result(), folder_.metrics()});
    for (const auto& path : old) fs::remove_all(path, error);
  }
  if (auto known = finished(folder_, recipe_, identity_.recipe)) {
    note(fmt::format("{} is complete: {}", folder_.path, score_text(known->sequential)));
    return *known;
  }
  resume();
  fs::create_directories(folder_.path, error);
  if (error) fail(folder_.path, ": cannot make this folder for the run: ", error.message());
  write_file_atomic(folder_.file("recipe.toml"), print_recipe(recipe_));
  if (first_step_ > 0) note(fmt::format("going on from step {} of {}", first_step_, recipe_.train.steps));
  start_ = Clock::now();
  train_steps();
  const double trained = seconds();
  TrainResult result = measure();
  result.seconds = trained;
  write_result(folder_, recipe_, identity_, result);
  return result;
}

}  // namespace

std::unique_ptr<Lesson> lesson_of(const Recipe& recipe, const TrainData& data) {
  if (recipe.is_text()) return text_lesson(recipe, data.text, data.test_text);
  return image_lesson(recipe, data.train, data.test);
}

RouteScores summarise(const std::vector<Score>& scores) {
  if (scores.empty()) return {};
  std::vector<double> values;
  values.reserve(scores.size());
  for (const auto& score : scores) values.push_back(score.measure());
  const auto [mean, sd] = mean_and_sd(values);
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  return {.routes = std::ssize(values), .mean = mean, .sd = sd, .least = *least, .most = *most};
}

Recipe with_steps(Recipe recipe, const TrainData& data) {
  if (recipe.train.epochs == 0) return recipe;
  const int64_t all = recipe.is_text() ? data.text.size() : data.train.size();
  const int64_t batch = recipe.train.batch * (recipe.is_text() ? recipe.data.text.context : 1);
  recipe.train.steps =
      static_cast<int64_t>(std::ceil(recipe.train.epochs * static_cast<double>(all) / static_cast<double>(batch)));
  recipe.train.epochs = 0;
  if (recipe.schedule.warmup > recipe.train.steps)
    fail("train: expected schedule.warmup to be at most the ", recipe.train.steps, " steps of train.epochs, got ",
         recipe.schedule.warmup);
  return recipe;
}

TrainResult train(const Recipe& recipe, const TrainData& data, const TrainOptions& options) {
  const Recipe counted = with_steps(recipe, data);
  return Run(counted, data, options).go();
}

TrainResult train(const Recipe& recipe, const TrainOptions& options) {
  return train(recipe, load_data(recipe), options);
}

}  // namespace strata
