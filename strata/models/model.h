#pragma once

#include <string>
#include <vector>

#include "strata/formats/preprocessor.h"
#include "strata/models/vit.h"

namespace strata {

/// One step by which a checkpoint came to be from others.
struct Provenance {
  std::string operation;             // "prune", "merge ties"
  std::string detail;                // what decides the result: the route, weights, seed
  std::vector<std::string> sources;  // the models it was made from, in words
};

/// What a checkpoint knows about itself beside its weights and sizes; kept in strata.json, which other programs ignore.
struct ModelNotes {
  std::vector<std::string> block_ids;       // stable names of the blocks, in the order of their indices
  std::vector<std::string> trained_routes;  // text of the samplers or routes it was trained for
  std::string recipe;
  std::string strata_version;
  int64_t steps = 0;
  uint64_t seed = 0;
  std::vector<Provenance> provenance;  // oldest first
};

/// A checkpoint in memory: one or several stacks of a published architecture, and what is needed to use them.
struct Model {
  std::string architecture = "vit";
  VitConfig vit;
  std::vector<std::string> classes;                           // names, one for each class
  std::vector<double> pixel_mean = {0.5}, pixel_std = {0.5};  // after / 255; one for all channels, or one for each
  ImageFit fit;                                               // how images become the size it takes
  std::vector<Stack> stacks;
  ModelNotes notes;

  /// The first stack.
  Stack& stack() { return stacks.front(); }
  const Stack& stack() const { return stacks.front(); }
};

/// A vision transformer with fresh weights, classes named LABEL_0 ... and blocks named by their indices. Throws Error
/// when sizes do not fit.
Model make_model(const VitConfig& config, Random random);

/// Opens a folder with config.json, model.safetensors (or shards), and, where they exist, preprocessor_config.json and
/// strata.json: our own, or a ViTForImageClassification saved by Hugging Face transformers 4 or 5. Everything is
/// checked before weights are allocated; 16-bit weights become float32. Throws Error naming the file and what is
/// missing, unexpected or misshaped in it.
Model open_model(const std::string& folder);

/// The same without weights: `stacks` stays empty. Cheap, whatever the size of the model.
Model open_model_header(const std::string& folder);

/// Writes the folder that open_model reads and transformers opens as ViTForImageClassification, whole or not at all, in
/// place of an older model of that name. Throws Error when it cannot be written, or when the folder holds files that
/// are no model's.
void save_model(const std::string& folder, const Model& model);

}  // namespace strata
