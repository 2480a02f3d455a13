#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/base/suggest.h"
#include "strata/formats/tokenizer_json.h"

namespace strata {
namespace {

using nlohmann::ordered_json;
using Decoding = DecoderStep::Kind;
using Normalising = NormaliserStep::Kind;
using Cutting = PreTokeniserStep::Kind;

ordered_json pattern_json(const Pattern& pattern) {
  return {{pattern.regex() ? "Regex" : "String", pattern.text()}};
}

const char* behaviour_name(SplitBehaviour behaviour) {
  switch (behaviour) {
    case SplitBehaviour::removed:
      return "Removed";
    case SplitBehaviour::merged_with_previous:
      return "MergedWithPrevious";
    case SplitBehaviour::merged_with_next:
      return "MergedWithNext";
    case SplitBehaviour::contiguous:
      return "Contiguous";
    default:
      return "Isolated";
  }
}

const char* prepend_name(PreTokeniserStep::Prepend prepend) {
  switch (prepend) {
    case PreTokeniserStep::Prepend::first:
      return "first";
    case PreTokeniserStep::Prepend::never:
      return "never";
    default:
      return "always";
  }
}

ordered_json to_json(const NormaliserStep& step) {
  switch (step.kind) {
    case Normalising::nfc:
      return {{"type", "NFC"}};
    case Normalising::nfd:
      return {{"type", "NFD"}};
    case Normalising::nfkc:
      return {{"type", "NFKC"}};
    case Normalising::nfkd:
      return {{"type", "NFKD"}};
    case Normalising::lowercase:
      return {{"type", "Lowercase"}};
    case Normalising::strip_accents:
      return {{"type", "StripAccents"}};
    case Normalising::byte_level:
      return {{"type", "ByteLevel"}};
    case Normalising::strip:
      return {{"type", "Strip"}, {"strip_left", step.left}, {"strip_right", step.right}};
    case Normalising::prepend:
      return {{"type", "Prepend"}, {"prepend", step.text}};
    case Normalising::replace:
      return {{"type", "Replace"}, {"pattern", pattern_json(step.pattern)}, {"content", step.text}};
  }
  return nullptr;
}

ordered_json to_json(const PreTokeniserStep& step) {
  switch (step.kind) {
    case Cutting::byte_level:
      return {{"type", "ByteLevel"},
              {"add_prefix_space", step.add_prefix_space},
              {"trim_offsets", true},
              {"use_regex", step.use_regex}};
    case Cutting::words:
      return {{"type", "Split"},
              {"pattern", {{"Regex", expression(step.words)}}},
              {"behavior", "Isolated"},
              {"invert", false}};
    case Cutting::split:
      return {{"type", "Split"},
              {"pattern", pattern_json(step.pattern)},
              {"behavior", behaviour_name(step.behaviour)},
              {"invert", step.invert}};
    case Cutting::digits:
      return {{"type", "Digits"}, {"individual_digits", step.individual}};
    case Cutting::metaspace:
      return {{"type", "Metaspace"},
              {"replacement", step.text},
              {"prepend_scheme", prepend_name(step.prepend)},
              {"split", step.use_regex}};
    case Cutting::whitespace:
      return {{"type", "Whitespace"}};
    case Cutting::whitespace_split:
      return {{"type", "WhitespaceSplit"}};
    case Cutting::punctuation:
      return {{"type", "Punctuation"}, {"behavior", behaviour_name(step.behaviour)}};
  }
  return nullptr;
}

ordered_json to_json(const DecoderStep& step) {
  switch (step.kind) {
    case Decoding::byte_level:
      return {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}};
    case Decoding::byte_fallback:
      return {{"type", "ByteFallback"}};
    case Decoding::fuse:
      return {{"type", "Fuse"}};
    case Decoding::strip:
      return {{"type", "Strip"}, {"content", step.text}, {"start", step.start}, {"stop", step.stop}};
    case Decoding::replace:
      return {{"type", "Replace"}, {"pattern", pattern_json(step.pattern)}, {"content", step.text}};
    case Decoding::metaspace:
      return {{"type", "Metaspace"},
              {"replacement", step.text},
              {"prepend_scheme", step.prefixed ? "always" : "never"},
              {"split", true}};
    case Decoding::bpe:
      return {{"type", "BPEDecoder"}, {"suffix", step.text}};
  }
  return nullptr;
}

// null, the one step, or a Sequence of them.
template <class Steps>
ordered_json sequence(const Steps& steps, const char* list_key) {
  if (steps.empty()) return nullptr;
  if (steps.size() == 1) return to_json(steps.front());
  ordered_json list = ordered_json::array();
  for (const auto& step : steps) list.push_back(to_json(step));
  return {{"type", "Sequence"}, {list_key, std::move(list)}};
}

ordered_json special_token(const std::string& name) {
  return {{"SpecialToken", {{"id", name}, {"type_id", 0}}}};
}

ordered_json text_of(const char* which, int type) {
  return {{"Sequence", {{"id", which}, {"type_id", type}}}};
}

ordered_json post_processor(const Tokenizer& tokenizer) {
  const TokenizerConfig& config = tokenizer.config();
  if (config.before.empty() && config.after.empty()) return nullptr;
  ordered_json single = ordered_json::array();
  ordered_json tokens = ordered_json::object();
  const auto add = [&](const std::vector<int32_t>& ids) {
    for (const int32_t id : ids) {
      const std::string name = tokenizer.token(id);
      single.push_back(special_token(name));
      tokens[name] = {{"id", name}, {"ids", {id}}, {"tokens", {name}}};
    }
  };
  add(config.before);
  single.push_back(text_of("A", 0));
  add(config.after);
  ordered_json pair = single;
  pair.push_back(text_of("B", 1));
  return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", tokens}};
}

ordered_json model(const BpeConfig& config) {
  const auto or_null = [](const std::string& text) { return text.empty() ? ordered_json() : ordered_json(text); };
  std::vector<std::pair<int32_t, const std::string*>> by_id;
  by_id.reserve(config.vocab.size());
  for (const auto& [token, id] : config.vocab) by_id.emplace_back(id, &token);
  std::sort(by_id.begin(), by_id.end());
  // An ordered_json looks through all keys at each one it is given; its list of pairs takes them as they come.
  ordered_json::object_t vocab;
  vocab.reserve(by_id.size());
  for (const auto& [id, token] : by_id) vocab.push_back({*token, id});
  ordered_json merges = ordered_json::array();
  for (const auto& [left, right] : config.merges) merges.push_back({left, right});
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", config.unk_token ? ordered_json(*config.unk_token) : ordered_json()},
          {"continuing_subword_prefix", or_null(config.continuing_subword_prefix)},
          {"end_of_word_suffix", or_null(config.end_of_word_suffix)},
          {"fuse_unk", config.fuse_unk},
          {"byte_fallback", config.byte_fallback},
          {"ignore_merges", config.ignore_merges},
          {"vocab", std::move(vocab)},
          {"merges", std::move(merges)}};
}

std::string printed(const ordered_json& json) {
  try {
    return json.dump(1) + "\n";
  } catch (const ordered_json::exception& error) {
    fail("tokenizer: expected tokens in UTF-8, found one that is not: ", error.what());
  }
}

}  // namespace

std::string tokenizer_to_json(const Tokenizer& tokenizer) {
  const TokenizerConfig& config = tokenizer.config();
  ordered_json added = ordered_json::array();
  std::vector<const AddedToken*> by_id;
  for (const AddedToken& token : config.added) by_id.push_back(&token);
  std::sort(by_id.begin(), by_id.end(), [](const AddedToken* a, const AddedToken* b) { return a->id < b->id; });
  for (const AddedToken* token : by_id)
    added.push_back({{"id", token->id},
                     {"content", token->content},
                     {"single_word", token->single_word},
                     {"lstrip", token->lstrip},
                     {"rstrip", token->rstrip},
                     {"normalized", token->normalized},
                     {"special", token->special}});
  return printed({{"version", "1.0"},
                  {"truncation", nullptr},
                  {"padding", nullptr},
                  {"added_tokens", std::move(added)},
                  {"normalizer", sequence(config.normaliser, "normalizers")},
                  {"pre_tokenizer", sequence(config.pre_tokeniser, "pretokenizers")},
                  {"post_processor", post_processor(tokenizer)},
                  {"decoder", sequence(config.decoder, "decoders")},
                  {"model", model(config.model)}});
}

std::string tokenizer_config_to_json(const Tokenizer& tokenizer) {
  const TokenizerConfig& config = tokenizer.config();
  ordered_json json = {{"clean_up_tokenization_spaces", false}};
  if (config.bos) json["bos_token"] = tokenizer.token(*config.bos);
  if (config.eos) json["eos_token"] = tokenizer.token(*config.eos);
  if (config.pad) json["pad_token"] = tokenizer.token(*config.pad);
  if (config.model_max_length) json["model_max_length"] = *config.model_max_length;
  json["tokenizer_class"] = "PreTrainedTokenizerFast";
  return printed(json);
}

void save_tokenizer(const Tokenizer& tokenizer, const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail(folder, ": expected a folder that can be made, found: ", error.message());
  write_file_atomic(folder + "/tokenizer.json", tokenizer_to_json(tokenizer));
  write_file_atomic(folder + "/tokenizer_config.json", tokenizer_config_to_json(tokenizer));
}

}  // namespace strata
