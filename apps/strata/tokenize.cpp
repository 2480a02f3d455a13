#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "apps/strata/verbs.h"
#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/base/suggest.h"
#include "strata/formats/gguf_vocab.h"
#include "strata/formats/hub_cache.h"
#include "strata/formats/json_fields.h"
#include "strata/formats/tokenizer_json.h"
#include "strata/text/bpe_trainer.h"

namespace strata::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr uint64_t kLargestText = uint64_t{4} << 30;

std::string printed(const Json& json, int indent = -1) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

Tokenizer open_in_gguf(const std::string& path) {
  std::vector<std::string> warnings;
  const auto files = vocabulary_from_gguf(Gguf(path), warnings);
  const auto found = files.find("tokenizer.json"), config = files.find("tokenizer_config.json");
  if (found == files.end())
    fail(path, ": holds no tokenizer that can be used: ",
         warnings.empty() ? "there is no vocabulary in it" : join_names(warnings));
  for (const auto& warning : warnings) std::cerr << "strata tokenize: note: " << warning << "\n";
  return tokenizer_from_json(found->second, config == files.end() ? "" : config->second, path + ": tokenizer.json");
}

Tokenizer open(const std::string& name) {
  if (name.empty())
    fail_usage("expected a TOKENIZER: a tokenizer.json, a folder with one, a name in the local Hugging Face cache, a ",
               "GGUF file, or bytes");
  if (name == "bytes") return byte_tokenizer();
  const std::string path = find_path(name);
  return path.ends_with(".gguf") ? open_in_gguf(path) : open_tokenizer(path);
}

std::string read_input(const Tokenize& options) {
  if (!options.texts.empty() && !options.file.empty()) fail_usage("expected TEXT or --file, found both");
  if (!options.file.empty() && options.file != "-") return read_text(options.file, kLargestText);
  if (options.texts.empty()) return {std::istreambuf_iterator<char>(std::cin), {}};
  std::string text;
  for (const std::string& part : options.texts) text.append(text.empty() ? "" : " ").append(part);
  return text;
}

// Whole numbers between spaces, commas and brackets.
std::vector<int32_t> parse_ids(std::string_view text) {
  constexpr std::string_view between = " ,\t\r\n[]";
  std::vector<int32_t> ids;
  for (size_t at = text.find_first_not_of(between); at != std::string_view::npos;
       at = text.find_first_not_of(between, at)) {
    const size_t end = std::min(text.size(), text.find_first_of(between, at));
    int32_t id = 0;
    const auto [stop, error] = std::from_chars(text.data() + at, text.data() + end, id);
    if (error != std::errc() || stop != text.data() + end || id < 0)
      fail_usage("--decode: expected ids, found ", in_quotes(text.substr(at, end - at)));
    ids.push_back(id);
    at = end;
  }
  return ids;
}

Json tokens_of(const Tokenizer& tokenizer, const std::vector<int32_t>& ids) {
  Json tokens = Json::array();
  for (const int32_t id : ids) tokens.push_back(tokenizer.token(id));
  return tokens;
}

void print_encoded(const Tokenizer& tokenizer, const std::vector<int32_t>& ids, const Common& common,
                   const Tokenize& options) {
  if (common.json) {
    Json json{{"count", ids.size()}};
    if (!options.count) {
      json["ids"] = ids;
      json["tokens"] = tokens_of(tokenizer, ids);
    }
    std::cout << printed(json, 2) << "\n";
    return;
  }
  if (options.count) {
    std::cout << ids.size() << "\n";
    return;
  }
  std::string line;
  for (const int32_t id : ids) line.append(line.empty() ? "" : " ").append(std::to_string(id));
  std::cout << line << "\n";
}

void print_decoded(const Tokenizer& tokenizer, const std::vector<int32_t>& ids, const Common& common,
                   const Tokenize& options) {
  const std::string text = tokenizer.decode(ids, !options.plain);
  if (common.json)
    std::cout << printed(Json{{"text", text}, {"count", ids.size()}}, 2) << "\n";
  else if (options.count)
    std::cout << ids.size() << "\n";
  else
    std::cout << text;  // not a byte more than the tokens say
}

void answer_lines(const Tokenizer& tokenizer, std::string_view input, const EncodeOptions& encoding,
                  const Tokenize& options) {
  int64_t number = 0;
  for (size_t at = 0; at < input.size();) {
    const size_t end = std::min(input.size(), input.find('\n', at));
    const std::string_view line = input.substr(at, end - at);
    at = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string where = "line " + std::to_string(number);
    const nlohmann::json value = parse_json(line, where);
    if (options.decode) {
      std::cout << printed(tokenizer.decode(parse_ids(value.dump()), !options.plain)) << "\n";
      continue;
    }
    if (!value.is_string()) fail(where, ": expected a JSON text, found ", shown(value));
    const std::vector<int32_t> ids = tokenizer.encode(value.get_ref<const std::string&>(), encoding);
    std::cout << (options.count ? std::to_string(ids.size()) : printed(ids)) << "\n";
  }
}

void measure(const Tokenizer& tokenizer, std::string_view text, const EncodeOptions& encoding, const Common& common,
             int64_t repeats) {
  std::vector<double> seconds;
  size_t tokens = 0;
  for (int64_t i = 0; i < repeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    tokens = tokenizer.encode(text, encoding).size();
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::nth_element(seconds.begin(), seconds.begin() + std::ssize(seconds) / 2, seconds.end());
  const double median = seconds[seconds.size() / 2];
  const double rate = static_cast<double>(text.size()) / 1e6 / median;
  if (common.json)
    std::cout << printed(Json{{"seconds", median}, {"mb_per_s", rate}, {"bytes", text.size()}, {"tokens", tokens}}, 2)
              << "\n";
  else
    std::cout << text.size() << " bytes, " << tokens << " tokens, " << rate << " MB/s\n";
}

void train(const Common& common, const Tokenize& options) {
  if (options.output.empty()) fail_usage("--train: expected --output FOLDER for the tokenizer");
  if (!options.tokenizer.empty()) fail_usage("--train: expected no TOKENIZER, found '", options.tokenizer, "'");
  BpeTrainerConfig config{.vocab_size = options.vocab_size, .min_count = options.min_count, .special = options.special};
  for (const auto& [name, words] : {std::pair{"llama3", WordPattern::llama3}, std::pair{"qwen2", WordPattern::qwen2}})
    if (options.words == name) config.words = words;
  const auto start = std::chrono::steady_clock::now();
  BpeTrainer trainer(config);
  uint64_t bytes = 0;
  for (const std::string& file : options.train) {
    const std::string text = read_text(file, kLargestText);
    bytes += text.size();
    trainer.add(text);
  }
  const Tokenizer tokenizer = trainer.train();
  save_tokenizer(tokenizer, options.output);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (common.json)
    std::cout << printed(Json{{"output", options.output},
                              {"vocab_size", tokenizer.vocab_size()},
                              {"bytes", bytes},
                              {"seconds", seconds}},
                         2)
              << "\n";
  else
    std::cout << options.output << "/tokenizer.json: " << tokenizer.vocab_size() << " tokens, trained on " << bytes
              << " bytes in " << seconds << " s\n";
}

}  // namespace

void tokenize(const Common& common, const Tokenize& options) {
  if (!options.train.empty()) return train(common, options);
  const Tokenizer tokenizer = open(options.tokenizer);
  const EncodeOptions encoding{.special_in_text = !options.plain, .add_special = !options.bare};
  const std::string input = read_input(options);
  if (options.measure > 0) return measure(tokenizer, input, encoding, common, options.measure);
  if (options.json_lines) return answer_lines(tokenizer, input, encoding, options);
  if (options.decode) return print_decoded(tokenizer, parse_ids(input), common, options);
  print_encoded(tokenizer, tokenizer.encode(input, encoding), common, options);
}

}  // namespace strata::cli
