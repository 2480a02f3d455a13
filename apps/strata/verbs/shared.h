#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/strata/tensor_verbs.h"
#include "strata/data/images.h"
#include "strata/eval/exam.h"
#include "strata/models/model.h"
#include "strata/surgery/assemble.h"
#include "strata/train/loop.h"

namespace strata::cli {

// Bodies of the verbs that need tensors.
void train(const Common& common, const Train& options);
void eval(const Common& common, const Eval& options);
void run(const Common& common, const Run& options);
void probe(const Common& common, const Probe& options);
void prune(const Common& common, const Prune& options);
void merge(const Common& common, const Merge& options);
void generate(const Common& common, const Generate& options);
void bench(const Common& common, const Bench& options);
TorchFacts torch_facts(const Common& common);
double gelu_milliseconds(const Common& common);

/// The models a verb works on; their addresses stay while this lives.
struct OpenModels {
  std::vector<std::unique_ptr<Model>> models;  // the first is the opened one, whose embedding, norm and head are used
  std::vector<std::string> names;              // empty where none was given
  std::vector<std::string> folders;
  StackSources stacks;   // all that have names
  ModelSources sources;  // the same

  const Model& first() const { return *models.front(); }
};

/// "a=FOLDER" as name and folder, "FOLDER" with an empty name.
std::pair<std::string, std::string> split_name(const std::string& text);

/// Opens the models of a command line: `given` in order ("FOLDER" or "NAME=FOLDER"), then those of --source, which must
/// have names. Throws UsageError for two models of one name.
/// An adapter is added to the weights of the first.
OpenModels open_models(const std::vector<std::string>& given, const std::vector<std::string>& sources = {},
                       const std::string& adapter = "");

/// How the model wants its pixels.
ImageConfig images_of(const Model& model);

/// A data set in the size and channels that the model takes, labelled by the model's numbers of its classes
/// (data/classes.h). Warns where names do not say which class is which.
ImageSet load_for(const Model& model, const std::string& data, const std::string& split, int64_t limit);

/// A line on standard error, unless there is nothing to say.
void warn(const std::string& text);

/// Questions for a language model on a text, in windows of what it reads, 256 tokens at most: about `tokens` of what
/// training keeps by default, or of what it holds out.
TextExam text_exam(const Model& model, const std::string& folder, const std::string& text, int64_t tokens,
                   bool held_out);

/// Throws UsageError when the folder for a result is one of those it is made from: the original would be gone.
void check_output(const std::string& output, const std::vector<std::string>& folders);

/// A model in a line: its folder, how it was trained, and the last surgery it came from.
std::string origin_of(const Model& model, const std::string& folder);

/// "87.3 %".
std::string percent(double fraction);

/// Prints one JSON value, indented, on standard output.
void print_json(const nlohmann::ordered_json& json);

}  // namespace strata::cli
