#include "strata/formats/language_json.h"

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "strata/base/error.h"
#include "strata/formats/json_fields.h"
#include "strata/formats/unknown_keys.h"
#include "strata/kernels/activation.h"

namespace strata {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

// Nothing real is near these; they keep products of sizes in range.
constexpr int64_t kMostWidth = int64_t{1} << 20, kMostVocab = int64_t{1} << 24, kMostBlocks = 4096;
constexpr int64_t kMostContext = int64_t{1} << 30;
constexpr double kLeast = 1e-6;  // of numbers that something is divided by

constexpr std::array kFamilies{"llama", "mistral", "qwen2", "qwen3", "gpt2", "gpt_neox", "opt"};

// Keys that say nothing about what the model computes at inference, or that other files say: published configurations
// carry them, and the classes of transformers do not look at them.
bool harmless(const std::string& key) {
  // clang-format off
  static const Keys keys{
      // what made the file, and names
      "architectures", "model_type", "dtype", "torch_dtype", "id2label", "label2id", "num_labels", "num_steps", "afn",
      "custom_pipelines", "transformers.js_config", "is_llama_config", "unsloth_fixed", "unsloth_version", "finetuned",
      "adapters",  // AdapterHub's, in files of their own
      // training: starting values, dropout
      "initializer_range", "init_std", "attn_pdrop", "embd_pdrop", "resid_pdrop", "hidden_dropout",
      "activation_dropout", "layerdrop", "loss_type",
      // heads of other tasks
      "summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type", "summary_use_proj",
      // lengths that nothing is computed from: max_position_embeddings says it
      "n_ctx", "seq_len", "seq_length", "max_seq_len", "max_seq_length", "max_sequence_length", "model_max_length",
      // generation, and its tokens
      "max_new_tokens", "min_new_tokens", "do_sample", "early_stopping", "unk_token_id", "cls_token_id",
      "mask_token_id", "n_special", "predict_special_tokens", "num_logits_to_keep",
      // how the model is run in other programs
      "output_past", "xla_device", "tf_legacy_loss", "pretraining_tp", "reorder_and_upcast_attn", "pruned_heads",
      "is_decoder", "is_encoder_decoder", "keys_to_ignore_at_inference",
      // read where the architecture has them
      "layer_types", "max_window_layers", "head_dim", "num_key_value_heads", "tie_word_embeddings", "vocab_size"};
  // clang-format on
  return keys.contains(key) || harmless_keys().contains(key);
}

// Reads keys and remembers which, so that the rest can be looked at.
class Reader {
 public:
  Reader(const json& object, const std::string& file) : object_(object), fields_(object, file) {}

  int64_t size(const char* key, int64_t fallback, int64_t low = 1, int64_t high = kMostWidth) {
    return fields_.integer(note(key), fallback, low, high);
  }
  double number(const char* key, double fallback, double low = std::numeric_limits<double>::lowest()) {
    return fields_.number(note(key), fallback, low);
  }
  bool boolean(const char* key, bool fallback) { return fields_.boolean(note(key), fallback); }
  std::string text(const char* key, const std::string& fallback) { return fields_.text(note(key), fallback); }
  const json* find(const char* key) { return fields_.find(note(key)); }
  /// Whether the key is there, null included.
  bool says(const char* key) { return object_.contains(note(key)); }
  void expect(const char* key, bool expected) {
    if (boolean(key, expected) != expected) fields_.refuse(key, expected ? "true, the only form known" : "false");
  }
  const JsonFields& fields() const { return fields_; }

  /// Throws for a key that was not read and could change what the model computes.
  void refuse_rest() const {
    refuse_unknown_keys(object_, fields_.file(), [this](const std::string& key) {
      return seen_.contains(key) || harmless(key) || key.starts_with("_");
    });
  }

 private:
  const char* note(const char* key) {
    seen_.insert(key);
    return key;
  }

  const json& object_;
  JsonFields fields_;
  Keys seen_;
};

// ---- rotary positions ----------------------------------------------------------------------------------------------

// Families whose classes in transformers turn a part of each head; the others turn all of it, whatever the key says.
bool turns_in_part(const std::string& family) {
  return family == "gpt_neox";
}

double read_partial(Reader& reader, const std::string& family, const char* key, double fallback) {
  const double partial = reader.number(key, fallback);
  if (partial != 1 && !turns_in_part(family))
    reader.fields().refuse(key,
                           "1: transformers turns whole heads in this architecture, whatever its config.json says");
  return partial;
}

RopeConfig read_rope(Reader& reader, const LanguageConfig& config, const char* theta_key, const char* partial_key,
                     double partial) {
  RopeConfig rope;
  rope.context = config.context;
  // Theta and share at the top level hold where the table of parameters does not say them.
  rope.theta = reader.number(theta_key, rope.theta);
  rope.partial = read_partial(reader, config.family, partial_key, partial);
  const int64_t top_original = reader.size("original_max_position_embeddings", 0, 1, kMostContext);
  const json* table = reader.find("rope_parameters");
  // A non-null rope_scaling takes the place of rope_parameters.
  const char* key = "rope_parameters";
  if (const json* scaling = reader.find("rope_scaling")) table = scaling, key = "rope_scaling";
  if (!table) return rope;
  const std::string where = reader.fields().file() + ": " + key;
  if (!table->is_object()) reader.fields().refuse(key, "an object");
  Reader inner(*table, where);
  if (inner.says("full_attention") || inner.says("sliding_attention"))
    reader.fields().refuse(key, "one table for all layers");
  rope.type = inner.text("rope_type", inner.text("type", "default"));
  constexpr std::array types{"default", "linear", "dynamic", "llama3", "yarn", "longrope"};
  if (std::find(types.begin(), types.end(), rope.type) == types.end())
    inner.fields().refuse("rope_type", "default, linear, dynamic, llama3, yarn or longrope");
  rope.theta = inner.number("rope_theta", rope.theta);
  rope.partial = read_partial(inner, config.family, "partial_rotary_factor", rope.partial);
  if (rope.type != "default" && rope.type != "longrope" && !inner.find("factor"))
    inner.fields().refuse("factor", "a number");
  rope.factor = inner.number("factor", 1, kLeast);
  if (rope.type == "longrope" && !inner.find("factor")) rope.factor = 0;  // from the contexts
  const int64_t original = inner.size("original_max_position_embeddings", 0, 1, kMostContext);
  rope.original_context = top_original > 0 ? top_original : original;
  if (rope.type == "llama3")
    for (const char* needed : {"low_freq_factor", "high_freq_factor"})
      if (!inner.find(needed)) inner.fields().refuse(needed, "a number");
  rope.low_freq_factor = inner.number("low_freq_factor", rope.low_freq_factor, kLeast);
  rope.high_freq_factor = inner.number("high_freq_factor", rope.high_freq_factor, kLeast);
  if (rope.type == "llama3" && rope.low_freq_factor == rope.high_freq_factor)
    inner.fields().refuse("high_freq_factor", "another number than low_freq_factor");
  rope.beta_fast = inner.number("beta_fast", rope.beta_fast, kLeast);
  rope.beta_slow = inner.number("beta_slow", rope.beta_slow, kLeast);
  rope.mscale = inner.number("mscale", 0);
  rope.mscale_all_dim = inner.number("mscale_all_dim", 0);
  rope.truncate = inner.boolean("truncate", true);
  rope.attention_factor = inner.number("attention_factor", 0);
  inner.find("short_factor"), inner.find("long_factor");
  rope.short_factor = inner.fields().numbers("short_factor", {});
  rope.long_factor = inner.fields().numbers("long_factor", {});
  inner.refuse_rest();
  return rope;
}

ordered_json rope_to_json(const RopeConfig& rope) {
  ordered_json table{{"rope_type", rope.type}, {"rope_theta", rope.theta}};
  if (rope.partial != 1) table["partial_rotary_factor"] = rope.partial;
  const RopeConfig plain;
  const auto put = [&table](const char* key, const auto& value, const auto& usual) {
    if (value != usual) table[key] = value;
  };
  if (rope.type != "default" && rope.factor > 0) table["factor"] = rope.factor;
  put("original_max_position_embeddings", rope.original_context, plain.original_context);
  if (rope.type == "llama3") {
    table["low_freq_factor"] = rope.low_freq_factor;
    table["high_freq_factor"] = rope.high_freq_factor;
  }
  put("beta_fast", rope.beta_fast, plain.beta_fast);
  put("beta_slow", rope.beta_slow, plain.beta_slow);
  put("mscale", rope.mscale, plain.mscale);
  put("mscale_all_dim", rope.mscale_all_dim, plain.mscale_all_dim);
  put("truncate", rope.truncate, plain.truncate);
  put("attention_factor", rope.attention_factor, plain.attention_factor);
  put("short_factor", rope.short_factor, plain.short_factor);
  put("long_factor", rope.long_factor, plain.long_factor);
  return table;
}

void write_rope(ordered_json& out, const RopeConfig& rope) {
  ordered_json table = rope_to_json(rope);
  out["rope_theta"] = rope.theta;
  if (rope.type == "default") {
    out["rope_scaling"] = nullptr;
  } else {
    out["rope_scaling"] = table;  // it wins over rope_parameters in version 5, so it says the same
  }
  out["rope_parameters"] = std::move(table);
}

// ---- llama, mistral, qwen ------------------------------------------------------------------------------------------

bool qwen(const std::string& family) {
  return family == "qwen2" || family == "qwen3";
}

void read_window(Reader& reader, LanguageConfig& config) {
  if (config.family == "llama") return;
  if (config.family == "mistral") {
    config.window = reader.says("sliding_window") ? reader.size("sliding_window", 0, 1, kMostContext) : 4096;
    return;
  }
  const bool used = reader.boolean("use_sliding_window", false);
  // Here null means none, as in the classes of transformers, not their default.
  const bool none = reader.says("sliding_window") && !reader.find("sliding_window");
  const int64_t window = reader.size("sliding_window", 4096, 1, kMostContext);
  if (!used || none) return;
  config.window = window;
  const int64_t first = reader.size("max_window_layers", 28, 0, kMostBlocks);
  const auto types = reader.fields().texts("layer_types", {});
  if (!types.empty() && std::ssize(types) != config.depth)
    reader.fields().refuse("layer_types", "one for each of " + std::to_string(config.depth) + " layers");
  for (int64_t i = 0; i < config.depth; ++i) {
    if (!types.empty() && types[i] != "sliding_attention" && types[i] != "full_attention")
      reader.fields().refuse("layer_types", "full_attention or sliding_attention");
    config.sliding.push_back(types.empty() ? i >= first : types[i] == "sliding_attention");
  }
}

LanguageConfig read_llama(Reader& reader, const std::string& family) {
  LanguageConfig config;
  config.family = family;
  const bool mistral = family == "mistral";
  config.vocab = reader.size("vocab_size", qwen(family) ? 151936 : 32000, 1, kMostVocab);
  config.channels = reader.size("hidden_size", 4096);
  config.depth = reader.size("num_hidden_layers", 32, 0, kMostBlocks);
  config.heads = reader.size("num_attention_heads", 32);
  // Null means as many as heads, also where the classes have another default.
  const bool ungrouped = family == "llama" || reader.says("num_key_value_heads");
  config.kv_heads = reader.size("num_key_value_heads", ungrouped ? config.heads : mistral ? 8 : 32);
  const int64_t own = std::max<int64_t>(config.channels / config.heads, 1);
  config.head_dim = reader.size("head_dim", family == "qwen3" ? 128 : own);
  config.hidden = reader.size("intermediate_size", mistral ? 14336 : qwen(family) ? 22016 : 11008);
  config.context = reader.size("max_position_embeddings",
                               mistral        ? 131072
                               : qwen(family) ? 32768
                                              : 2048,
                               1, kMostContext);
  config.activation = reader.text("hidden_act", "silu");
  config.norm_eps = reader.number("rms_norm_eps", 1e-6);
  config.tied = reader.boolean("tie_word_embeddings", false);
  if (family == "qwen2") {
    config.qkv_bias = true;
  } else if (!mistral) {
    config.qkv_bias = config.out_bias = reader.boolean("attention_bias", false);
  }
  if (family == "llama") config.ffn_bias = reader.boolean("mlp_bias", false);
  config.qk_norm = family == "qwen3";
  read_window(reader, config);
  config.rope = read_rope(reader, config, "rope_theta", "partial_rotary_factor", 1);
  return config;
}

ordered_json llama_to_json(const LanguageConfig& config) {
  const std::string& family = config.family;
  const int64_t head_dim = config.head_dim > 0 ? config.head_dim : config.channels / config.heads;
  ordered_json out{{"hidden_size", config.channels},
                   {"intermediate_size", config.hidden},
                   {"num_hidden_layers", config.depth},
                   {"num_attention_heads", config.heads},
                   {"num_key_value_heads", config.kv_heads > 0 ? config.kv_heads : config.heads},
                   {"head_dim", head_dim},
                   {"hidden_act", config.activation},
                   {"max_position_embeddings", config.context},
                   {"rms_norm_eps", config.norm_eps}};
  if (family == "llama" || family == "qwen3") out["attention_bias"] = config.qkv_bias;
  if (family == "llama") out["mlp_bias"] = config.ffn_bias;
  if (family == "mistral") out["sliding_window"] = config.window > 0 ? ordered_json(config.window) : ordered_json();
  if (qwen(family)) {
    out["use_sliding_window"] = config.window > 0;
    out["sliding_window"] = config.window > 0 ? ordered_json(config.window) : ordered_json();
    std::vector<const char*> types(static_cast<size_t>(config.depth));
    int64_t first = config.depth;  // the older key can only say where sliding begins
    for (int64_t i = config.depth; i-- > 0;) {
      const bool slides = config.window > 0 && (config.sliding.empty() || config.sliding[i]);
      if (slides && first == i + 1) first = i;
      types[i] = slides ? "sliding_attention" : "full_attention";
    }
    out["max_window_layers"] = first;
    out["layer_types"] = types;
  }
  write_rope(out, config.rope);
  return out;
}

// ---- gpt2 ----------------------------------------------------------------------------------------------------------

LanguageConfig layer_norm_config(const char* family) {
  LanguageConfig config;
  config.family = family;
  config.norm = "layer";
  config.norm_eps = 1e-5;
  config.gated = false;
  config.qkv_bias = config.out_bias = config.ffn_bias = true;
  return config;
}

LanguageConfig read_gpt2(Reader& reader) {
  LanguageConfig config = layer_norm_config("gpt2");
  config.vocab = reader.size("vocab_size", 50257, 1, kMostVocab);
  config.channels = reader.size("n_embd", 768);
  config.depth = reader.size("n_layer", 12, 0, kMostBlocks);
  config.heads = reader.size("n_head", 12);
  config.context = reader.size("n_positions", 1024, 1, kMostContext);
  config.hidden = reader.size("n_inner", 4 * config.channels, 1, 4 * kMostWidth);
  config.activation = reader.text("activation_function", "gelu_new");
  config.norm_eps = reader.number("layer_norm_epsilon", 1e-5);
  config.scale_scores = reader.boolean("scale_attn_weights", true);
  config.scale_by_depth = reader.boolean("scale_attn_by_inverse_layer_idx", false);
  config.tied = reader.boolean("tie_word_embeddings", true);
  config.positions = "learned";
  reader.expect("add_cross_attention", false);
  return config;
}

ordered_json gpt2_to_json(const LanguageConfig& config) {
  return {{"n_embd", config.channels},
          {"n_layer", config.depth},
          {"n_head", config.heads},
          {"n_positions", config.context},
          {"n_ctx", config.context},
          {"n_inner", config.hidden == 4 * config.channels ? ordered_json() : ordered_json(config.hidden)},
          {"activation_function", config.activation == "gelu_tanh" ? "gelu_new" : config.activation},
          {"layer_norm_epsilon", config.norm_eps},
          {"scale_attn_weights", config.scale_scores},
          {"scale_attn_by_inverse_layer_idx", config.scale_by_depth},
          {"add_cross_attention", false}};
}

// ---- gpt_neox ------------------------------------------------------------------------------------------------------

void expect_same(Reader& reader, const char* key, double value) {
  if (reader.number(key, value) == value) return;
  std::ostringstream expected;
  expected << value << ", as this architecture's own key says, or its default";
  reader.fields().refuse(key, expected.str());
}

LanguageConfig read_neox(Reader& reader) {
  LanguageConfig config = layer_norm_config("gpt_neox");
  config.vocab = reader.size("vocab_size", 50432, 1, kMostVocab);
  config.channels = reader.size("hidden_size", 6144);
  config.depth = reader.size("num_hidden_layers", 44, 0, kMostBlocks);
  config.heads = reader.size("num_attention_heads", 64);
  config.hidden = reader.size("intermediate_size", 24576, 1, 4 * kMostWidth);
  config.context = reader.size("max_position_embeddings", 2048, 1, kMostContext);
  config.activation = reader.text("hidden_act", "gelu");
  config.norm_eps = reader.number("layer_norm_eps", 1e-5);
  config.parallel = reader.boolean("use_parallel_residual", true);
  config.qkv_bias = config.out_bias = reader.boolean("attention_bias", true);
  config.tied = reader.boolean("tie_word_embeddings", false);
  config.rope = read_rope(reader, config, "rotary_emb_base", "rotary_pct", 0.25);
  // Transformers 4.48 writes both a second time under the names of other families, and no version reads them there.
  expect_same(reader, "rope_theta", config.rope.theta);
  expect_same(reader, "partial_rotary_factor", config.rope.partial);
  return config;
}

ordered_json neox_to_json(const LanguageConfig& config) {
  ordered_json out{{"hidden_size", config.channels},
                   {"intermediate_size", config.hidden},
                   {"num_hidden_layers", config.depth},
                   {"num_attention_heads", config.heads},
                   {"max_position_embeddings", config.context},
                   {"hidden_act", config.activation},
                   {"layer_norm_eps", config.norm_eps},
                   {"use_parallel_residual", config.parallel},
                   {"attention_bias", config.qkv_bias},
                   {"rotary_pct", config.rope.partial},
                   {"rotary_emb_base", config.rope.theta}};
  write_rope(out, config.rope);
  out.erase("rope_theta");
  out["rope_parameters"]["partial_rotary_factor"] = config.rope.partial;
  return out;
}

// ---- opt -----------------------------------------------------------------------------------------------------------

LanguageConfig read_opt(Reader& reader) {
  LanguageConfig config = layer_norm_config("opt");
  config.vocab = reader.size("vocab_size", 50272, 1, kMostVocab);
  config.channels = reader.size("hidden_size", 768);
  config.depth = reader.size("num_hidden_layers", 12, 0, kMostBlocks);
  config.heads = reader.size("num_attention_heads", 12);
  config.hidden = reader.size("ffn_dim", 3072, 1, 4 * kMostWidth);
  config.context = reader.size("max_position_embeddings", 2048, 1, kMostContext);
  const int64_t width = reader.size("word_embed_proj_dim", config.channels);
  config.embedding_width = width == config.channels ? 0 : width;
  reader.expect("learned_embeddings", true);
  config.activation = reader.text("activation_function", "relu");
  config.post_norm = !reader.boolean("do_layer_norm_before", true);
  config.final_norm = !reader.boolean("_remove_final_layer_norm", false);
  config.qkv_bias = config.out_bias = config.ffn_bias = reader.boolean("enable_bias", true);
  config.norm = reader.boolean("layer_norm_elementwise_affine", true) ? "layer" : "plain_layer";
  config.tied = reader.boolean("tie_word_embeddings", true);
  config.positions = "learned";
  config.position_offset = 2;
  return config;
}

ordered_json opt_to_json(const LanguageConfig& config) {
  return {{"hidden_size", config.channels},
          {"ffn_dim", config.hidden},
          {"num_hidden_layers", config.depth},
          {"num_attention_heads", config.heads},
          {"max_position_embeddings", config.context},
          {"word_embed_proj_dim", config.embedding_width > 0 ? config.embedding_width : config.channels},
          {"activation_function", config.activation},
          {"do_layer_norm_before", !config.post_norm},
          {"_remove_final_layer_norm", !config.final_norm},
          {"enable_bias", config.qkv_bias},
          {"layer_norm_elementwise_affine", config.norm == "layer"}};
}

const char* class_of(const std::string& family) {
  if (family == "llama") return "LlamaForCausalLM";
  if (family == "mistral") return "MistralForCausalLM";
  if (family == "qwen2") return "Qwen2ForCausalLM";
  if (family == "qwen3") return "Qwen3ForCausalLM";
  if (family == "gpt2") return "GPT2LMHeadModel";
  if (family == "gpt_neox") return "GPTNeoXForCausalLM";
  return "OPTForCausalLM";
}

[[noreturn]] void refuse_unsayable(const LanguageConfig& config, const char* what) {
  fail("model: files of family ", config.family, " cannot say its ", what,
       "; choose another family or leave it at that family's");
}

// What the family's files cannot say has to be what the family has.
void check_sayable(const LanguageConfig& config, const LanguageConfig& read) {
  const auto same = [&](const char* what, bool equal) {
    if (!equal) refuse_unsayable(config, what);
  };
  same("activation", ops::activation_of(config.activation) == ops::activation_of(read.activation));
  same("gate", config.gated == read.gated);
  same("norm", config.norm == read.norm && config.norm_eps == read.norm_eps);
  same("biases",
       config.qkv_bias == read.qkv_bias && config.out_bias == read.out_bias && config.ffn_bias == read.ffn_bias);
  same("norms of queries and keys", config.qk_norm == read.qk_norm);
  same("positions", config.positions == read.positions && config.position_offset == read.position_offset);
  same("parallel or post-norm blocks",
       config.parallel == read.parallel && config.post_norm == read.post_norm && config.final_norm == read.final_norm);
  same("sliding window", config.window == read.window);
  same("width of the embedding", config.embedding_width == read.embedding_width);
  same("scale of scores", config.scale_scores == read.scale_scores && config.scale_by_depth == read.scale_by_depth);
  same("rotary share", config.positions != "rotary" || config.rope.partial == read.rope.partial);
  const auto kv = [](const LanguageConfig& c) { return c.kv_heads > 0 ? c.kv_heads : c.heads; };
  const auto dim = [](const LanguageConfig& c) { return c.head_dim > 0 ? c.head_dim : c.channels / c.heads; };
  same("heads", kv(config) == kv(read) && dim(config) == dim(read));
}

}  // namespace

bool is_language_family(std::string_view model_type) {
  return std::find(kFamilies.begin(), kFamilies.end(), model_type) != kFamilies.end();
}

LanguageConfig language_from_json(const json& json, const std::string& file) {
  Reader reader(json, file);
  const std::string family = reader.text("model_type", "");
  LanguageConfig config;
  if (family == "gpt2") {
    config = read_gpt2(reader);
  } else if (family == "gpt_neox") {
    config = read_neox(reader);
  } else if (family == "opt") {
    config = read_opt(reader);
  } else if (is_language_family(family)) {
    config = read_llama(reader, family);
  } else {
    reader.fields().refuse("model_type", "llama, mistral, qwen2, qwen3, gpt2, gpt_neox or opt");
  }
  config.init_std = reader.number(family == "opt" ? "init_std" : "initializer_range", 0.02);
  try {
    ops::activation_of(config.activation);
  } catch (const Error& problem) {
    fail(file, ": ", problem.what());
  }
  if (reader.find("quantization_config"))
    reader.fields().refuse("quantization_config", "weights that are not quantised");
  reader.refuse_rest();
  return config;
}

ordered_json language_to_json(const LanguageConfig& config, const ordered_json& base, const std::string& dtype) {
  if (config.positions == "rotary" && config.rope.partial != 1 && !turns_in_part(config.family))
    refuse_unsayable(config, "rotary share");
  ordered_json sizes;
  if (config.family == "gpt2") {
    sizes = gpt2_to_json(config);
  } else if (config.family == "gpt_neox") {
    sizes = neox_to_json(config);
  } else if (config.family == "opt") {
    sizes = opt_to_json(config);
  } else {
    sizes = llama_to_json(config);
  }
  ordered_json out{{"architectures", {class_of(config.family)}}, {"model_type", config.family}};
  for (const auto& [key, value] : base.items())
    if (harmless(key) && !out.contains(key) && key != "layer_types" && key != "max_window_layers") out[key] = value;
  out["dtype"] = dtype;
  out["torch_dtype"] = dtype;
  out["vocab_size"] = config.vocab;
  out["tie_word_embeddings"] = config.tied;
  out[config.family == "opt" ? "init_std" : "initializer_range"] = config.init_std;
  for (auto& [key, value] : sizes.items()) out[key] = value;
  check_sayable(config, language_from_json(json::parse(out.dump()), "model"));
  return out;
}

}  // namespace strata
