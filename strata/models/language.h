#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "strata/formats/language_config.h"
#include "strata/stack/stack.h"

namespace strata {

/// Sizes by name: "bytes" (256 tokens, 6 blocks of 64 channels, ReLU: the small byte-level model), "gpt2" (124 M),
/// "llama-tiny" (about 3 M, for tests and examples). Throws Error listing the known names.
LanguageConfig language_size(std::string_view name);
std::vector<std::string> language_sizes();

/// One stack named "text" without weights (see wire_stack): token_stream(...) in, logits [rows, vocab] out. Throws Error
/// when sizes do not fit.
Stack wire_language(const LanguageConfig& config);
/// The same with fresh weights.
Stack make_language(const LanguageConfig& config, Random random);

}  // namespace strata
