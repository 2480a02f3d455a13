#pragma once

#include <ctime>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace strata {

/// How much a template may do: work in steps (every operation, and every 64 bytes of text made, is one), bytes printed.
struct ChatTemplateLimits {
  int64_t steps = 4'000'000;
  size_t output = 16 << 20;
};

struct RenderedChat {
  std::string text;
  /// Bytes [begin, end) that the model itself is to write, where the template marks them by {% generation %}.
  std::vector<std::pair<size_t, size_t>> generated;
};

/// What makes text of a conversation, written in the part of Jinja that published checkpoints use: for (filtered, with
/// else, break and continue), if, set, blocks of set and filter, with, macro, raw, generation, expressions with all of
/// Jinja's operators, slices, filters, tests and the methods of texts and dicts. Runs as in transformers: trim_blocks
/// and lstrip_blocks on, one last line end dropped, tojson without HTML escapes, raise_exception, strftime_now. A
/// template sees the variables and nothing else, changes nothing but its own namespaces, and is cut off by limits.
/// Whole numbers are those of 64 bits. Cheap to copy, safe to use from many threads.
class ChatTemplate {
 public:
  /// Throws Error with the line for a malformed template; `name` stands in messages.
  explicit ChatTemplate(std::string_view source, std::string name = "chat template");

  /// `variables`: messages, add_generation_prompt, bos_token, tools and whatever else the template asks for. Throws Error
  /// with the line for what the template refuses, what goes wrong in it, and work beyond the limits.
  RenderedChat render(const nlohmann::ordered_json& variables, const ChatTemplateLimits& limits = {},
                      std::optional<std::time_t> now = std::nullopt) const;

 private:
  struct Parsed;
  std::shared_ptr<const Parsed> parsed_;
};

/// A conversation as transformers' apply_chat_template takes it.
struct Chat {
  /// [{"role": "user", "content": "..."}, ...]: an array of objects. As in transformers, templates do not see keys that
  /// are null, and see what is called `thinking` or `reasoning` as `reasoning_content` too.
  std::shared_ptr<const nlohmann::ordered_json> messages;
  std::shared_ptr<const nlohmann::ordered_json> tools;  // null: none
  /// Further variables, an object; null: none.
  std::shared_ptr<const nlohmann::ordered_json> more;
  bool add_generation_prompt = true;
};

/// The templates of a model's folder by name, "default" first, and the special tokens they see.
struct ChatTemplates {
  std::vector<std::pair<std::string, ChatTemplate>> templates;
  /// Names of malformed ones beside them, and what is wrong: they are in the way of those alone who ask for them.
  std::vector<std::pair<std::string, std::string>> malformed;
  std::vector<std::pair<std::string, std::string>> special_tokens;  // "bos_token" -> "<s>"

  bool empty() const { return templates.empty() && malformed.empty(); }
  /// The template of a name; an empty name asks for "tool_use" when there are tools and the folder has one of that
  /// name, else for "default". Throws Error naming those there are, or saying what is wrong with a malformed one.
  const ChatTemplate& find(std::string_view name, bool with_tools) const;
  RenderedChat render(const Chat& chat, std::string_view name = "", const ChatTemplateLimits& limits = {},
                      std::optional<std::time_t> now = std::nullopt) const;
};

}  // namespace strata
