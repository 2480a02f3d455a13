#pragma once

#include <string>

#include "strata/models/model.h"

namespace strata {

/// Opens a language model from a GGUF file (or the first of its parts) as open_model opens a folder: everything is
/// checked at once, weights become float32 when they are first used. Its tokeniser, where the file has one, is among the
/// companions. Throws Error naming the file and what is missing, unexpected or misshaped in it.
Model open_gguf_model(const std::string& path);

/// The same without weights.
Model open_gguf_model_header(const std::string& path);

/// Whether a path is one for open_gguf_model.
bool is_gguf_path(const std::string& path);

}  // namespace strata
