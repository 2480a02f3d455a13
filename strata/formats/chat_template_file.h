#pragma once

#include <map>
#include <string>

#include "strata/text/chat_template.h"

namespace strata {

/// The chat templates of a model's folder: chat_template.jinja and additional_chat_templates/NAME.jinja, else those of
/// tokenizer_config.json (a text, or a list of {name, template}); special tokens from tokenizer_config.json, else
/// special_tokens_map.json. Empty when the folder has none. Throws Error naming the file for what is malformed;
/// a template of another name than "default" that is no template only says so when it is asked for.
ChatTemplates open_chat_templates(const std::string& folder);

/// The same of files that were read already: name below the folder -> text. `folder` stands in messages.
ChatTemplates chat_templates_of(const std::map<std::string, std::string>& files, const std::string& folder);

}  // namespace strata
