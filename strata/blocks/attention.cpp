#include "strata/blocks/attention.h"

#include <algorithm>
#include <cmath>

#include "strata/base/error.h"
#include "strata/ops/attention.h"
#include "strata/ops/norm.h"

namespace strata {
namespace {

// Rows that come one after the other. There is room for as many again, so that appending moves each a few times at most.
class GrowingRows {
 public:
  int64_t count() const { return count_; }
  Tensor all() const { return room_.slice(0, 0, count_); }
  void cut(int64_t count) { count_ = count; }
  void append(const Tensor& rows) {
    const int64_t needed = count_ + rows.size(0);
    if (!room_.defined() || needed > room_.size(0)) {
      const Tensor more = at::empty({std::max(needed, 2 * count_), rows.size(1)}, rows.options());
      if (count_ > 0) more.slice(0, 0, count_).copy_(all());
      room_ = more;
    }
    room_.slice(0, count_, needed).copy_(rows);
    count_ = needed;
  }

 private:
  Tensor room_;  // [rows there is room for, width]
  int64_t count_ = 0;
};

// Keys and values of the rows of each sequence seen so far.
class KeyValueCache final : public CacheEntry {
 public:
  /// Rows of the longest sequence; going back drops as many rows from each.
  int64_t mark() const override {
    int64_t longest = 0;
    for (const auto& keys : keys_) longest = std::max(longest, keys.count());
    return longest;
  }
  void rewind(int64_t mark) override {
    const int64_t dropped = this->mark() - mark;
    for (const auto& keys : keys_)
      if (mark < 0 || dropped < 0 || keys.count() < dropped)
        fail("attention cache: cannot rewind to row ", mark, " of ", this->mark(), "; the shortest sequence holds ",
             keys.count());
    for (auto* both : {&keys_, &values_})
      for (auto& rows : *both) rows.cut(rows.count() - dropped);
  }
  std::map<std::string, Tensor> save() const override {
    if (keys_.empty()) return {};
    return {{"keys", packed(keys_).clone()},
            {"values", packed(values_).clone()},
            {"lengths", at::tensor(lengths(), at::kLong)}};
  }
  void restore(const std::map<std::string, Tensor>& saved) override {
    keys_.clear();
    values_.clear();
    if (saved.empty()) return;
    const auto take = [&saved](const char* name) {
      const auto found = saved.find(name);
      if (found == saved.end()) fail("attention cache: what was saved holds no '", name, "'");
      return found->second;
    };
    const Tensor lengths = take("lengths");
    keys_.resize(lengths.numel());
    values_.resize(lengths.numel());
    append(take("keys"), take("values"),
           *ragged_rows({lengths.const_data_ptr<int64_t>(), lengths.const_data_ptr<int64_t>() + lengths.numel()}));
  }

  /// Appends the new rows of each sequence; k and v become all rows seen.
  RowsPtr extend(Tensor& k, Tensor& v, const Rows& rows) {
    if (!keys_.empty() && std::ssize(keys_) != rows.sequences)
      fail("attention cache: holds ", keys_.size(), " sequences, got ", rows.sequences);
    check_follow(rows);
    const bool fresh = mark() == 0;
    keys_.resize(rows.sequences);
    values_.resize(rows.sequences);
    append(k, v, rows);
    if (fresh) return std::make_shared<Rows>(rows);
    k = packed(keys_);
    v = packed(values_);
    return ragged_rows(lengths());
  }

 private:
  // Rows that go on where others ended must find those here: they may have run along another route.
  void check_follow(const Rows& rows) const {
    if (!rows.positions.defined()) {
      if (mark() > 0) fail("attention cache: holds rows already, so the new ones must say their positions");
      return;
    }
    const Tensor positions = rows.positions.cpu();
    for (int64_t s = 0; s < rows.sequences; ++s) {
      const int64_t held = keys_.empty() ? 0 : keys_[s].count();
      if (rows.begin(s) == rows.begin(s + 1)) continue;
      if (const auto place = positions[rows.begin(s)].item<int64_t>(); place != held)
        fail("attention cache: holds ", held, " rows of sequence ", s, ", but the new ones begin at place ", place,
             "; did the rows before run along this route?");
    }
  }
  void append(const Tensor& k, const Tensor& v, const Rows& rows) {
    for (int64_t s = 0; s < rows.sequences; ++s) {
      keys_[s].append(k.slice(0, rows.begin(s), rows.begin(s + 1)));
      values_[s].append(v.slice(0, rows.begin(s), rows.begin(s + 1)));
    }
  }
  std::vector<int64_t> lengths() const {
    std::vector<int64_t> counts;
    counts.reserve(keys_.size());
    for (const auto& keys : keys_) counts.push_back(keys.count());
    return counts;
  }
  // The rows of all sequences, one after the other.
  static Tensor packed(const std::vector<GrowingRows>& sequences) {
    if (sequences.size() == 1) return sequences.front().all();
    std::vector<Tensor> all;
    all.reserve(sequences.size());
    for (const auto& rows : sequences) all.push_back(rows.all());
    return at::cat(all);
  }

  std::vector<GrowingRows> keys_, values_;  // of each sequence
};

// Channels that belong to heads: [n] int64 -> [n * head_dim] int64.
Tensor columns_of(const Tensor& heads, int64_t head_dim) {
  return (heads.unsqueeze(1) * head_dim + at::arange(head_dim, at::kLong)).flatten();
}

int64_t longest(const Rows& rows) {
  if (!rows.ragged()) return rows.length;
  return rows.sequences == 0 ? 0 : rows.offsets.diff().max().item<int64_t>();
}

}  // namespace

Attention::Attention(const AttentionConfig& config) : config_(config) {
  if (config_.kv_heads == 0) config_.kv_heads = config.heads;
  if (config.channels < 1 || config.heads < 1 || (config.head_dim == 0 && config.channels % config.heads != 0))
    fail("attention: expected channels to be a multiple of heads, got ", config.channels, " channels and ",
         config.heads, " heads");
  if (config_.head_dim == 0) config_.head_dim = config.channels / config.heads;
  if (config_.kv_heads < 1 || config_.heads % config_.kv_heads != 0 || config_.head_dim < 1)
    fail("attention: expected heads to be a multiple of kv_heads, got ", config_.heads, " heads, ", config_.kv_heads,
         " of keys and values, of ", config_.head_dim, " channels");
  if (config.window < 0 || (config.window > 0 && !config.causal))
    fail("attention: a window of ", config.window, " keys needs causal order");
  if (!config.memory.empty() && (config.causal || config.rotary || config.qk_norm || config_.kv_heads != config_.heads))
    fail(
        "attention: causal order, rotary positions, norms of queries and grouped keys have no meaning towards the "
        "memory '",
        config.memory, "'");
  if (config.rotary) ops::rope_frequencies(config.rope, config_.head_dim, 1);  // throws when they do not fit
}

BlockSpec Attention::spec() const {
  const std::vector<TrackSpec> track{{"x", "", config_.channels}};
  return {.name = config_.memory.empty() ? "attention" : "cross_attention",
          .in = track,
          .out = track,
          .heads = config_.heads};
}

std::vector<ParamInfo> Attention::params() const {
  const int64_t channels = config_.channels, width = config_.heads * config_.head_dim,
                kv_width = config_.kv_heads * config_.head_dim;
  const auto init = Init::truncated_normal(config_.init_std);
  std::vector<ParamInfo> result;
  const auto linear = [&](const char* name, int64_t out, int64_t in, bool bias) {
    result.push_back({std::string(name) + ".weight", {out, in}, init});
    if (bias) result.push_back({std::string(name) + ".bias", {out}, Init::zeros(), false});
  };
  if (config_.memory.empty()) {
    linear("qkv", width + 2 * kv_width, channels, config_.qkv_bias);
  } else {
    linear("q", width, channels, config_.qkv_bias);
    linear("kv", 2 * kv_width, config_.memory_channels > 0 ? config_.memory_channels : channels, config_.qkv_bias);
  }
  if (config_.qk_norm) {
    result.push_back({"q_norm.weight", {config_.head_dim}, Init::ones(), false});
    result.push_back({"k_norm.weight", {config_.head_dim}, Init::ones(), false});
  }
  linear("out", channels, width, config_.out_bias);
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
  if (!config_.memory.empty() || !plain() || pass.cache || pass.keep.heads.defined() || pass.wants("scores") ||
      pass.wants("heads"))
    return {};
  const auto qkv = weights.linear_weights("qkv"), out = weights.linear_weights("out");
  if (!qkv || !out || !ops::pre_norm_fused(x.x(), x.rows()->sequences, norm, *qkv, *out)) return {};
  return ops::pre_norm_attention(x.x(), norm, *qkv, *out, config_.heads, *x.rows(), config_.causal, add_input);
}

bool Attention::plain() const {
  return config_.kv_heads == config_.heads && config_.window == 0 && config_.scale == 0 && !config_.rotary &&
         !config_.qk_norm;
}

Attention::Projections Attention::project(const Weights& weights, const Stream& x, const Tensor& kept_heads) const {
  const int64_t head_dim = config_.head_dim, width = config_.heads * head_dim, kv_width = config_.kv_heads * head_dim;
  Tensor chosen;  // rows of the weight
  if (kept_heads.defined()) {
    const Tensor q = columns_of(kept_heads, head_dim);
    chosen = config_.kv_heads == config_.heads ? at::cat({q, q + width, q + 2 * width})
                                               : at::cat({q, at::arange(width, width + 2 * kv_width, at::kLong)});
  }
  const Tensor qkv = weights.linear(x.x(), "qkv", chosen, {});
  const int64_t q_width = kept_heads.defined() ? kept_heads.numel() * head_dim : width;
  const int64_t each = (qkv.size(1) - q_width) / 2;
  auto parts = qkv.split_with_sizes({q_width, each, each}, 1);
  Tensor q = parts[0], k = parts[1];
  const auto norm = [&](const Tensor& heads, const char* gain) {
    return ops::rms_norm(heads.reshape({-1, head_dim}), weights[gain], config_.norm_eps).view(heads.sizes());
  };
  if (config_.qk_norm) q = norm(q, "q_norm.weight"), k = norm(k, "k_norm.weight");
  if (config_.rotary) {
    const auto [cosine, sine] = ops::rope_angles(config_.rope, head_dim, *x.rows(), positions_of(*x.rows()));
    q = ops::rotate(q, q_width / head_dim, cosine, sine);
    k = ops::rotate(k, each / head_dim, cosine, sine);
  }
  if (config_.scale > 0) q = q * (config_.scale * std::sqrt(static_cast<double>(head_dim)));
  return {q, k, parts[2]};
}

Tensor Attention::spread(const Tensor& x, const Tensor& kept_heads) const {
  if (config_.kv_heads == config_.heads) return x;  // project() kept the same heads of all three
  const int64_t group = config_.heads / config_.kv_heads;
  const Tensor heads = x.unflatten(1, {config_.kv_heads, config_.head_dim});  // rows (h d) -> rows h d
  if (kept_heads.defined()) return heads.index_select(1, kept_heads.floor_divide(group)).flatten(1);
  return heads.unsqueeze(2).expand({-1, -1, group, -1}).reshape({x.size(0), -1});
}

Stream Attention::forward(const Weights& weights, const Stream& x, Pass& pass) const {
  const Tensor& kept_heads = pass.keep.heads;
  const int64_t width = config_.heads * config_.head_dim;
  const int64_t heads = kept_heads.defined() ? kept_heads.numel() : config_.heads;
  const Tensor kept = kept_heads.defined() ? columns_of(kept_heads, config_.head_dim) : Tensor();
  const bool kernel = !pass.cache && !pass.wants("scores");
  Tensor y;
  if (!config_.memory.empty()) {
    const Stream& memory = pass.given.stream(config_.memory);
    const Tensor q = weights.linear(x.x(), "q", kept, {});
    const Tensor kv = weights.linear(memory.x(), "kv", kept.defined() ? at::cat({kept, kept + width}) : kept, {});
    const auto halves = kv.chunk(2, 1);
    y = ops::attention(q, halves[0], halves[1], heads, *x.rows(), *memory.rows(), false);
  } else if (kernel && plain()) {
    const Tensor chosen = kept.defined() ? at::cat({kept, kept + width, kept + 2 * width}) : kept;
    y = ops::self_attention(weights.linear(x.x(), "qkv", chosen, {}), heads, *x.rows(), config_.causal);
  } else {
    auto [q, k, v] = project(weights, x, kept_heads);
    RowsPtr key_rows = x.rows();
    if (pass.cache) key_rows = static_cast<KeyValueCache&>(*pass.cache).extend(k, v, *x.rows());
    k = spread(k, kept_heads), v = spread(v, kept_heads);
    const bool windowed = config_.window > 0 && config_.window < longest(*key_rows);
    if (kernel && !windowed) {
      y = ops::self_attention(at::cat({q, k, v}, 1), heads, *x.rows(), config_.causal);
    } else {
      Tensor scores;
      y = ops::attention(q, k, v, heads, *x.rows(), *key_rows, config_.causal, pass.wants("scores") ? &scores : nullptr,
                         config_.window);
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
