#include "strata/data/chat_text.h"

#include <nlohmann/json.hpp>

#include "strata/base/error.h"

namespace strata {
namespace {

using Json = nlohmann::ordered_json;

RenderedChat render(const ChatTemplates& templates, const Json& messages, size_t count, bool ask) {
  auto part = std::make_shared<Json>(Json::array());
  for (size_t i = 0; i < count; ++i) part->push_back(messages[i]);
  Chat chat{.messages = std::move(part), .tools = nullptr, .more = nullptr, .add_generation_prompt = ask};
  return templates.render(chat);
}

// Pieces of a text of which some parts count.
std::vector<TextPiece> cut(const std::string& text, const std::vector<std::pair<size_t, size_t>>& counting) {
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

// Where the answers of a whole conversation are in its text: behind what asks for each.
std::vector<std::pair<size_t, size_t>> answers(const ChatTemplates& templates, const Json& messages,
                                               const std::string& whole) {
  std::vector<std::pair<size_t, size_t>> found;
  for (size_t i = 0; i < messages.size(); ++i) {
    if (!is_answer(messages[i])) continue;
    const std::string asked = i == 0 ? "" : render(templates, messages, i, true).text;
    const std::string given = render(templates, messages, i + 1, false).text;
    if (!given.starts_with(asked) || !whole.starts_with(given))
      fail("chat template: the text of message ", i + 1,
           " changes with what stands around it, so where the answer is cannot be told; mark answers in the template "
           "with {% generation %} ... {% endgeneration %}");
    found.emplace_back(asked.size(), given.size());
  }
  return found;
}

}  // namespace

ChatText chat_text(ChatTemplates templates) {
  return [templates = std::move(templates)](const nlohmann::json& given) {
    const Json messages = Json::parse(given.dump());
    if (!messages.is_array() || messages.empty()) fail("messages: expected a list of them, found none");
    const RenderedChat whole = render(templates, messages, messages.size(), false);
    return cut(whole.text, whole.generated.empty() ? answers(templates, messages, whole.text) : whole.generated);
  };
}

}  // namespace strata
