#include <torch/csrc/autograd/custom_function.h>

#include <optional>

#include "strata/base/error.h"
#include "strata/kernels/attention.h"
#include "strata/ops/mode.h"
#include "strata/ops/tiles.h"

namespace strata::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct SelfAttention {
  NormInFront norm;
  LinearWeights qkv, out;
  int64_t heads;
  Rows rows;
  bool causal, add_input;

  std::vector<Tile> tiles(const at::Tensor& x) const { return sequence_tiles(rows, 8 * x.size(1)); }

  // The sequences of a tile. Offsets count from the first row of all, so that pointers stay where the tensors begin;
  // equal lengths count from the tile's own.
  AttentionShape shape(const Tile& tile, int64_t channels) const {
    return {.sequences = tile.sequence_end - tile.sequence,
            .length = rows.length,
            .offsets = rows.ragged() ? rows.offsets.const_data_ptr<int64_t>() + tile.sequence : nullptr,
            .heads = heads,
            .head_dim = channels / heads,
            .causal = causal};
  }
};

// What backward reads again.
struct Kept {
  at::Tensor mean, rstd, qkv, mixed, lse;
};

at::Tensor attention_forward(const SelfAttention& op, const at::Tensor& x, Kept* kept) {
  const auto tiles = op.tiles(x);
  const int64_t channels = x.size(1), most = longest(tiles);
  const at::Tensor y = at::empty_like(x);
  const auto factors = tile_factors({op.qkv.weight.t(), op.out.weight.t()}, most);
  const float* input = x.const_data_ptr<float>();
  if (kept) {
    kept->qkv = at::empty({x.size(0), 3 * channels}, x.options());
    kept->mixed = at::empty_like(x);
    kept->lse = at::empty({x.size(0), op.heads}, x.options());
    kept->rstd = at::empty({x.size(0)}, x.options());
    if (op.norm.layer) kept->mean = at::empty_like(kept->rstd);
  }
  struct Scratch {
    at::Tensor normed, qkv, mixed;
  };
  over_free_tiles(
      tiles,
      [&](int) {
        const auto rows = [&](int64_t columns) { return at::empty({most, columns}, x.options()); };
        return Scratch{rows(channels), kept ? at::Tensor() : rows(3 * channels), kept ? at::Tensor() : rows(channels)};
      },
      [&](const Tile& tile, const Scratch& scratch) {
        at::Tensor normed = head(scratch.normed, tile), out = matrix(y, tile);
        at::Tensor qkv = kept ? matrix(kept->qkv, tile) : head(scratch.qkv, tile);
        at::Tensor mixed = kept ? matrix(kept->mixed, tile) : head(scratch.mixed, tile);
        norm_tile(op.norm, input, tile, normed, kept ? kept->mean : at::Tensor(), kept ? kept->rstd : at::Tensor());
        linear_tile(qkv, normed, factors[0], op.qkv.bias);
        const int64_t before = op.rows.ragged() ? tile.first : 0;  // rows that the offsets count and the tile lacks
        strata::attention_forward(
            {.shape = op.shape(tile, channels),
             .qkv = qkv.const_data_ptr<float>() - before * 3 * channels,
             .out = mixed.mutable_data_ptr<float>() - before * channels,
             .lse = kept ? kept->lse.mutable_data_ptr<float>() + (tile.first - before) * op.heads : nullptr});
        linear_tile(out, mixed, factors[1], op.out.bias, op.add_input ? input + tile.first * channels : nullptr);
      });
  return y;
}

at::Tensor attention_backward(const SelfAttention& op, const at::Tensor& x, const Kept& kept, const at::Tensor& dy,
                              std::optional<WeightGradients>* weights) {
  const auto tiles = op.tiles(x);
  const int64_t channels = x.size(1), most = longest(tiles);
  const at::Tensor dx = at::empty_like(x);
  const auto factors = tile_factors({op.out.weight, op.qkv.weight}, most);
  const float* input = x.const_data_ptr<float>();
  std::vector<std::optional<WeightGradients>> sums(threads());
  struct Scratch {
    at::Tensor normed, dmixed, dqkv;
    WeightGradients* gradients;
  };
  over_tiles(
      tiles,
      [&](int thread) {
        if (weights) sums[thread].emplace(op.norm, op.qkv, op.out);
        const auto rows = [&](int64_t columns) { return at::empty({most, columns}, x.options()); };
        return Scratch{rows(channels), rows(channels), rows(3 * channels), weights ? &*sums[thread] : nullptr};
      },
      [&](const Tile& tile, const Scratch& scratch) {
        at::Tensor normed = head(scratch.normed, tile), dmixed = head(scratch.dmixed, tile);
        const at::Tensor dqkv = head(scratch.dqkv, tile), dout = matrix(dy, tile), mixed = matrix(kept.mixed, tile);
        linear_tile(dmixed, dout, factors[0]);
        if (scratch.gradients) {
          scratch.gradients->second.addmm_(dout.t(), mixed);
          if (op.out.bias.defined()) add_column_sums(scratch.gradients->second_bias, dout);
        }
        const int64_t before = op.rows.ragged() ? tile.first : 0, row = tile.first - before;
        strata::attention_backward({.shape = op.shape(tile, channels),
                                    .qkv = kept.qkv.const_data_ptr<float>() + row * 3 * channels,
                                    .out = kept.mixed.const_data_ptr<float>() + row * channels,
                                    .lse = kept.lse.const_data_ptr<float>() + row * op.heads,
                                    .dout = dmixed.const_data_ptr<float>() - before * channels,
                                    .dqkv = dqkv.mutable_data_ptr<float>() - before * 3 * channels});
        if (scratch.gradients) {
          norm_tile(op.norm, input, tile, normed, {}, {});
          scratch.gradients->first.addmm_(dqkv.t(), normed);
          if (op.qkv.bias.defined()) add_column_sums(scratch.gradients->first_bias, dqkv);
        }
        linear_tile(normed, dqkv, factors[1]);
        norm_tile_backward(op.norm, input, tile, normed, op.add_input ? dy.const_data_ptr<float>() : nullptr, kept.mean,
                           kept.rstd, dx.mutable_data_ptr<float>(), scratch.gradients);
      });
  if (weights) *weights = sum(sums);
  return dx;
}

struct PreNormAttention : torch::autograd::Function<PreNormAttention> {
  using Optional = std::optional<at::Tensor>;

  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& gain,
                            const Optional& norm_bias, const at::Tensor& qkv, const Optional& qkv_bias,
                            const at::Tensor& out, const Optional& out_bias, const SelfAttention& op) {
    Kept kept;
    at::Tensor y = attention_forward(op, x, &kept);
    context->save_for_backward({x, gain, norm_bias.value_or(at::Tensor()), qkv, qkv_bias.value_or(at::Tensor()), out,
                                out_bias.value_or(at::Tensor()), kept.mean, kept.rstd, kept.qkv, kept.mixed, kept.lse,
                                op.rows.offsets});
    context->saved_data["eps"] = op.norm.eps;
    context->saved_data["sizes"] = c10::List<int64_t>({op.heads, op.rows.count, op.rows.sequences, op.rows.length});
    context->saved_data["flags"] = c10::List<bool>({op.norm.layer, op.causal, op.add_input});
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto flags = context->saved_data["flags"].toBoolList();
    const auto sizes = context->saved_data["sizes"].toIntList();
    const SelfAttention op{
        {flags[0], saved[1], saved[2], context->saved_data["eps"].toDouble()},
        {saved[3], saved[4]},
        {saved[5], saved[6]},
        sizes[0],
        {.count = sizes[1], .sequences = sizes[2], .length = sizes[3], .offsets = saved[12], .positions = {}},
        flags[1],
        flags[2]};
    bool trained = false;
    for (size_t i = 1; i < 7; ++i) trained = trained || (saved[i].defined() && saved[i].requires_grad());
    std::optional<WeightGradients> weights;
    const at::Tensor dy = gradients[0].contiguous();
    variable_list result(8);
    result[0] = attention_backward(op, saved[0], {saved[7], saved[8], saved[9], saved[10], saved[11]}, dy,
                                   trained ? &weights : nullptr);
    if (trained) {
      result[1] = weights->gain, result[2] = weights->bias;
      result[3] = weights->first, result[4] = weights->first_bias;
      result[5] = weights->second, result[6] = weights->second_bias;
    }
    differentiable_once("pre_norm_attention", {saved[0], saved[1], saved[3], saved[5], gradients[0]}, result);
    return result;
  }
};

std::optional<at::Tensor> optional(const at::Tensor& tensor) {
  return tensor.defined() ? std::optional(tensor) : std::nullopt;
}

}  // namespace

at::Tensor pre_norm_attention(const at::Tensor& x, const NormInFront& norm, const LinearWeights& qkv,
                              const LinearWeights& out, int64_t heads, const Rows& rows, bool causal, bool add_input) {
  const int64_t channels = out.weight.size(0);
  if (x.dim() != 2 || x.size(0) != rows.count || x.size(1) != channels || heads < 1 || channels % heads != 0 ||
      qkv.weight.size(0) != 3 * channels || qkv.weight.size(1) != channels || out.weight.size(1) != channels)
    fail("pre_norm_attention: expected x [", rows.count, ", ", channels, "], qkv [", 3 * channels, ", ", channels,
         "] and out [", channels, ", ", channels, "] with ", heads, " heads, got ", x.sizes(), ", ", qkv.weight.sizes(),
         " and ", out.weight.sizes());
  const SelfAttention op{norm, qkv, out, heads, rows, causal, add_input};
  if (!at::GradMode::is_enabled()) return attention_forward(op, x.contiguous(), nullptr);
  return PreNormAttention::apply(x.contiguous(), norm.gain, optional(norm.bias), qkv.weight, optional(qkv.bias),
                                 out.weight, optional(out.bias), op);
}

}  // namespace strata::ops
