#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "apps/strata/table.h"
#include "apps/strata/verbs.h"
#include "strata/base/child.h"
#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/formats/king_james.h"
#include "strata/formats/tokenizer_json.h"
#include "strata/text/bpe_trainer.h"

namespace strata::cli {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kVocabulary = 32000;
constexpr uint64_t kLargestText = uint64_t{1} << 30;

/// Removed at the end.
class Folder {
 public:
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "strata-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) fail(pattern, ": expected a folder that can be made");
    path_ = pattern;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// In the checkout that this program was built in, or the current folder's.
std::string baseline_script() {
  const fs::path name = "bench/baselines/library_tokenizers.py";
  for (fs::path folder = fs::path(own_program()).parent_path(); folder.has_relative_path();
       folder = folder.parent_path())
    if (fs::exists(folder / name)) return (folder / name).string();
  if (fs::exists(name)) return name.string();
  fail("bench tokenize: expected ", name.string(),
       " in the checkout of this program or in the current folder, found none");
}

std::string king_james() {
  std::string text;
  for (const std::string& book : read_king_james(kKingJamesFile)) text += book;
  return text;
}

std::string rate(const nlohmann::json& result, const char* name) {
  return fmt::format("{:.1f}", result.at(name).at("mb_per_s").get<double>());
}

}  // namespace

void bench_tokenize(const Common& common, const Bench& options) {
  const std::string text = options.text.empty() ? king_james() : read_text(options.text, kLargestText);
  const Folder folder;
  const std::string text_file = folder.path() + "/text";
  write_file_atomic(text_file, text);
  BpeTrainer trainer({.vocab_size = kVocabulary, .special = {"<|endoftext|>"}});
  trainer.add(text);
  save_tokenizer(trainer.train(), folder.path());
  const char* const python = std::getenv("STRATA_PYTHON");
  const std::string printed =
      output_of({python ? python : "python3", baseline_script(), "--tokenizer", folder.path(), "--text", text_file,
                 "--strata", own_program(), "--repeats", std::to_string(options.repeats)});
  const auto result = nlohmann::json::parse(printed);
  if (!result.at("same_ids").get<bool>()) fail("bench tokenize: expected the same ids from the library, found others");
  if (common.json) {
    std::cout << result.dump(2) << "\n";
    return;
  }
  print_table({"one thread, " + std::to_string(text.size()) + " bytes", "#MB/s"},
              {{"strata", rate(result, "strata")},
               {"tokenizers, one text", rate(result, "tokenizers")},
               {"tokenizers, a batch of paragraphs", rate(result, "tokenizers_batch")}});
  std::cout << "same ids; " << fmt::format("{:.1f}", result.at("ratio_to_best").get<double>())
            << " times as fast as the faster of them\n";
}

}  // namespace strata::cli
