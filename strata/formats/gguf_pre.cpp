#include "strata/formats/gguf_pre.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "strata/base/suggest.h"
#include "strata/formats/json_fields.h"
#include "strata/text/word_split.h"

namespace strata {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

// Raw, as they stand in the tokenizer.json files of the models that are called so.
constexpr std::string_view kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kEachNumber = R"(\p{N})";

constexpr std::array kGpt2Words{kGpt2};
constexpr std::array kLlama3Words{std::string_view(
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)")};
constexpr std::array kQwen2Words{std::string_view(
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)")};
constexpr std::array kDigitsThenWords{kEachNumber, kGpt2};
constexpr std::array kTekkenWords{
    std::string_view(R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
                     R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)"
                     R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)")};
constexpr std::array kGpt4oWords{std::string_view(
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)")};
constexpr std::array kDeepseekCoderWords{std::string_view("[\r\n]"), std::string_view(R"(\s?\p{L}+)"),
                                         std::string_view(R"(\s?\p{P}+)"),
                                         std::string_view("[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"), kEachNumber};
constexpr std::array kSeedCoderWords{std::string_view(
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1}| ?[^\\s\\p{L}\\p{N}\r\n]+|\\s*[\r\n]+"
    "|\\s+(?!\\S)|\\s+")};
// What llama.cpp falls back to; no published model was trained with it.
constexpr std::array kDefaultWords{std::string_view(R"([\p{P}\$\+<=>\^~\|]+)"), kGpt2, std::string_view(R"(\p{N}+)"),
                                   std::string_view("[0-9][0-9][0-9]")};

// Of two that fit a tokenizer.json equally well, the first is written.
constexpr std::array kPres{
    GgufPre{.name = "gpt-2", .expressions = kGpt2Words},
    GgufPre{.name = "olmo", .expressions = kGpt2Words, .nfc = true},
    GgufPre{.name = "llama-bpe", .expressions = kLlama3Words, .ignore_merges = true, .adds_bos = true},
    GgufPre{.name = "smaug-bpe", .expressions = kLlama3Words},
    GgufPre{.name = "qwen2", .expressions = kQwen2Words, .nfc = true},
    GgufPre{.name = "smollm", .expressions = kDigitsThenWords},
    GgufPre{.name = "command-r", .expressions = kDigitsThenWords, .nfc = true},
    GgufPre{.name = "tekken", .expressions = kTekkenWords, .ignore_merges = true, .adds_bos = true},
    GgufPre{.name = "gpt-4o", .expressions = kGpt4oWords},
    GgufPre{.name = "deepseek-coder", .expressions = kDeepseekCoderWords},
    GgufPre{.name = "seed-coder", .expressions = kSeedCoderWords},
    GgufPre{.name = "default", .expressions = kDefaultWords},
};

// Other names under which files know the same.
constexpr std::array kOtherNames{
    std::pair{"llama3", "llama-bpe"},
    std::pair{"llama-v3", "llama-bpe"},
    std::pair{"falcon3", "llama-bpe"},
    std::pair{"falcon-h1", "llama-bpe"},
    std::pair{"pixtral", "llama-bpe"},
    std::pair{"midm-2.0", "llama-bpe"},
    std::pair{"lfm2", "llama-bpe"},
    std::pair{"jina-v5-nano", "llama-bpe"},
    std::pair{"dbrx", "smaug-bpe"},
    std::pair{"deepseek-r1-qwen", "qwen2"},
    std::pair{"megrez", "qwen2"},
    std::pair{"f2llmv2", "qwen2"},
    std::pair{"phi-2", "gpt-2"},
    std::pair{"gigachat", "gpt-2"},
    std::pair{"a.x-4.0", "gpt-2"},
    std::pair{"mellum", "gpt-2"},
    std::pair{"modern-bert", "gpt-2"},
    std::pair{"exaone4", "gpt-2"},
    std::pair{"jais", "gpt-2"},
    std::pair{"trillion", "gpt-2"},
    std::pair{"granite-docling", "gpt-2"},
    std::pair{"mpt", "olmo"},
    std::pair{"starcoder", "smollm"},
    std::pair{"refact", "smollm"},
    std::pair{"codeshell", "smollm"},
    std::pair{"exaone", "smollm"},
    std::pair{"minerva-7b", "smollm"},
    std::pair{"mellum2", "smollm"},
    std::pair{"llama4", "gpt-4o"},
    std::pair{"kanana2", "gpt-4o"},
    std::pair{"talkie", "gpt-4o"},
};

// The text at a key; "" where there is none.
std::string text_at(const json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

bool flag_at(const json& object, const char* key, bool fallback) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_boolean() ? found->get<bool>() : fallback;
}

// A pipeline's steps: itself, or those of Sequences in it.
void add_steps(const json& part, const char* list, std::vector<const json*>& steps) {
  if (text_at(part, "type") != "Sequence") {
    if (!part.is_null()) steps.push_back(&part);
    return;
  }
  if (const auto inner = part.find(list); inner != part.end() && inner->is_array())
    for (const json& step : *inner) add_steps(step, list, steps);
}

std::vector<const json*> steps_of(const json& tokenizer, const char* key, const char* list) {
  std::vector<const json*> steps;
  if (const auto part = tokenizer.find(key); part != tokenizer.end()) add_steps(*part, list, steps);
  return steps;
}

// Whether matches become pieces, as does what lies between them.
bool cuts_matches_out(const json& split, const std::string& expression) {
  const std::string behaviour = text_at(split, "behavior");
  if (expression.empty()) return false;
  if (!flag_at(split, "invert", false)) return behaviour == "Isolated";
  return behaviour == "Removed" && known_word_pattern(expression);  // nothing lies between the matches of these
}

// The expressions that a pre_tokenizer applies; empty with a `problem` where it does something else.
std::vector<std::string> expressions_of(const json& tokenizer, std::string& problem) {
  std::vector<std::string> expressions;
  bool bytes = false;  // the step that reads bytes has come, which is the last
  for (const json* step : steps_of(tokenizer, "pre_tokenizer", "pretokenizers")) {
    const std::string type = text_at(*step, "type");
    const json* pattern = step->is_object() && step->contains("pattern") ? &(*step)["pattern"] : nullptr;
    const std::string expression = pattern != nullptr ? text_at(*pattern, "Regex") : "";
    if (bytes) {
      problem = "its pre_tokenizer goes on behind ByteLevel";
    } else if (type == "ByteLevel") {
      bytes = true;
      if (flag_at(*step, "use_regex", true)) expressions.emplace_back(kGpt2);
      if (flag_at(*step, "add_prefix_space", true)) problem = "its pre_tokenizer puts a space in front of texts";
    } else if (type == "Digits") {
      expressions.emplace_back(flag_at(*step, "individual_digits", false) ? R"(\p{N})" : R"(\p{N}+)");
    } else if (type == "Split" && cuts_matches_out(*step, expression)) {
      expressions.push_back(expression);
    } else {
      problem = "its pre_tokenizer has a step " + (type.empty() ? shown(*step) : in_quotes(type)) + " of another kind";
    }
    if (!problem.empty()) return {};
  }
  if (!bytes) problem = "its pre_tokenizer has no ByteLevel step";
  return bytes ? expressions : std::vector<std::string>();
}

}  // namespace

const GgufPre* find_gguf_pre(std::string_view name) {
  for (const auto& [other, usual] : kOtherNames)
    if (name == other) name = usual;
  const auto found = std::find_if(kPres.begin(), kPres.end(), [&](const GgufPre& pre) { return pre.name == name; });
  return found == kPres.end() ? nullptr : &*found;
}

ordered_json pre_tokenizer_json(const GgufPre& pre) {
  const bool words_last = pre.expressions.back() == kGpt2;  // ByteLevel has them built in
  ordered_json steps = ordered_json::array();
  for (size_t i = 0; i + (words_last ? 1 : 0) < pre.expressions.size(); ++i)
    if (pre.expressions[i] == kEachNumber)
      steps.push_back({{"type", "Digits"}, {"individual_digits", true}});
    else
      steps.push_back({{"type", "Split"},
                       {"pattern", {{"Regex", pre.expressions[i]}}},
                       {"behavior", "Isolated"},
                       {"invert", false}});
  steps.push_back(
      {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", words_last}});
  if (steps.size() == 1) return steps[0];
  return {{"type", "Sequence"}, {"pretokenizers", std::move(steps)}};
}

GgufPreChoice choose_gguf_pre(const json& tokenizer) {
  GgufPreChoice choice;
  const std::vector<std::string> expressions = expressions_of(tokenizer, choice.problem);
  if (!choice.problem.empty()) return choice;
  const auto model = tokenizer.find("model");
  const bool ignore_merges = model != tokenizer.end() && flag_at(*model, "ignore_merges", false);
  const auto normalisers = steps_of(tokenizer, "normalizer", "normalizers");
  const bool nfc = normalisers.size() == 1 && text_at(*normalisers[0], "type") == "NFC";
  int best = -1;
  for (const GgufPre& pre : kPres) {
    const int fit = (pre.ignore_merges == ignore_merges ? 2 : 0) + (pre.nfc == nfc ? 1 : 0);
    if (fit <= best || !std::ranges::equal(pre.expressions, expressions)) continue;
    best = fit;
    choice.pre = &pre;
  }
  if (choice.pre == nullptr) {
    choice.problem = expressions.empty() ? "its pre_tokenizer does not cut text at all"
                                         : "its pre_tokenizer cuts by " + join_names(expressions, 4);
  } else if (choice.pre->ignore_merges != ignore_merges) {
    choice.problem = "its ignore_merges is " + std::string(ignore_merges ? "true" : "false") + ", and " +
                     in_quotes(choice.pre->name) + " stands for the other";
  } else if (!normalisers.empty() && !nfc) {
    choice.problem = "its normalizer is " + in_quotes(text_at(*normalisers[0], "type")) +
                     (normalisers.size() > 1 ? " and others" : "") + ", for which there is no entry";
  }
  return choice;
}

bool puts_space_first(const json& tokenizer) {
  for (const json* step : steps_of(tokenizer, "normalizer", "normalizers"))
    if (text_at(*step, "type") == "Prepend") return true;
  for (const json* step : steps_of(tokenizer, "pre_tokenizer", "pretokenizers"))
    if (text_at(*step, "type") == "Metaspace") {
      const std::string scheme = text_at(*step, "prepend_scheme");
      return scheme.empty() ? flag_at(*step, "add_prefix_space", true) : scheme != "never";
    }
  return false;
}

}  // namespace strata
