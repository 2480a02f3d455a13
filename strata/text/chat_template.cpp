#include "strata/text/chat_template.h"

#include <nlohmann/json.hpp>

#include "strata/base/error.h"
#include "strata/text/jinja_parser.h"
#include "strata/text/jinja_run.h"

namespace strata {

namespace {

using nlohmann::ordered_json;

// Names under which programs pass a model's reasoning, the one that templates read first.
constexpr const char* kReasoning[] = {"reasoning_content", "thinking", "reasoning"};

// A message as transformers shows it to templates. Keys that are null are left out: OpenAI's programs write
// "tool_calls": null, and templates ask whether the key is there. Reasoning stands under both names that templates read.
ordered_json normalised(const ordered_json& message) {
  if (!message.is_object()) fail("chat: expected each message to be an object with \"role\" and \"content\"");
  ordered_json kept = ordered_json::object();
  const ordered_json* reasoning = nullptr;
  for (const char* name : kReasoning)
    if (const auto found = message.find(name); !reasoning && found != message.end() && !found->is_null())
      reasoning = &*found;
  if (reasoning) kept["thinking"] = *reasoning;
  for (const auto& [key, value] : message.items())
    if (!value.is_null()) kept[key] = value;
  if (reasoning) kept["reasoning_content"] = *reasoning;
  if (!kept.contains("role")) fail("chat: expected each message to be an object with \"role\" and \"content\"");
  return kept;
}

}  // namespace

struct ChatTemplate::Parsed {
  std::string name;
  jinja::Body body;
};

ChatTemplate::ChatTemplate(std::string_view source, std::string name) {
  jinja::Body body = jinja::parse(source, name);
  parsed_ = std::make_shared<const Parsed>(Parsed{std::move(name), std::move(body)});
}

RenderedChat ChatTemplate::render(const nlohmann::ordered_json& variables, const ChatTemplateLimits& limits,
                                  std::optional<std::time_t> now) const {
  if (!variables.is_object()) fail(parsed_->name, ": expected an object of variables");
  jinja::Output output = jinja::run(parsed_->body, jinja::Value::from_json(variables), now.value_or(std::time(nullptr)),
                                    {limits.steps, limits.output}, parsed_->name);
  return {std::move(output.text), std::move(output.generated)};
}

const ChatTemplate& ChatTemplates::find(std::string_view name, bool with_tools) const {
  const auto named = [&](std::string_view wanted) -> const ChatTemplate* {
    for (const auto& [known, entry] : templates)
      if (known == wanted) return &entry;
    for (const auto& [known, error] : malformed)
      if (known == wanted) fail(error);
    return nullptr;
  };
  if (name.empty() && with_tools)
    if (const ChatTemplate* found = named("tool_use")) return *found;
  if (const ChatTemplate* found = named(name.empty() ? "default" : name)) return *found;
  if (name.empty() && templates.size() == 1) return templates.front().second;
  if (templates.empty() && !malformed.empty()) fail(malformed.front().second);
  std::string known;
  for (const auto& entry : templates) known += (known.empty() ? "" : ", ") + entry.first;
  fail("expected a chat template called '", name.empty() ? "default" : name, "', found ",
       known.empty() ? "none; the model was not made for conversations, give it a plain prompt" : known);
}

RenderedChat ChatTemplates::render(const Chat& chat, std::string_view name, const ChatTemplateLimits& limits,
                                   std::optional<std::time_t> now) const {
  if (!chat.messages || !chat.messages->is_array()) fail("chat: expected a list of messages");
  ordered_json variables = ordered_json::object();
  for (const auto& [token, text] : special_tokens) variables[token] = text;
  variables["messages"] = ordered_json::array();
  for (const auto& message : *chat.messages) variables["messages"].push_back(normalised(message));
  variables["tools"] = chat.tools ? *chat.tools : ordered_json();
  variables["documents"] = nullptr;
  variables["add_generation_prompt"] = chat.add_generation_prompt;
  if (chat.more) variables.update(*chat.more);
  return find(name, chat.tools != nullptr).render(variables, limits, now);
}

}  // namespace strata
