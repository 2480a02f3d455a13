// Parser: strata/formats/chat_template_file.cpp
#include <cstdint>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "strata/base/error.h"
#include "strata/formats/chat_template_file.h"

// Any folder is either refused by an Error or gives templates with names that differ. The input is the folder: each file
// begins with a line "# NAME".
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  std::map<std::string, std::string> files;
  std::string name = "tokenizer_config.json";
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size() - 1) + 1;
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end);
    if (line.starts_with("# ")) {
      line.remove_prefix(2);
      if (line.ends_with('\n')) line.remove_suffix(1);
      name = line;
      files[name];
    } else {
      files[name] += line;
    }
  }
  try {
    const strata::ChatTemplates read = strata::chat_templates_of(files, "folder");
    std::set<std::string> names;
    for (const auto& [each, parsed] : read.templates)
      if (!names.insert(each).second) std::abort();
    for (const auto& [each, error] : read.malformed)
      if (!names.insert(each).second || !error.starts_with("folder/")) std::abort();
    if (read.empty() != names.empty()) std::abort();
  } catch (const strata::Error& error) {
    if (!std::string_view(error.what()).starts_with("folder/")) std::abort();
  }
  return 0;
}
