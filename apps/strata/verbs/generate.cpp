#include "strata/generate/generate.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iostream>
#include <iterator>

#include "apps/strata/verbs/shared.h"
#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/formats/chat_template_file.h"
#include "strata/formats/generation_config.h"
#include "strata/formats/json_fields.h"
#include "strata/route/order.h"
#include "strata/route/parse.h"
#include "strata/route/print.h"
#include "strata/text/grammar.h"
#include "strata/text/json_schema.h"
#include "strata/train/codec.h"

namespace strata::cli {
namespace {

using nlohmann::ordered_json;

constexpr uint64_t kLargestFile = 64 << 20;
constexpr int64_t kUsualTokens = 128;
constexpr int64_t kMostAlternatives = 1000;

// What the user should know before the first token: oddities of the file, ends that can never come.
void print_warnings(const Model& model, const std::string& place, const std::vector<int32_t>& ends) {
  for (const auto& warning : model.warnings) std::cerr << place << ": " << warning << "\n";
  for (const int32_t id : ends)
    if (id >= model.language.vocab)
      std::cerr << place << ": eos_token_id " << id << " is none of the model's " << model.language.vocab
                << " tokens: it will never end the output\n";
}

std::string text_in(const std::string& path) {
  if (path != "-") return read_text(path, kLargestFile);
  return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
}

ordered_json ordered_json_in(const std::string& path) {
  return parse_ordered_json(read_text(path, kLargestFile), path);
}

std::vector<int32_t> ids_in(const std::string& text) {
  std::vector<int32_t> ids;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    int32_t id = -1;
    const auto [stop, error] = std::from_chars(text.data() + at, text.data() + end, id);
    if (error != std::errc() || stop != text.data() + end || id < 0)
      fail_usage("--ids: expected ids between commas such as 1,15,27, found ", text.substr(0, 80));
    ids.push_back(id);
    at = end + 1;
  }
  return ids;
}

// What --chat or --message say.
Chat chat_of(const Generate& options) {
  Chat chat;
  if (!options.chat.empty()) {
    ordered_json json = ordered_json_in(options.chat);
    if (json.is_array()) json = {{"messages", std::move(json)}};
    if (!json.is_object() || !json.contains("messages"))
      fail(options.chat, ": expected a list of messages, or an object with \"messages\"");
    chat.messages = std::make_shared<const ordered_json>(json["messages"]);
    if (json.contains("tools") && !json["tools"].is_null())
      chat.tools = std::make_shared<const ordered_json>(json["tools"]);
    json.erase("messages");
    json.erase("tools");
    chat.more = std::make_shared<const ordered_json>(std::move(json));
    return chat;
  }
  ordered_json messages = ordered_json::array();
  if (!options.system.empty()) messages.push_back({{"role", "system"}, {"content", options.system}});
  for (size_t i = 0; i < options.messages.size(); ++i)
    messages.push_back({{"role", i % 2 == 0 ? "user" : "assistant"}, {"content", options.messages[i]}});
  chat.messages = std::make_shared<const ordered_json>(std::move(messages));
  return chat;
}

std::vector<std::vector<int32_t>> prompts_of(const Generate& options, const Model& model,
                                             const std::optional<Tokenizer>& tokenizer) {
  std::vector<std::vector<int32_t>> prompts;
  const auto encoder = [&]() -> const Tokenizer& {
    if (!tokenizer)
      fail(options.model, ": text cannot be read: ", why_no_tokenizer(model, options.model), "; give --ids");
    return *tokenizer;
  };
  prompts.reserve(options.prompts.size() + options.ids.size() + 2);
  for (const auto& text : options.prompts) prompts.push_back(encoder().encode(text));
  if (!options.prompt_file.empty()) prompts.push_back(encoder().encode(text_in(options.prompt_file)));
  for (const auto& text : options.ids) prompts.push_back(ids_in(text));
  if (!options.chat.empty() || !options.messages.empty()) {
    const ChatTemplates templates = chat_templates_of(model.companions, options.model);
    const std::string text = templates.render(chat_of(options), options.chat_template).text;
    // The template writes the special tokens itself.
    prompts.push_back(encoder().encode(text, {.special_in_text = true, .add_special = false}));
  }
  if (prompts.empty())
    fail_usage("expected something to continue: --prompt, --prompt-file, --ids, --message or --chat");
  return prompts;
}

Sampling sampling_of(const Generate& options, Sampling sampling) {
  if (options.temperature || options.top_k || options.top_p || options.min_p || options.typical_p)
    sampling.sample = true;
  sampling.temperature = options.temperature.value_or(sampling.temperature);
  sampling.top_k = options.top_k.value_or(sampling.top_k);
  sampling.top_p = options.top_p.value_or(sampling.top_p);
  sampling.min_p = options.min_p.value_or(sampling.min_p);
  sampling.typical_p = options.typical_p.value_or(sampling.typical_p);
  sampling.repetition_penalty = options.repetition_penalty.value_or(sampling.repetition_penalty);
  sampling.no_repeat_ngram = options.no_repeat_ngram.value_or(sampling.no_repeat_ngram);
  sampling.presence_penalty = options.presence_penalty;
  sampling.frequency_penalty = options.frequency_penalty;
  if (options.greedy) sampling.sample = false;
  return sampling;
}

std::optional<std::string> grammar_of(const Generate& options) {
  const int given = static_cast<int>(!options.json_schema.empty()) + static_cast<int>(!options.grammar.empty()) +
                    static_cast<int>(options.json_object);
  if (given > 1) fail_usage("expected one of --json-schema, --json-object and --grammar");
  if (!options.json_schema.empty())
    return json_schema_to_grammar(ordered_json_in(options.json_schema), options.json_schema);
  if (!options.grammar.empty()) return text_in(options.grammar);
  if (options.json_object) return json_object_grammar();
  return std::nullopt;
}

void constrain(GenerateOptions& run, const std::string& text, const std::string& name, const Tokenizer& tokenizer,
               int64_t vocab) {
  const auto grammar = std::make_shared<const Grammar>(parse_grammar(text, name));
  std::vector<std::string> tokens(static_cast<size_t>(vocab));
  for (int64_t id = 0; id < std::min(vocab, tokenizer.vocab_size()); ++id)
    if (!tokenizer.special(static_cast<int32_t>(id)))
      tokens[static_cast<size_t>(id)] = tokenizer.bytes(static_cast<int32_t>(id));
  const auto trie = std::make_shared<const TokenTrie>(tokens, run.ends);
  run.constraint = [grammar, trie] { return make_constraint(grammar, trie); };
}

// --tokens, else what the model's files say: max_new_tokens, else max_length, which counts the prompt.
void set_length(GenerateOptions& run, const Generate& options, const GenerationConfig& config,
                const std::vector<std::vector<int32_t>>& prompts, const std::string& folder) {
  if (options.tokens > 0 || config.max_new_tokens || !config.max_length) {
    run.max_new_tokens = options.tokens > 0 ? options.tokens : config.max_new_tokens.value_or(kUsualTokens);
    return;
  }
  const int64_t length = *config.max_length;
  for (const auto& prompt : prompts)
    if (std::ssize(prompt) >= length)
      fail(folder, "/generation_config.json: max_length is ", length, ", prompt included, and a prompt has ",
           prompt.size(), " tokens; give --tokens");
  run.max_new_tokens = length;
  run.context = run.context > 0 ? std::min(run.context, length) : length;
}

std::string token_text(const std::optional<Tokenizer>& tokenizer, int32_t id) {
  return tokenizer ? tokenizer->token(id) : "";
}

ordered_json json_of_output(const Generated& output, const std::optional<Tokenizer>& tokenizer) {
  ordered_json json{{"prompt", output.prompt}, {"copy", output.copy}};
  if (tokenizer) json["text"] = output.text;
  json["ids"] = output.tokens;
  json["reason"] = output.reason;
  if (!output.stop.empty()) json["stop"] = output.stop;
  for (size_t i = 0; i < output.log_probabilities.size(); ++i) {
    ordered_json token{{"id", output.tokens[i]}};
    if (tokenizer) token["token"] = token_text(tokenizer, output.tokens[i]);
    token["logprob"] = output.log_probabilities[i];
    if (!output.top_log_probabilities.empty())
      for (const auto& [id, value] : output.top_log_probabilities[i]) {
        ordered_json other{{"id", id}};
        if (tokenizer) other["token"] = token_text(tokenizer, id);
        other["logprob"] = value;
        token["top"].push_back(std::move(other));
      }
    json["logprobs"].push_back(std::move(token));
  }
  return json;
}

std::string listed(const std::vector<int32_t>& ids) {
  std::string out;
  for (const int32_t id : ids) out += (out.empty() ? "" : ",") + std::to_string(id);
  return out;
}

void print_log_probabilities(const Generated& output, const std::optional<Tokenizer>& tokenizer) {
  const auto named = [&](int32_t id) {
    return tokenizer ? fmt::format("{} {}", id, token_text(tokenizer, id)) : std::to_string(id);
  };
  for (size_t i = 0; i < output.log_probabilities.size(); ++i) {
    std::cout << fmt::format("{:9.4f}  {}", output.log_probabilities[i], named(output.tokens[i]));
    if (!output.top_log_probabilities.empty())
      for (const auto& [id, value] : output.top_log_probabilities[i])
        std::cout << fmt::format("   {} {:.4f}", named(id), value);
    std::cout << "\n";
  }
}

void print_times(const GenerateTimes& times, const std::vector<Generated>& outputs) {
  const int64_t later = times.passes - 1;
  std::cerr << fmt::format("{} tokens of prompt in {:.2f} s", times.prompt_tokens, times.prompt_seconds);
  if (later > 0)
    std::cerr << fmt::format(", then {:.1f} ms per token", times.token_seconds * 1000 / static_cast<double>(later));
  if (outputs.size() > 1) std::cerr << fmt::format(" for {} outputs together", outputs.size());
  std::cerr << fmt::format("; {} new tokens", times.new_tokens);
  if (outputs.size() == 1) std::cerr << ", ended by " << (outputs[0].reason == "length" ? "length" : outputs[0].reason);
  std::cerr << "\n";
}

}  // namespace

void generate(const Common& common, const Generate& options) {
  if (options.log_probabilities && (*options.log_probabilities < 0 || *options.log_probabilities > kMostAlternatives))
    fail_usage("--logprobs: expected a number of alternatives from 0 to ", kMostAlternatives);
  const OpenModels open = open_models({options.model}, options.sources, options.adapter);
  const Model& model = open.first();
  const std::string& folder = open.folders.front();
  if (!model.is_language()) fail(folder, ": expected a language model, found a vision transformer");
  const GenerationConfig config = generation_config_of(model.companions, folder);
  const auto tokenizer = tokenizer_of(model, folder);
  const auto prompts = prompts_of(options, model, tokenizer);

  GenerateOptions run;
  run.route = options.route.empty() ? identity(model.depth()) : parse_route(options.route);
  run.sources = &open.stacks;
  run.sampling = sampling_of(options, config.sampling);
  if (model.language.positions == "learned") run.context = model.language.context;
  set_length(run, options, config, prompts, folder);
  run.continues = options.chat.empty() && options.messages.empty();
  run.copies = options.copies;
  run.seed = options.seed;
  if (!options.ignore_end) run.ends = config.ends;
  if (!options.ignore_end && run.ends.empty() && tokenizer)
    if (const auto eos = tokenizer->eos()) run.ends = {*eos};
  run.stop = config.stop;
  run.stop.insert(run.stop.end(), options.stop.begin(), options.stop.end());
  run.log_probabilities = options.log_probabilities.has_value();
  run.top_log_probabilities = options.log_probabilities.value_or(0);
  run.cached = !options.uncached;
  if (const auto grammar = grammar_of(options)) {
    if (!tokenizer) fail(folder, ": output cannot be held to a grammar: ", why_no_tokenizer(model, folder));
    const std::string& file = options.grammar.empty() ? options.json_schema : options.grammar;
    constrain(run, *grammar, file.empty() ? "grammar" : file, *tokenizer, model.language.vocab);
  }
  if (!common.quiet) print_warnings(model, folder, run.ends);
  if (!common.quiet && !config.not_followed.empty())
    std::cerr << folder << "/generation_config.json asks for " << config.not_followed.front()
              << ", which generate does not do\n";
  if (options.stream && !common.json && (prompts.size() > 1 || options.copies > 1))
    fail_usage("--stream prints one output; several can be streamed with --json");
  if (options.stream)
    run.on_token = [&](const GeneratedPiece& piece) {
      if (common.json)
        std::cout << ordered_json{{"prompt", piece.prompt},
                                  {"copy", piece.copy},
                                  {"id", piece.token},
                                  {"text", piece.text},
                                  {"last", piece.last}}
                         .dump(-1, ' ', false, ordered_json::error_handler_t::replace)
                  << std::endl;
      else
        std::cout << (tokenizer ? piece.text : std::to_string(piece.token) + (piece.last ? "" : ",")) << std::flush;
      return static_cast<bool>(std::cout);
    };

  GenerateTimes times;
  const auto outputs = generate(model.stack(), prompts, run, tokenizer ? &*tokenizer : nullptr, &times);
  if (common.json) {
    ordered_json json{{"model", folder}, {"route", print_route(run.route)}};
    for (const auto& output : outputs) json["outputs"].push_back(json_of_output(output, tokenizer));
    json["prompt_tokens"] = times.prompt_tokens;
    json["prompt_seconds"] = times.prompt_seconds;
    json["new_tokens"] = times.new_tokens;
    json["seconds_per_pass"] = times.passes > 1 ? times.token_seconds / static_cast<double>(times.passes - 1) : 0;
    if (options.stream)
      std::cout << json.dump(-1, ' ', false, ordered_json::error_handler_t::replace) << "\n";
    else
      print_json(json);
    return;
  }
  for (const auto& output : outputs) {
    if (outputs.size() > 1) std::cout << fmt::format("--- prompt {}, output {}\n", output.prompt + 1, output.copy + 1);
    if (!options.stream) std::cout << (tokenizer ? output.text : listed(output.tokens));
    std::cout << "\n";
    print_log_probabilities(output, tokenizer);
  }
  if (!common.quiet) print_times(times, outputs);
}

}  // namespace strata::cli
