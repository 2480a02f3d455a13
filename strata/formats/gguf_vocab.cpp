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
#include "strata/formats/gguf_pre.h"
#include "strata/formats/json_fields.h"
#include "strata/formats/tokenizer_json.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr uint64_t kMostJson = uint64_t{256} << 20;
constexpr const char* kKeptTokenizer = "tokenizer.huggingface.json";
constexpr std::string_view kSpace = "\u2581";  // what SentencePiece writes for a space

enum TokenType : int32_t { kNormal = 1, kUnknown = 2, kControl = 3, kUser = 4, kUnused = 5, kByte = 6 };

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

// The names of the roles that tokens have: ours in tokenizer_config.json, theirs in tokenizer.ggml.*_token_id.
constexpr std::array kRoles{std::pair{"bos_token", "bos"}, std::pair{"eos_token", "eos"},
                            std::pair{"unk_token", "unknown"}, std::pair{"pad_token", "padding"}};

std::string role_key(const std::string& role) {
  return "tokenizer.ggml." + role + "_token_id";
}

// Ids of the roles by their names in GGUF; with a warning instead of a token that does not exist.
std::map<std::string, int64_t> roles_of(const JsonFields& config, const Tokens& tokens,
                                        std::vector<std::string>& warnings) {
  std::map<std::string, int64_t> roles;
  for (const auto& [ours, theirs] : kRoles) {
    const json* value = config.find(ours);
    if (value == nullptr) continue;
    if (const auto found = tokens.ids.find(token_text(*value)); found != tokens.ids.end())
      roles[theirs] = found->second;
    else
      warnings.push_back(config.file() + ": " + ours + ": expected a token of the vocabulary, found " + shown(*value) +
                         "; the file names none");
  }
  return roles;
}

std::string listed(const std::vector<int32_t>& ids) {
  std::string text = "[";
  for (const int32_t id : ids) text += (text.size() > 1 ? ", " : "") + std::to_string(id);
  return text + "]";
}

// Says whether texts begin with bos and end with eos, as the post-processor has it, whatever tokenizer_config.json
// says: it is the post-processor that puts them there.
void put_ids_around(GgufMetadata& metadata, const json& tree, const std::string& path, int64_t rows,
                    std::map<std::string, int64_t>& roles, std::vector<std::string>& warnings) {
  IdsAround around;
  try {
    around = ids_around_text(tree, path);
  } catch (const Error& problem) {
    warnings.push_back(std::string(problem.what()) + "; what texts begin and end with is not in the file");
    return;
  }
  const auto adds = [&](const std::vector<int32_t>& ids, const char* role) {
    if (ids.size() != 1 || ids[0] >= rows) return false;
    return roles.emplace(role, ids[0]).first->second == ids[0];
  };
  const bool adds_bos = adds(around.before, "bos"), adds_eos = adds(around.after, "eos");
  if (adds_bos != !around.before.empty() || adds_eos != !around.after.empty())
    warnings.push_back(
        "GGUF can only say that texts begin with bos_token and end with eos_token, but the "
        "post_processor puts " +
        listed(around.before) + " before them and " + listed(around.after) +
        " behind; programs that do not read tokenizer.huggingface.json will give other tokens");
  metadata.emplace_back("tokenizer.ggml.add_bos_token", adds_bos);
  metadata.emplace_back("tokenizer.ggml.add_eos_token", adds_eos);
}

// Special tokens, what is put around texts, and the chat template.
void put_config(GgufVocabulary& result, const std::string& folder, const json& tree, const std::string& tree_path,
                const Tokens& tokens) {
  std::error_code error;
  const std::string path = folder + "/tokenizer_config.json", template_path = folder + "/chat_template.jinja";
  json config = json::object();
  if (fs::exists(path, error)) config = read_json(path, kMostJson);
  const JsonFields fields(config, path);
  std::map<std::string, int64_t> roles = roles_of(fields, tokens, result.warnings);
  put_ids_around(result.metadata, tree, tree_path, std::ssize(tokens.texts), roles, result.warnings);
  for (const auto& [role, id] : roles) result.metadata.emplace_back(role_key(role), static_cast<uint32_t>(id));
  if (fs::exists(template_path, error))
    result.metadata.emplace_back("tokenizer.chat_template", read_text(template_path, kMostJson));
  else if (const json* value = fields.find("chat_template"); value != nullptr && value->is_string())
    result.metadata.emplace_back("tokenizer.chat_template", value->get<std::string>());
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
  merges.reserve(cuts.size());
  for (const Cut& cut : cuts) merges.push_back(texts[cut.left] + " " + texts[cut.right]);
  return merges;
}

// A token that is put in front of every text, or behind it.
struct Around {
  std::string token;
  int64_t id;
};

ordered_json template_with(const std::optional<Around>& bos, const std::optional<Around>& eos) {
  ordered_json single = ordered_json::array(), pair = ordered_json::array(), tokens = ordered_json::object();
  const auto add_token = [&](ordered_json& list, const std::optional<Around>& around, int type) {
    if (!around) return;
    list.push_back({{"SpecialToken", {{"id", around->token}, {"type_id", type}}}});
    tokens[around->token] = {{"id", around->token},
                             {"ids", ordered_json::array({around->id})},
                             {"tokens", ordered_json::array({around->token})}};
  };
  const auto add_text = [&](ordered_json& list, const char* name, int type) {
    add_token(list, bos, type);
    list.push_back({{"Sequence", {{"id", name}, {"type_id", type}}}});
    add_token(list, eos, type);
  };
  add_text(single, "A", 0);
  add_text(pair, "A", 0);
  add_text(pair, "B", 1);
  return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", tokens}};
}

// The token of a role that texts begin or end with; a warning where there is none.
std::optional<Around> around_with(const Gguf& file, const std::string& role, bool usual,
                                  const std::vector<std::string>& texts, std::vector<std::string>& warnings) {
  const std::string flag = "tokenizer.ggml.add_" + role + "_token";
  const auto said = file.boolean(flag);
  if (!said.value_or(usual)) return std::nullopt;
  if (const auto id = gguf_token_role(file, role)) return Around{texts[*id], *id};
  // An id that is no token has its own warning.
  if (const std::string key = role_key(role); file.find(key) == nullptr)
    warnings.push_back(said ? flag + " is true, but there is no " + key + ": nothing is put around texts"
                            : "texts are meant to begin with a token, but there is no " + key +
                                  ": nothing is put there");
  return std::nullopt;
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
  const bool unnamed = file.find("tokenizer.ggml.pre") == nullptr;
  const std::string name = file.text("tokenizer.ggml.pre").value_or("gpt-2");
  const GgufPre* pre = spm ? nullptr : find_gguf_pre(name);
  if (!spm && pre == nullptr) {
    warnings.push_back("tokenizer.ggml.pre is " + in_quotes(name) +
                       ", a way to cut text into words that is not known here: no tokenizer.json was made");
    return std::nullopt;
  }
  if (!spm && unnamed)
    warnings.push_back(
        "there is no tokenizer.ggml.pre: text is cut into words as for GPT-2, which gives other tokens "
        "than the model was trained with where that is wrong");
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
  if (const auto id = gguf_token_role(file, "unknown"); spm && unknown.is_null() && id && types[*id] != kUnused)
    unknown = texts[*id];
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
    out["normalizer"] = pre->nfc ? ordered_json{{"type", "NFC"}} : ordered_json();
    out["pre_tokenizer"] = pre_tokenizer_json(*pre);
    out["decoder"] = byte_level(true);
  }
  const auto bos = around_with(file, "bos", spm || pre->adds_bos, texts, warnings);
  const auto eos = around_with(file, "eos", false, texts, warnings);
  if (bos || eos) post = template_with(bos, eos);
  out["post_processor"] = post;
  out["model"] = {{"type", "BPE"},
                  {"dropout", nullptr},
                  {"unk_token", unknown},
                  {"continuing_subword_prefix", nullptr},
                  {"end_of_word_suffix", nullptr},
                  {"fuse_unk", spm},
                  {"byte_fallback", spm},
                  {"ignore_merges", !spm && pre->ignore_merges},
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
  const GgufPreChoice choice = spm ? GgufPreChoice() : choose_gguf_pre(tree);
  if (!choice.problem.empty())
    result.warnings.push_back((choice.pre == nullptr
                                   ? "GGUF has no name for how this tokeniser cuts text into words (" + choice.problem
                                   : "GGUF cannot say all of this tokeniser (" + choice.problem) +
                              "); programs that do not read tokenizer.huggingface.json will give other tokens");
  result.metadata.emplace_back("tokenizer.ggml.model", std::string(spm ? "llama" : "gpt2"));
  result.metadata.emplace_back("tokenizer.ggml.pre",
                               choice.pre == nullptr ? std::string("default") : std::string(choice.pre->name));
  if (spm) result.metadata.emplace_back("tokenizer.ggml.add_space_prefix", puts_space_first(tree));
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
    for (const auto& [left, right] : merges) joined.emplace_back(left).append(" ").append(right);
    result.metadata.emplace_back("tokenizer.ggml.merges", list_of(std::move(joined)));
  }
  put_config(result, folder, tree, path, tokens);
  result.metadata.emplace_back(kKeptTokenizer, text);
  return result;
}

std::optional<int64_t> gguf_token_role(const Gguf& file, const std::string& role) {
  const auto* texts = file.texts("tokenizer.ggml.tokens");
  const int64_t count = texts == nullptr ? std::numeric_limits<int32_t>::max() : std::ssize(*texts);
  if (const auto id = file.integer(role_key(role)); id && *id >= 0 && *id < count) return id;
  if (texts == nullptr || file.text("tokenizer.ggml.model") != "llama" || file.find(kKeptTokenizer) != nullptr)
    return std::nullopt;
  for (const auto& [assumed, id] : {std::pair{"unknown", 0}, std::pair{"bos", 1}, std::pair{"eos", 2}})
    if (role == assumed && id < count) return id;
  return std::nullopt;
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
  for (const auto& [ours, theirs] : kRoles) {
    const std::string key = role_key(theirs);
    const auto said = file.integer(key), id = gguf_token_role(file, theirs);
    if (id) config[ours] = (*texts)[*id];
    if (said && said != id)
      warnings.push_back(key + " is " + std::to_string(*said) + ", but there are only " +
                         std::to_string(texts->size()) + " tokens: " +
                         (id ? "token " + std::to_string(*id) + " is taken, as llama.cpp does"
                             : std::string("the model has no such token")));
  }
  for (const char* key : {"add_bos_token", "add_eos_token"})
    if (const auto value = file.boolean(std::string("tokenizer.ggml.") + key)) config[key] = *value;
  if (const auto chat = file.text("tokenizer.chat_template")) config["chat_template"] = *chat;
  files["tokenizer_config.json"] = config.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
  return files;
}

}  // namespace strata
