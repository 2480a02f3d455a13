#pragma once

#include <string>
#include <vector>

#include "strata/formats/model_notes.h"
#include "strata/formats/preprocessor.h"
#include "strata/models/checkpoint.h"
#include "strata/models/language.h"
#include "strata/models/vit.h"

namespace strata {

/// A checkpoint in memory: one or several stacks of a published architecture, and what is needed to use them.
struct Model {
  std::string architecture = "vit";               // or a family of language models
  VitConfig vit;                                  // of a vision transformer, as are the classes and pixels below
  LanguageConfig language;                        // of a language model
  std::map<std::string, std::string> companions;  // name -> text of config.json as opened, and of files that go with a
                                                  // language model: tokeniser, chat template, generation defaults
  std::vector<std::string> classes;               // names, one for each class
  std::vector<double> pixel_mean = {0.5}, pixel_std = {0.5};  // after / 255; one for all channels, or one for each
  ImageFit fit;                                               // how images become the size it takes
  std::vector<Stack> stacks;
  at::ScalarType stored =
      at::kFloat;  // of all weights in the file it was opened from; what 16 bits held goes back in 16
  ModelNotes notes;
  std::vector<std::string> warnings;  // what a GGUF file lacks or has wrong, and what is not done because of it

  bool is_language() const { return architecture != "vit"; }
  int64_t depth() const { return is_language() ? language.depth : vit.depth; }
  /// LayerShuffle's variant and how many slots it knows (0: depth), of whichever kind the model is.
  std::string& slots() { return is_language() ? language.slots : vit.slots; }
  const std::string& slots() const { return is_language() ? language.slots : vit.slots; }
  int64_t& slot_count() { return is_language() ? language.slot_count : vit.slot_count; }
  int64_t slot_count() const { return is_language() ? language.slot_count : vit.slot_count; }

  /// The first stack.
  Stack& stack() { return stacks.front(); }
  const Stack& stack() const { return stacks.front(); }
};

/// A vision transformer with fresh weights, classes named LABEL_0 ... and blocks named by their indices. Throws Error
/// when sizes do not fit.
Model make_model(const VitConfig& config, Random random);

/// A language model with fresh weights and without a tokeniser; blocks named by their indices.
Model make_model(const LanguageConfig& config, Random random);

/// The first stack without weights, for the sizes the model has.
Stack wire_model(const Model& model);
/// How its files name its weights.
CheckpointNames names_of(const Model& model);

/// Where a model called so lies: the folder of that name, or its snapshot in the local Hugging Face cache. Throws Error
/// when there is neither.
std::string model_folder(const std::string& name);

/// Opens a folder, or a name in the local Hugging Face cache (formats/hub_cache.h), with config.json, model.safetensors
/// (or shards), and, where they exist, preprocessor_config.json and strata.json: our own, or a ViTForImageClassification or language model (LanguageConfig::family) saved by Hugging Face
/// transformers 4 or 5. Everything is checked at once; weights stay in the mapped file until they are first used, and
/// 16-bit ones become float32 then. A path that ends in .gguf is opened as one (gguf_model.h). Throws Error naming the
/// file and what is missing, unexpected or misshaped in it.
Model open_model(const std::string& name);

/// The same without weights: `stacks` stays empty. Cheap, whatever the size of the model.
Model open_model_header(const std::string& name);

/// Writes the folder that open_model reads and transformers opens, whole or not at all, in
/// place of an older model of that name. Weights are written as they are, but where all of them are still what a file of
/// 16 bits held, in those bits. Throws Error when it cannot be written, or when the folder holds files that
/// are no model's.
void save_model(const std::string& folder, const Model& model);

}  // namespace strata
