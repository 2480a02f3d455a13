#include "strata/formats/tokenizer_json.h"

#include <algorithm>
#include <filesystem>
#include <initializer_list>
#include <map>
#include <nlohmann/json.hpp>

#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/base/suggest.h"
#include "strata/formats/json_fields.h"
#include "strata/text/utf8.h"

namespace fs = std::filesystem;

namespace strata {
namespace {

using nlohmann::json;
using Decoding = DecoderStep::Kind;
using Normalising = NormaliserStep::Kind;
using Cutting = PreTokeniserStep::Kind;

constexpr uint64_t kLargestFile = uint64_t{128} << 20;
constexpr uint64_t kLargestConfig = uint64_t{16} << 20;
constexpr size_t kMostSteps = 64;
constexpr size_t kMostAround = 1000;  // ids that a post-processor puts around a text
constexpr const char* kFile = "tokenizer.json";
constexpr const char* kConfigFile = "tokenizer_config.json";

template <class Value>
struct Choice {
  const char* name;
  Value value;
};

constexpr Choice<SplitBehaviour> kBehaviours[] = {{"Removed", SplitBehaviour::removed},
                                                  {"Isolated", SplitBehaviour::isolated},
                                                  {"MergedWithPrevious", SplitBehaviour::merged_with_previous},
                                                  {"MergedWithNext", SplitBehaviour::merged_with_next},
                                                  {"Contiguous", SplitBehaviour::contiguous}};
constexpr Choice<PreTokeniserStep::Prepend> kPrepends[] = {{"always", PreTokeniserStep::Prepend::always},
                                                           {"first", PreTokeniserStep::Prepend::first},
                                                           {"never", PreTokeniserStep::Prepend::never}};
constexpr Choice<Normalising> kPlainNormalisers[] = {{"NFC", Normalising::nfc},
                                                     {"NFD", Normalising::nfd},
                                                     {"NFKC", Normalising::nfkc},
                                                     {"NFKD", Normalising::nfkd},
                                                     {"Lowercase", Normalising::lowercase},
                                                     {"StripAccents", Normalising::strip_accents},
                                                     {"ByteLevel", Normalising::byte_level}};

template <class Value, size_t N>
std::string name_of(const Choice<Value> (&choices)[N], Value value) {
  for (const auto& choice : choices)
    if (choice.value == value) return choice.name;
  fail("tokenizer: a choice without a name");
}

template <class Value, size_t N>
Value choose(const Choice<Value> (&choices)[N], const JsonFields& fields, const char* key, const char* fallback) {
  const std::string text = fields.text(key, fallback);
  std::vector<std::string> names;
  for (const auto& choice : choices) {
    if (text == choice.name) return choice.value;
    names.emplace_back(choice.name);
  }
  fields.refuse(key, "one of " + join_names(names));
}

// A key we do not know may change ids.
void only_keys(const json& object, const std::string& where, std::initializer_list<std::string_view> known) {
  for (const auto& [key, value] : object.items())
    if (key != "type" && std::find(known.begin(), known.end(), key) == known.end())
      fail(where, ": expected only keys that this version knows, as another may change ids, found ", in_quotes(key));
}

const json& value_at(const JsonFields& fields, const char* key, const std::string& expected) {
  const json* value = fields.find(key);
  if (!value) fields.refuse(key, expected);
  return *value;
}

const json& list_at(const JsonFields& fields, const char* key, size_t most) {
  const std::string expected = "a list of at most " + std::to_string(most);
  const json& list = value_at(fields, key, expected);
  if (!list.is_array() || list.size() > most) fields.refuse(key, expected);
  return list;
}

std::string text_at(const JsonFields& fields, const char* key) {
  if (!fields.find(key)) fields.refuse(key, "a text");
  return fields.text(key, "");
}

std::string character_at(const JsonFields& fields, const char* key) {
  const std::string text = text_at(fields, key);
  if (utf8_length(text) != 1) fields.refuse(key, "one character");
  return text;
}

int32_t id_of(const json& value, const std::string& where) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() >= static_cast<uint64_t>(kMostTokens))
    fail(where, ": expected an id from 0 to ", kMostTokens - 1, ", found ", shown(value));
  return value.get<int32_t>();
}

// What Oniguruma, for which these expressions are written, and PCRE2 understand differently.
void check_expression(const std::string& text, const std::string& where) {
  for (size_t at = 0; at + 1 < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
      if (text[at] == 'h' || text[at] == 'H')
        fail(where, ": ", in_quotes(text), ": expected no \\h, which means a hexadecimal digit to some programs and a ",
             "space to others; write [0-9a-fA-F]");
      continue;
    }
    if (text[at] != '(' || text[at + 1] != '?') continue;
    const size_t end = text.find_first_of(":)", at);
    const std::string_view flags = std::string_view(text).substr(at + 2, std::min(end, text.size()) - at - 2);
    if (flags.find_first_not_of("imsx-") == std::string_view::npos && flags.find('m') != std::string_view::npos)
      fail(where, ": ", in_quotes(text), ": expected no flag m, which lets . match line ends for some programs and ^ ",
           "at lines for others; write [\\s\\S]");
  }
}

// {"String": "x"} or {"Regex": "x"}.
Pattern read_pattern(const JsonFields& fields, const std::string& where) {
  const json& value = value_at(fields, "pattern", "{\"String\": ...} or {\"Regex\": ...}");
  const bool literal =
      value.is_object() && value.size() == 1 && value.contains("String") && value["String"].is_string();
  const bool regex = value.is_object() && value.size() == 1 && value.contains("Regex") && value["Regex"].is_string();
  if (!literal && !regex) fields.refuse("pattern", "{\"String\": ...} or {\"Regex\": ...}");
  if (regex) check_expression(value.front().get<std::string>(), where + ": pattern");
  return {value.front().get<std::string>(), regex, where + ": pattern"};
}

// Calls read(part) for a part or for each of those in a Sequence, in order.
template <class Read>
void each_step(const json& part, const std::string& where, const char* list_key, size_t& count, const Read& read) {
  const JsonFields fields(part, where);
  const std::string type = text_at(fields, "type");
  if (type != "Sequence") {
    if (++count > kMostSteps) fail(where, ": expected at most ", kMostSteps, " steps, found more");
    return read(fields, part, type);
  }
  only_keys(part, where, {list_key});
  for (const json& inner : list_at(fields, list_key, kMostSteps)) each_step(inner, where, list_key, count, read);
}

[[noreturn]] void refuse_part(const std::string& where, const std::string& type) {
  fail(where, ": ", in_quotes(type), " is not supported, and without it the ids would be others");
}

// ---- normalizer ----

NormaliserStep read_normaliser(const JsonFields& fields, const json& part, const std::string& type,
                               const std::string& where) {
  for (const auto& plain : kPlainNormalisers)
    if (type == plain.name) {
      only_keys(part, where, {});
      return {.kind = plain.value};
    }
  if (type == "Strip") {
    only_keys(part, where, {"strip_left", "strip_right"});
    return {.kind = Normalising::strip,
            .left = fields.boolean("strip_left", true),
            .right = fields.boolean("strip_right", true)};
  }
  if (type == "Prepend") {
    only_keys(part, where, {"prepend"});
    return {.kind = Normalising::prepend, .text = text_at(fields, "prepend")};
  }
  if (type == "Replace") {
    only_keys(part, where, {"pattern", "content"});
    return {.kind = Normalising::replace, .text = text_at(fields, "content"), .pattern = read_pattern(fields, where)};
  }
  refuse_part(where, type);
}

// ---- pre_tokenizer ----

PreTokeniserStep read_metaspace(const JsonFields& fields, const json& part, const std::string& where) {
  only_keys(part, where, {"replacement", "prepend_scheme", "split", "add_prefix_space", "str_rep"});
  PreTokeniserStep step{.kind = Cutting::metaspace,
                        .use_regex = fields.boolean("split", true),
                        .text = character_at(fields, "replacement")};
  step.pattern = Pattern(step.text, false, where);
  step.prepend =
      choose(kPrepends, fields, "prepend_scheme", fields.boolean("add_prefix_space", true) ? "always" : "never");
  return step;
}

PreTokeniserStep read_split(const JsonFields& fields, const json& part, const std::string& where) {
  only_keys(part, where, {"pattern", "behavior", "invert"});
  PreTokeniserStep step{.kind = Cutting::split, .pattern = read_pattern(fields, where)};
  step.behaviour = choose(kBehaviours, fields, "behavior", "");
  step.invert = fields.boolean("invert", false);
  const auto words = step.pattern.regex() ? known_word_pattern(step.pattern.text()) : std::nullopt;
  const bool every_part =
      step.behaviour == SplitBehaviour::isolated || (step.behaviour == SplitBehaviour::removed && step.invert);
  if (words && every_part) {  // these expressions match all of a text
    step.kind = Cutting::words;
    step.words = *words;
  }
  return step;
}

void read_pre_tokeniser(const JsonFields& fields, const json& part, const std::string& type, const std::string& where,
                        std::vector<PreTokeniserStep>& steps) {
  if (type == "ByteLevel") {
    only_keys(part, where, {"add_prefix_space", "trim_offsets", "use_regex"});
    steps.push_back({.kind = Cutting::byte_level,
                     .add_prefix_space = fields.boolean("add_prefix_space", true),
                     .use_regex = fields.boolean("use_regex", true)});
  } else if (type == "Split") {
    steps.push_back(read_split(fields, part, where));
  } else if (type == "Digits") {
    only_keys(part, where, {"individual_digits"});
    steps.push_back({.kind = Cutting::digits, .individual = fields.boolean("individual_digits", false)});
  } else if (type == "Metaspace") {
    steps.push_back(read_metaspace(fields, part, where));
  } else if (type == "Whitespace" || type == "WhitespaceSplit") {
    only_keys(part, where, {});
    steps.push_back({.kind = type == "Whitespace" ? Cutting::whitespace : Cutting::whitespace_split});
  } else if (type == "BertPreTokenizer") {
    only_keys(part, where, {});
    steps.push_back({.kind = Cutting::whitespace_split});
    steps.push_back({.kind = Cutting::punctuation});
  } else if (type == "Punctuation") {
    only_keys(part, where, {"behavior"});
    steps.push_back({.kind = Cutting::punctuation, .behaviour = choose(kBehaviours, fields, "behavior", "Isolated")});
  } else if (type == "CharDelimiterSplit") {
    only_keys(part, where, {"delimiter"});
    steps.push_back({.kind = Cutting::split,
                     .pattern = Pattern(text_at(fields, "delimiter"), false, where),
                     .behaviour = SplitBehaviour::removed});
  } else {
    refuse_part(where, type);
  }
}

// ---- post_processor ----

// What a template puts before and behind the text.
void read_template(const JsonFields& fields, const std::string& where, IdsAround& around) {
  const JsonFields special(value_at(fields, "special_tokens", "an object"), where + ": special_tokens");
  std::vector<int32_t> before;
  std::vector<int32_t> after;
  int texts = 0;
  for (const json& item : list_at(fields, "single", kMostAround + 1)) {
    const bool one = item.is_object() && item.size() == 1;
    if (one && item.contains("Sequence")) {
      const JsonFields sequence(item["Sequence"], where + ": single: Sequence");
      if (text_at(sequence, "id") != "A") sequence.refuse("id", "A");
      ++texts;
      continue;
    }
    if (!one || !item.contains("SpecialToken")) fields.refuse("single", "a list of Sequence and SpecialToken");
    const std::string name = text_at(JsonFields(item["SpecialToken"], where + ": single: SpecialToken"), "id");
    const JsonFields token(value_at(special, name.c_str(), "the special token that single names"),
                           where + ": special_tokens");
    for (const json& id : list_at(token, "ids", kMostAround))
      (texts == 0 ? before : after).push_back(id_of(id, where + ": ids"));
    if (around.before.size() + before.size() + after.size() + around.after.size() > kMostAround)
      fail(where, ": expected at most ", kMostAround, " ids around a text, found more");
  }
  if (texts != 1) fail(where, ": expected single to hold the text once, found it ", texts, " times");
  around.before.insert(around.before.begin(), before.begin(), before.end());
  around.after.insert(around.after.end(), after.begin(), after.end());
}

// ["[SEP]", 102]
int32_t read_pair(const JsonFields& fields, const char* key, const std::string& where) {
  const json& pair = list_at(fields, key, 2);
  if (pair.size() != 2) fields.refuse(key, "a token and its id");
  return id_of(pair[1], where + ": " + key);
}

void read_post_processor(const JsonFields& fields, const std::string& type, const std::string& where,
                         IdsAround& around) {
  if (type == "TemplateProcessing") return read_template(fields, where, around);
  if (type == "ByteLevel") return;  // changes offsets only
  if (type != "BertProcessing" && type != "RobertaProcessing") refuse_part(where, type);
  around.before.insert(around.before.begin(), read_pair(fields, "cls", where));
  around.after.push_back(read_pair(fields, "sep", where));
}

// ---- decoder ----

DecoderStep read_decoder(const JsonFields& fields, const std::string& type, const std::string& where) {
  if (type == "ByteLevel") return {.kind = Decoding::byte_level};
  if (type == "ByteFallback") return {.kind = Decoding::byte_fallback};
  if (type == "Fuse") return {.kind = Decoding::fuse};
  if (type == "BPEDecoder") {
    const std::string suffix = fields.text("suffix", "</w>");
    if (suffix.empty()) fields.refuse("suffix", "what words end with");
    return {.kind = Decoding::bpe, .text = suffix};
  }
  if (type == "Replace")
    return {.kind = Decoding::replace, .text = text_at(fields, "content"), .pattern = read_pattern(fields, where)};
  if (type == "Strip") {
    constexpr int64_t most = 1'000'000;
    return {.kind = Decoding::strip,
            .text = character_at(fields, "content"),
            .start = static_cast<size_t>(fields.integer("start", 0, 0, most)),
            .stop = static_cast<size_t>(fields.integer("stop", 0, 0, most))};
  }
  if (type == "Metaspace") {
    const auto scheme =
        choose(kPrepends, fields, "prepend_scheme", fields.boolean("add_prefix_space", true) ? "always" : "never");
    return {.kind = Decoding::metaspace,
            .text = character_at(fields, "replacement"),
            .prefixed = scheme != PreTokeniserStep::Prepend::never};
  }
  fail(where, ": ", in_quotes(type), " is not supported, and without it decoded text would be another");
}

// ---- model, added tokens ----

// "a b" as older files have it, ["a", "b"] as newer ones.
std::pair<std::string, std::string> read_merge(const json& value, const std::string& where) {
  if (value.is_array() && value.size() == 2 && value[0].is_string() && value[1].is_string())
    return {value[0].get<std::string>(), value[1].get<std::string>()};
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    const size_t space = text.find(' ');
    if (space != std::string::npos && text.find(' ', space + 1) == std::string::npos)
      return {text.substr(0, space), text.substr(space + 1)};
  }
  fail(where, ": expected two tokens, as [\"a\", \"b\"] or \"a b\", found ", shown(value));
}

BpeConfig read_model(const json& part, const std::string& where) {
  const JsonFields fields(part, where);
  const std::string type = fields.text("type", "BPE");
  if (type != "BPE")
    fail(where, ": expected a model of type 'BPE', found ", in_quotes(type), ", which is not supported");
  only_keys(part, where,
            {"dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback",
             "ignore_merges", "vocab", "merges"});
  if (fields.number("dropout", 0) != 0)
    fail(where, ": dropout: expected none, as ids would be drawn at random, found ", shown(*fields.find("dropout")));
  BpeConfig model;
  if (fields.find("unk_token")) model.unk_token = fields.text("unk_token", "");
  model.continuing_subword_prefix = fields.text("continuing_subword_prefix", "");
  model.end_of_word_suffix = fields.text("end_of_word_suffix", "");
  model.fuse_unk = fields.boolean("fuse_unk", false);
  model.byte_fallback = fields.boolean("byte_fallback", false);
  model.ignore_merges = fields.boolean("ignore_merges", false);
  const json& vocab = value_at(fields, "vocab", "an object of tokens and their ids");
  if (!vocab.is_object()) fields.refuse("vocab", "an object of tokens and their ids");
  model.vocab.reserve(vocab.size());
  for (const auto& [token, id] : vocab.items())
    model.vocab.emplace(token, id_of(id, where + ": vocab: " + in_quotes(token)));
  const json& merges = list_at(fields, "merges", static_cast<size_t>(kMostTokens));
  model.merges.reserve(merges.size());
  for (const json& merge : merges)
    if (!merge.is_string() || !merge.get_ref<const std::string&>().starts_with("#version"))
      model.merges.push_back(read_merge(merge, where + ": merges"));
  return model;
}

AddedToken read_added(const json& part, const std::string& where) {
  const JsonFields fields(part, where);
  AddedToken token;
  token.id = id_of(value_at(fields, "id", "an id"), where + ": id");
  token.content = text_at(fields, "content");
  token.special = fields.boolean("special", false);
  token.single_word = fields.boolean("single_word", false);
  token.lstrip = fields.boolean("lstrip", false);
  token.rstrip = fields.boolean("rstrip", false);
  token.normalized = fields.boolean("normalized", !token.special);
  return token;
}

// Published files name a token twice in the same words: that is once. Where the words differ, both stay, and are refused.
std::vector<AddedToken> read_all_added(const JsonFields& fields, const std::string& where) {
  std::vector<AddedToken> all;
  std::map<std::string, size_t> first;
  for (const json& part : list_at(fields, "added_tokens", static_cast<size_t>(kMostTokens))) {
    AddedToken token = read_added(part, where);
    const auto [known, fresh] = first.try_emplace(token.content, all.size());
    if (fresh || !(all[known->second] == token)) all.push_back(std::move(token));
  }
  return all;
}

// "<s>" or {"content": "<s>", ...}
std::optional<int32_t> read_role(const JsonFields& fields, const char* key, const TokenizerConfig& config) {
  const json* value = fields.find(key);
  if (!value) return std::nullopt;
  const std::string content =
      value->is_object() ? JsonFields(*value, fields.file() + ": " + key).text("content", "") : fields.text(key, "");
  for (const AddedToken& token : config.added)
    if (token.content == content) return token.id;
  const auto found = config.model.vocab.find(content);
  if (found == config.model.vocab.end())
    fail(fields.file(), ": ", key, ": expected a token of the vocabulary, found ", in_quotes(content));
  return found->second;
}

void read_roles(std::string_view text, const std::string& file, TokenizerConfig& config) {
  const json parsed = parse_json(text, file);
  const JsonFields fields(parsed, file);
  config.bos = read_role(fields, "bos_token", config);
  config.eos = read_role(fields, "eos_token", config);
  config.pad = read_role(fields, "pad_token", config);
  // "No limit" is written as 10^30, beyond all integers.
  const json* length = fields.find("model_max_length");
  if (length && length->is_number_unsigned() && length->get<uint64_t>() <= uint64_t{1} << 40)
    config.model_max_length = length->get<int64_t>();
}

}  // namespace

IdsAround ids_around_text(const json& tokenizer, const std::string& file) {
  const JsonFields fields(tokenizer, file);
  IdsAround around;
  size_t count = 0;
  if (const json* part = fields.find("post_processor")) {
    const std::string where = file + ": post_processor";
    each_step(*part, where, "processors", count, [&](const JsonFields& step, const json&, const std::string& type) {
      read_post_processor(step, type, where, around);
    });
  }
  return around;
}

Tokenizer tokenizer_from_json(std::string_view text, std::string_view config_text, const std::string& file) {
  const json parsed = parse_json(text, file);
  const JsonFields fields(parsed, file);
  only_keys(parsed, file,
            {"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor",
             "decoder", "model"});
  TokenizerConfig config;
  size_t count = 0;
  if (const json* part = fields.find("normalizer")) {
    const std::string where = file + ": normalizer";
    each_step(*part, where, "normalizers", count,
              [&](const JsonFields& step, const json& object, const std::string& type) {
                config.normaliser.push_back(read_normaliser(step, object, type, where));
              });
  }
  if (const json* part = fields.find("pre_tokenizer")) {
    const std::string where = file + ": pre_tokenizer";
    each_step(*part, where, "pretokenizers", count,
              [&](const JsonFields& step, const json& object, const std::string& type) {
                read_pre_tokeniser(step, object, type, where, config.pre_tokeniser);
              });
  }
  IdsAround around = ids_around_text(parsed, file);
  config.before = std::move(around.before);
  config.after = std::move(around.after);
  if (const json* part = fields.find("decoder")) {
    const std::string where = file + ": decoder";
    each_step(*part, where, "decoders", count, [&](const JsonFields& step, const json&, const std::string& type) {
      config.decoder.push_back(read_decoder(step, type, where));
    });
    // Tokens are joined by spaces where there is no decoder, by nothing where there is one that has no steps.
    if (config.decoder.empty()) config.decoder.push_back({.kind = Decoding::fuse});
  }
  config.model = read_model(value_at(fields, "model", "an object"), file + ": model");
  if (fields.find("added_tokens")) config.added = read_all_added(fields, file + ": added_tokens");
  if (!config_text.empty()) read_roles(config_text, file + ": " + kConfigFile, config);
  return {std::move(config), file};
}

Tokenizer open_tokenizer(const std::string& folder_or_file) {
  std::error_code error;
  const bool folder = fs::is_directory(folder_or_file, error);
  const fs::path file = folder ? fs::path(folder_or_file) / kFile : fs::path(folder_or_file);
  if (!fs::exists(file, error)) {
    const bool sentencepiece = folder && fs::exists(fs::path(folder_or_file) / "tokenizer.model", error);
    fail(folder_or_file, ": expected a tokenizer.json or a folder with one, found ",
         sentencepiece ? "only tokenizer.model, which is not supported; save the tokenizer with transformers to get a "
                         "tokenizer.json"
                       : "none");
  }
  const fs::path beside = file.parent_path() / kConfigFile;
  const std::string config = fs::exists(beside, error) ? read_text(beside.string(), kLargestConfig) : std::string();
  return tokenizer_from_json(read_text(file.string(), kLargestFile), config, file.string());
}

}  // namespace strata
