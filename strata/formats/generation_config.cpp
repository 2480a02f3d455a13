#include "strata/formats/generation_config.h"

#include <algorithm>
#include <filesystem>
#include <limits>

#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/formats/json_fields.h"

namespace strata {
namespace {

using nlohmann::json;

constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
constexpr int64_t kUnsaidLength = 20;
constexpr uint64_t kLargestFile = 16 << 20;
constexpr const char* kFile = "generation_config.json";
constexpr const char* kModelConfig = "config.json";

bool is_id(const json& value) {
  return value.is_number_integer() && (!value.is_number_unsigned() || value.get<uint64_t>() <= kMost) &&
         value.get<int64_t>() >= 0;
}

// One id or a list of them; -1, with which old files switch a feature off, is no id.
std::vector<int32_t> ids(const JsonFields& fields, const char* key) {
  const json* value = fields.find(key);
  if (!value) return {};
  std::vector<int32_t> result;
  const auto add = [&](const json& id) {
    if (id.is_number_integer() && id == -1) return;
    if (!is_id(id)) fields.refuse(key, "a token id or a list of them");
    result.push_back(id.get<int32_t>());
  };
  if (value->is_array())
    for (const json& id : *value) add(id);
  else
    add(*value);
  return result;
}

std::optional<int32_t> one_id(const JsonFields& fields, const char* key) {
  const auto found = ids(fields, key);
  if (found.empty()) return std::nullopt;
  if (found.size() > 1) fields.refuse(key, "one token id");
  return found[0];
}

std::vector<std::vector<int32_t>> words(const JsonFields& fields, const char* key) {
  const json* value = fields.find(key);
  if (!value) return {};
  if (!value->is_array()) fields.refuse(key, "a list of lists of token ids");
  std::vector<std::vector<int32_t>> result;
  for (const json& word : *value) {
    if (!word.is_array() || word.empty() || !std::all_of(word.begin(), word.end(), is_id))
      fields.refuse(key, "a list of lists of token ids");
    result.push_back(word.get<std::vector<int32_t>>());
  }
  return result;
}

// Whether a key says something else than "off".
bool asks(const json& value, const json& off) {
  return !value.is_null() && value != off && value != json(false) && !(value.is_array() && value.empty());
}

double above_zero(const JsonFields& fields, const char* key, double fallback, double high) {
  const double value = fields.number(key, fallback, 0, high);
  if (value == 0) fields.refuse(key, "a number above 0");
  return value;
}

}  // namespace

GenerationConfig generation_config_from_json(const json& json, const std::string& file) {
  const JsonFields fields(json, file);
  GenerationConfig result;
  Sampling& sampling = result.sampling;
  sampling.sample = fields.boolean("do_sample", sampling.sample);
  sampling.temperature = fields.number("temperature", sampling.temperature, 0, 1e6);
  sampling.top_k = fields.integer("top_k", sampling.top_k, 0, kMost);
  sampling.top_p = above_zero(fields, "top_p", sampling.top_p, 1);
  sampling.min_p = fields.number("min_p", sampling.min_p, 0, 1);
  sampling.typical_p = above_zero(fields, "typical_p", sampling.typical_p, 1);
  sampling.repetition_penalty = above_zero(fields, "repetition_penalty", sampling.repetition_penalty, 1e6);
  sampling.no_repeat_ngram = fields.integer("no_repeat_ngram_size", sampling.no_repeat_ngram, 0, kMost);
  sampling.bad_words = words(fields, "bad_words_ids");
  sampling.min_length = fields.integer("min_length", sampling.min_length, 0, kMost);
  sampling.min_new_tokens = fields.integer("min_new_tokens", sampling.min_new_tokens, 0, kMost);
  sampling.suppress = ids(fields, "suppress_tokens");
  sampling.suppress_first = ids(fields, "begin_suppress_tokens");
  sampling.forced_first = one_id(fields, "forced_bos_token_id");
  sampling.forced_last = ids(fields, "forced_eos_token_id");
  if (const nlohmann::json* stop = fields.find("stop_strings"))
    result.stop =
        stop->is_string() ? std::vector<std::string>{stop->get<std::string>()} : fields.texts("stop_strings", {});
  if (fields.find("max_new_tokens")) result.max_new_tokens = fields.integer("max_new_tokens", 0, 0, kMost);
  if (const int64_t length = fields.integer("max_length", kUnsaidLength, 0, kMost); length != kUnsaidLength)
    result.max_length = length;
  result.bos = one_id(fields, "bos_token_id");
  result.pad = one_id(fields, "pad_token_id");
  result.ends = ids(fields, "eos_token_id");
  const std::vector<std::pair<const char*, nlohmann::json>> others = {
      {"num_beams", 1},
      {"num_beam_groups", 1},
      {"diversity_penalty", 0.0},
      {"penalty_alpha", 0.0},
      {"epsilon_cutoff", 0.0},
      {"eta_cutoff", 0.0},
      {"top_h", nullptr},
      {"encoder_repetition_penalty", 1.0},
      {"encoder_no_repeat_ngram_size", 0},
      {"exponential_decay_length_penalty", nullptr},
      {"sequence_bias", nullptr},
      {"guidance_scale", 1},
      {"watermarking_config", nullptr},
      {"dola_layers", nullptr},
      {"constraints", nullptr},
      {"force_words_ids", nullptr},
  };
  for (const auto& [key, off] : others)
    if (const nlohmann::json* value = fields.find(key); value && asks(*value, off))
      result.not_followed.emplace_back(key);
  return result;
}

GenerationConfig generation_config_of(const std::map<std::string, std::string>& files, const std::string& folder) {
  if (const auto found = files.find(kFile); found != files.end()) {
    const std::string place = folder + "/" + kFile;
    return generation_config_from_json(parse_json(found->second, place), place);
  }
  GenerationConfig result;
  const auto found = files.find(kModelConfig);
  if (found == files.end()) return result;
  const std::string place = folder + "/" + kModelConfig;
  const json config = parse_json(found->second, place);
  const JsonFields fields(config, place);
  result.bos = one_id(fields, "bos_token_id");
  result.pad = one_id(fields, "pad_token_id");
  result.ends = ids(fields, "eos_token_id");
  return result;
}

GenerationConfig open_generation_config(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const char* name : {kFile, kModelConfig})
    if (const std::string place = folder + "/" + name; std::filesystem::exists(place))
      files[name] = read_text(place, kLargestFile);
  return generation_config_of(files, folder);
}

}  // namespace strata
