#pragma once

#include <map>
#include <string>

#include "strata/data/text_documents.h"
#include "strata/text/chat_template.h"

namespace strata {

/// Conversations as a model's own chat template writes them. What counts is what the template marks by {% generation %},
/// or, where it marks nothing, what each answer adds to the text that asks for it (add_generation_prompt). Throws Error,
/// when used, for a template whose text of a longer conversation does not begin with that of the shorter one: it then
/// has to mark the answers.
ChatText chat_text(ChatTemplates templates);

/// That of a model's files (name -> text), or plain_chat where they have no template; `name` stands in messages.
ChatText chat_text_of(const std::map<std::string, std::string>& files, const std::string& name);

}  // namespace strata
