#include "apps/strata/verbs/eval_text.h"

#include <fmt/format.h>

#include <cmath>
#include <iostream>
#include <optional>

#include "apps/strata/table.h"
#include "strata/base/error.h"
#include "strata/data/chat_text.h"
#include "strata/eval/choices.h"
#include "strata/eval/score.h"
#include "strata/route/print.h"
#include "strata/train/codec.h"

namespace strata::cli {
namespace {

constexpr int64_t kMostContext = 1024;  // where nobody says

std::string shortened(std::string text) {
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

}  // namespace

void eval_text(const Common& common, const Eval& options, const OpenModels& open, const std::vector<Route>& routes) {
  const Model& model = open.first();
  if (!model.is_language())
    fail_usage("--text and --choices are for language models; ", open.folders.front(), " is a ", model.architecture);
  if (options.ensemble) fail_usage("--ensemble averages classes of images, not texts");
  const TextCodec codec = codec_of(model, open.folders.front());
  const int64_t context =
      options.context > 0 ? options.context : std::min<int64_t>(model.language.context, kMostContext);
  if (context > model.language.context)
    fail_usage("--context: the model reads at most ", model.language.context, " tokens, got ", context);
  const int64_t stride = options.stride > 0 ? options.stride : std::max<int64_t>(1, context / 2);
  nlohmann::ordered_json json{{"model", open.folders.front()}, {"context", context}};
  std::vector<std::string> heading{"route"};
  std::vector<std::vector<std::string>> rows;
  for (const auto& route : routes) {
    json["routes"].push_back({{"route", print_route(route)}});
    rows.push_back({shortened(print_route(route))});
  }
  if (!options.text.empty()) {
    TextSet set = first_tokens(
        tokenised(read_documents(options.text, {.chat = chat_text_of(model.companions, open.folders.front())}), codec,
                  options.text),
        options.limit);
    const TextExam exam(std::move(set), context, stride);
    TrieReport trie;
    const auto scores = score_routes(model.stack(), routes, exam, &trie, !options.one_by_one, &open.stacks);
    json["text"] = {{"name", options.text}, {"tokens", exam.samples()}, {"bytes", exam.bytes()}, {"stride", stride}};
    json["seconds"] = trie.seconds;
    heading.insert(heading.end(), {"#bits/byte", "#perplexity", "#accuracy"});
    for (size_t i = 0; i < scores.size(); ++i) {
      auto& entry = json["routes"][i];
      entry["bits_per_byte"] = scores[i].bits_per_byte;
      entry["perplexity"] = std::exp(scores[i].loss);
      entry["loss"] = scores[i].loss;
      entry["accuracy"] = scores[i].accuracy;
      rows[i].push_back(fmt::format("{:.4f}", scores[i].bits_per_byte));
      rows[i].push_back(fmt::format("{:.4g}", std::exp(scores[i].loss)));
      rows[i].push_back(percent(scores[i].accuracy));
    }
    if (!common.quiet && !common.json)
      std::cerr << fmt::format("{} tokens, {:.0f} bytes of {}, context {}, stride {}, {:.1f} s\n", exam.samples(),
                               exam.bytes(), options.text, context, stride, trie.seconds);
  }
  if (!options.choices.empty()) {
    const std::vector<ChoiceQuestion> questions = read_choices(options.choices, codec);
    json["choices"] = {{"name", options.choices}, {"questions", questions.size()}};
    heading.insert(heading.end(), {"#right", "#right per byte"});
    for (size_t i = 0; i < routes.size(); ++i) {
      const ChoiceScore score = score_choices(model.stack(), routes[i], questions, context, {.sources = &open.stacks});
      json["routes"][i]["choices"] = {{"accuracy", score.accuracy},
                                      {"accuracy_normalised", score.accuracy_normalised},
                                      {"bits_per_byte", score.bits_per_byte}};
      rows[i].push_back(percent(score.accuracy));
      rows[i].push_back(percent(score.accuracy_normalised));
    }
  }
  if (common.json) return print_json(json);
  print_table(heading, rows);
}

}  // namespace strata::cli
