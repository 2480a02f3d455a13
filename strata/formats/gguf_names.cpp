#include "strata/formats/gguf_names.h"

#include <algorithm>
#include <array>
#include <span>

#include "strata/base/error.h"
#include "strata/base/suggest.h"

namespace strata {
namespace {

struct Rule {
  std::string_view file, gguf;  // between the layer's number and ".weight" or ".bias"
  GgufForm form = GgufForm::as_is;
  bool kv = false;       // counts key-value heads
  bool required = true;  // its weight is
};

struct Family {
  std::string_view architecture;
  std::string_view prefix, layers;      // "model.", "layers."
  std::string_view tokens, norm, head;  // behind the prefix; the head's whole name
  std::string_view positions;
  std::span<const Rule> rules;
};

constexpr std::array kLlamaRules{
    Rule{"input_layernorm", "attn_norm"},
    Rule{"self_attn.q_proj", "attn_q", GgufForm::interleaved},
    Rule{"self_attn.k_proj", "attn_k", GgufForm::interleaved, true},
    Rule{"self_attn.v_proj", "attn_v"},
    Rule{"self_attn.o_proj", "attn_output"},
    Rule{"post_attention_layernorm", "ffn_norm"},
    Rule{"mlp.gate_proj", "ffn_gate"},
    Rule{"mlp.up_proj", "ffn_up"},
    Rule{"mlp.down_proj", "ffn_down"},
};
constexpr std::array kQwenRules{
    Rule{"input_layernorm", "attn_norm"},
    Rule{"self_attn.q_proj", "attn_q"},
    Rule{"self_attn.k_proj", "attn_k"},
    Rule{"self_attn.v_proj", "attn_v"},
    Rule{"self_attn.q_norm", "attn_q_norm", GgufForm::as_is, false, false},
    Rule{"self_attn.k_norm", "attn_k_norm", GgufForm::as_is, false, false},
    Rule{"self_attn.o_proj", "attn_output"},
    Rule{"post_attention_layernorm", "ffn_norm"},
    Rule{"mlp.gate_proj", "ffn_gate"},
    Rule{"mlp.up_proj", "ffn_up"},
    Rule{"mlp.down_proj", "ffn_down"},
};
constexpr std::array kGpt2Rules{
    Rule{"ln_1", "attn_norm"},
    Rule{"attn.c_attn", "attn_qkv", GgufForm::transposed},
    Rule{"attn.c_proj", "attn_output", GgufForm::transposed},
    Rule{"ln_2", "ffn_norm"},
    Rule{"mlp.c_fc", "ffn_up", GgufForm::transposed},
    Rule{"mlp.c_proj", "ffn_down", GgufForm::transposed},
};
constexpr std::array kNeoxRules{
    Rule{"input_layernorm", "attn_norm"},   Rule{"attention.query_key_value", "attn_qkv", GgufForm::per_kind},
    Rule{"attention.dense", "attn_output"}, Rule{"post_attention_layernorm", "ffn_norm"},
    Rule{"mlp.dense_h_to_4h", "ffn_up"},    Rule{"mlp.dense_4h_to_h", "ffn_down"},
};

constexpr std::array kFamilies{
    std::pair{std::string_view("llama"),
              Family{"llama", "model.", "layers.", "embed_tokens", "norm", "lm_head", "", kLlamaRules}},
    std::pair{std::string_view("mistral"),
              Family{"llama", "model.", "layers.", "embed_tokens", "norm", "lm_head", "", kLlamaRules}},
    std::pair{std::string_view("qwen2"),
              Family{"qwen2", "model.", "layers.", "embed_tokens", "norm", "lm_head", "", kQwenRules}},
    std::pair{std::string_view("qwen3"),
              Family{"qwen3", "model.", "layers.", "embed_tokens", "norm", "lm_head", "", kQwenRules}},
    std::pair{std::string_view("gpt2"),
              Family{"gpt2", "transformer.", "h.", "wte", "ln_f", "lm_head", "wpe", kGpt2Rules}},
    std::pair{std::string_view("gpt_neox"),
              Family{"gptneox", "gpt_neox.", "layers.", "embed_in", "final_layer_norm", "embed_out", "", kNeoxRules}},
};

const Family& family_of(std::string_view model_type) {
  for (const auto& [name, family] : kFamilies)
    if (name == model_type) return family;
  fail("GGUF: expected a model of type llama, mistral, qwen2, qwen3, gpt2 or gpt_neox, found ", in_quotes(model_type),
       ", which the format has no place for");
}

// Row `to` of the new order comes from row from(to) of the old one.
template <class From>
std::vector<float> rows_moved(const std::vector<float>& values, int64_t rows, int64_t columns, From&& from) {
  std::vector<float> moved(values.size());
  for (int64_t to = 0; to < rows; ++to)
    std::copy_n(values.begin() + from(to) * columns, columns, moved.begin() + to * columns);
  return moved;
}

std::vector<float> transposed(const std::vector<float>& values, int64_t rows, int64_t columns) {
  std::vector<float> result(values.size());
  constexpr int64_t tile = 32;  // both sides stay in the cache
  for (int64_t r0 = 0; r0 < rows; r0 += tile)
    for (int64_t c0 = 0; c0 < columns; c0 += tile)
      for (int64_t r = r0; r < std::min(rows, r0 + tile); ++r)
        for (int64_t c = c0; c < std::min(columns, c0 + tile); ++c) result[c * rows + r] = values[r * columns + c];
  return result;
}

// Rows of one head (interleaved), or of one of q, k, v in one head (per_kind).
int64_t head_rows(const GgufTwin& twin, size_t numbers, int64_t rows, int64_t columns) {
  if (static_cast<int64_t>(numbers) != rows * columns)
    fail("tensor ", in_quotes(twin.file), ": expected ", rows * columns, " numbers, got ", numbers);
  if (twin.form == GgufForm::as_is || twin.form == GgufForm::transposed) return 0;
  const int64_t groups = twin.heads * (twin.form == GgufForm::per_kind ? 3 : 2);
  if (twin.heads < 1 || rows % groups != 0)
    fail("tensor ", in_quotes(twin.file), ": expected rows in ", twin.heads, " equal heads, found ", rows, " rows");
  return rows / groups * (twin.form == GgufForm::per_kind ? 1 : 2);
}

}  // namespace

std::string gguf_architecture(std::string_view model_type) {
  return std::string(family_of(model_type).architecture);
}

std::vector<GgufTwin> gguf_twins(const GgufModel& model) {
  const Family& family = family_of(model.model_type);
  std::vector<GgufTwin> twins;
  const auto both = [&](const std::string& file, const std::string& gguf, GgufForm form, int64_t heads, bool required) {
    twins.push_back({file + ".weight", gguf + ".weight", form, heads, required});
    // A bias is one number per row: it moves with the rows, and has nothing to transpose.
    twins.push_back(
        {file + ".bias", gguf + ".bias", form == GgufForm::transposed ? GgufForm::as_is : form, heads, false});
  };
  const std::string prefix(family.prefix);
  twins.push_back({prefix + std::string(family.tokens) + ".weight", "token_embd.weight"});
  if (!family.positions.empty())
    twins.push_back({prefix + std::string(family.positions) + ".weight", "position_embd.weight"});
  for (int64_t i = 0; i < model.layers; ++i) {
    const std::string number = std::to_string(i) + ".";
    for (const Rule& rule : family.rules)
      both(prefix + std::string(family.layers) + number + std::string(rule.file),
           "blk." + number + std::string(rule.gguf), rule.form, rule.kv ? model.kv_heads : model.heads, rule.required);
  }
  both(prefix + std::string(family.norm), "output_norm", GgufForm::as_is, 0, true);
  twins.push_back({std::string(family.head) + ".weight", "output.weight", GgufForm::as_is, 0, !model.tied});
  return twins;
}

std::optional<std::string> canonical_name(std::string_view model_type, std::string_view name) {
  const Family& family = family_of(model_type);
  for (const std::string_view end :
       {".rotary_emb.inv_freq", ".attention.bias", ".attention.masked_bias", ".attn.bias", ".attn.masked_bias"})
    if (name.ends_with(end)) return std::nullopt;
  if (name == "lm_head.weight") return std::string(family.head) + ".weight";
  if (name.starts_with(family.prefix) || name == std::string(family.head) + ".weight") return std::string(name);
  return std::string(family.prefix) + std::string(name);
}

std::vector<float> to_gguf_form(const GgufTwin& twin, std::vector<float> values, int64_t rows, int64_t columns) {
  const int64_t d = head_rows(twin, values.size(), rows, columns);
  switch (twin.form) {
    case GgufForm::as_is:
      return values;
    case GgufForm::transposed:
      return transposed(values, rows, columns);
    case GgufForm::interleaved:
      return rows_moved(values, rows, columns, [d](int64_t to) {
        const int64_t i = to % d;
        return to - i + i / 2 + (i % 2) * (d / 2);
      });
    case GgufForm::per_kind:
      return rows_moved(values, rows, columns, [d, heads = twin.heads](int64_t to) {  // (kind h d) <- (h kind d)
        const int64_t kind = to / (heads * d), head = to / d % heads;
        return (head * 3 + kind) * d + to % d;
      });
  }
  fail("conversion: no such form ", static_cast<int>(twin.form));
}

std::vector<float> from_gguf_form(const GgufTwin& twin, std::vector<float> values, int64_t rows, int64_t columns) {
  const int64_t d = head_rows(twin, values.size(), rows, columns);
  switch (twin.form) {
    case GgufForm::as_is:
      return values;
    case GgufForm::transposed:
      return transposed(values, rows, columns);
    case GgufForm::interleaved:
      return rows_moved(values, rows, columns, [d](int64_t to) {
        const int64_t i = to % d;
        return to - i + 2 * (i % (d / 2)) + i / (d / 2);
      });
    case GgufForm::per_kind:
      return rows_moved(values, rows, columns, [d, heads = twin.heads](int64_t to) {  // (h kind d) <- (kind h d)
        const int64_t head = to / (3 * d), kind = to / d % 3;
        return (kind * heads + head) * d + to % d;
      });
  }
  fail("conversion: no such form ", static_cast<int>(twin.form));
}

}  // namespace strata
