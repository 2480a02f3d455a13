#include "strata/surgery/merge.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>
#include <set>

#include "apps/strata/table.h"
#include "apps/strata/verbs/shared.h"
#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/blocks/patches.h"
#include "strata/blocks/tokens.h"
#include "strata/data/classes.h"
#include "strata/eval/score.h"
#include "strata/models/peft.h"
#include "strata/route/parse.h"
#include "strata/route/print.h"
#include "strata/surgery/interface.h"

namespace strata::cli {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kBatch = 250;
constexpr const char* kNoise = "noise";  // what images are where none are given
constexpr uint64_t kMostConfig = 256 << 10;

// What is to be done, the models it is done with, and the result.
struct Work {
  std::map<std::string, std::unique_ptr<Model>, std::less<>> models;
  std::vector<std::string> order;  // their keys: the first one's embedding, norm and head are used
  std::map<std::string, std::string> folders;
  MergeConfig config;
  Route route;
  bool by_route = false;

  ModelSources sources() const {
    ModelSources all;
    for (const auto& [key, model] : models) all[key] = model.get();
    return all;
  }
};

void open(Work& work, const std::string& key, const std::string& folder) {
  if (work.models.contains(key)) return;
  work.models[key] = std::make_unique<Model>(open_model(folder));
  work.order.push_back(key);
  work.folders[key] = folder;
}

MergeSetting always(double value) {
  return {{"", {value}}};
}

MergeConfig config_of(const Merge& options, const std::vector<std::string>& keys) {
  MergeConfig config{.method = options.method.empty() ? MergeMethod::linear : merge_method(options.method),
                     .base = options.base,
                     .dtype = options.dtype,
                     .seed = options.seed};
  const bool sparse = config.method == MergeMethod::ties || config.method == MergeMethod::dare_linear ||
                      config.method == MergeMethod::dare_ties;
  const auto refuse = [&](bool given, const char* option) {
    if (given) fail_usage(option, " means nothing to --method ", name_of(config.method));
  };
  refuse(!sparse && !options.densities.empty(), "--density");
  if (config.method == MergeMethod::slerp) {
    refuse(!options.base.empty(), "--base");
    refuse(!options.weights.empty(), "--weight");
    refuse(!options.normalize.empty(), "--normalize");
    config.base = keys.front();
    config.parameters["t"] = always(options.t);
  } else if (!options.normalize.empty()) {
    config.parameters["normalize"] = always(options.normalize == "true" ? 1 : 0);
  }
  if (config.method == MergeMethod::linear) refuse(!options.base.empty(), "--base");
  if (config.method == MergeMethod::linear || config.method == MergeMethod::slerp)
    refuse(options.lambda != 1, "--lambda");
  else
    config.parameters["lambda"] = always(options.lambda);
  const auto check_count = [&](const std::vector<double>& values, const char* option) {
    if (!values.empty() && values.size() != keys.size())
      fail_usage(option, ": expected one number for each of ", keys.size(), " models, got ", values.size());
  };
  check_count(options.weights, "--weight");
  check_count(options.densities, "--density");
  MergeSlice slice;
  for (size_t i = 0; i < keys.size(); ++i) {
    MergeInput input{.model = keys[i]};
    if (config.method != MergeMethod::slerp)
      input.parameters["weight"] = always(options.weights.empty() ? 1 : options.weights[i]);
    if (sparse && !options.densities.empty()) input.parameters["density"] = always(options.densities[i]);
    slice.inputs.push_back(std::move(input));
  }
  config.slices.push_back(std::move(slice));
  return config;
}

// A model that a recipe names: a folder beside it, else what the name means on a command line.
std::string folder_of(const std::string& recipe, const std::string& name) {
  std::error_code error;
  std::string beside = (fs::path(recipe).parent_path() / name).lexically_normal().string();
  if (fs::exists(beside, error)) return beside;
  if (const auto plus = name.find('+'); plus != std::string::npos && !fs::exists(name, error))
    fail(recipe, ": ", name, " is a model with an adapter on it; put the adapter on first: strata merge ",
         name.substr(0, plus), " --adapter ", name.substr(plus + 1), " --output FOLDER");
  return name;
}

Work plan(const Merge& options) {
  Work work;
  if (!options.config.empty()) {
    if (!options.models.empty() || !options.route.empty() || !options.method.empty() || !options.base.empty() ||
        !options.weights.empty() || !options.densities.empty() || !options.normalize.empty() ||
        !options.dtype.empty() || !options.adapter.empty())
      fail_usage("--config says which models are merged and how; leave the models and the other options out");
    work.config = read_mergekit(read_yaml(options.config));
    work.config.seed = options.seed;
    for (const auto& name : models_of(work.config)) open(work, name, folder_of(options.config, name));
    return work;
  }
  if (options.models.empty()) fail_usage("expected the folders of models, or --config with a mergekit recipe");
  work.by_route = !options.route.empty();
  if (work.by_route && (!options.method.empty() || !options.base.empty() || !options.dtype.empty() ||
                        !options.weights.empty() || !options.densities.empty() || !options.normalize.empty()))
    fail_usage("--route takes blocks as they are; leave --method and its parameters out");
  std::vector<std::string> keys;
  std::vector<std::pair<std::string, std::string>> folders;
  for (const auto& text : options.models) {
    auto [name, folder] = split_name(text);
    keys.push_back(name.empty() ? folder : name);
    for (const auto& [key, other] : folders)
      if (key == keys.back() && other != folder) fail_usage("two models are called '", key, "'");
    folders.emplace_back(keys.back(), folder);
  }
  if (work.by_route) {
    work.route = parse_route(options.route);
  } else {
    work.config = config_of(options, keys);
    check_merge(work.config);
  }
  for (const auto& [key, folder] : folders) open(work, key, folder);
  if (!options.base.empty()) open(work, options.base, options.base);
  if (!options.adapter.empty()) {
    Model& first = *work.models.at(keys.front());
    merge_adapter(read_adapter(options.adapter), first.stack(), names_of(first));
  }
  return work;
}

// How close every model is to the first. Throws when one plainly comes from elsewhere, unless forced.
std::vector<std::pair<std::string, double>> check_kinship(const Work& work, bool force, bool quiet) {
  std::vector<std::pair<std::string, double>> result;
  const Model& first = *work.models.at(work.order.front());
  for (size_t i = 1; i < work.order.size(); ++i) {
    const std::string& key = work.order[i];
    const Model& other = *work.models.at(key);
    check_same_blocks(key, other, first);
    const double kin = kinship(first, other);
    result.emplace_back(key, kin);
    if (!(kin < kLeastKinship)) continue;
    const std::string finding = fmt::format(
        "{} and {} do not descend from one start: expected a cosine between their block matrices of {} or more "
        "(fine-tunings of one checkpoint are near 1), found {:.3f}",
        work.folders.at(work.order.front()), work.folders.at(key), kLeastKinship, kin);
    if (!force) fail(finding, "; what is put together from such models does not work (--force merges all the same)");
    if (!quiet) std::cerr << "warning: " << finding << "\n";
  }
  return result;
}

// What the check of activations reads, and questions with known answers or labelled images where there are some.
struct Probing {
  Stream input;
  std::string name;
  ImageSet set;
  std::unique_ptr<Exam> exam;
};

// Weights of 16 bits are for the disk, so images are in the type of the weights as they are computed with.
Stream images_for(const Model& model, const Tensor& pixels) {
  return image_stream(pixels.to(model.stack().weights.entries().front().value.scalar_type()));
}

Probing text_probing(const Merge& options, const Model& model, const std::string& folder) {
  if (!options.data.empty()) fail_usage("--data is a set of images; for a language model say --text");
  Probing result{.name = options.text};
  if (!options.text.empty()) {
    result.exam = std::make_unique<TextExam>(text_exam(model, folder, options.text, options.tokens, false));
    result.input = result.exam->at(0).input;
    return result;
  }
  constexpr int64_t sequences = 4, most = 64;
  const int64_t length = std::min(model.language.context, most);
  const Tensor tokens = at::empty({sequences * length}, at::kLong);
  Random random(0);
  for (int64_t i = 0; i < tokens.numel(); ++i)
    tokens.mutable_data_ptr<int64_t>()[i] = static_cast<int64_t>(random.below(model.language.vocab));
  result.name = "random tokens";
  result.input = token_stream(tokens, equal_rows(sequences, length));
  return result;
}

Probing probing(const Merge& options, const Model& model) {
  const VitConfig& vit = model.vit;
  const bool fashion = vit.image_channels == 1 && vit.image_height == 28 && vit.image_width == 28;
  if (!options.data.empty() || fashion) {
    try {
      Probing result;
      result.set = load_images(options.data.empty() ? "fashion-mnist" : options.data, "train",
                               {.limit = options.images, .fit = model.fit, .channels = vit.image_channels});
      result.input = images_for(model, normalised(image_batch(result.set, 0, result.set.size()), images_of(model)));
      result.name = result.set.name;
      return result;
    } catch (const Error&) {
      if (!options.data.empty()) throw;
    }
  }
  const int64_t images = std::min<int64_t>(options.images, 16);  // each is as good as another
  const Tensor noise = at::empty({images, vit.image_channels, vit.image_height, vit.image_width}, at::kFloat);
  Random random(0);
  for (int64_t i = 0; i < noise.numel(); ++i) noise.mutable_data_ptr<float>()[i] = static_cast<float>(random.normal());
  return {images_for(model, noise), kNoise, {}, nullptr};
}

struct Check {
  std::string data;
  std::vector<Seam> seams;
  bool judged = false;  // on images, and all blocks keep their places: what kLeastCka was measured for
  std::vector<std::pair<std::string, Score>> scores;  // of the result, then of the models it is made from
};

bool in_place(const std::vector<Origin>& origins) {
  for (size_t slot = 0; slot < origins.size(); ++slot)
    if (origins[slot].block != static_cast<int64_t>(slot)) return false;
  return true;
}

Check check_interface(const Work& work, const Model& merged, const Merge& options) {
  Check check;
  if ((merged.is_language() ? options.tokens : options.images) == 0) return check;
  const Model& first = *work.models.at(work.order.front());
  const Probing data = merged.is_language() ? text_probing(options, merged, work.folders.at(work.order.front()))
                                            : probing(options, merged);
  check.data = data.name;
  const ModelSources sources = work.sources();
  if (work.by_route) {
    const auto origins = origins_of(first, work.route, sources);
    check.judged = in_place(origins);
    check.seams = seams_of(merged, first, origins, data.input);
  } else if (copies_blocks(work.config)) {
    std::vector<Origin> origins;
    for (const auto& [name, block] : copied_blocks(work.config, sources))
      origins.push_back({name, sources.find(name)->second, block});
    check.judged = in_place(origins);
    check.seams = seams_of(merged, *origins.front().model, origins, data.input);
  } else {
    check.judged = true;
    for (const auto& key : work.order)
      if (sources.find(key)->second->stack().depth() == merged.stack().depth()) {
        const auto seams = seams_between(merged, key, *sources.find(key)->second, data.input);
        check.seams.insert(check.seams.end(), seams.begin(), seams.end());
      }
  }
  check.judged = check.judged && data.set.labels.defined();
  if (!data.exam && !data.set.labels.defined()) return check;
  // Each model is asked in its own normalisation of the images, and by its own numbers of the classes.
  std::set<std::string> warnings;
  const auto add = [&](const std::string& name, const Model& model) {
    const Route route = identity(model.stack().depth());
    if (model.is_language()) return void(check.scores.emplace_back(name, score(model.stack(), route, *data.exam)));
    ImageSet set;
    std::string warning;
    try {
      set = labelled_for(model.classes, data.set, warning);
    } catch (const Error& error) {
      if (!options.data.empty() && &model == &merged) throw;
      warning = error.what();  // of a route merge, blocks count, whatever the heads of their models tell apart
    }
    // Images that nobody asked for by name are there for the activations.
    if (!warning.empty() && options.data.empty()) return;
    if (!warning.empty() && warnings.insert(warning).second) warn(warning);
    if (set.labels.defined())
      check.scores.emplace_back(name, score(model.stack(), route, set, images_of(model), kBatch));
  };
  add("merged", merged);
  for (const auto& key : work.order) add(key, *work.models.at(key));
  return check;
}

std::string detail_of(const Work& work, const Merge& options) {
  const std::string first = options.adapter.empty() ? "" : "adapter " + options.adapter;
  if (work.by_route) return (first.empty() ? "" : first + ", ") + "route " + print_route(work.route);
  if (!options.config.empty()) return read_text(options.config, kMostConfig);
  std::string text = first;
  const MergeSlice& slice = work.config.slices.front();
  const auto add = [&](const std::string& owner, const MergeParameters& parameters) {
    for (const auto& [name, setting] : parameters)
      text += fmt::format("{}{}{} = {}", text.empty() ? "" : ", ", owner, name, setting[0].numbers[0]);
  };
  for (size_t i = 0; i < slice.inputs.size(); ++i) add(slice.inputs[i].model + " ", slice.inputs[i].parameters);
  add("", work.config.parameters);
  if (work.config.method == MergeMethod::dare_linear || work.config.method == MergeMethod::dare_ties)
    text += fmt::format(", seed = {}", work.config.seed);
  return text;
}

// What the check says against the result; empty where it says nothing.
std::string misfit_of(const Check& check) {
  const Seam* worst = nullptr;
  for (const Seam& seam : check.seams)
    if (check.judged && seam.cka < kLeastCka && (!worst || seam.cka < worst->cka)) worst = &seam;
  if (!worst) return "";
  return fmt::format(
      "the models do not fit: expected what every block reads to be like what it knew, a CKA of {} or more, found "
      "{:.3f} "
      "at slot {}, {}",
      kLeastCka, worst->cka, worst->slot, worst->block == "head" ? "the head" : "block " + worst->block);
}

nlohmann::ordered_json json_of(const Check& check) {
  nlohmann::ordered_json json{{"data", check.data}};
  json["seams"] = nlohmann::ordered_json::array();
  for (const Seam& seam : check.seams)
    json["seams"].push_back({{"slot", seam.slot},
                             {"block", seam.block},
                             {"norm_then", seam.norm_then},
                             {"norm_now", seam.norm_now},
                             {"cka", seam.cka},
                             {"difference", seam.difference}});
  for (const auto& [name, score] : check.scores)
    json["scores"].push_back({{"model", name}, {"accuracy", score.accuracy}, {"loss", score.loss}});
  json["fits"] = misfit_of(check).empty();
  return json;
}

void print(const Check& check) {
  std::vector<std::vector<std::string>> rows;
  rows.reserve(check.seams.size());
  for (const Seam& seam : check.seams)
    rows.push_back({std::to_string(seam.slot), seam.block, fmt::format("{:.3g}", seam.norm_then),
                    fmt::format("{:.3g}", seam.norm_now), fmt::format("{:.3f}", seam.cka),
                    fmt::format("{:.3f}", seam.difference)});
  if (!rows.empty())
    print_table({"#slot", "block on " + check.data, "#norm it knew", "#norm now", "#CKA", "#difference"}, rows);
  rows.clear();
  for (const auto& [name, score] : check.scores)
    rows.push_back({name, percent(score.accuracy), fmt::format("{:.4f}", score.loss)});
  if (!rows.empty()) print_table({"model", "#accuracy", "#loss"}, rows);
}

}  // namespace

void merge(const Common& common, const Merge& options) {
  const Work work = plan(options);
  std::vector<std::string> folders, origins;
  for (const auto& key : work.order) {
    folders.push_back(work.folders.at(key));
    origins.push_back(origin_of(*work.models.at(key), folders.back()));
  }
  if (options.dry_run == !options.output.empty())
    fail_usage("expected either --output, the folder for the new checkpoint, or --dry-run, for the report alone");
  check_output(options.output, folders);
  const auto kin = check_kinship(work, options.force, common.quiet);
  const ModelSources sources = work.sources();
  Model merged = work.by_route ? assemble(*work.models.at(work.order.front()), work.route, sources)
                               : strata::merge(work.config, sources);
  const std::string how = work.by_route ? "route" : name_of(work.config.method);
  merged.notes.provenance.push_back({"merge " + how, detail_of(work, options), origins});
  // What is written in 16 bits is tried as it reads back: in float32.
  Model tried = merged;
  const auto type = work.models.at(work.order.front())->stack().weights.entries().front().value.scalar_type();
  for (auto& entry : tried.stack().weights.entries()) entry.value = entry.value.to(type);
  const Check check = check_interface(work, tried, options);
  const std::string misfit = misfit_of(check);
  const bool write = !options.dry_run && (misfit.empty() || options.force);
  // What was found is said before anything is written, and also where nothing is.
  if (!common.quiet && !common.json) {
    print(check);
    if (check.data == kNoise && !check.seams.empty())
      std::cout << "checked on Gaussian noise, as no images were given; --data FOLDER checks on images\n";
    for (const auto& [name, cosine] : kin) std::cout << fmt::format("kinship with {}: {:.3f}\n", name, cosine);
  }
  if (write) save_model(options.output, merged);

  if (common.json) {
    nlohmann::ordered_json json{{"output", write ? options.output : ""},
                                {"method", how},
                                {"blocks", merged.stack().depth()},
                                {"block_ids", merged.notes.block_ids}};
    for (const auto& [name, cosine] : kin) json["kinship"][name] = cosine;
    json["interface"] = json_of(check);
    print_json(json);
  }
  if (!misfit.empty() && !options.dry_run && !options.force)
    fail(misfit, "; nothing was written (--force writes all the same)");
  if (!misfit.empty() && !common.quiet) std::cerr << "warning: " << misfit << "\n";
  if (common.json || common.quiet) return;
  std::cout << fmt::format("{}: {} of {} models, {} blocks\n", write ? options.output : "nothing written", how,
                           work.order.size(), merged.stack().depth());
}

}  // namespace strata::cli
