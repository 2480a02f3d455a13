#include "strata/train/optimiser.h"

#include <algorithm>
#include <cmath>

#include "strata/base/error.h"
#include "strata/kernels/adamw.h"

namespace strata {
namespace {

void check_sizes(size_t params, size_t grads, size_t state, size_t decay) {
  if (grads != params || state != params || decay != params)
    fail("adamw: expected gradients, state and decay flags of ", params, " parameters, got ", grads, ", ", state,
         " and ", decay);
}

double correction(double beta, int64_t steps) {
  return 1 - std::pow(beta, static_cast<double>(steps));
}

// What our kernels take: float32 in one piece of main memory.
bool plain(const Tensor& value) {
  return value.scalar_type() == at::kFloat && value.is_cpu() && value.is_contiguous();
}

}  // namespace

Parameters trained_parameters(Catalogue& weights) {
  Parameters result;
  for (auto& entry : weights.entries()) {
    if (!entry.trained) continue;
    entry.value = entry.value.detach().requires_grad_(true);
    result.names.push_back(entry.name);
    result.values.push_back(entry.value);
    result.decay.push_back(entry.decay);
  }
  return result;
}

OptimiserState fresh_state(const std::vector<Tensor>& params) {
  OptimiserState state;
  for (const auto& param : params) state.push_back({at::zeros_like(param), at::zeros_like(param), 0});
  return state;
}

AdamwResult adamw(const std::vector<Tensor>& params, const std::vector<Tensor>& grads, const OptimiserState& state,
                  const std::vector<bool>& decay, const OptimiserConfig& config, const at::Tensor& lr) {
  check_sizes(params.size(), grads.size(), state.size(), decay.size());
  AdamwResult result{params, state};
  for (size_t i = 0; i < params.size(); ++i) {
    if (!grads[i].defined() && config.freeze_unvisited) continue;
    const Tensor grad = grads[i].defined() ? grads[i] : at::zeros_like(params[i]);
    Moments& next = result.state[i];
    ++next.steps;
    next.first = config.beta1 * state[i].first + (1 - config.beta1) * grad;
    next.second = config.beta2 * state[i].second + (1 - config.beta2) * grad * grad;
    const Tensor mean = next.first / correction(config.beta1, next.steps);
    const Tensor square = next.second / correction(config.beta2, next.steps);
    // sqrt has no derivative at 0, where a gradient of exactly 0 would put it.
    const Tensor root =
        at::where(square > 0, at::where(square > 0, square, at::ones_like(square)).sqrt(), at::zeros_like(square));
    const Tensor kept = decay[i] && config.weight_decay > 0 ? params[i] * (1 - lr * config.weight_decay) : params[i];
    result.params[i] = kept - lr * mean / (root + config.eps);
  }
  return result;
}

AdamwResult adamw(const std::vector<Tensor>& params, const std::vector<Tensor>& grads, const OptimiserState& state,
                  const std::vector<bool>& decay, const OptimiserConfig& config, double lr) {
  return adamw(params, grads, state, decay, config,
               at::scalar_tensor(lr, params.empty() ? at::kDouble : params[0].scalar_type()));
}

void adamw_in_place(const std::vector<Tensor>& params, const std::vector<Tensor>& grads, OptimiserState& state,
                    const std::vector<bool>& decay, const OptimiserConfig& config, double lr, double scale,
                    const std::vector<Tensor>& ema, double ema_decay) {
  check_sizes(params.size(), grads.size(), state.size(), decay.size());
  if (!ema.empty() && ema.size() != params.size())
    fail("adamw: expected a moving average of each of ", params.size(), " parameters, got ", ema.size());
  const at::NoGradGuard no_grad;
  if (!std::all_of(params.begin(), params.end(), plain)) {
    std::vector<Tensor> scaled;
    for (const auto& grad : grads) scaled.push_back(grad.defined() ? grad * scale : grad);
    AdamwResult next = adamw(params, scaled, state, decay, config, lr);
    state = std::move(next.state);
    for (size_t i = 0; i < params.size(); ++i) params[i].copy_(next.params[i]);
    for (size_t i = 0; i < ema.size(); ++i) ema[i].lerp_(params[i], 1 - ema_decay);
    return;
  }
  std::vector<AdamwTensor> tensors;
  std::vector<Tensor> kept;  // gradients that had to be made or straightened
  for (size_t i = 0; i < params.size(); ++i) {
    if (!grads[i].defined() && config.freeze_unvisited) {
      if (!ema.empty()) ema[i].lerp_(params[i], 1 - ema_decay);
      continue;
    }
    kept.push_back(grads[i].defined() ? grads[i].to(at::kFloat).contiguous() : at::zeros_like(params[i]));
    tensors.push_back({.count = params[i].numel(),
                       .param = params[i].mutable_data_ptr<float>(),
                       .grad = kept.back().const_data_ptr<float>(),
                       .first = state[i].first.mutable_data_ptr<float>(),
                       .second = state[i].second.mutable_data_ptr<float>(),
                       .average = ema.empty() ? nullptr : ema[i].mutable_data_ptr<float>(),
                       .weight_decay = decay[i] ? config.weight_decay : 0,
                       .step = ++state[i].steps});
  }
  adamw(tensors, AdamwOptions{.learning_rate = lr,
                              .beta1 = config.beta1,
                              .beta2 = config.beta2,
                              .eps = config.eps,
                              .grad_scale = scale,
                              .average_decay = ema_decay});
}

double global_norm(const std::vector<Tensor>& grads) {
  double rest = 0;
  std::vector<FloatSpan> spans;
  for (const auto& grad : grads) {
    if (!grad.defined()) continue;
    if (plain(grad)) {
      spans.push_back({grad.const_data_ptr<float>(), grad.numel()});
    } else {
      const double norm = at::linalg_vector_norm(grad).item<double>();
      rest += norm * norm;
    }
  }
  return std::sqrt(rest + l2_norm_squared(spans));
}

double clip_factor(double norm, double clip) {
  return clip > 0 && norm > clip ? clip / (norm + 1e-6) : 1;
}

Overlay as_overlay(const std::vector<std::string>& names, const std::vector<Tensor>& values) {
  Overlay overlay;
  for (size_t i = 0; i < names.size(); ++i) overlay.replace.emplace(names[i], values[i]);
  return overlay;
}

}  // namespace strata
