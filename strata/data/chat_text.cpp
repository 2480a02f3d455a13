#include "strata/data/chat_text.h"

#include <nlohmann/json.hpp>

#include "strata/base/error.h"
#include "strata/data/chat_answers.h"
#include "strata/formats/chat_template_file.h"

namespace strata {
namespace {

using Json = nlohmann::ordered_json;

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
  fail(
      "chat template: where message ", message,
      " is in the text cannot be told, as it is written otherwise when more follows or when it is asked for; mark "
      "answers in the template with {% generation %} ... {% endgeneration %}, or give prompt and completion, two lists "
      "of messages of which only answers in the second are learned");
}

// Where the answers of a whole conversation are in its text, but for its first messages.
Ranges answers(const ChatTemplates& templates, const Conversation& talk, const std::string& whole) {
  Ranges found;
  for (size_t i = talk.given; i < talk.messages.size(); ++i) {
    if (!is_answer(talk.messages[i])) continue;
    const auto answer = find_answer(templates, talk, i, whole);
    if (!answer || (!found.empty() && answer->first < found.back().second)) refuse_template(i + 1);
    found.push_back(*answer);
  }
  return found;
}

// The marked ranges that belong to no message that is given.
Ranges marked(const ChatTemplates& templates, const Conversation& talk, const RenderedChat& whole) {
  Ranges found = whole.generated;
  if (talk.given == 0) return found;
  // A template may write an end of text behind messages that nothing is asked of.
  std::string given = render_chat(templates, talk, talk.given, false).text;
  if (!whole.text.starts_with(given)) given = render_chat(templates, talk, talk.given, true).text;
  if (!whole.text.starts_with(given)) refuse_template(talk.given);
  std::erase_if(found, [&](const auto& range) { return range.first < given.size(); });
  return found;
}

}  // namespace

ChatText chat_text(ChatTemplates templates) {
  return [templates = std::move(templates)](const Conversation& talk) {
    if (!talk.messages.is_array() || talk.messages.empty()) fail("messages: expected a list of them, found none");
    const RenderedChat whole = render_chat(templates, talk, talk.messages.size(), false);
    const Ranges counting =
        whole.generated.empty() ? answers(templates, talk, whole.text) : marked(templates, talk, whole);
    return TextDocument{cut(whole.text, counting), Frame::own};
  };
}

ChatText chat_text_of(const std::map<std::string, std::string>& files, const std::string& name) {
  ChatTemplates templates = chat_templates_of(files, name);
  return templates.empty() ? ChatText(plain_chat) : chat_text(std::move(templates));
}

}  // namespace strata
