#include "strata/formats/model_folder.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/base/suggest.h"
#include "strata/formats/json_fields.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr std::array kCompanions{
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",     "vocab.json",
    "merges.txt",     "tokenizer.model",       "chat_template.jinja",     "generation_config.json"};
constexpr std::array kOwn{"config.json", "preprocessor_config.json", "strata.json", "model.safetensors.index.json"};
constexpr const char* kFurtherTemplates = "additional_chat_templates";  // a folder of them
constexpr uint64_t kMostCompanion = uint64_t{128} << 20;  // bytes; vocabularies of 250,000 tokens take 20 MB

template <size_t count>
bool among(const std::array<const char*, count>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::map<std::string, std::string> read_companions(const std::string& folder) {
  std::map<std::string, std::string> companions;
  std::error_code error;
  const auto read = [&](const std::string& name) {
    if (const std::string path = folder + "/" + name; fs::is_regular_file(path, error))
      companions[name] = read_text(path, kMostCompanion);
  };
  for (const char* name : kCompanions) read(name);
  for (const auto& entry : fs::directory_iterator(folder + "/" + kFurtherTemplates, error))
    if (entry.path().extension() == ".jinja")
      read(std::string(kFurtherTemplates) + "/" + entry.path().filename().string());
  return companions;
}

void write_companions(const std::string& folder, const std::map<std::string, std::string>& companions) {
  for (const auto& [name, text] : companions) {
    const fs::path path = fs::path(folder) / name;
    fs::create_directories(path.parent_path());
    write_file_atomic(path.string(), text);
  }
}

void check_replaceable(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (!among(kOwn, name) && !among(kCompanions, name) && name != kFurtherTemplates &&
        !(name.starts_with("model") && name.ends_with(".safetensors")))
      fail(folder, ": would be replaced by a model, but holds ", in_quotes(name),
           ", which is no part of one; choose another folder");
  }
}

}  // namespace strata
