#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace strata::cli {

/// What every verb that works or reports understands.
struct Common {
  int threads = 0;  // 0: choose_threads decides
  bool json = false;
  bool quiet = false;
};

struct Train {
  std::string recipe;            // a file, or the name of one that comes with Strata
  std::vector<std::string> set;  // "train.steps=200"
  std::vector<uint64_t> seeds;   // empty: the recipe's
  std::string run_folder;        // empty: runs/<recipe>-<seed>
  bool restart = false;          // forget an unfinished run instead of resuming it
  bool force = false;            // resume although something differs from the checkpoint's
};

struct Eval {
  std::vector<std::string> models;  // "FOLDER" or "a=FOLDER"; the first is the opened one
  std::vector<std::string> routes;
  std::string routes_file;  // one route per line
  int64_t orders = 0;       // random orders of all blocks
  int64_t merges = 0;       // random merges of the models given
  bool any_slot = false;    // with merges: blocks change their slots too
  int64_t keep = 0;         // with orders: random subsets of this many blocks instead, in ascending order
  uint64_t seed = 0;
  std::vector<std::string> sources;  // "a=FOLDER"
  std::string adapter;               // folder of a LoRA adapter for the opened model; empty: none
  std::string data = "fashion-mnist";
  std::string split = "test";
  int64_t limit = 0;
  int64_t batch = 500;
  std::string text;         // a text to measure a language model on
  std::string choices;      // JSONL of multiple choice
  int64_t context = 0;      // text: 0: the model's, at most 1024
  int64_t stride = 0;       // text: 0: half the context
  bool one_by_one = false;  // do not share prefixes
  bool ensemble = false;    // also the average of all routes' outputs
  std::string average = "probabilities";
};

struct Run {
  std::vector<std::string> models;  // as in Eval
  std::string input;
  std::string output;
  std::string route;  // empty: all blocks in order
  std::vector<std::string> taps;
  std::vector<std::string> sources;
  std::string adapter;  // folder of a LoRA adapter for the opened model; empty: none
};

struct Probe {
  std::vector<std::string> models;
  std::string output;  // folder for page, pictures and numbers; empty: probe/ beside the model, runs/probe for several
  std::string data = "fashion-mnist";
  int64_t images = 2000;   // 0: all
  std::string text;        // language models: what they are probed on; empty: kjv
  int64_t tokens = 20000;  // of it, about
  int64_t orders = 32;
  bool all_orders = false;
  uint64_t seed = 0;
  std::vector<std::string> set;  // "pairs=false"
};

/// What surgery tries what it does on.
struct SurgeryData {
  std::string data = "fashion-mnist";
  int64_t images = 500;  // of the training split
  std::string text;      // language models; empty: kjv
  int64_t tokens = 10000;
};

struct Prune {
  std::string model;
  std::string output;
  std::string route;
  int64_t keep = -1;  // -1: the route says it
  std::string by = "greedy";
  std::string probe;  // probe.json, for by = "probe"
  SurgeryData data;
};

struct Merge {
  std::vector<std::string> models;
  std::string output;
  std::string config;  // a mergekit recipe
  std::string route;
  std::string method;  // empty: linear, or what config or route say
  std::string base;
  std::vector<double> weights, densities;
  double t = 0.5;
  double lambda = 1;
  std::string normalize;  // "true", "false"; empty: as the method does
  std::string dtype;
  uint64_t seed = 0;
  std::string adapter;  // of the first model, put on before anything else
  std::string data;     // empty: Fashion-MNIST where it fits, else noise
  int64_t images = 200;
  std::string text;  // language models; empty: random tokens
  int64_t tokens = 4096;
  bool force = false;
  bool dry_run = false;
};

struct Convert {
  std::string in, out;
  std::string to;     // gguf, hf; empty: by the name of the output
  std::string dtype;  // empty: as stored
};

struct Inspect {
  std::string path;
  bool all = false;  // every tensor, however many
};

struct Recipes {
  std::string name;
  bool names = false;  // nothing but names, one per line
};

struct Tokenize {
  std::string tokenizer;           // folder or tokenizer.json; "bytes": one token for each byte
  std::vector<std::string> texts;  // joined by spaces; none: --file or standard input
  std::string file;                // "-": standard input
  bool decode = false;
  bool count = false;
  bool json_lines = false;
  bool plain = false;   // special tokens written in the text are text
  bool bare = false;    // without what the post-processor adds
  int64_t measure = 0;  // encode so many times and report the time
  std::vector<std::string> train;
  int64_t vocab_size = 8192;
  int64_t min_count = 2;
  std::string words = "gpt2";
  std::vector<std::string> special = {"<|endoftext|>"};
  std::string output;
};

struct Generate {
  std::string model;
  std::vector<std::string> prompts;
  std::string prompt_file;
  std::vector<std::string> ids;       // prompts as ids: "1,2,3"
  std::vector<std::string> messages;  // of the user and the model in turn, the user's first
  std::string system;
  std::string chat;  // a JSON file: a list of messages, or an object with messages, tools and further variables
  std::string chat_template;  // name of the template; empty: the default one
  std::string route;          // empty: all blocks in order
  std::vector<std::string> sources;
  std::string adapter;  // as in Eval
  int64_t tokens = 0;   // 0: what the model's files say, else a usual number
  int64_t copies = 1;
  bool greedy = false;
  // Absent: what generation_config.json says.
  std::optional<double> temperature, top_p, min_p, typical_p, repetition_penalty;
  std::optional<int64_t> top_k, no_repeat_ngram;
  double presence_penalty = 0, frequency_penalty = 0;
  std::vector<std::string> stop;
  std::string json_schema;  // a file
  std::string grammar;      // a file
  bool json_object = false;
  uint64_t seed = 0;
  bool stream = false;
  std::optional<int64_t> log_probabilities;  // alternatives shown for each token
  bool uncached = false;
  bool ignore_end = false;
};

struct Doctor {
  bool measure = false;
};

struct Bench {
  std::vector<std::string> what;  // empty: all
  int64_t repeats = 5;
  std::string model;                                     // for the trie: a trained model instead of a fresh one
  std::string text;                                      // for tokenize: a file; empty: the King James text
  std::vector<std::string> against{"eager", "compile"};  // ways to run PyTorch
  std::string data = "fashion-mnist";
};

struct Completion {
  std::string shell;
};

/// The whole command line, read.
struct Options {
  std::string verb;
  Common common;
  Train train;
  Eval eval;
  Run run;
  Probe probe;
  Prune prune;
  Merge merge;
  Convert convert;
  Inspect inspect;
  Recipes recipes;
  Tokenize tokenize;
  Generate generate;
  Doctor doctor;
  Bench bench;
  Completion completion;
};

}  // namespace strata::cli
