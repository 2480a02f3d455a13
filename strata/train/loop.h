#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "strata/data/images.h"
#include "strata/eval/score.h"
#include "strata/models/model.h"
#include "strata/train/lesson.h"
#include "strata/train/recipe.h"

namespace strata {

/// What the loop tells while it runs; text is ready to print.
struct TrainMessage {
  enum class Kind { note, warning, progress };
  Kind kind = Kind::note;
  std::string text;
};

struct TrainOptions {
  std::string run_folder;  // everything a run writes: state/, model/, metrics.jsonl, events.*, recipe.toml, result.json
  bool quiet = false;      // no progress bar and no notes on stderr; warnings go to on_message or stderr all the same
  bool force = false;      // resume although recipe, data, threads or kernel level differ from those of the checkpoint
  bool restart = false;    // throw an older run in this folder away
  std::function<void(const TrainMessage&)> on_message;  // in place of stderr
};

/// Over several routes: accuracies (0 .. 1) or, of text, bits per byte.
struct RouteScores {
  int64_t routes = 0;
  double mean = 0, sd = 0, least = 0, most = 0;
};

struct TrainResult {
  Score sequential;
  RouteScores arbitrary;
  double loss = 0;  // mean training loss of the last tenth of the steps of this call
  int64_t steps = 0;
  double seconds = 0;  // of training, over all calls that shared the run
  bool resumed = false;
  bool finished_before = false;  // the run was complete; its stored result was read
  std::string model_folder;
};

/// Images or text, as data.kind says.
struct TrainData {
  ImageSet train, test;
  TextSet text = {}, test_text = {};
};

/// Loads what the recipe names: images in the size and channels that its model takes, or tokens.
TrainData load_data(const Recipe& recipe);
/// What load_data reads, as text; recipes that agree in this can share what was loaded.
std::string data_text(const Recipe& recipe);

/// What training does with the data; both must outlive it.
std::unique_ptr<Lesson> lesson_of(const Recipe& recipe, const TrainData& data);

/// The model that training begins with: fresh, or that of model.start made ready for this recipe.
Model first_model(const Recipe& recipe);

/// The recipe with train.steps in place of train.epochs: batches that hold the training images, or so many tokens, that
/// often, rounded up.
Recipe with_steps(Recipe recipe, const TrainData& data);

/// Trains as the recipe says, or goes on where a killed run of the same recipe stopped: the weights at the end are the
/// same bits either way, at the same thread count and kernel level. A run that is complete is not repeated. Throws
/// Error when the loss is no longer finite (naming step, route and the last checkpoint), when the disk is full (the
/// older checkpoint stays), when the folder holds another run.
TrainResult train(const Recipe& recipe, const TrainOptions& options);
TrainResult train(const Recipe& recipe, const TrainData& data, const TrainOptions& options);

/// Mean and spread of accuracies or bits per byte.
RouteScores summarise(const std::vector<Score>& scores);

}  // namespace strata
