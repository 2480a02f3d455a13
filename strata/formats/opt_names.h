#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "strata/formats/gguf_names.h"
#include "strata/formats/language_config.h"

namespace strata {

/// The tensors of an OPT checkpoint of that configuration under their Hugging Face names. GGUF has no form of OPT: only
/// the table of tokens and the head have the names that gguf_twins gives them, the others none.
std::vector<GgufTwin> opt_tensors(const LanguageConfig& config);

/// The name by which opt_tensors knows a tensor: files of the bare model lack the first part of names.
std::string canonical_opt_name(std::string_view name);

}  // namespace strata
