#pragma once

#include <optional>
#include <string>
#include <utility>

#include "strata/data/text_documents.h"
#include "strata/text/chat_template.h"

namespace strata {

/// The first messages of a conversation as a template writes them, `ask`ing for an answer or not.
RenderedChat render_chat(const ChatTemplates& templates, const Conversation& talk, size_t count, bool ask);

/// Where message `i`, an answer, is in `whole`, the text of the whole conversation: bytes [begin, end). Behind what asks
/// for it, through what the template writes behind it when it is the last message: its end-of-turn token as a rule.
/// Some templates write an answer otherwise when more follows (Qwen3 puts empty thoughts into the last one alone). Then
/// the answer is found by marks, put at both sides of what it says and behind the message before it: each place counts
/// only if the text with the mark is that without it, but for the mark and spaces beside it. Nothing where that fails.
std::optional<std::pair<size_t, size_t>> find_answer(const ChatTemplates& templates, const Conversation& talk, size_t i,
                                                     const std::string& whole);

}  // namespace strata
