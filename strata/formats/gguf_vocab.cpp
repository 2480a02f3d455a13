#include "strata/formats/gguf_vocab.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <limits>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "strata/base/error.h"
#include "strata/base/suggest.h"
#include "strata/formats/json_fields.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr uint64_t kMostJson = uint64_t{256} << 20;
constexpr const char* kKeptTokenizer = "tokenizer.huggingface.json";
constexpr std::string_view kSpace = "\u2581";  // what SentencePiece writes for a space

enum TokenType : int32_t { kNormal = 1, kUnknown = 2, kControl = 3, kUser = 4, kUnused = 5, kByte = 6 };

// Pre-tokenisers of byte-level models that GGUF has a name for.
struct Split {
  const char* name;
  const char* expression;
  bool adds_bos = false;  // where the file does not say it
};
constexpr std::array kSplits{
    Split{
        "llama-bpe",
        R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
        true},
    Split{
        "qwen2",
        R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
};

// Other names under which files know the same.
std::string usual_name(const std::string& pre) {
  if (pre == "llama3" || pre == "llama-v3") return "llama-bpe";
  if (pre == "deepseek-r1-qwen") return "qwen2";
  return pre;
}

// The text at a key; "" where there is none.
std::string text_at(const json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// The steps of a pipeline: itself, or those of a Sequence.
std::vector<json> steps_of(const json& tree, const char* key, const char* list) {
  const auto found = tree.find(key);
  if (found == tree.end() || !found->is_object()) return {};
  if (text_at(*found, "type") != "Sequence") return {*found};
  const auto steps = found->find(list);
  return steps != found->end() && steps->is_array() ? std::vector<json>(steps->begin(), steps->end())
                                                    : std::vector<json>();
}

// GGUF's name of how text is cut before merging; nothing when it has none.
std::optional<std::string> pre_name(const json& tree) {
  bool byte_level_splits = false;
  for (const json& step : steps_of(tree, "pre_tokenizer", "pretokenizers")) {
    if (text_at(step, "type") == "Split") {
      const std::string expression = step.contains("pattern") ? text_at(step["pattern"], "Regex") : "";
      for (const Split& split : kSplits)
        if (expression == split.expression) return split.name;
      return std::nullopt;
    }
    if (text_at(step, "type") == "ByteLevel")
      byte_level_splits = !step.contains("use_regex") || step["use_regex"] != json(false);
  }
  if (byte_level_splits) return "gpt-2";
  return std::nullopt;
}

std::string token_text(const json& value) {  // "<s>" or {"content": "<s>"}
  if (value.is_string()) return value.get<std::string>();
  return value.is_object() && value.contains("content") && value["content"].is_string()
             ? value["content"].get<std::string>()
             : "";
}

struct Tokens {
  std::vector<std::string> texts;
  std::vector<int32_t> types;
  std::unordered_map<std::string, int64_t> ids;

  void set(const std::string& file, int64_t id, const std::string& text, int32_t type) {
    if (id < 0 || id >= std::ssize(texts))
      fail(file, ": token ", in_quotes(text), ": expected an id below the ", texts.size(),
           " rows of the model's table of tokens, found ", id);
    texts[id] = text;
    types[id] = type;
    ids[text] = id;
  }
};

bool byte_token(const std::string& text) {
  const auto digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); };
  return text.size() == 6 && text.starts_with("<0x") && digit(text[3]) && digit(text[4]) && text[5] == '>';
}

Tokens tokens_of(const json& tree, const JsonFields& model, const std::string& file, int64_t rows, bool byte_fallback) {
  Tokens tokens;
  for (int64_t i = 0; i < rows; ++i) tokens.texts.push_back("[PAD" + std::to_string(i) + "]");
  tokens.types.assign(rows, kUnused);
  const json* vocabulary = model.find("vocab");
  if (vocabulary == nullptr || !vocabulary->is_object()) model.refuse("vocab", "an object of tokens and ids");
  const std::string unknown = model.text("unk_token", "");
  for (const auto& [text, id] : vocabulary->items()) {
    if (!id.is_number_integer())
      fail(file, ": token ", in_quotes(text), ": expected a whole number, found ", shown(id));
    const int32_t type = !unknown.empty() && text == unknown ? kUnknown
                         : byte_fallback && byte_token(text) ? kByte
                                                             : kNormal;
    tokens.set(file, id.get<int64_t>(), text, type);
  }
  const JsonFields top(tree, file);
  const json* added = top.find("added_tokens");
  if (added == nullptr) return tokens;
  if (!added->is_array()) top.refuse("added_tokens", "a list");
  for (const json& token : *added) {
    const JsonFields fields(token, file + ": added_tokens");
    const std::string text = fields.text("content", "");
    const bool special = fields.boolean("special", false);
    if (text == unknown && !unknown.empty()) continue;
    tokens.set(file, fields.integer("id", -1, 0, std::numeric_limits<int32_t>::max()), text,
               special ? kControl : kUser);
  }
  return tokens;
}

std::vector<std::pair<std::string, std::string>> merges_of(const JsonFields& model) {
  std::vector<std::pair<std::string, std::string>> merges;
  const json* list = model.find("merges");
  if (list == nullptr || !list->is_array()) model.refuse("merges", "a list");
  for (const json& merge : *list) {
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      merges.emplace_back(merge[0], merge[1]);
      continue;
    }
    const std::string text = merge.is_string() ? merge.get<std::string>() : "";
    const size_t space = text.find(' ');
    if (space == std::string::npos) model.refuse("merges", "pairs of tokens");
    merges.emplace_back(text.substr(0, space), text.substr(space + 1));
  }
  return merges;
}

template <class T>
GgufValue list_of(std::vector<T> values) {
  return GgufArray(std::move(values));
}

// Entries of tokenizer_config.json: special tokens and the chat template.
void put_config(GgufMetadata& metadata, const std::string& folder, const Tokens& tokens) {
  std::error_code error;
  const std::string path = folder + "/tokenizer_config.json", template_path = folder + "/chat_template.jinja";
  json config = json::object();
  if (fs::exists(path, error)) config = read_json(path, kMostJson);
  const JsonFields fields(config, path);
  for (const auto& [ours, theirs] : {std::pair{"bos_token", "bos"}, std::pair{"eos_token", "eos"},
                                     std::pair{"unk_token", "unknown"}, std::pair{"pad_token", "padding"}})
    if (const json* value = fields.find(ours))
      if (const auto found = tokens.ids.find(token_text(*value)); found != tokens.ids.end())
        metadata.emplace_back(std::string("tokenizer.ggml.") + theirs + "_token_id",
                              static_cast<uint32_t>(found->second));
  for (const char* key : {"add_bos_token", "add_eos_token"})
    if (const json* value = fields.find(key); value != nullptr && value->is_boolean())
      metadata.emplace_back(std::string("tokenizer.ggml.") + key, value->get<bool>());
  if (fs::exists(template_path, error))
    metadata.emplace_back("tokenizer.chat_template", read_text(template_path, kMostJson));
  else if (const json* value = fields.find("chat_template"); value != nullptr && value->is_string())
    metadata.emplace_back("tokenizer.chat_template", value->get<std::string>());
}

// ---- reading ---------------------------------------------------------------------------------------------------------

ordered_json added_token(int64_t id, const std::string& text, bool special) {
  return {{"id", id},        {"content", text},     {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", special}};
}

ordered_json byte_level(bool use_regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

ordered_json sequence(const char* list, ordered_json steps) {
  return {{"type", "Sequence"}, {list, std::move(steps)}};
}

// SentencePiece merges the pair whose result scores highest: every way to cut a token into two others, ordered by
// descending score of the whole, then by the ids of the parts.
std::vector<std::string> merges_of_scores(const Gguf& file, const std::vector<std::string>& texts,
                                          const std::vector<int64_t>& types, const std::vector<double>& scores) {
  constexpr size_t longest = 512;  // bytes of a token; every one of its cuts is looked up
  std::unordered_map<std::string_view, int64_t> ids;
  for (size_t i = 0; i < texts.size(); ++i)
    if (types[i] == kNormal) ids.emplace(texts[i], i);
  struct Cut {
    double score;
    int64_t left, right;
  };
  std::vector<Cut> cuts;
  for (const auto& [text, id] : ids) {
    if (text.size() > longest)
      fail(file.path(), ": tokenizer.ggml.tokens: expected tokens of at most ", longest, " bytes, found ", text.size());
    for (size_t cut = 1; cut < text.size(); ++cut) {
      const auto left = ids.find(text.substr(0, cut)), right = ids.find(text.substr(cut));
      if (left != ids.end() && right != ids.end()) cuts.push_back({scores[id], left->second, right->second});
    }
  }
  std::sort(cuts.begin(), cuts.end(), [](const Cut& a, const Cut& b) {
    return std::tuple(-a.score, a.left, a.right) < std::tuple(-b.score, b.left, b.right);
  });
  std::vector<std::string> merges;
  for (const Cut& cut : cuts) merges.push_back(texts[cut.left] + " " + texts[cut.right]);
  return merges;
}

// Puts the beginning-of-text token in front of every text.
ordered_json template_with(const std::string& bos, int64_t id) {
  const ordered_json special = {{"SpecialToken", {{"id", bos}, {"type_id", 0}}}};
  const auto text = [](const char* name, int type) {
    return ordered_json{{"Sequence", {{"id", name}, {"type_id", type}}}};
  };
  return {{"type", "TemplateProcessing"},
          {"single", ordered_json::array({special, text("A", 0)})},
          {"pair", ordered_json::array({special, text("A", 0), special, text("B", 1)})},
          {"special_tokens",
           {{bos, {{"id", bos}, {"ids", ordered_json::array({id})}, {"tokens", ordered_json::array({bos})}}}}}};
}

std::optional<std::string> built_tokenizer(const Gguf& file, const std::string& kind,
                                           const std::vector<std::string>& texts, std::vector<std::string>& warnings) {
  const std::vector<int64_t> types =
      file.integers("tokenizer.ggml.token_type").value_or(std::vector<int64_t>(texts.size(), kNormal));
  const std::vector<double> scores =
      file.numbers("tokenizer.ggml.scores").value_or(std::vector<double>(texts.size(), 0));
  if (types.size() != texts.size() || scores.size() != texts.size())
    fail(file.path(), ": tokenizer.ggml: expected a type and a score for each of ", texts.size(), " tokens, found ",
         types.size(), " and ", scores.size());
  if (!std::all_of(scores.begin(), scores.end(), [](double score) { return std::isfinite(score); }))
    fail(file.path(), ": tokenizer.ggml.scores: expected finite numbers, found another");
  const bool spm = kind == "llama";
  const std::string pre = usual_name(file.text("tokenizer.ggml.pre").value_or(spm ? "" : "gpt-2"));
  const auto split = std::find_if(kSplits.begin(), kSplits.end(), [&](const Split& s) { return s.name == pre; });
  if (!spm && pre != "gpt-2" && split == kSplits.end()) {
    warnings.push_back("no tokenizer.json was made: the pre-tokeniser " + in_quotes(pre) + " is not known here");
    return std::nullopt;
  }
  ordered_json added = ordered_json::array();
  // An ordered_json looks through all keys at each one it is given; its list of pairs takes them as they come.
  ordered_json::object_t vocabulary;
  vocabulary.reserve(texts.size());
  std::unordered_set<std::string_view> seen;
  json unknown;
  for (size_t i = 0; i < texts.size(); ++i) {
    if (types[i] != kUnused && !seen.insert(texts[i]).second)
      fail(file.path(), ": tokenizer.ggml.tokens: expected each token once, found ", in_quotes(texts[i]),
           " a second time");
    const bool special = types[i] == kControl || types[i] == kUnknown;
    if (special || types[i] == kUser) added.push_back(added_token(static_cast<int64_t>(i), texts[i], special));
    if (types[i] == kUnknown) unknown = texts[i];
    // Added tokens too: the `tokenizers` library numbers those anew that the vocabulary lacks.
    if (types[i] != kUnused) vocabulary.push_back({texts[i], i});
  }
  ordered_json merges = ordered_json::array();
  if (spm) {
    merges = merges_of_scores(file, texts, types, scores);
  } else if (const auto* list = file.texts("tokenizer.ggml.merges")) {
    merges = *list;
  }
  ordered_json out{{"version", "1.0"}, {"truncation", nullptr}, {"padding", nullptr}, {"added_tokens", added}};
  ordered_json post = byte_level(true);
  if (spm) {
    ordered_json start = ordered_json::array();
    if (file.boolean("tokenizer.ggml.add_space_prefix").value_or(true))
      start.push_back({{"type", "Prepend"}, {"prepend", kSpace}});
    start.push_back({{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", kSpace}});
    out["normalizer"] = sequence("normalizers", start);
    out["pre_tokenizer"] = nullptr;
    post = nullptr;
    ordered_json steps =
        ordered_json::array({{{"type", "Replace"}, {"pattern", {{"String", kSpace}}}, {"content", " "}},
                             {{"type", "ByteFallback"}},
                             {{"type", "Fuse"}}});
    if (start.size() == 2) steps.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
    out["decoder"] = sequence("decoders", steps);
  } else {
    out["normalizer"] = pre == "qwen2" ? ordered_json{{"type", "NFC"}} : ordered_json();
    if (split == kSplits.end()) {
      out["pre_tokenizer"] = byte_level(true);
    } else {
      const ordered_json cut = {
          {"type", "Split"}, {"pattern", {{"Regex", split->expression}}}, {"behavior", "Isolated"}, {"invert", false}};
      out["pre_tokenizer"] = sequence("pretokenizers", ordered_json::array({cut, byte_level(false)}));
    }
    out["decoder"] = byte_level(true);
  }
  const auto bos = file.integer("tokenizer.ggml.bos_token_id");
  const bool adds_bos = spm || (split != kSplits.end() && split->adds_bos);
  if (file.boolean("tokenizer.ggml.add_bos_token").value_or(adds_bos) && bos && *bos >= 0 && *bos < std::ssize(texts))
    post = template_with(texts[*bos], *bos);
  out["post_processor"] = post;
  out["model"] = {{"type", "BPE"},
                  {"dropout", nullptr},
                  {"unk_token", unknown},
                  {"continuing_subword_prefix", nullptr},
                  {"end_of_word_suffix", nullptr},
                  {"fuse_unk", spm},
                  {"byte_fallback", spm},
                  {"ignore_merges", pre == "llama-bpe"},
                  {"vocab", std::move(vocabulary)},
                  {"merges", merges}};
  return out.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace

GgufVocabulary vocabulary_to_gguf(const std::string& folder, int64_t rows) {
  GgufVocabulary result;
  std::error_code error;
  const std::string path = folder + "/tokenizer.json";
  const auto none = [&result](const std::string& why) {
    result.metadata.emplace_back("tokenizer.ggml.model", std::string("no_vocab"));
    result.warnings.push_back("the file has no vocabulary: " + why);
  };
  if (!fs::exists(path, error)) {
    none("there is no " + path);
    return result;
  }
  const std::string text = read_text(path, kMostJson);
  const json tree = parse_json(text, path);
  const JsonFields top(tree, path);
  const json* described = top.find("model");
  if (described == nullptr) top.refuse("model", "an object");
  const JsonFields model(*described, path + ": model");
  if (model.text("type", "BPE") != "BPE") {
    none("its model is " + model.text("type", "") + ", not BPE");
    result.metadata.emplace_back(kKeptTokenizer, text);
    return result;
  }
  const bool spm = model.boolean("byte_fallback", false);
  Tokens tokens = tokens_of(tree, model, path, rows, spm);
  const auto merges = merges_of(model);
  std::optional<std::string> pre = spm ? std::optional<std::string>("default") : pre_name(tree);
  if (!pre) {
    result.warnings.push_back(
        "GGUF has no name for how this tokeniser cuts text into words; programs that do not read "
        "tokenizer.huggingface.json will give other tokens");
    pre = "default";
  }
  result.metadata.emplace_back("tokenizer.ggml.model", std::string(spm ? "llama" : "gpt2"));
  result.metadata.emplace_back("tokenizer.ggml.pre", *pre);
  result.metadata.emplace_back("tokenizer.ggml.tokens", list_of(tokens.texts));
  result.metadata.emplace_back("tokenizer.ggml.token_type", list_of(tokens.types));
  if (spm) {
    // The pair whose result scores highest is merged first: the rank of a token's first merge, negative.
    std::vector<float> scores(rows, 0.0F);
    std::vector<bool> merged(rows, false);
    for (size_t i = 0; i < merges.size(); ++i)
      if (const auto found = tokens.ids.find(merges[i].first + merges[i].second);
          found != tokens.ids.end() && !merged[found->second]) {
        merged[found->second] = true;
        scores[found->second] = -static_cast<float>(i);
      }
    result.metadata.emplace_back("tokenizer.ggml.scores", list_of(std::move(scores)));
  } else {
    std::vector<std::string> joined;
    joined.reserve(merges.size());
    for (const auto& [left, right] : merges) joined.push_back(left + " " + right);
    result.metadata.emplace_back("tokenizer.ggml.merges", list_of(std::move(joined)));
  }
  put_config(result.metadata, folder, tokens);
  result.metadata.emplace_back(kKeptTokenizer, text);
  return result;
}

std::map<std::string, std::string> vocabulary_from_gguf(const Gguf& file, std::vector<std::string>& warnings) {
  std::map<std::string, std::string> files;
  if (const auto kept = file.text(kKeptTokenizer)) files["tokenizer.json"] = *kept;
  const std::string kind = file.text("tokenizer.ggml.model").value_or("no_vocab");
  const auto* texts = file.texts("tokenizer.ggml.tokens");
  if (texts == nullptr || kind == "no_vocab") return files;
  if (files.empty()) {
    if (kind != "gpt2" && kind != "llama") {
      warnings.push_back("no tokenizer.json was made: tokenisers of kind " + in_quotes(kind) + " are not known here");
    } else if (const auto built = built_tokenizer(file, kind, *texts, warnings)) {
      files["tokenizer.json"] = *built;
    }
  }
  ordered_json config{{"tokenizer_class", "PreTrainedTokenizerFast"}};
  for (const auto& [ours, theirs] : {std::pair{"bos_token", "bos"}, std::pair{"eos_token", "eos"},
                                     std::pair{"unk_token", "unknown"}, std::pair{"pad_token", "padding"}})
    if (const auto id = file.integer(std::string("tokenizer.ggml.") + theirs + "_token_id");
        id && *id >= 0 && *id < std::ssize(*texts))
      config[ours] = (*texts)[*id];
  for (const char* key : {"add_bos_token", "add_eos_token"})
    if (const auto value = file.boolean(std::string("tokenizer.ggml.") + key)) config[key] = *value;
  if (const auto chat = file.text("tokenizer.chat_template")) config["chat_template"] = *chat;
  files["tokenizer_config.json"] = config.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
  return files;
}

}  // namespace strata
