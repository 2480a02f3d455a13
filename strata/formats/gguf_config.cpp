#include "strata/formats/gguf_config.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "strata/base/error.h"
#include "strata/base/suggest.h"
#include "strata/formats/gguf_vocab.h"
#include "strata/formats/json_fields.h"

namespace strata {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr const char* kKeptConfig = "strata.config";
constexpr int64_t kMost = int64_t{1} << 30;
constexpr int64_t kMostLayers = 4096;
constexpr int64_t kMostHeadDim = int64_t{1} << 20;  // a number for every two of them is written where positions scale
constexpr size_t kMostKeptConfig = 256 << 10;

bool gpt2(const GgufModel& model) {
  return model.model_type == "gpt2";
}
bool neox(const GgufModel& model) {
  return model.model_type == "gpt_neox";
}
bool qwen(const std::string& model_type) {
  return model_type == "qwen2" || model_type == "qwen3";
}

// ---- rotary positions ------------------------------------------------------------------------------------------------

// Theta, share and scaling of either style of config.json: rope_scaling wins over rope_parameters, what stands inside
// wins over the top level.
struct Rope {
  double theta = 10000, partial = 1;
  std::string type = "default";
  double factor = 1;
  int64_t original_context = 0;
  double low_freq_factor = 0, high_freq_factor = 0;
  double attention_factor = 0, beta_fast = 32, beta_slow = 1;
};

Rope read_rope(const json& config, const std::string& file, const GgufModel& model) {
  const JsonFields top(config, file);
  Rope rope;
  constexpr double most_theta = 1e30;
  rope.theta = top.number("rope_theta", top.number("rotary_emb_base", rope.theta, 1e-6, most_theta), 1e-6, most_theta);
  rope.partial = top.number("partial_rotary_factor", neox(model) ? top.number("rotary_pct", 0.25, 0, 1) : 1, 0, 1);
  rope.original_context = top.integer("original_max_position_embeddings", 0, 1, kMost);
  const char* key = top.find("rope_scaling") ? "rope_scaling" : "rope_parameters";
  const json* table = top.find(key);
  if (table == nullptr) return rope;
  const JsonFields in(*table, file + ": " + key);
  rope.theta = in.number("rope_theta", rope.theta, 1e-6, most_theta);
  rope.partial = in.number("partial_rotary_factor", rope.partial, 0, 1);
  rope.type = in.text("rope_type", in.text("type", "default"));
  const bool known = rope.type == "default" || rope.type == "linear" || rope.type == "llama3" || rope.type == "yarn";
  if (!known) in.refuse("rope_type", "default, linear, llama3 or yarn, which a GGUF file can say");
  if (rope.type == "default") return rope;
  if (!in.find("factor")) in.refuse("factor", "a number");
  rope.factor = in.number("factor", 1, 1e-6, 1e6);
  if (rope.original_context == 0) rope.original_context = in.integer("original_max_position_embeddings", 0, 1, kMost);
  if (rope.original_context == 0) rope.original_context = top.integer("max_position_embeddings", 2048, 1, kMost);
  if (rope.type == "llama3") {
    for (const char* needed : {"low_freq_factor", "high_freq_factor"})
      if (!in.find(needed)) in.refuse(needed, "a number");
    rope.low_freq_factor = in.number("low_freq_factor", 1, 1e-6, 1e6);
    rope.high_freq_factor = in.number("high_freq_factor", 4, 1e-6, 1e6);
    if (rope.low_freq_factor == rope.high_freq_factor)
      in.refuse("high_freq_factor", "another number than low_freq_factor");
  }
  if (rope.type == "yarn") {
    for (const char* unsayable : {"mscale", "mscale_all_dim"})
      if (in.number(unsayable, 0) != 0) in.refuse(unsayable, "nothing: a GGUF file cannot say it");
    if (!in.boolean("truncate", true)) in.refuse("truncate", "true: a GGUF file cannot say otherwise");
    rope.attention_factor = in.number("attention_factor", 0, 0, 1e6);
    rope.beta_fast = in.number("beta_fast", rope.beta_fast, 1e-6, 1e6);
    rope.beta_slow = in.number("beta_slow", rope.beta_slow, 1e-6, 1e6);
  }
  return rope;
}

// Llama 3's scaling as divisors of theta^(-2 i / d), in float32 as it is computed there.
std::vector<float> llama3_divisors(const Rope& rope, int64_t rotary_dim) {
  std::vector<float> divisors;
  const auto context = static_cast<double>(rope.original_context);
  for (int64_t i = 0; 2 * i < rotary_dim; ++i) {
    const double frequency = std::pow(rope.theta, -2.0 * static_cast<double>(i) / static_cast<double>(rotary_dim));
    const double wavelength = 2 * std::numbers::pi / frequency;
    double divisor = 1;
    if (wavelength > context / rope.low_freq_factor) {
      divisor = rope.factor;
    } else if (wavelength >= context / rope.high_freq_factor) {
      const double s = (context / wavelength - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
      divisor = 1 / ((1 - s) / rope.factor + s);
    }
    divisors.push_back(static_cast<float>(divisor));
  }
  return divisors;
}

double usual_attention_factor(double factor) {
  return factor <= 1 ? 1 : 0.1 * std::log(factor) + 1;
}

// ---- writing ---------------------------------------------------------------------------------------------------------

class Entries {
 public:
  Entries(GgufMetadata& metadata, std::string architecture)
      : metadata_(metadata), prefix_(std::move(architecture) + ".") {}
  void number(const char* key, double value) { metadata_.emplace_back(prefix_ + key, static_cast<float>(value)); }
  void size(const char* key, int64_t value) { metadata_.emplace_back(prefix_ + key, static_cast<uint32_t>(value)); }
  void flag(const char* key, bool value) { metadata_.emplace_back(prefix_ + key, value); }
  void text(const char* key, const std::string& value) { metadata_.emplace_back(prefix_ + key, value); }

 private:
  GgufMetadata& metadata_;
  std::string prefix_;
};

void put_rope(Entries& entries, GgufConfig& result, const Rope& rope, int64_t rotary_dim) {
  entries.size("rope.dimension_count", rotary_dim);
  entries.number("rope.freq_base", rope.theta);
  if (rope.type == "llama3") result.rope_divisors = llama3_divisors(rope, rotary_dim);
  if (rope.type != "linear" && rope.type != "yarn") return;
  entries.text("rope.scaling.type", rope.type);
  entries.number("rope.scaling.factor", rope.factor);
  if (rope.type == "linear") return;
  entries.size("rope.scaling.original_context_length", rope.original_context);
  // There the factor multiplies the usual one, here it stands in its place.
  if (rope.attention_factor > 0)
    entries.number("rope.scaling.attn_factor", rope.attention_factor / usual_attention_factor(rope.factor));
  entries.number("rope.scaling.yarn_beta_fast", rope.beta_fast);
  entries.number("rope.scaling.yarn_beta_slow", rope.beta_slow);
}

void check_activation(const JsonFields& in, const char* key, const char* usual,
                      std::initializer_list<std::string_view> allowed) {
  const std::string found = in.text(key, usual);
  if (std::find(allowed.begin(), allowed.end(), found) == allowed.end())
    in.refuse(key, std::string(usual) + ": a GGUF file of this architecture cannot say otherwise");
}

void put_gpt2(Entries& entries, const JsonFields& in, const GgufModel& model) {
  const int64_t channels = in.integer("n_embd", 768, 1, kMost / 4);
  check_activation(in, "activation_function", "gelu_new", {"gelu_new", "gelu_fast", "gelu_pytorch_tanh"});
  if (!in.boolean("scale_attn_weights", true)) in.refuse("scale_attn_weights", "true");
  if (in.boolean("scale_attn_by_inverse_layer_idx", false)) in.refuse("scale_attn_by_inverse_layer_idx", "false");
  entries.size("context_length", in.integer("n_positions", 1024, 1, kMost));
  entries.size("embedding_length", channels);
  entries.size("feed_forward_length", in.integer("n_inner", 4 * channels, 1, kMost));
  entries.size("block_count", model.layers);
  entries.size("attention.head_count", model.heads);
  entries.number("attention.layer_norm_epsilon", in.number("layer_norm_epsilon", 1e-5));
  entries.size("vocab_size", in.integer("vocab_size", 50257, 1, kMost));
}

void put_neox(Entries& entries, const JsonFields& in, GgufConfig& result, const json& config, const std::string& file) {
  const GgufModel& model = result.model;
  const int64_t channels = in.integer("hidden_size", 6144, 1, kMost);
  check_activation(in, "hidden_act", "gelu", {"gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh"});
  entries.size("context_length", in.integer("max_position_embeddings", 2048, 1, kMost));
  entries.size("embedding_length", channels);
  entries.size("block_count", model.layers);
  entries.size("feed_forward_length", in.integer("intermediate_size", 24576, 1, kMost));
  const Rope rope = read_rope(config, file, model);
  const int64_t head_dim = channels / model.heads;
  if (head_dim < 1 || head_dim > kMostHeadDim)
    in.refuse("hidden_size",
              "1 to " + std::to_string(kMostHeadDim) + " for each of " + std::to_string(model.heads) + " heads");
  put_rope(entries, result, rope, static_cast<int64_t>(static_cast<double>(head_dim) * rope.partial));
  entries.size("attention.head_count", model.heads);
  entries.flag("use_parallel_residual", in.boolean("use_parallel_residual", true));
  entries.number("attention.layer_norm_epsilon", in.number("layer_norm_eps", 1e-5));
  entries.size("vocab_size", in.integer("vocab_size", 50432, 1, kMost));
}

void put_llama(Entries& entries, const JsonFields& in, GgufConfig& result, const json& config,
               const std::string& file) {
  const GgufModel& model = result.model;
  const std::string& type = model.model_type;
  const bool mistral = type == "mistral";
  const int64_t channels = in.integer("hidden_size", 4096, 1, kMost);
  const int64_t own = std::clamp<int64_t>(channels / model.heads, 1, kMostHeadDim);
  const int64_t head_dim = in.integer("head_dim", type == "qwen3" ? 128 : own, 1, kMostHeadDim);
  check_activation(in, "hidden_act", "silu", {"silu", "swish"});
  if (qwen(type) && in.boolean("use_sliding_window", false))
    in.refuse("use_sliding_window", "false: a GGUF file of this architecture cannot say otherwise");
  entries.size("context_length", in.integer("max_position_embeddings",
                                            mistral      ? 131072
                                            : qwen(type) ? 32768
                                                         : 2048,
                                            1, kMost));
  entries.size("embedding_length", channels);
  entries.size("block_count", model.layers);
  entries.size("feed_forward_length", in.integer("intermediate_size",
                                                 mistral      ? 14336
                                                 : qwen(type) ? 22016
                                                              : 11008,
                                                 1, kMost));
  entries.size("attention.head_count", model.heads);
  entries.size("attention.head_count_kv", model.kv_heads);
  entries.size("attention.key_length", head_dim);
  entries.size("attention.value_length", head_dim);
  if (mistral && (!config.contains("sliding_window") || !config["sliding_window"].is_null()))
    entries.size("attention.sliding_window", in.integer("sliding_window", 4096, 1, kMost));
  const Rope rope = read_rope(config, file, model);
  if (rope.partial != 1) in.refuse("partial_rotary_factor", "1: a GGUF file of this architecture cannot say otherwise");
  put_rope(entries, result, rope, head_dim);
  entries.number("attention.layer_norm_rms_epsilon", in.number("rms_norm_eps", 1e-6));
  entries.size("vocab_size", in.integer("vocab_size", qwen(type) ? 151936 : 32000, 1, kMost));
}

// ---- reading ---------------------------------------------------------------------------------------------------------

class Keys {
 public:
  explicit Keys(const Gguf& file) : file_(file), prefix_(file.text("general.architecture").value_or("") + ".") {}

  int64_t size(const char* key, std::optional<int64_t> fallback = std::nullopt) const {
    const auto found = file_.integer(prefix_ + key);
    if (!found && !fallback) missing(key);
    const int64_t value = found ? *found : *fallback;
    if (value < 0 || value > kMost)
      fail(file_.path(), ": '", prefix_, key, "': expected a size from 0 to 2^30, found ", value);
    return value;
  }
  double number(const char* key, std::optional<double> fallback = std::nullopt) const {
    const auto found = file_.number(prefix_ + key);
    if (!found && !fallback) missing(key);
    const double value = found ? shortest(*found) : *fallback;
    if (!std::isfinite(value)) fail(file_.path(), ": '", prefix_, key, "': expected a finite number, found ", value);
    return value;
  }
  bool flag(const char* key, bool fallback) const { return file_.boolean(prefix_ + key).value_or(fallback); }
  std::string text(const char* key, const std::string& fallback) const {
    return file_.text(prefix_ + key).value_or(fallback);
  }
  bool has(const char* key) const { return file_.find(prefix_ + key) != nullptr; }
  [[noreturn]] void missing(const char* key) const {
    fail(file_.path(), ": expected the metadata '", prefix_, key, "', found none");
  }
  const std::string& path() const { return file_.path(); }

 private:
  // 1e-5 rather than 9.99999974737875e-06: the shortest decimal that is the float32 stored.
  static double shortest(double stored) {
    for (int digits = 1; digits <= 9; ++digits) {
      char text[32];
      (void)std::snprintf(text, sizeof text, "%.*g", digits, stored);
      const double value = std::strtod(text, nullptr);
      if (static_cast<float>(value) == static_cast<float>(stored)) return value;
    }
    return stored;
  }

  const Gguf& file_;
  std::string prefix_;
};

// Divisors of frequencies as a scaling transformers knows: Llama 3's where they are those of its published models, else
// longrope with the same list for all lengths, which divides just so.
ordered_json scaling_of_divisors(const GgufTensor& tensor, const Keys& keys, double theta, int64_t rotary_dim) {
  if (tensor.count() != (rotary_dim + 1) / 2)
    fail(keys.path(), ": rope_freqs.weight: expected ", (rotary_dim + 1) / 2, " numbers, found ", tensor.count());
  std::vector<float> divisors(tensor.count());
  dequantise(tensor.type, tensor.bytes.data(), divisors.data(), tensor.count());
  for (const float divisor : divisors)
    if (!(divisor > 0) || !std::isfinite(divisor))
      fail(keys.path(), ": rope_freqs.weight: expected positive numbers, found ", divisor);
  Rope rope;
  rope.theta = theta;
  for (const double factor : {8.0, 32.0}) {  // Llama 3.1 and 3.3; 3.2
    rope.type = "llama3";
    rope.factor = factor;
    rope.low_freq_factor = 1;
    rope.high_freq_factor = 4;
    rope.original_context = 8192;
    const auto published = llama3_divisors(rope, rotary_dim);
    const bool same = std::equal(divisors.begin(), divisors.end(), published.begin(), published.end(),
                                 [](float a, float b) { return std::abs(a - b) <= 1e-5F * b; });
    if (same)
      return {{"rope_type", "llama3"},
              {"factor", factor},
              {"low_freq_factor", 1.0},
              {"high_freq_factor", 4.0},
              {"original_max_position_embeddings", 8192}};
  }
  return {{"rope_type", "longrope"}, {"factor", 1.0},
          {"attention_factor", 1.0}, {"short_factor", divisors},
          {"long_factor", divisors}, {"original_max_position_embeddings", keys.size("context_length")}};
}

void take_rope(ordered_json& out, const Keys& keys, const GgufFiles& files, int64_t rotary_dim, double partial) {
  const double theta = keys.number("rope.freq_base", 10000);
  ordered_json table{{"rope_type", "default"}};
  const std::string type = keys.text("rope.scaling.type", "none");
  if (const GgufTensor* divisors = files.find("rope_freqs.weight")) {
    table = scaling_of_divisors(*divisors, keys, theta, rotary_dim);
  } else if (type == "linear") {
    table = {{"rope_type", "linear"}, {"factor", keys.number("rope.scaling.factor")}};
  } else if (type == "yarn") {
    const double factor = keys.number("rope.scaling.factor");
    table = {{"rope_type", "yarn"},
             {"factor", factor},
             {"original_max_position_embeddings",
              keys.size("rope.scaling.original_context_length", keys.size("context_length"))},
             {"beta_fast", keys.number("rope.scaling.yarn_beta_fast", 32)},
             {"beta_slow", keys.number("rope.scaling.yarn_beta_slow", 1)}};
    if (keys.has("rope.scaling.attn_factor"))
      table["attention_factor"] = keys.number("rope.scaling.attn_factor") * usual_attention_factor(factor);
  } else if (type != "none") {
    fail(keys.path(), ": rope.scaling.type: expected none, linear or yarn, found ", in_quotes(type));
  }
  out["rope_theta"] = theta;
  const bool scaled = table["rope_type"] != "default";
  if (partial != 1) table["partial_rotary_factor"] = partial;
  table["rope_theta"] = theta;
  out["rope_scaling"] = scaled ? table : ordered_json();  // it wins over rope_parameters, so it says the same
  out["rope_parameters"] = std::move(table);
}

int64_t vocabulary(const Keys& keys, const GgufFiles& files) {
  const GgufTensor* table = files.find("token_embd.weight");
  if (table == nullptr || table->shape.size() != 2)
    fail(keys.path(), ": expected a tensor token_embd.weight [vocab, channels], found none");
  return table->shape[0];
}

ordered_json llama_config(const Keys& keys, const GgufFiles& files, const std::string& type) {
  const int64_t channels = keys.size("embedding_length"), heads = keys.size("attention.head_count");
  if (heads < 1) keys.missing("attention.head_count");
  const int64_t head_dim = keys.size("attention.key_length", channels / heads);
  if (keys.size("attention.value_length", head_dim) != head_dim)
    fail(keys.path(), ": attention.value_length: expected ", head_dim, ", as key_length says, found another");
  if (keys.size("rope.dimension_count", head_dim) != head_dim)
    fail(keys.path(), ": rope.dimension_count: expected ", head_dim, ", the size of a head, found another");
  ordered_json out{{"hidden_size", channels},
                   {"intermediate_size", keys.size("feed_forward_length")},
                   {"num_hidden_layers", keys.size("block_count")},
                   {"num_attention_heads", heads},
                   {"num_key_value_heads", keys.size("attention.head_count_kv", heads)},
                   {"head_dim", head_dim},
                   {"hidden_act", "silu"},
                   {"max_position_embeddings", keys.size("context_length")},
                   {"rms_norm_eps", keys.number("attention.layer_norm_rms_epsilon")}};
  if (type == "llama" || type == "qwen3") out["attention_bias"] = files.find("blk.0.attn_q.bias") != nullptr;
  if (type == "llama") out["mlp_bias"] = files.find("blk.0.ffn_up.bias") != nullptr;
  if (type == "mistral")
    out["sliding_window"] =
        keys.has("attention.sliding_window") ? ordered_json(keys.size("attention.sliding_window")) : ordered_json();
  if (qwen(type)) {
    out["use_sliding_window"] = false;
    out["sliding_window"] = nullptr;
    out["max_window_layers"] = keys.size("block_count");
  }
  take_rope(out, keys, files, head_dim, 1);
  return out;
}

ordered_json gpt2_config(const Keys& keys) {
  const int64_t channels = keys.size("embedding_length"), hidden = keys.size("feed_forward_length", 4 * channels);
  return {{"n_embd", channels},
          {"n_layer", keys.size("block_count")},
          {"n_head", keys.size("attention.head_count")},
          {"n_positions", keys.size("context_length")},
          {"n_ctx", keys.size("context_length")},
          {"n_inner", hidden == 4 * channels ? ordered_json() : ordered_json(hidden)},
          {"activation_function", "gelu_new"},
          {"layer_norm_epsilon", keys.number("attention.layer_norm_epsilon")}};
}

ordered_json neox_config(const Keys& keys, const GgufFiles& files) {
  const int64_t channels = keys.size("embedding_length"), heads = keys.size("attention.head_count");
  if (heads < 1 || channels < heads) keys.missing("attention.head_count");
  const int64_t head_dim = channels / heads, rotary = keys.size("rope.dimension_count", head_dim);
  const double partial = static_cast<double>(rotary) / static_cast<double>(head_dim);
  ordered_json out{{"hidden_size", channels},
                   {"intermediate_size", keys.size("feed_forward_length")},
                   {"num_hidden_layers", keys.size("block_count")},
                   {"num_attention_heads", heads},
                   {"max_position_embeddings", keys.size("context_length")},
                   {"hidden_act", "gelu"},
                   {"layer_norm_eps", keys.number("attention.layer_norm_epsilon")},
                   {"use_parallel_residual", keys.flag("use_parallel_residual", true)},
                   {"attention_bias", files.find("blk.0.attn_qkv.bias") != nullptr}};
  take_rope(out, keys, files, rotary, partial);
  out["rotary_pct"] = partial;
  out["rotary_emb_base"] = out["rope_theta"];
  out.erase("rope_theta");
  return out;
}

const char* class_of(const std::string& type) {
  if (type == "llama") return "LlamaForCausalLM";
  if (type == "mistral") return "MistralForCausalLM";
  if (type == "qwen2") return "Qwen2ForCausalLM";
  if (type == "qwen3") return "Qwen3ForCausalLM";
  if (type == "gpt2") return "GPT2LMHeadModel";
  return "GPTNeoXForCausalLM";
}

// The config.json that the file carries, if what GGUF says of it is what the file says.
std::optional<ordered_json> kept_config(const Gguf& file) {
  const auto text = file.text(kKeptConfig);
  if (!text) return std::nullopt;
  const std::string name = file.path() + ": " + kKeptConfig;
  if (text->size() > kMostKeptConfig)
    fail(name, ": expected at most ", kMostKeptConfig, " bytes, found ", text->size());
  const json config = parse_json(*text, name);
  for (const auto& [key, value] : config_to_gguf(config, name).metadata) {
    const GgufValue* found = file.find(key);
    if (key != kKeptConfig && (found == nullptr || *found != value)) return std::nullopt;
  }
  return parse_ordered_json(*text, name);
}

}  // namespace

GgufModel gguf_model_of(const json& config, const std::string& file) {
  const JsonFields in(config, file);
  GgufModel model;
  model.model_type = in.text("model_type", "");
  (void)gguf_architecture(model.model_type);
  const bool old_names = gpt2(model);
  const bool llama_kin = !old_names && !neox(model);
  model.layers = in.integer(old_names ? "n_layer" : "num_hidden_layers",
                            old_names     ? 12
                            : neox(model) ? 44
                                          : 32,
                            0, kMostLayers);
  model.heads = in.integer(old_names ? "n_head" : "num_attention_heads",
                           old_names     ? 12
                           : neox(model) ? 64
                                         : 32,
                           1, kMost);
  // Null means as many as heads, also where the classes of transformers have another default.
  const bool ungrouped = model.model_type == "llama" || config.contains("num_key_value_heads");
  const int64_t kv = ungrouped ? model.heads : model.model_type == "mistral" ? 8 : 32;
  model.kv_heads = llama_kin ? in.integer("num_key_value_heads", kv, 1, kMost) : model.heads;
  model.tied = in.boolean("tie_word_embeddings", old_names);
  return model;
}

GgufConfig config_to_gguf(const json& config, const std::string& file) {
  GgufConfig result;
  result.model = gguf_model_of(config, file);
  const std::string architecture = gguf_architecture(result.model.model_type);
  result.metadata = {{"general.architecture", architecture}, {"general.type", std::string("model")}};
  Entries entries(result.metadata, architecture);
  const JsonFields in(config, file);
  if (gpt2(result.model))
    put_gpt2(entries, in, result.model);
  else if (neox(result.model))
    put_neox(entries, in, result, config, file);
  else
    put_llama(entries, in, result, config, file);
  result.metadata.emplace_back(kKeptConfig, config.dump());
  return result;
}

ordered_json config_from_gguf(const GgufFiles& files) {
  const Gguf& file = files.first();
  if (auto kept = kept_config(file)) return *kept;
  const std::string architecture = file.text("general.architecture").value_or("");
  const Keys keys(file);
  std::string type = architecture == "gptneox" ? "gpt_neox" : architecture;
  if (type == "llama" && keys.has("attention.sliding_window")) type = "mistral";
  if (type != "llama" && type != "mistral" && type != "qwen2" && type != "qwen3" && type != "gpt2" &&
      type != "gpt_neox")
    fail(file.path(), ": general.architecture: expected llama, qwen2, qwen3, gpt2 or gptneox, found ",
         in_quotes(architecture));
  ordered_json out{{"architectures", {class_of(type)}}, {"model_type", type}};
  out.update(type == "gpt2"       ? gpt2_config(keys)
             : type == "gpt_neox" ? neox_config(keys, files)
                                  : llama_config(keys, files, type));
  out["vocab_size"] = vocabulary(keys, files);
  out["tie_word_embeddings"] = files.find("output.weight") == nullptr;
  for (const auto& [ours, role] :
       {std::pair{"bos_token_id", "bos"}, std::pair{"eos_token_id", "eos"}, std::pair{"pad_token_id", "padding"}})
    if (const auto id = gguf_token_role(file, role)) out[ours] = *id;
  return out;
}

}  // namespace strata
