#include "strata/blocks/attention.h"

#include "strata/base/error.h"
#include "strata/ops/attention.h"

namespace strata {
namespace {

// Keys and values of rows seen so far, per sequence: [sequences, rows, width].
class KeyValueCache final : public CacheEntry {
 public:
  int64_t mark() const override { return keys_.defined() ? keys_.size(1) : 0; }
  void rewind(int64_t mark) override {
    if (mark < 0 || mark > this->mark()) fail("attention cache: cannot rewind to row ", mark, " of ", this->mark());
    if (keys_.defined()) keys_ = keys_.slice(1, 0, mark), values_ = values_.slice(1, 0, mark);
  }
  std::map<std::string, Tensor> save() const override {
    if (!keys_.defined()) return {};
    return {{"keys", keys_.clone()}, {"values", values_.clone()}};
  }
  void restore(const std::map<std::string, Tensor>& saved) override {
    keys_ = saved.count("keys") ? saved.at("keys").clone() : Tensor();
    values_ = saved.count("values") ? saved.at("values").clone() : Tensor();
  }

  // Appends new rows [sequences * rows, width] of each sequence; k and v become all rows seen, flattened the same way.
  RowsPtr extend(Tensor& k, Tensor& v, const Rows& rows) {
    if (rows.ragged()) fail("attention cache: expected sequences of equal length, got ragged ones");
    if (keys_.defined() && keys_.size(0) != rows.sequences)
      fail("attention cache: holds ", keys_.size(0), " sequences, got ", rows.sequences);
    const auto grow = [&rows](const Tensor& seen, const Tensor& fresh) {
      const auto shaped = fresh.reshape({rows.sequences, rows.length, fresh.size(1)});
      return seen.defined() ? at::cat({seen, shaped}, 1) : shaped;
    };
    keys_ = grow(keys_, k);
    values_ = grow(values_, v);
    k = keys_.reshape({-1, k.size(1)});
    v = values_.reshape({-1, v.size(1)});
    return equal_rows(rows.sequences, keys_.size(1));
  }

 private:
  Tensor keys_, values_;
};

}  // namespace

Attention::Attention(const AttentionConfig& config) : config_(config) {
  if (config.channels < 1 || config.heads < 1 || config.channels % config.heads != 0)
    fail("attention: expected channels to be a multiple of heads, got ", config.channels, " channels and ",
         config.heads, " heads");
  if (config.causal && !config.memory.empty())
    fail("attention: causal order has no meaning towards the memory '", config.memory, "'");
}

BlockSpec Attention::spec() const {
  const std::vector<TrackSpec> track{{"x", "", config_.channels}};
  return {.name = config_.memory.empty() ? "attention" : "cross_attention",
          .in = track,
          .out = track,
          .heads = config_.heads};
}

std::vector<ParamInfo> Attention::params() const {
  const int64_t width = config_.channels;
  const auto init = Init::truncated_normal(config_.init_std);
  std::vector<ParamInfo> result;
  const auto linear = [&](const char* name, int64_t out, int64_t in, bool bias) {
    result.push_back({std::string(name) + ".weight", {out, in}, init});
    if (bias) result.push_back({std::string(name) + ".bias", {out}, Init::zeros(), false});
  };
  if (config_.memory.empty()) {
    linear("qkv", 3 * width, width, config_.qkv_bias);
  } else {
    linear("q", width, width, config_.qkv_bias);
    linear("kv", 2 * width, config_.memory_channels > 0 ? config_.memory_channels : width, config_.qkv_bias);
  }
  linear("out", width, width, config_.out_bias);
  return result;
}

std::vector<Need> Attention::needs() const {
  if (config_.memory.empty()) return {};
  return {{.name = config_.memory,
           .kind = Need::Kind::stream,
           .shape = {-1, config_.memory_channels > 0 ? config_.memory_channels : config_.channels},
           .per_sequence = true}};
}

Tensor Attention::behind_norm(const ops::NormInFront& norm, const Weights& weights, const Stream& x, const Pass& pass,
                              bool add_input) const {
  if (!config_.memory.empty() || pass.cache || pass.keep.heads.defined() || pass.wants("scores") || pass.wants("heads"))
    return {};
  const auto qkv = weights.linear_weights("qkv"), out = weights.linear_weights("out");
  if (!qkv || !out || !ops::pre_norm_fused(x.x(), x.rows()->sequences, norm, *qkv, *out)) return {};
  return ops::pre_norm_attention(x.x(), norm, *qkv, *out, config_.heads, *x.rows(), config_.causal, add_input);
}

Stream Attention::forward(const Weights& weights, const Stream& x, Pass& pass) const {
  const int64_t width = config_.channels;
  int64_t heads = config_.heads;
  Tensor kept;  // columns of q, k and v that belong to the heads the route keeps
  if (pass.keep.heads.defined()) {
    const auto columns = at::arange(width / config_.heads, at::kLong);
    kept = (pass.keep.heads.unsqueeze(1) * columns.numel() + columns).flatten();
    heads = pass.keep.heads.numel();
  }
  const auto with_offset = [&kept](int64_t offset) { return kept + offset; };
  Tensor y;
  if (!config_.memory.empty()) {
    const Stream& memory = pass.given.stream(config_.memory);
    const Tensor q = weights.linear(x.x(), "q", kept, {});
    const Tensor kv = weights.linear(memory.x(), "kv", kept.defined() ? at::cat({kept, with_offset(width)}) : kept, {});
    const auto halves = kv.chunk(2, 1);
    y = ops::attention(q, halves[0], halves[1], heads, *x.rows(), *memory.rows(), false);
  } else {
    const Tensor qkv = weights.linear(
        x.x(), "qkv", kept.defined() ? at::cat({kept, with_offset(width), with_offset(2 * width)}) : kept, {});
    if (!pass.cache && !pass.wants("scores")) {
      y = ops::self_attention(qkv, heads, *x.rows(), config_.causal);
    } else {
      const auto parts = qkv.chunk(3, 1);
      Tensor k = parts[1], v = parts[2], scores;
      RowsPtr key_rows = x.rows();
      if (pass.cache) key_rows = static_cast<KeyValueCache&>(*pass.cache).extend(k, v, *x.rows());
      y = ops::attention(parts[0], k, v, heads, *x.rows(), *key_rows, config_.causal,
                         pass.wants("scores") ? &scores : nullptr);
      if (scores.defined()) pass.tap("scores", scores);
    }
  }
  pass.tap("heads", y);
  return x.delta(weights.linear(y, "out", {}, kept));
}

std::unique_ptr<CacheEntry> Attention::make_cache(const Weights&, int64_t) const {
  return config_.causal ? std::make_unique<KeyValueCache>() : nullptr;
}

}  // namespace strata
