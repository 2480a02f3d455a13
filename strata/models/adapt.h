#pragma once

#include "strata/models/model.h"

namespace strata {

/// A model made ready for another task: the same blocks, in double or float as they are, and
///   classes     a fresh head where their number differs, or with `fresh_head`
///   image size  positions interpolated bicubically on the grid of patches (interpolate_positions)
///   slots       fresh tables, adapters or predictors of a LayerShuffle variant it did not have
/// Other differences between `config` and the model's throw UsageError: they are surgery's.
Model adapted(const Model& model, const VitConfig& config, bool fresh_head, Random random);

/// A language model made ready for more training, the same but for
///   slots    fresh tables, adapters or predictors of a LayerShuffle variant it did not have
///   context  a longer or shorter one, where positions are rotary and not scaled by it
/// Weights that stay are shared with `model`. Other differences throw UsageError: they are surgery's.
Model adapted(const Model& model, const LanguageConfig& config, Random random);

/// Learned positions for another grid of patches (Dosovitskiy et al. 2021, section 3.2), as Hugging Face's ViT does it:
/// bicubic without antialiasing, corners not aligned; the class token's row stays.
///   positions [1 + rows * columns, channels] -> [1 + new_rows * new_columns, channels]
Tensor interpolate_positions(const Tensor& positions, int64_t rows, int64_t columns, int64_t new_rows,
                             int64_t new_columns);

}  // namespace strata
