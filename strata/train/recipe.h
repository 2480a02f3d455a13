#pragma once

#include <array>
#include <string>
#include <vector>

#include "strata/base/config.h"
#include "strata/base/recipe_files.h"
#include "strata/data/images.h"
#include "strata/models/vit.h"
#include "strata/route/sampler.h"
#include "strata/train/objective.h"
#include "strata/train/optimiser.h"
#include "strata/train/schedule.h"

namespace strata {

/// A size by name ("fashion", "B/16") or that of a checkpoint to start from, of which the other keys change details.
struct ModelConfig {
  std::string size = "fashion";
  std::string start;        // folder of a checkpoint to go on from; "": fresh weights
  bool fresh_head = false;  // start: a new head also where the number of classes is the same
  VitConfig vit = vit_size("fashion");
};

template <class Visit>
void fields(ModelConfig& config, Visit&& visit) {
  visit("size", config.size);
  visit("start", config.start);
  visit("fresh_head", config.fresh_head);
  fields(config.vit, visit);
}

inline auto enum_names(ImageFilter) {
  return std::array{EnumName{"bilinear", ImageFilter::bilinear}, EnumName{"bicubic", ImageFilter::bicubic},
                    EnumName{"nearest", ImageFilter::nearest}};
}

struct DataConfig {
  std::string set = "fashion-mnist";  // what load_images knows, or a folder
  int64_t limit = 0;                  // first so many training images; 0: all
  int64_t test_limit = 0;             // first so many test images; 0: all
  bool coarse = false;                // CIFAR-100: the 20 superclasses
  // What happens to images of another size than the model takes: []: stretched to it; [edge]: the shorter side becomes
  // edge; [height, width]: stretched to that. After the latter two the model's size is cut out at the centre.
  std::vector<int64_t> resize;
  ImageFilter filter = ImageFilter::bilinear;
  ImageConfig images;  // normalisation and augmentation
};

template <class Visit>
void fields(DataConfig& config, Visit&& visit) {
  visit("set", config.set);
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
  OptimiserConfig optimiser;
  ScheduleConfig schedule;
  TrainConfig train;
  EvalConfig eval;
};

template <class Visit>
void fields(Recipe& recipe, Visit&& visit) {
  visit("name", recipe.name);
  visit("model", recipe.model);
  visit("data", recipe.data);
  visit("sampler", recipe.sampler);
  visit("objective", recipe.objective);
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
