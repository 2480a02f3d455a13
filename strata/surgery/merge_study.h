#pragma once

#include <string>
#include <vector>

#include "strata/train/loop.h"

namespace strata {

/// LayerShuffle's experiment (arXiv 2407.04513, merged models): two models that go on from one start, and a stranger with
/// a start of its own; random merges of them, ensembles of them, averages of routes through one.
struct MergeStudyConfig {
  std::string name;
  std::string recipe;                  // of all four trainings; relative to the study's own file where it exists there
  std::vector<std::string> overrides;  // "data.test_limit=2000"
  std::vector<int64_t> seeds = {0, 1, 2};
  int64_t start_steps = 200;
  int64_t descent_steps = 120;
  int64_t stranger_steps = 320;
  int64_t merges = 100;  // random merges of each kind
  int64_t orders = 10;   // random orders of each model
  int64_t averaged = 6;  // routes through one model whose predictions are averaged
};

template <class Visit>
void fields(MergeStudyConfig& config, Visit&& visit) {
  visit("name", config.name);
  visit("recipe", config.recipe);
  visit("overrides", config.overrides);
  visit("seeds", config.seeds, at_least(0));
  visit("start_steps", config.start_steps, at_least(1));
  visit("descent_steps", config.descent_steps, at_least(1));
  visit("stranger_steps", config.stranger_steps, at_least(1));
  visit("merges", config.merges, at_least(1));
  visit("orders", config.orders, at_least(1));
  visit("averaged", config.averaged, at_least(1));
}

/// One column of the table.
struct MergeStudyCell {
  std::string what;  // "A", "A + B, same index", ...
  RouteScores scores;
};
struct MergeStudyRun {
  int64_t seed = 0;
  std::vector<MergeStudyCell> cells;
};
struct MergeStudyResult {
  MergeStudyConfig config;
  std::vector<MergeStudyRun> runs;  // seed by seed
  int64_t samples = 0;              // test images
  std::string table_json, table_markdown;
};

/// Whether the file holds a study of merges (it has `merges`).
bool is_merge_study(const std::string& path_or_name);
MergeStudyConfig read_merge_study(const std::string& path_or_name);

/// Trains what is missing in `<run_folder>/seed<N>-{start,A,B,C}`, measures, writes table.json and table.md. Throws
/// UsageError for a recipe that is not about images.
MergeStudyResult run_merge_study(const MergeStudyConfig& config, const TrainOptions& options);

/// One row per column of each run: mean over seeds, spread over merges and over seeds, per cent.
std::string merge_study_markdown(const MergeStudyResult& result);

}  // namespace strata
