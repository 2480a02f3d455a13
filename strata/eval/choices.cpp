#include "strata/eval/choices.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numbers>

#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/blocks/tokens.h"
#include "strata/formats/json_fields.h"
#include "strata/ops/linear_cross_entropy.h"

namespace strata {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kMostFile = uint64_t{1} << 30;
constexpr int64_t kRows = 2048;  // tokens in one pass, about

int64_t answer_of(const Json& line, const std::vector<std::string>& choices, const std::string& where) {
  const Json& answer = line.contains("answer") ? line.at("answer") : Json();
  if (answer.is_number_integer()) {
    const auto index = answer.get<int64_t>();
    if (index >= 0 && index < std::ssize(choices)) return index;
  }
  if (answer.is_string()) {
    const auto found = std::find(choices.begin(), choices.end(), answer.get<std::string>());
    if (found != choices.end()) return found - choices.begin();
  }
  fail(where, ": expected answer as an index from 0 to ", choices.size() - 1, " or as one of the choices, found ",
       shown(answer));
}

ChoiceQuestion parse_line(std::string_view text, const std::string& where, const TextCodec& codec) {
  const Json line = parse_json(text, where);
  const JsonFields fields(line, where);
  const std::string question = fields.text("question", "");
  const std::vector<std::string> choices = fields.texts("choices", {});
  if (question.empty() || choices.size() < 2)
    fail(where, ": expected a question and at least two choices, found ", shown(line));
  ChoiceQuestion result;
  result.answer = answer_of(line, choices, where);
  const auto blank = [](char c) { return c == ' ' || c == '\n' || c == '\t'; };
  for (const auto& choice : choices) {
    const bool joined = blank(question.back()) || (!choice.empty() && blank(choice.front()));
    const std::string whole = question + (joined ? "" : " ") + choice;
    std::vector<int32_t> ids;
    codec.encode(whole, ids);
    const auto border = static_cast<ptrdiff_t>(cut_tokens(codec, whole, ids, question.size()).whole);
    ChoiceQuestion::Choice& made = result.choices.emplace_back();
    made.question = codec.start;
    made.question.insert(made.question.end(), ids.begin(), ids.begin() + border);
    made.answer.assign(ids.begin() + border, ids.end());
    made.bytes = std::ssize(whole) - std::ssize(question);
    if (choice.empty() || made.answer.empty()) fail(where, ": choice ", result.choices.size(), " is empty");
    if (made.question.empty())
      fail(where, ": the question has no token of its own before choice ", result.choices.size());
  }
  return result;
}

// One choice behind its question, as a sequence that predicts the choice's tokens.
void add_sequence(const ChoiceQuestion::Choice& choice, int64_t context, std::vector<int64_t>& tokens,
                  std::vector<int64_t>& targets, std::vector<int64_t>& lengths) {
  const auto& [question, answer, bytes] = choice;
  if (std::ssize(answer) > context)
    fail("multiple choice: a choice has ", answer.size(), " tokens, more than the context of ", context);
  const int64_t kept = std::min(std::ssize(question), context - std::ssize(answer) + 1);
  std::vector<int32_t> whole(question.end() - kept, question.end());
  whole.insert(whole.end(), answer.begin(), answer.end());
  for (int64_t i = 0; i + 1 < std::ssize(whole); ++i) {
    tokens.push_back(whole[i]);
    targets.push_back(i + 1 >= kept ? whole[i + 1] : -100);
  }
  lengths.push_back(std::ssize(whole) - 1);
}

}  // namespace

std::vector<ChoiceQuestion> parse_choices(const std::string& text, const std::string& name, const TextCodec& codec) {
  std::vector<ChoiceQuestion> questions;
  int64_t number = 0;
  for (std::string_view left = text; !left.empty();) {
    const size_t end = std::min(left.find('\n'), left.size());
    const std::string_view line = left.substr(0, end);
    left.remove_prefix(std::min(end + 1, left.size()));
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    questions.push_back(parse_line(line, name + ":" + std::to_string(number), codec));
  }
  if (questions.empty()) fail(name, ": holds no question");
  return questions;
}

std::vector<ChoiceQuestion> read_choices(const std::string& path, const TextCodec& codec) {
  return parse_choices(read_text(path, kMostFile), path, codec);
}

ChoiceScore score_choices(const Stack& stack, const Route& route, const std::vector<ChoiceQuestion>& questions,
                          int64_t context, const RunOptions& options) {
  const auto* head = dynamic_cast<const TokenHead*>(stack.head.get());
  if (!head) fail("multiple choice: expected a language model, got stack '", stack.name, "'");
  const c10::InferenceMode no_gradients;
  const Runner runner(stack, options);
  ChoiceScore score{.questions = std::ssize(questions)};
  double nats = 0, bytes = 0;
  for (size_t first = 0; first < questions.size();) {
    std::vector<int64_t> tokens, targets, lengths;
    size_t end = first;
    for (; end < questions.size() && (end == first || std::ssize(tokens) < kRows); ++end)
      for (const auto& choice : questions[end].choices) add_sequence(choice, context, tokens, targets, lengths);
    const RowsPtr rows = ragged_rows(lengths);
    const Stream x = run_trunk(stack, route, token_stream(at::tensor(tokens, at::kLong), rows), options);
    const auto [inner, table] =
        head->before_product(Weights(stack.weights, "head.", options.overlays), runner.norm(x).x());
    const Tensor log_p =
        ops::target_log_probabilities(inner, table, {}, at::tensor(targets, at::kLong)).to(at::kDouble);
    int64_t sequence = 0;
    for (; first < end; ++first) {
      const ChoiceQuestion& question = questions[first];
      std::vector<double> whole, by_byte;
      for (const auto& choice : question.choices) {
        whole.push_back(log_p.slice(0, rows->begin(sequence), rows->begin(sequence + 1)).sum().item<double>());
        by_byte.push_back(whole.back() / static_cast<double>(choice.bytes));
        ++sequence;
      }
      const auto best = [](const std::vector<double>& values) {
        return std::max_element(values.begin(), values.end()) - values.begin();
      };
      score.accuracy += best(whole) == question.answer;
      score.accuracy_normalised += best(by_byte) == question.answer;
      nats -= whole[question.answer];
      bytes += static_cast<double>(question.choices[question.answer].bytes);
    }
  }
  score.accuracy /= static_cast<double>(score.questions);
  score.accuracy_normalised /= static_cast<double>(score.questions);
  score.bits_per_byte = nats / std::numbers::ln2 / bytes;
  return score;
}

}  // namespace strata
