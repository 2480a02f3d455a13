#include "strata/train/optimiser.h"

#include <algorithm>
#include <cmath>

#include "strata/base/error.h"

namespace strata {
namespace {

void check_sizes(size_t params, size_t grads, size_t state, size_t decay) {
  if (grads != params || state != params || decay != params)
    fail("adamw: expected gradients, state and decay flags of ", params, " parameters, got ", grads, ", ", state, " and ", decay);
}

double correction(double beta, int64_t steps) { return 1 - std::pow(beta, static_cast<double>(steps)); }

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

AdamwResult adamw(const std::vector<Tensor>& params, const std::vector<Tensor>& grads, const OptimiserState& state, const std::vector<bool>& decay,
                  const OptimiserConfig& config, const at::Tensor& lr) {
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
    const Tensor root = at::where(square > 0, at::where(square > 0, square, at::ones_like(square)).sqrt(), at::zeros_like(square));
    const Tensor kept = decay[i] && config.weight_decay > 0 ? params[i] * (1 - lr * config.weight_decay) : params[i];
    result.params[i] = kept - lr * mean / (root + config.eps);
  }
  return result;
}

AdamwResult adamw(const std::vector<Tensor>& params, const std::vector<Tensor>& grads, const OptimiserState& state, const std::vector<bool>& decay,
                  const OptimiserConfig& config, double lr) {
  return adamw(params, grads, state, decay, config, at::scalar_tensor(lr, params.empty() ? at::kDouble : params[0].scalar_type()));
}

void adamw_in_place(const std::vector<Tensor>& params, const std::vector<Tensor>& grads, OptimiserState& state, const std::vector<bool>& decay,
                    const OptimiserConfig& config, double lr, double scale) {
  check_sizes(params.size(), grads.size(), state.size(), decay.size());
  const at::NoGradGuard no_grad;
  // One fused call for what decays and one for what does not.
  for (const bool decays : {true, false}) {
    std::vector<Tensor> values, gradients, first, second, steps;
    for (size_t i = 0; i < params.size(); ++i) {
      if (decay[i] != decays || (!grads[i].defined() && config.freeze_unvisited)) continue;
      ++state[i].steps;
      values.push_back(params[i]);
      gradients.push_back(grads[i].defined() ? grads[i] : at::zeros_like(params[i]));
      first.push_back(state[i].first);
      second.push_back(state[i].second);
      steps.push_back(at::scalar_tensor(static_cast<double>(state[i].steps), at::kFloat));
    }
    if (values.empty()) continue;
    if (scale != 1) at::_foreach_mul_(gradients, scale);
    at::_fused_adamw_(values, gradients, first, second, {}, steps, lr, config.beta1, config.beta2, decays ? config.weight_decay : 0, config.eps,
                      /*amsgrad=*/false, /*maximize=*/false);
  }
}

double global_norm(const std::vector<Tensor>& grads) {
  double sum = 0;
  for (const auto& grad : grads)
    if (grad.defined()) {
      const double norm = at::linalg_vector_norm(grad).item<double>();
      sum += norm * norm;
    }
  return std::sqrt(sum);
}

double clip_factor(double norm, double clip) { return clip > 0 && norm > clip ? clip / (norm + 1e-6) : 1; }

void update_ema(std::vector<Tensor>& ema, const std::vector<Tensor>& params, double decay) {
  const at::NoGradGuard no_grad;
  if (ema.empty()) return;
  at::_foreach_lerp_(ema, params, 1 - decay);
}

Overlay as_overlay(const std::vector<std::string>& names, const std::vector<Tensor>& values) {
  Overlay overlay;
  for (size_t i = 0; i < names.size(); ++i) overlay.replace.emplace(names[i], values[i]);
  return overlay;
}

}  // namespace strata
