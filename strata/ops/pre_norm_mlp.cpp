#include <torch/csrc/autograd/custom_function.h>

#include <optional>

#include "strata/base/error.h"
#include "strata/kernels/activation.h"
#include "strata/ops/mode.h"
#include "strata/ops/tiles.h"

namespace strata::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Mlp {
  NormInFront norm;
  LinearWeights up, down;
  bool gated, add_input;

  int64_t hidden() const { return down.weight.size(1); }
  // GELU adds the first bias itself; SwiGLU reads a sum that holds it.
  bool bias_in_activation() const { return !gated && up.bias.defined(); }
  const float* activation_bias() const { return bias_in_activation() ? up.bias.const_data_ptr<float>() : nullptr; }
  std::vector<Tile> tiles(const at::Tensor& x) const {
    return row_tiles(x.size(0), 2 * x.size(1) + up.weight.size(0) + hidden());
  }
};

// What backward reads again: the norm's statistics and what the first layer gave.
struct Kept {
  at::Tensor mean, rstd, pre;
};

void activate(const Mlp& mlp, const at::Tensor& pre, const at::Tensor& act) {
  if (!mlp.gated)
    return gelu_forward({.rows = pre.size(0),
                         .channels = pre.size(1),
                         .x = pre.const_data_ptr<float>(),
                         .bias = mlp.activation_bias(),
                         .y = act.mutable_data_ptr<float>()});
  const float* gate = pre.const_data_ptr<float>();
  swiglu_forward({.rows = pre.size(0),
                  .channels = act.size(1),
                  .stride = pre.size(1),
                  .gate = gate,
                  .up = gate + act.size(1),
                  .y = act.mutable_data_ptr<float>()});
}

// dact -> dpre (may be the same memory where not gated), act again, and the gradient of the first bias.
void activate_backward(const Mlp& mlp, const at::Tensor& pre, const at::Tensor& dact, const at::Tensor& dpre,
                       const at::Tensor& act, WeightGradients* gradients) {
  if (mlp.gated) {
    const float* gate = pre.const_data_ptr<float>();
    float* dgate = dpre.mutable_data_ptr<float>();
    swiglu_backward({.rows = pre.size(0),
                     .channels = act.size(1),
                     .stride = pre.size(1),
                     .dy = dact.const_data_ptr<float>(),
                     .gate = gate,
                     .up = gate + act.size(1),
                     .dgate = dgate,
                     .dup = dgate + act.size(1),
                     .y = act.mutable_data_ptr<float>()});
    if (gradients && mlp.up.bias.defined()) add_column_sums(gradients->first_bias, dpre);
    return;
  }
  const bool sums = gradients && mlp.up.bias.defined();
  std::vector<float> dbias(sums ? pre.size(1) : 0);
  gelu_backward({.rows = pre.size(0),
                 .channels = pre.size(1),
                 .dy = dact.const_data_ptr<float>(),
                 .x = pre.const_data_ptr<float>(),
                 .bias = mlp.activation_bias(),
                 .dx = dpre.mutable_data_ptr<float>(),
                 .dbias = sums ? dbias.data() : nullptr,
                 .y = act.mutable_data_ptr<float>()});
  if (sums) gradients->first_bias.add_(matrix(dbias.data(), 1, pre.size(1))[0]);
}

at::Tensor mlp_forward(const Mlp& mlp, const at::Tensor& x, Kept* kept) {
  const auto tiles = mlp.tiles(x);
  const int64_t channels = x.size(1), most = longest(tiles);
  const at::Tensor y = at::empty_like(x);
  const auto factors = tile_factors({mlp.up.weight.t(), mlp.down.weight.t()}, most);
  const int64_t wide = mlp.up.weight.size(0);
  const float* input = x.const_data_ptr<float>();
  if (kept) {
    kept->pre = at::empty({x.size(0), wide}, x.options());
    kept->rstd = at::empty({x.size(0)}, x.options());
    if (mlp.norm.layer) kept->mean = at::empty_like(kept->rstd);
  }
  struct Scratch {
    at::Tensor normed, pre, act;
  };
  over_free_tiles(
      tiles,
      [&](int) {
        return Scratch{at::empty({most, channels}, x.options()),
                       kept ? at::Tensor() : at::empty({most, wide}, x.options()),
                       at::empty({most, mlp.hidden()}, x.options())};
      },
      [&](const Tile& tile, const Scratch& scratch) {
        at::Tensor normed = head(scratch.normed, tile), act = head(scratch.act, tile), out = matrix(y, tile);
        at::Tensor pre = kept ? matrix(kept->pre, tile) : head(scratch.pre, tile);
        norm_tile(mlp.norm, input, tile, normed, kept ? kept->mean : at::Tensor(), kept ? kept->rstd : at::Tensor());
        linear_tile(pre, normed, factors[0], mlp.bias_in_activation() ? at::Tensor() : mlp.up.bias);
        activate(mlp, pre, act);
        linear_tile(out, act, factors[1], mlp.down.bias, mlp.add_input ? input + tile.first * channels : nullptr);
      });
  return y;
}

at::Tensor mlp_backward(const Mlp& mlp, const at::Tensor& x, const Kept& kept, const at::Tensor& dy,
                        std::optional<WeightGradients>* weights) {
  const auto tiles = mlp.tiles(x);
  const int64_t channels = x.size(1), most = longest(tiles), hidden = mlp.hidden();
  const at::Tensor dx = at::empty_like(x);
  const auto factors = tile_factors({mlp.down.weight, mlp.up.weight}, most);
  const float* input = x.const_data_ptr<float>();
  std::vector<std::optional<WeightGradients>> sums(threads());
  struct Scratch {
    at::Tensor normed, act, dact, dpre;
    WeightGradients* gradients;
  };
  over_tiles(
      tiles,
      [&](int thread) {
        if (weights) sums[thread].emplace(mlp.norm, mlp.up, mlp.down);
        const at::Tensor dact = at::empty({most, hidden}, x.options());
        return Scratch{at::empty({most, channels}, x.options()), at::empty({most, hidden}, x.options()), dact,
                       mlp.gated ? at::empty({most, 2 * hidden}, x.options()) : dact,
                       weights ? &*sums[thread] : nullptr};
      },
      [&](const Tile& tile, const Scratch& scratch) {
        at::Tensor normed = head(scratch.normed, tile), act = head(scratch.act, tile);
        at::Tensor dact = head(scratch.dact, tile), dpre = head(scratch.dpre, tile);
        const at::Tensor pre = matrix(kept.pre, tile), dout = matrix(dy, tile);
        linear_tile(dact, dout, factors[0]);
        activate_backward(mlp, pre, dact, dpre, act, scratch.gradients);
        if (scratch.gradients) {
          scratch.gradients->second.addmm_(dout.t(), act);
          if (mlp.down.bias.defined()) add_column_sums(scratch.gradients->second_bias, dout);
          norm_tile(mlp.norm, input, tile, normed, {}, {});
          scratch.gradients->first.addmm_(dpre.t(), normed);
        }
        linear_tile(normed, dpre, factors[1]);
        norm_tile_backward(mlp.norm, input, tile, normed, mlp.add_input ? dy.const_data_ptr<float>() : nullptr,
                           kept.mean, kept.rstd, dx.mutable_data_ptr<float>(), scratch.gradients);
      });
  if (weights) *weights = sum(sums);
  return dx;
}

struct PreNormMlp : torch::autograd::Function<PreNormMlp> {
  using Optional = std::optional<at::Tensor>;

  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& gain,
                            const Optional& norm_bias, const at::Tensor& up, const Optional& up_bias,
                            const at::Tensor& down, const Optional& down_bias, double eps, bool layer, bool gated,
                            bool add_input) {
    const Mlp mlp{{layer, gain, norm_bias.value_or(at::Tensor()), eps},
                  {up, up_bias.value_or(at::Tensor())},
                  {down, down_bias.value_or(at::Tensor())},
                  gated,
                  add_input};
    Kept kept;
    at::Tensor y = mlp_forward(mlp, x, &kept);
    context->save_for_backward(
        {x, gain, mlp.norm.bias, up, mlp.up.bias, down, mlp.down.bias, kept.mean, kept.rstd, kept.pre});
    context->saved_data["eps"] = eps;
    context->saved_data["flags"] = c10::List<bool>({layer, gated, add_input});
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto flags = context->saved_data["flags"].toBoolList();
    const Mlp mlp{{flags[0], saved[1], saved[2], context->saved_data["eps"].toDouble()},
                  {saved[3], saved[4]},
                  {saved[5], saved[6]},
                  flags[1],
                  flags[2]};
    bool trained = false;
    for (size_t i = 1; i < 7; ++i) trained = trained || (saved[i].defined() && saved[i].requires_grad());
    std::optional<WeightGradients> weights;
    const at::Tensor dy = gradients[0].contiguous();
    variable_list result(11);
    result[0] = mlp_backward(mlp, saved[0], {saved[7], saved[8], saved[9]}, dy, trained ? &weights : nullptr);
    if (trained) {
      result[1] = weights->gain, result[2] = weights->bias;
      result[3] = weights->first, result[4] = weights->first_bias;
      result[5] = weights->second, result[6] = weights->second_bias;
    }
    differentiable_once("pre_norm_mlp", {saved[0], saved[1], saved[3], saved[5], gradients[0]}, result);
    return result;
  }
};

std::optional<at::Tensor> optional(const at::Tensor& tensor) {
  return tensor.defined() ? std::optional(tensor) : std::nullopt;
}

}  // namespace

at::Tensor pre_norm_mlp(const at::Tensor& x, const NormInFront& norm, const LinearWeights& up,
                        const LinearWeights& down, bool gated, bool add_input) {
  const int64_t channels = down.weight.size(0), hidden = down.weight.size(1);
  if (x.dim() != 2 || x.size(1) != channels || up.weight.size(1) != channels ||
      up.weight.size(0) != (gated ? 2 : 1) * hidden)
    fail("pre_norm_mlp: expected x [rows, ", channels, "] and up [", (gated ? 2 : 1) * hidden, ", ", channels,
         "], got ", x.sizes(), " and ", up.weight.sizes());
  const at::Tensor rows = x.contiguous();
  if (!at::GradMode::is_enabled()) return mlp_forward({norm, up, down, gated, add_input}, rows, nullptr);
  return PreNormMlp::apply(rows, norm.gain, optional(norm.bias), up.weight, optional(up.bias), down.weight,
                           optional(down.bias), norm.eps, norm.layer, gated, add_input);
}

}  // namespace strata::ops
