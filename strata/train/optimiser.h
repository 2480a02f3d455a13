#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

#include "strata/base/config.h"
#include "strata/blocks/weights.h"

namespace strata {

/// AdamW (Loshchilov and Hutter 2019) behind global-norm clipping (Pascanu et al. 2013).
///
/// A block that no sample of a step visited has no gradient. By default it is treated as one whose gradient is zero, as
/// the common frameworks do for LayerDrop: its moments fade, momentum still moves it and weight decay still shrinks it.
/// With freeze_unvisited its weights, moments and step count (which bias correction reads) stand still until it is
/// visited again.
struct OptimiserConfig {
  double lr = 1e-3;  // peak; the schedule multiplies it
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;  // of matrices only: gains, biases and positions do not decay
  double clip = 0;          // largest global norm of the gradient; 0: no clipping
  bool freeze_unvisited = false;
};

template <class Visit>
void fields(OptimiserConfig& config, Visit&& visit) {
  visit("lr", config.lr, above(0));
  visit("beta1", config.beta1, below(0, 1));
  visit("beta2", config.beta2, below(0, 1));
  visit("eps", config.eps, above(0));
  visit("weight_decay", config.weight_decay, at_least(0));
  visit("clip", config.clip, at_least(0));
  visit("freeze_unvisited", config.freeze_unvisited);
}

/// The trained weights of a stack, in the catalogue's order. Tensors are shared with it, so updating them in place
/// updates the stack.
struct Parameters {
  std::vector<std::string> names;
  std::vector<Tensor> values;
  std::vector<bool> decay;
};

/// Collects the trained weights and makes them leaves that take gradients.
Parameters trained_parameters(Catalogue& weights);

/// What AdamW remembers of one parameter.
struct Moments {
  Tensor first, second;  // shape of the parameter
  int64_t steps = 0;     // updates so far
};
using OptimiserState = std::vector<Moments>;  // one per parameter

OptimiserState fresh_state(const std::vector<Tensor>& params);

struct AdamwResult {
  std::vector<Tensor> params;
  OptimiserState state;
};

/// One step as a function, of plain ATen calls: gradients flow through it to params, grads and state (meta-learning).
/// No clipping.
///   grads [params], undefined where a parameter was not visited; decay [params]; lr the learning rate of this step, as
///   a 0-dimensional tensor or a number
AdamwResult adamw(const std::vector<Tensor>& params, const std::vector<Tensor>& grads, const OptimiserState& state,
                  const std::vector<bool>& decay, const OptimiserConfig& config, const at::Tensor& lr);
AdamwResult adamw(const std::vector<Tensor>& params, const std::vector<Tensor>& grads, const OptimiserState& state,
                  const std::vector<bool>& decay, const OptimiserConfig& config, double lr);

/// The same step in place, gradients multiplied by `scale` first; no gradients flow. On the CPU in float32 one pass
/// over all tensors (kernels/adamw.h). `ema`, one per parameter or empty, is moved along: ema <- ema_decay ema + (1 -
/// ema_decay) params.
void adamw_in_place(const std::vector<Tensor>& params, const std::vector<Tensor>& grads, OptimiserState& state,
                    const std::vector<bool>& decay, const OptimiserConfig& config, double lr, double scale = 1,
                    const std::vector<Tensor>& ema = {}, double ema_decay = 0);

/// sqrt of the sum of squares of all defined gradients; the same bits for any number of threads on the CPU in float32.
double global_norm(const std::vector<Tensor>& grads);

/// What gradients are multiplied by so that their global norm is at most `clip`; 1 for clip 0.
double clip_factor(double norm, double clip);

/// The average as weights that a pass can use instead of the trained ones.
Overlay as_overlay(const std::vector<std::string>& names, const std::vector<Tensor>& values);

}  // namespace strata
