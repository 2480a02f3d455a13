#include "strata/data/chat_text.h"

#include <nlohmann/json.hpp>

#include "strata/base/error.h"
#include "strata/formats/chat_template_file.h"

namespace strata {
namespace {

using Json = nlohmann::ordered_json;

struct Talk {
  const Json& messages;
  std::shared_ptr<const Json> tools;
};

RenderedChat render(const ChatTemplates& templates, const Talk& talk, size_t count, bool ask) {
  auto part = std::make_shared<Json>(Json::array());
  for (size_t i = 0; i < count; ++i) part->push_back(talk.messages[i]);
  return templates.render({.messages = std::move(part), .tools = talk.tools, .add_generation_prompt = ask});
}

using Ranges = std::vector<std::pair<size_t, size_t>>;  // [begin, end) of a text

// Pieces of a text of which some parts count.
std::vector<TextPiece> cut(const std::string& text, const Ranges& counting) {
  std::vector<TextPiece> pieces;
  size_t done = 0;
  for (const auto& [begin, end] : counting) {
    if (begin > done) pieces.push_back({text.substr(done, begin - done), false});
    if (end > begin) pieces.push_back({text.substr(begin, end - begin), true});
    done = end;
  }
  if (done < text.size()) pieces.push_back({text.substr(done), false});
  return pieces;
}

bool is_answer(const Json& message) {
  return message.is_object() && message.contains("role") && message["role"] == "assistant";
}

[[noreturn]] void refuse_template(size_t message) {
  fail("chat template: the text of message ", message,
       " changes with what stands around it, so where the answer is cannot be told; mark answers in the template "
       "with {% generation %} ... {% endgeneration %}");
}

// Where the answers of a whole conversation are in its text, but for its first messages: behind what asks for each.
Ranges answers(const ChatTemplates& templates, const Talk& talk, size_t first, const std::string& whole) {
  Ranges found;
  for (size_t i = first; i < talk.messages.size(); ++i) {
    if (!is_answer(talk.messages[i])) continue;
    const std::string asked = i == 0 ? "" : render(templates, talk, i, true).text;
    const std::string given = render(templates, talk, i + 1, false).text;
    if (!given.starts_with(asked) || !whole.starts_with(given)) refuse_template(i + 1);
    found.emplace_back(asked.size(), given.size());
  }
  return found;
}

// The marked ranges that belong to no message before `first`.
Ranges marked(const ChatTemplates& templates, const Talk& talk, size_t first, const RenderedChat& whole) {
  Ranges found = whole.generated;
  if (first == 0) return found;
  // A template may write an end of text behind messages that nothing is asked of.
  std::string given = render(templates, talk, first, false).text;
  if (!whole.text.starts_with(given)) given = render(templates, talk, first, true).text;
  if (!whole.text.starts_with(given)) refuse_template(first);
  std::erase_if(found, [&](const auto& range) { return range.first < given.size(); });
  return found;
}

}  // namespace

ChatText chat_text(ChatTemplates templates) {
  return [templates = std::move(templates)](const Conversation& given) {
    const Json& messages = given.messages;
    const Talk talk{messages, given.tools ? std::make_shared<const Json>(*given.tools) : nullptr};
    if (!messages.is_array() || messages.empty()) fail("messages: expected a list of them, found none");
    const RenderedChat whole = render(templates, talk, messages.size(), false);
    const Ranges counting = whole.generated.empty() ? answers(templates, talk, given.given, whole.text)
                                                    : marked(templates, talk, given.given, whole);
    return TextDocument{cut(whole.text, counting), Frame::own};
  };
}

ChatText chat_text_of(const std::map<std::string, std::string>& files, const std::string& name) {
  ChatTemplates templates = chat_templates_of(files, name);
  return templates.empty() ? ChatText(plain_chat) : chat_text(std::move(templates));
}

}  // namespace strata
