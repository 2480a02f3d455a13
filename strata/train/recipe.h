#pragma once

#include <array>
#include <string>
#include <vector>

#include "strata/base/config.h"
#include "strata/base/recipe_files.h"
#include "strata/data/images.h"
#include "strata/data/text_loader.h"
#include "strata/models/language.h"
#include "strata/models/vit.h"
#include "strata/route/sampler.h"
#include "strata/train/lora.h"
#include "strata/train/objective.h"
#include "strata/train/optimiser.h"
#include "strata/train/schedule.h"

namespace strata {

/// What is learned from: it decides which keys [model] and [data] have.
enum class DataKind { images, text };

inline auto enum_names(DataKind) {
  return std::array{EnumName{"images", DataKind::images}, EnumName{"text", DataKind::text}};
}

/// A size by name ("fashion", "B/16"; for text "bytes", "gpt2") or that of a checkpoint to start from, of which the
/// other keys change details.
struct ModelConfig {
  DataKind kind = DataKind::images;  // that of the data; no key of its own
  std::string size = "fashion";
  std::string start;        // folder of a checkpoint to go on from; "": fresh weights
  bool fresh_head = false;  // start, images: a new head also where the number of classes is the same
  VitConfig vit = vit_size("fashion");
  LanguageConfig language = language_size("bytes");
};

template <class Visit>
void fields(ModelConfig& config, Visit&& visit) {
  visit("size", config.size);
  visit("start", config.start);
  if (config.kind == DataKind::text) return fields(config.language, visit);
  visit("fresh_head", config.fresh_head);
  fields(config.vit, visit);
}

inline auto enum_names(ImageFilter) {
  return std::array{EnumName{"bilinear", ImageFilter::bilinear}, EnumName{"bicubic", ImageFilter::bicubic},
                    EnumName{"nearest", ImageFilter::nearest}};
}

/// Text as data (data.kind = "text").
struct TextConfig {
  std::string tokens;    // bytes | characters | bpe | a folder with tokenizer.json; "": that of model.start, else bytes
  int64_t vocab = 4096;  // of bpe, which is learned from the text
  int64_t context = 256;
  Packing packing = Packing::windows;
  std::string field;              // of the lines of JSONL files; "": text, messages, or prompt and completion
  std::string separator;          // cuts plain text into documents
  double held_out = 0.05;         // share of the text that is measured on and not learned
  std::string test;               // measured on instead: what data.set takes
  int64_t test_tokens = 1 << 17;  // first so many tokens of what is measured on; 0: all
};

template <class Visit>
void fields(TextConfig& config, Visit&& visit) {
  visit("tokens", config.tokens);
  visit("vocab", config.vocab, at_least(257));
  visit("context", config.context, at_least(1));
  visit("packing", config.packing);
  visit("field", config.field);
  visit("separator", config.separator);
  visit("held_out", config.held_out, below(0, 1));
  visit("test", config.test);
  visit("test_tokens", config.test_tokens, at_least(0));
}

struct DataConfig {
  DataKind kind = DataKind::images;
  std::string set = "fashion-mnist";  // what load_images or read_documents knows; for text by default kjv
  int64_t limit = 0;                  // first so many training images; 0: all
  int64_t test_limit = 0;             // first so many test images; 0: all
  bool coarse = false;                // CIFAR-100: the 20 superclasses
  // What happens to images of another size than the model takes: []: stretched to it; [edge]: the shorter side becomes
  // edge; [height, width]: stretched to that. After the latter two the model's size is cut out at the centre.
  std::vector<int64_t> resize;
  ImageFilter filter = ImageFilter::bilinear;
  ImageConfig images;  // normalisation and augmentation
  TextConfig text;
};

template <class Visit>
void fields(DataConfig& config, Visit&& visit) {
  visit("kind", config.kind);
  visit("set", config.set);
  if (config.kind == DataKind::text) return fields(config.text, visit);
  visit("limit", config.limit, at_least(0));
  visit("test_limit", config.test_limit, at_least(0));
  visit("coarse", config.coarse);
  visit("resize", config.resize, between(1, 1 << 16));
  visit("filter", config.filter);
  fields(config.images, visit);
}

enum class Precision { float32, bf16 };

inline auto enum_names(Precision) {
  return std::array{EnumName{"float32", Precision::float32}, EnumName{"bf16", Precision::bf16}};
}

struct TrainConfig {
  int64_t steps = 600;
  double epochs = 0;       // above 0, in place of steps: passes over the training images or tokens
  int64_t batch = 64;      // samples per update
  int64_t accumulate = 1;  // pieces a batch is computed in, one after the other, all under the route of the step
  uint64_t seed = 0;       // names everything random: weights, batches, augmentation, routes
  Precision precision =
      Precision::float32;  // bf16: matrix products in bfloat16 (autocast); weights and optimiser stay float32
  double ema = 0;  // decay of the moving average of the weights, which then is what is evaluated and saved; 0: none
  int64_t checkpoint_every = 200;  // steps; 0: only at the end
};

template <class Visit>
void fields(TrainConfig& config, Visit&& visit) {
  visit("steps", config.steps, at_least(0));
  visit("epochs", config.epochs, between(0, 1e6));
  visit("batch", config.batch, at_least(1));
  visit("accumulate", config.accumulate, at_least(1));
  visit("seed", config.seed, at_least(0));
  visit("precision", config.precision);
  visit("ema", config.ema, below(0, 1));
  visit("checkpoint_every", config.checkpoint_every, at_least(0));
}

/// What is measured on the test images. Sequential is always; arbitrary is the mean over `orders` random orders
/// (LayerShuffle's protocol, with the same orders for every model of a depth and seed).
struct EvalConfig {
  int64_t every = 0;    // steps between evaluations in sequential order; 0: only at the end
  int64_t orders = 10;  // random orders at the end
  uint64_t seed = 0;    // of the orders
};

template <class Visit>
void fields(EvalConfig& config, Visit&& visit) {
  visit("every", config.every, at_least(0));
  visit("orders", config.orders, at_least(0));
  visit("seed", config.seed, at_least(0));
}

/// Everything that decides what training does.
struct Recipe {
  std::string name;  // of the run; default: the file's name
  ModelConfig model;
  DataConfig data;
  SamplerConfig sampler;
  ObjectiveConfig objective;
  LoraConfig lora;
  OptimiserConfig optimiser;
  ScheduleConfig schedule;
  TrainConfig train;
  EvalConfig eval;

  bool is_text() const { return data.kind == DataKind::text; }
  int64_t depth() const { return is_text() ? model.language.depth : model.vit.depth; }
};

template <class Visit>
void fields(Recipe& recipe, Visit&& visit) {
  visit("name", recipe.name);
  visit("model", recipe.model);
  visit("data", recipe.data);
  visit("sampler", recipe.sampler);
  visit("objective", recipe.objective);
  visit("lora", recipe.lora);
  visit("optimiser", recipe.optimiser);
  visit("schedule", recipe.schedule);
  visit("train", recipe.train);
  visit("eval", recipe.eval);
}

/// Reads a recipe from a file, or by name ("fashion/layershuffle") from the folder of recipes, with overrides such as
/// "train.steps=200" on top. model.size, or the sizes and the preprocessing of the checkpoint model.start, are applied
/// first, whatever the order of the keys. Throws UsageError for unknown
/// keys and wrong values (with file, line and column) and for settings that contradict each other, Error for a file
/// that cannot be read and a
/// checkpoint that cannot be opened.
Recipe read_recipe(const std::string& path_or_name, const std::vector<std::string>& overrides = {});
Recipe parse_recipe(const std::string& toml, const std::string& file, const std::vector<std::string>& overrides = {});

/// The whole recipe as TOML, defaults included: reads back as the same recipe.
std::string print_recipe(const Recipe& recipe);

/// How the images of a recipe become those its model takes.
ImageFit fit_of(const Recipe& recipe);

/// A checksum of everything that has a say in the trained weights: the recipe without its name, evaluation and
/// checkpoints, and the weights it starts from.
std::string fingerprint(const Recipe& recipe);

}  // namespace strata
