#include <optional>

#include "strata/base/error.h"
#include "strata/kernels/activation.h"
#include "strata/ops/activation.h"
#include "strata/ops/linear.h"
#include "strata/ops/pre_norm_function.h"
#include "strata/ops/tiles.h"

namespace strata::ops {
namespace {

struct Mlp {
  NormInFront norm;
  LinearWeights up, down;
  MlpActivation activation;
  bool add_input;

  bool gated() const { return activation == MlpActivation::swiglu; }
  bool tanh() const { return activation == MlpActivation::gelu_tanh; }
  int64_t hidden() const { return down.weight.size(1); }
  // GELU adds the first bias itself; SwiGLU reads a sum that holds it.
  bool bias_in_activation() const { return !gated() && up.bias.defined(); }
  const float* activation_bias() const { return bias_in_activation() ? up.bias.const_data_ptr<float>() : nullptr; }
  std::vector<Tile> tiles(const at::Tensor& x) const {
    return row_tiles(x.size(0), 2 * x.size(1) + up.weight.size(0) + hidden());
  }
};

// What backward reads again: the norm's statistics and what the first layer gave.
struct Kept {
  at::Tensor mean, rstd, pre;
};

void activate(const Mlp& mlp, const Matrix& pre, const Matrix& act) {
  if (!mlp.gated())
    return gelu_forward({.tanh = mlp.tanh(),
                         .rows = pre.rows,
                         .channels = pre.columns,
                         .x = pre.data,
                         .bias = mlp.activation_bias(),
                         .y = act.data});
  const float* gate = pre.data;
  swiglu_forward({.rows = pre.rows,
                  .channels = act.columns,
                  .stride = pre.columns,
                  .gate = gate,
                  .up = gate + act.columns,
                  .y = act.data});
}

// dact -> dpre (may be the same memory where not gated), act again, and the gradient of the first bias.
void activate_backward(const Mlp& mlp, const Matrix& pre, const Matrix& dact, const Matrix& dpre, const Matrix& act,
                       WeightGradients* gradients) {
  if (mlp.gated()) {
    const float* gate = pre.data;
    float* dgate = dpre.data;
    swiglu_backward({.rows = pre.rows,
                     .channels = act.columns,
                     .stride = pre.columns,
                     .dy = dact.data,
                     .gate = gate,
                     .up = gate + act.columns,
                     .dgate = dgate,
                     .dup = dgate + act.columns,
                     .y = act.data});
    if (gradients && mlp.up.bias.defined()) add_column_sums(gradients->first_bias, dpre);
    return;
  }
  const bool sums = gradients && mlp.up.bias.defined();
  std::vector<float> dbias(sums ? pre.columns : 0);
  gelu_backward({.tanh = mlp.tanh(),
                 .rows = pre.rows,
                 .channels = pre.columns,
                 .dy = dact.data,
                 .x = pre.data,
                 .bias = mlp.activation_bias(),
                 .dx = dpre.data,
                 .dbias = sums ? dbias.data() : nullptr,
                 .y = act.data});
  if (sums) add(gradients->first_bias, dbias);
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
        const Matrix normed = head(scratch.normed, tile), act = head(scratch.act, tile), out = matrix(y, tile);
        const Matrix pre = kept ? matrix(kept->pre, tile) : head(scratch.pre, tile);
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
                       mlp.gated() ? at::empty({most, 2 * hidden}, x.options()) : dact,
                       weights ? &*sums[thread] : nullptr};
      },
      [&](const Tile& tile, const Scratch& scratch) {
        const Matrix normed = head(scratch.normed, tile), act = head(scratch.act, tile);
        const Matrix dact = head(scratch.dact, tile), dpre = head(scratch.dpre, tile);
        const Matrix pre = matrix(kept.pre, tile), dout = matrix(dy, tile);
        linear_tile(dact, dout, factors[0]);
        activate_backward(mlp, pre, dact, dpre, act, scratch.gradients);
        if (scratch.gradients) {
          add_product(scratch.gradients->second, dout, act);
          if (mlp.down.bias.defined()) add_column_sums(scratch.gradients->second_bias, dout);
          norm_tile(mlp.norm, input, tile, normed, {}, {});
          add_product(scratch.gradients->first, dpre, normed);
        }
        linear_tile(normed, dpre, factors[1]);
        norm_tile_backward(mlp.norm, input, tile, normed, mlp.add_input ? dy.const_data_ptr<float>() : nullptr,
                           kept.mean, kept.rstd, dx.mutable_data_ptr<float>(), scratch.gradients);
      });
  if (weights) *weights = sum(sums);
  return dx;
}

// ---- towards LibTorch -----------------------------------------------------------------------------------------------

ForwardResult shapes_of_pre_norm_mlp(const at::Tensor& x, const WeightList& weights, bool keep) {
  if (!keep) return {plain_like(x), {}};
  const bool layer = weights.get(1).has_value();
  return {plain_like(x),
          {layer ? per_row(x) : x.new_empty({0}), per_row(x),
           x.new_empty_symint({x.sym_size(0), required(weights, 2).sym_size(0)})}};
}

// The number that travels through the dispatcher. Throws Error where it is none of ours.
MlpActivation known(int64_t activation) {
  if (activation < 0 || activation > static_cast<int64_t>(MlpActivation::swiglu))
    fail("pre_norm_mlp: expected activation 0 (gelu), 1 (gelu_tanh) or 2 (swiglu), got ", activation);
  return static_cast<MlpActivation>(activation);
}

// kept: mean [rows], empty for an RMS norm; rstd [rows]; pre [rows, up]. None of them without `keep`.
ForwardResult raw_pre_norm_mlp(const at::Tensor& x, const WeightList& list, double eps, int64_t activation,
                               bool add_input, bool keep) {
  if (x.numel() == 0) return shapes_of_pre_norm_mlp(x, list, keep);
  const auto weights = SublayerWeights::unpack(list, eps);
  Kept kept;
  const at::Tensor y = mlp_forward({weights.norm, weights.first, weights.second, known(activation), add_input},
                                   x.contiguous(), keep ? &kept : nullptr);
  if (!keep) return {y, {}};
  return {y, {or_empty(kept.mean, x), kept.rstd, kept.pre}};
}

BackwardResult raw_pre_norm_mlp_backward(const at::Tensor& dy, const at::Tensor& x, const WeightList& list,
                                         at::TensorList kept, double eps, int64_t activation, bool add_input,
                                         bool trained) {
  if (x.numel() == 0) return zero_gradients(x, list, trained);
  const auto weights = SublayerWeights::unpack(list, eps);
  std::optional<WeightGradients> gradients;
  const at::Tensor dx =
      mlp_backward({weights.norm, weights.first, weights.second, known(activation), add_input}, x.contiguous(),
                   {kept[0], kept[1], kept[2]}, dy.contiguous(), trained ? &gradients : nullptr);
  return gradients_of(dx, gradients);
}

struct MlpOp {
  static constexpr const char* kName = "pre_norm_mlp";
  double eps;
  int64_t activation;
  bool add_input;
  OptionalTensor offsets = std::nullopt;  // rows need no order here

  ForwardResult forward(const at::Tensor& x, const WeightList& weights, bool keep) const {
    return dispatch<raw_pre_norm_mlp>("strata::_pre_norm_mlp", x, weights, eps, activation, add_input, keep);
  }
  BackwardResult backward(const at::Tensor& dy, const at::Tensor& x, const WeightList& weights, at::TensorList kept,
                          bool trained) const {
    return dispatch<raw_pre_norm_mlp_backward>("strata::_pre_norm_mlp_backward", dy, x, weights, kept, eps, activation,
                                               add_input, trained);
  }
  template <class Data>
  void store(Data& data) const {
    data["eps"] = eps, data["activation"] = activation, data["add_input"] = add_input;
  }
  template <class Data>
  static MlpOp load(Data& data) {
    return {data["eps"].toDouble(), data["activation"].toInt(), data["add_input"].toBool()};
  }
};

at::Tensor composite(const at::Tensor& x, const NormInFront& norm, const LinearWeights& up, const LinearWeights& down,
                     MlpActivation activation, bool add_input) {
  const at::Tensor pre = linear(apply_norm(norm, x), up.weight, up.bias);
  const at::Tensor act = activation == MlpActivation::swiglu      ? swiglu(pre)
                         : activation == MlpActivation::gelu_tanh ? ops::gelu_tanh(pre)
                                                                  : ops::gelu(pre);
  const at::Tensor y = linear(act, down.weight, down.bias);
  return add_input ? x + y : y;
}

}  // namespace

at::Tensor pre_norm_mlp(const at::Tensor& x, const NormInFront& norm, const LinearWeights& up,
                        const LinearWeights& down, MlpActivation activation, bool add_input) {
  const int64_t wide = activation == MlpActivation::swiglu ? 2 : 1;
  if (down.weight.dim() != 2) fail("pre_norm_mlp: expected down [channels, hidden], got ", down.weight.sym_sizes());
  const auto channels = down.weight.sym_size(0), hidden = down.weight.sym_size(1);
  if (x.dim() != 2 || up.weight.dim() != 2 || x.sym_size(1) != channels || up.weight.sym_size(1) != channels ||
      up.weight.sym_size(0) != wide * hidden)
    fail("pre_norm_mlp: expected x [rows, ", channels, "] and up [", wide * hidden, ", ", channels, "], got ",
         x.sym_sizes(), " and ", up.weight.sym_sizes());
  const SublayerWeights weights{norm, up, down};
  weights.check_vectors("pre_norm_mlp");
  if (!weights.fused_with(x)) return composite(x, norm, up, down, activation, add_input);
  return run_fused(MlpOp{norm.eps, static_cast<int64_t>(activation), add_input}, x, weights);
}

TORCH_LIBRARY_FRAGMENT(strata, library) {
  raw_op(library,
         "_pre_norm_mlp(Tensor x, Tensor?[] weights, float eps, int activation, bool add_input, bool keep) -> "
         "(Tensor, Tensor[])");
  raw_op(library,
         "_pre_norm_mlp_backward(Tensor dy, Tensor x, Tensor?[] weights, Tensor[] kept, float eps, int activation, "
         "bool add_input, bool trained) -> (Tensor, Tensor[])");
}
TORCH_LIBRARY_IMPL(strata, CPU, library) {
  library.impl("_pre_norm_mlp", raw_pre_norm_mlp);
  library.impl("_pre_norm_mlp_backward", raw_pre_norm_mlp_backward);
}
TORCH_LIBRARY_IMPL(strata, Meta, library) {
  library.impl("_pre_norm_mlp",
               [](const at::Tensor& x, const WeightList& weights, double, int64_t, bool, bool keep) -> ForwardResult {
                 return shapes_of_pre_norm_mlp(x, weights, keep);
               });
  library.impl("_pre_norm_mlp_backward",
               [](const at::Tensor&, const at::Tensor& x, const WeightList& weights, at::TensorList, double, int64_t,
                  bool, bool trained) { return gradients_like(x, weights, trained); });
}

}  // namespace strata::ops
