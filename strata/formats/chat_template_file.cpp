#include "strata/formats/chat_template_file.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/formats/json_fields.h"

namespace strata {
namespace {

using nlohmann::json;

constexpr uint64_t kLargestTemplate = 1 << 20;
constexpr uint64_t kLargestConfig = 64 << 20;
constexpr size_t kMostTemplates = 100;

void add(ChatTemplates& result, std::string name, const std::string& source, const std::string& file) {
  if (result.templates.size() == kMostTemplates) fail(file, ": expected at most ", kMostTemplates, " chat templates");
  for (const auto& entry : result.templates)
    if (entry.first == name) fail(file, ": two chat templates are called '", name, "'");
  ChatTemplate parsed(source, file);
  result.templates.emplace_back(std::move(name), std::move(parsed));
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

ChatTemplates open_chat_templates(const std::string& folder) {
  namespace fs = std::filesystem;
  const fs::path root(folder);
  ChatTemplates result;
  if (const fs::path file = root / "chat_template.jinja"; fs::exists(file))
    add(result, "default", read_text(file.string(), kLargestTemplate), file.string());
  if (const fs::path further = root / "additional_chat_templates"; fs::is_directory(further)) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(further))
      if (entry.path().extension() == ".jinja") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    for (const auto& file : files)
      add(result, file.stem().string(), read_text(file.string(), kLargestTemplate), file.string());
  }
  if (const fs::path file = root / "tokenizer_config.json"; fs::exists(file)) {
    const json config = read_json(file.string(), kLargestConfig);
    const JsonFields fields(config, file.string());
    if (result.empty()) add_configured(result, fields);
    add_special(result, config);
  }
  if (const fs::path file = root / "special_tokens_map.json"; fs::exists(file)) {
    const json map = read_json(file.string(), kLargestConfig);
    if (map.is_object()) add_special(result, map);
  }
  return result;
}

}  // namespace strata
