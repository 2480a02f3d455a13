#include "strata/formats/chat_template_file.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/formats/json_fields.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr uint64_t kLargestTemplate = 1 << 20;
constexpr uint64_t kLargestConfig = 64 << 20;
constexpr size_t kMostTemplates = 100;
constexpr const char* kFile = "chat_template.jinja";
constexpr const char* kTokenizerConfig = "tokenizer_config.json";
constexpr const char* kSpecialTokens = "special_tokens_map.json";
const fs::path kFurtherFolder = "additional_chat_templates";

void add(ChatTemplates& result, std::string name, const std::string& source, const std::string& file) {
  if (result.templates.size() + result.malformed.size() == kMostTemplates)
    fail(file, ": expected at most ", kMostTemplates, " chat templates");
  const auto same = [&name](const auto& entry) { return entry.first == name; };
  if (std::any_of(result.templates.begin(), result.templates.end(), same) ||
      std::any_of(result.malformed.begin(), result.malformed.end(), same))
    fail(file, ": two chat templates are called '", name, "'");
  try {
    ChatTemplate parsed(source, file);
    result.templates.emplace_back(name, std::move(parsed));
  } catch (const Error& error) {
    if (name == "default") throw;
    result.malformed.emplace_back(std::move(name), error.what());
  }
}

void add_configured(ChatTemplates& result, const JsonFields& config) {
  const json* found = config.find("chat_template");
  if (!found) return;
  if (found->is_string()) return add(result, "default", found->get<std::string>(), config.file());
  if (!found->is_array()) config.refuse("chat_template", "a template or a list of {\"name\", \"template\"}");
  for (const json& entry : *found) {
    const JsonFields fields(entry, config.file() + ": chat_template");
    const std::string name = fields.text("name", ""), source = fields.text("template", "");
    if (name.empty() || !fields.find("template")) config.refuse("chat_template", "a list of {\"name\", \"template\"}");
    add(result, name, source, config.file() + ": " + name);
  }
}

// A special token is its text, or an object with its text as "content".
void add_special(ChatTemplates& result, const json& config) {
  for (const char* key : {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}) {
    const auto known = std::any_of(result.special_tokens.begin(), result.special_tokens.end(),
                                   [&](const auto& entry) { return entry.first == key; });
    const auto found = config.find(key);
    if (known || found == config.end()) continue;
    const json& value = found->is_object() && found->contains("content") ? (*found)["content"] : *found;
    if (value.is_string()) result.special_tokens.emplace_back(key, value.get<std::string>());
  }
}

}  // namespace

ChatTemplates chat_templates_of(const std::map<std::string, std::string>& files, const std::string& folder) {
  constexpr std::string_view kFurther = "additional_chat_templates/", kJinja = ".jinja";
  ChatTemplates result;
  const auto place = [&folder](const std::string& name) { return folder + "/" + name; };
  const auto find = [&files](const char* name) -> const std::string* {
    const auto found = files.find(name);
    return found == files.end() ? nullptr : &found->second;
  };
  if (const auto* source = find(kFile)) add(result, "default", *source, place(kFile));
  for (const auto& [name, source] : files)
    if (name.starts_with(kFurther) && name.ends_with(kJinja))
      add(result, name.substr(kFurther.size(), name.size() - kFurther.size() - kJinja.size()), source, place(name));
  if (const auto* text = find(kTokenizerConfig)) {
    const json config = parse_json(*text, place(kTokenizerConfig));
    const JsonFields fields(config, place(kTokenizerConfig));
    if (result.empty()) add_configured(result, fields);
    add_special(result, config);
  }
  if (const auto* text = find(kSpecialTokens)) {
    const json map = parse_json(*text, place(kSpecialTokens));
    if (map.is_object()) add_special(result, map);
  }
  return result;
}

ChatTemplates open_chat_templates(const std::string& folder) {
  std::map<std::string, std::string> files;
  const fs::path root(folder);
  const auto read = [&](const fs::path& name, uint64_t most) {
    if (fs::exists(root / name)) files[name.string()] = read_text((root / name).string(), most);
  };
  read(kFile, kLargestTemplate);
  read(kTokenizerConfig, kLargestConfig);
  read(kSpecialTokens, kLargestConfig);
  if (const fs::path further = root / kFurtherFolder; fs::is_directory(further))
    for (const auto& entry : fs::directory_iterator(further))
      if (entry.path().extension() == ".jinja") read(kFurtherFolder / entry.path().filename(), kLargestTemplate);
  return chat_templates_of(files, folder);
}

}  // namespace strata
