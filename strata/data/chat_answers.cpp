#include "strata/data/chat_answers.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

namespace strata {
namespace {

using Json = nlohmann::ordered_json;
using Range = std::pair<size_t, size_t>;

constexpr std::string_view kSpaces = " \t\n\v\f\r";
constexpr std::string_view kEndOfThought = "</think>";

enum class Side { begin, end };

size_t first_of_words(const std::string& text, size_t from = 0) {
  return std::min(text.find_first_not_of(kSpaces, from), text.size());
}

// What a message says with a mark on one side, and without the spaces there, which templates may take away. An answer
// begins behind its thoughts, which templates cut off.
std::string marked(const std::string& text, const std::string& mark, Side side) {
  if (side == Side::end) return text.substr(0, text.find_last_not_of(kSpaces) + 1) + mark;
  const size_t thought = text.rfind(kEndOfThought);
  const size_t from = thought == std::string::npos ? 0 : thought + kEndOfThought.size();
  return text.substr(0, from) + mark + text.substr(first_of_words(text, from));
}

// A message that says nothing may call a tool: the name of that is marked.
Json* name_of_call(Json& message, Side side) {
  const auto calls = message.find("tool_calls");
  if (calls == message.end() || !calls->is_array() || calls->empty()) return nullptr;
  Json* call = side == Side::end ? &calls->back() : &calls->front();
  if (call->is_object() && call->contains("function")) call = &(*call)["function"];
  const bool named = call->is_object() && call->contains("name") && (*call)["name"].is_string();
  return named ? &(*call)["name"] : nullptr;
}

bool put(Json& message, const std::string& mark, Side side) {
  if (!message.is_object()) return false;
  const auto content = message.find("content");
  if (content != message.end() && !content->is_null() && !content->is_string()) return false;
  const std::string text = content != message.end() && content->is_string() ? content->get<std::string>() : "";
  Json* name = first_of_words(text) == text.size() ? name_of_call(message, side) : nullptr;
  if (name)
    *name = marked(name->get<std::string>(), mark, side);
  else
    message["content"] = marked(text, mark, side);
  return true;
}

// Looks for the places of messages in the text of a conversation.
class Finder {
 public:
  Finder(const ChatTemplates& templates, const Conversation& talk, const std::string& whole)
      : templates_(templates), talk_(talk), whole_(whole) {
    while (whole_.find(mark_) != std::string::npos) mark_ += "q7";
  }

  std::optional<Range> answer(size_t i) const {
    const auto stop = place(i, Side::end);
    const auto alone = split(i, Side::end, i + 1, false);
    if (!stop || !alone || !rest(stop->second).starts_with(alone->second)) return std::nullopt;
    const size_t end = stop->second + alone->second.size();
    if (i == 0) return Range(0, end);
    const auto before = place(i - 1, Side::end);
    const auto asked = split(i - 1, Side::end, i, true);
    if (!before || !asked) return std::nullopt;
    const std::string& turn = asked->second;  // the end of the message before, and what asks for an answer
    if (rest(before->second).starts_with(turn) && before->second + turn.size() <= stop->first)
      return Range(before->second + turn.size(), end);
    // What asks for it may hold more than what stands before an answer, such as the beginning of thoughts.
    const auto start = place(i, Side::begin);
    if (!start || start->first < before->second ||
        !turn.starts_with(rest(before->second).substr(0, start->first - before->second)))
      return std::nullopt;
    return Range(start->first, end);
  }

 private:
  std::string_view rest(size_t from) const { return std::string_view(whole_).substr(from); }

  // What stands before and behind a mark in message `i` of the first `count`.
  std::optional<std::pair<std::string, std::string>> split(size_t i, Side side, size_t count, bool ask) const {
    Json messages = talk_.messages;
    if (!put(messages[i], mark_, side)) return std::nullopt;
    const std::string text = render_chat(templates_, {messages, talk_.tools}, count, ask).text;
    const size_t at = text.find(mark_);
    if (at == std::string::npos || text.find(mark_, at + 1) != std::string::npos) return std::nullopt;
    return std::pair(text.substr(0, at), text.substr(at + mark_.size()));
  }

  // Where one side of message `i` is: the bytes, spaces all, in whose place the mark stood.
  std::optional<Range> place(size_t i, Side side) const {
    const auto parts = split(i, side, talk_.messages.size(), false);
    if (!parts || parts->first.size() + parts->second.size() > whole_.size()) return std::nullopt;
    const Range found(parts->first.size(), whole_.size() - parts->second.size());
    const std::string_view between = rest(found.first).substr(0, found.second - found.first);
    if (!whole_.starts_with(parts->first) || !whole_.ends_with(parts->second) ||
        between.find_first_not_of(kSpaces) != std::string_view::npos)
      return std::nullopt;
    return found;
  }

  const ChatTemplates& templates_;
  const Conversation& talk_;
  const std::string& whole_;
  std::string mark_ = "q7mark";
};

}  // namespace

RenderedChat render_chat(const ChatTemplates& templates, const Conversation& talk, size_t count, bool ask) {
  auto part = std::make_shared<Json>(Json::array());
  for (size_t i = 0; i < count; ++i) part->push_back(talk.messages[i]);
  return templates.render({.messages = std::move(part),
                           .tools = talk.tools ? std::make_shared<const Json>(*talk.tools) : nullptr,
                           .add_generation_prompt = ask});
}

std::optional<Range> find_answer(const ChatTemplates& templates, const Conversation& talk, size_t i,
                                 const std::string& whole) {
  const std::string asked = i == 0 ? "" : render_chat(templates, talk, i, true).text;
  const std::string given = render_chat(templates, talk, i + 1, false).text;
  if (given.starts_with(asked) && whole.starts_with(given)) return Range(asked.size(), given.size());
  return Finder(templates, talk, whole).answer(i);
}

}  // namespace strata
