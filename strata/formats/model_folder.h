#pragma once

#include <map>
#include <string>

namespace strata {

/// Files of a language model's folder that other programs read and we hand on as they are: name below the folder ->
/// text of tokenizer.json, tokenizer.model, generation_config.json, chat templates and the like, where they exist.
/// Throws Error for a file that cannot be read or is too large.
std::map<std::string, std::string> read_companions(const std::string& folder);
void write_companions(const std::string& folder, const std::map<std::string, std::string>& companions);

/// Throws Error where the folder holds something that is no part of a model: whoever names a folder of another kind as
/// the place for a model must not lose it.
void check_replaceable(const std::string& folder);

}  // namespace strata
