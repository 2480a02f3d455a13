#pragma once

#include <map>
#include <string>

#include "strata/data/text_documents.h"
#include "strata/text/chat_template.h"

namespace strata {

/// Conversations as a model's own chat template writes them. What counts is what the template marks by {% generation %},
/// or, where it marks nothing, what stands behind what asks for each answer (add_generation_prompt), as find_answer finds
/// it. Throws Error, when used, for a template that writes answers so that they cannot be found: it has to mark them.
ChatText chat_text(ChatTemplates templates);

/// That of a model's files (name -> text), or plain_chat where they have no template; `name` stands in messages.
ChatText chat_text_of(const std::map<std::string, std::string>& files, const std::string& name);

}  // namespace strata
