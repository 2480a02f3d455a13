#include "strata/ops/attention.h"

#include <optional>

#include "strata/base/error.h"
#include "strata/kernels/attention.h"
#include "strata/ops/linear.h"
#include "strata/ops/pre_norm_function.h"
#include "strata/ops/tiles.h"

namespace strata::ops {
namespace {

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
        const Matrix normed = head(scratch.normed, tile), out = matrix(y, tile);
        const Matrix qkv = kept ? matrix(kept->qkv, tile) : head(scratch.qkv, tile);
        const Matrix mixed = kept ? matrix(kept->mixed, tile) : head(scratch.mixed, tile);
        norm_tile(op.norm, input, tile, normed, kept ? kept->mean : at::Tensor(), kept ? kept->rstd : at::Tensor());
        linear_tile(qkv, normed, factors[0], op.qkv.bias);
        const int64_t before = op.rows.ragged() ? tile.first : 0;  // rows that the offsets count and the tile lacks
        strata::attention_forward(
            {.shape = op.shape(tile, channels),
             .qkv = qkv.data - before * 3 * channels,
             .out = mixed.data - before * channels,
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
        const Matrix normed = head(scratch.normed, tile), dmixed = head(scratch.dmixed, tile);
        const Matrix dqkv = head(scratch.dqkv, tile), dout = matrix(dy, tile), mixed = matrix(kept.mixed, tile);
        linear_tile(dmixed, dout, factors[0]);
        if (scratch.gradients) {
          add_product(scratch.gradients->second, dout, mixed);
          if (op.out.bias.defined()) add_column_sums(scratch.gradients->second_bias, dout);
        }
        const int64_t before = op.rows.ragged() ? tile.first : 0, row = tile.first - before;
        strata::attention_backward({.shape = op.shape(tile, channels),
                                    .qkv = kept.qkv.const_data_ptr<float>() + row * 3 * channels,
                                    .out = kept.mixed.const_data_ptr<float>() + row * channels,
                                    .lse = kept.lse.const_data_ptr<float>() + row * op.heads,
                                    .dout = dmixed.data - before * channels,
                                    .dqkv = dqkv.data - before * 3 * channels});
        if (scratch.gradients) {
          norm_tile(op.norm, input, tile, normed, {}, {});
          add_product(scratch.gradients->first, dqkv, normed);
          if (op.qkv.bias.defined()) add_column_sums(scratch.gradients->first_bias, dqkv);
        }
        linear_tile(normed, dqkv, factors[1]);
        norm_tile_backward(op.norm, input, tile, normed, op.add_input ? dy.const_data_ptr<float>() : nullptr, kept.mean,
                           kept.rstd, dx.mutable_data_ptr<float>(), scratch.gradients);
      });
  if (weights) *weights = sum(sums);
  return dx;
}

// ---- towards LibTorch -----------------------------------------------------------------------------------------------

// x [sequences, length, channels] without offsets, [rows, channels] with them.
Rows rows_of(const at::Tensor& x, const OptionalTensor& offsets) {
  if (offsets) return rows_at("pre_norm_attention", *offsets, x.size(0));
  return {.count = x.size(0) * x.size(1), .sequences = x.size(0), .length = x.size(1), .offsets = {}, .positions = {}};
}

ForwardResult shapes_of_pre_norm_attention(const at::Tensor& x, const WeightList& weights, int64_t heads, bool keep) {
  if (!keep) return {plain_like(x), {}};
  const bool layer = weights.get(1).has_value();
  const c10::SymInt rows = x.dim() == 3 ? x.sym_size(0) * x.sym_size(1) : x.sym_size(0), channels = x.sym_size(-1);
  const auto empty = [&](c10::SymIntArrayRef sizes) { return x.new_empty_symint(sizes); };
  return {plain_like(x),
          {layer ? empty({rows}) : x.new_empty({0}), empty({rows}), empty({rows, 3 * channels}),
           empty({rows, channels}), empty({rows, heads})}};
}

// kept: mean [rows], empty for an RMS norm; rstd [rows]; qkv [rows, 3 channels]; mixed [rows, channels]; lse
// [rows, heads]. None of them without `keep`.
ForwardResult raw_pre_norm_attention(const at::Tensor& x, const WeightList& list, const OptionalTensor& offsets,
                                     double eps, int64_t heads, bool causal, bool add_input, bool keep) {
  if (x.numel() == 0) return shapes_of_pre_norm_attention(x, list, heads, keep);
  const auto weights = SublayerWeights::unpack(list, eps);
  Kept kept;
  const at::Tensor y =
      attention_forward({weights.norm, weights.first, weights.second, heads, rows_of(x, offsets), causal, add_input},
                        x.contiguous().view({-1, x.size(-1)}), keep ? &kept : nullptr);
  if (!keep) return {y.view(x.sizes()), {}};
  return {y.view(x.sizes()), {or_empty(kept.mean, x), kept.rstd, kept.qkv, kept.mixed, kept.lse}};
}

BackwardResult raw_pre_norm_attention_backward(const at::Tensor& dy, const at::Tensor& x, const WeightList& list,
                                               at::TensorList kept, const OptionalTensor& offsets, double eps,
                                               int64_t heads, bool causal, bool add_input, bool trained) {
  if (x.numel() == 0) return zero_gradients(x, list, trained);
  const auto weights = SublayerWeights::unpack(list, eps);
  std::optional<WeightGradients> gradients;
  const at::Tensor dx =
      attention_backward({weights.norm, weights.first, weights.second, heads, rows_of(x, offsets), causal, add_input},
                         x.contiguous().view({-1, x.size(-1)}), {kept[0], kept[1], kept[2], kept[3], kept[4]},
                         dy.contiguous().view({-1, x.size(-1)}), trained ? &gradients : nullptr);
  return gradients_of(dx.view(x.sizes()), gradients);
}

struct AttentionOp {
  static constexpr const char* kName = "pre_norm_attention";
  double eps;
  int64_t heads;
  bool causal, add_input;
  OptionalTensor offsets = std::nullopt;

  ForwardResult forward(const at::Tensor& x, const WeightList& weights, bool keep) const {
    return dispatch<raw_pre_norm_attention>("strata::_pre_norm_attention", x, weights, offsets, eps, heads, causal,
                                            add_input, keep);
  }
  BackwardResult backward(const at::Tensor& dy, const at::Tensor& x, const WeightList& weights, at::TensorList kept,
                          bool trained) const {
    return dispatch<raw_pre_norm_attention_backward>("strata::_pre_norm_attention_backward", dy, x, weights, kept,
                                                     offsets, eps, heads, causal, add_input, trained);
  }
  template <class Data>
  void store(Data& data) const {
    data["eps"] = eps, data["heads"] = heads, data["causal"] = causal, data["add_input"] = add_input;
  }
  template <class Data>
  static AttentionOp load(Data& data) {
    return {data["eps"].toDouble(), data["heads"].toInt(), data["causal"].toBool(), data["add_input"].toBool()};
  }
};

at::Tensor composite(const at::Tensor& x, const SublayerWeights& weights, int64_t heads, const OptionalTensor& offsets,
                     bool causal, bool add_input) {
  const at::Tensor qkv = linear(apply_norm(weights.norm, x), weights.first.weight, weights.first.bias);
  const at::Tensor y = linear(self_attention(qkv, heads, offsets, causal), weights.second.weight, weights.second.bias);
  return add_input ? x + y : y;
}

}  // namespace

at::Tensor pre_norm_attention(const at::Tensor& x, const NormInFront& norm, const LinearWeights& qkv,
                              const LinearWeights& out, int64_t heads, const OptionalTensor& offsets, bool causal,
                              bool add_input) {
  if (out.weight.dim() != 2)
    fail("pre_norm_attention: expected out [channels, channels], got ", out.weight.sym_sizes());
  const auto channels = out.weight.sym_size(0);
  if (x.dim() != (offsets ? 2 : 3) || qkv.weight.dim() != 2 || x.sym_size(-1) != channels || heads < 1 ||
      channels % heads != 0 || qkv.weight.sym_size(0) != 3 * channels || qkv.weight.sym_size(1) != channels ||
      out.weight.sym_size(1) != channels)
    fail("pre_norm_attention: expected x [", offsets ? "rows, " : "sequences, length, ", channels, "], qkv [",
         3 * channels, ", ", channels, "] and out [", channels, ", ", channels, "] with ", heads, " heads, got ",
         x.sym_sizes(), ", ", qkv.weight.sym_sizes(), " and ", out.weight.sym_sizes());
  const SublayerWeights weights{norm, qkv, out};
  weights.check_vectors("pre_norm_attention");
  if (!weights.fused_with(x)) return composite(x, weights, heads, offsets, causal, add_input);
  return run_fused(AttentionOp{norm.eps, heads, causal, add_input, offsets}, x, weights);
}

at::Tensor pre_norm_attention(const at::Tensor& x, const NormInFront& norm, const LinearWeights& qkv,
                              const LinearWeights& out, int64_t heads, const Rows& rows, bool causal, bool add_input) {
  if (x.dim() != 2 || x.size(0) != rows.count)
    fail("pre_norm_attention: expected x [", rows.count, ", channels], got ", x.sizes());
  if (rows.ragged()) return pre_norm_attention(x, norm, qkv, out, heads, rows.offsets, causal, add_input);
  return pre_norm_attention(x.reshape({rows.sequences, rows.length, x.size(1)}), norm, qkv, out, heads, std::nullopt,
                            causal, add_input)
      .flatten(0, 1);
}

TORCH_LIBRARY_FRAGMENT(strata, library) {
  raw_op(library,
         "_pre_norm_attention(Tensor x, Tensor?[] weights, Tensor? offsets, float eps, int heads, bool causal, "
         "bool add_input, bool keep) -> (Tensor, Tensor[])");
  raw_op(library,
         "_pre_norm_attention_backward(Tensor dy, Tensor x, Tensor?[] weights, Tensor[] kept, Tensor? offsets, "
         "float eps, int heads, bool causal, bool add_input, bool trained) -> (Tensor, Tensor[])");
}
TORCH_LIBRARY_IMPL(strata, CPU, library) {
  library.impl("_pre_norm_attention", raw_pre_norm_attention);
  library.impl("_pre_norm_attention_backward", raw_pre_norm_attention_backward);
}
TORCH_LIBRARY_IMPL(strata, Meta, library) {
  library.impl("_pre_norm_attention",
               [](const at::Tensor& x, const WeightList& weights, const OptionalTensor&, double, int64_t heads, bool,
                  bool, bool keep) -> ForwardResult { return shapes_of_pre_norm_attention(x, weights, heads, keep); });
  library.impl("_pre_norm_attention_backward", [](const at::Tensor&, const at::Tensor& x, const WeightList& weights,
                                                  at::TensorList, const OptionalTensor&, double, int64_t, bool, bool,
                                                  bool trained) { return gradients_like(x, weights, trained); });
}

}  // namespace strata::ops
