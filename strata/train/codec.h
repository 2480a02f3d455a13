#pragma once

#include <string>

#include "strata/data/text.h"
#include "strata/models/model.h"

namespace strata {

/// How a language model's text becomes tokens: by the tokenizer.json that came with it, or as bytes where it knows 256
/// tokens and brings none. `name` stands in messages. Throws Error when there is no telling.
TextCodec codec_of(const Model& model, const std::string& name);

}  // namespace strata
