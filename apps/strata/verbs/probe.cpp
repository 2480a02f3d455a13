#include "strata/eval/probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <optional>

#include "apps/strata/verbs/shared.h"
#include "strata/base/config.h"
#include "strata/base/progress.h"
#include "strata/eval/probe_json.h"
#include "strata/eval/probe_page.h"

namespace strata::cli {
namespace {

std::filesystem::path without_trailing_slash(const std::string& folder) {
  const auto path = std::filesystem::path(folder).lexically_normal();
  return path.has_filename() ? path : path.parent_path();
}

// The recipe a model was trained by, else its folder's name.
std::string name_of(const Model& model, const std::string& folder) {
  if (!model.notes.recipe.empty()) return model.notes.recipe;
  const auto path = without_trailing_slash(folder);
  return path.filename() == "model" && path.has_parent_path() ? path.parent_path().filename().string()
                                                              : path.filename().string();
}

// Names that differ: with the seed where recipes repeat, with the folder where that is not enough.
std::vector<std::string> names_of(const std::vector<Model>& models, const std::vector<std::string>& folders) {
  std::vector<std::string> names;
  names.reserve(models.size());
  for (size_t i = 0; i < models.size(); ++i) names.push_back(name_of(models[i], folders[i]));
  const auto tell_apart = [&](auto&& longer) {
    const std::vector<std::string> before = names;
    for (size_t i = 0; i < names.size(); ++i)
      if (std::count(before.begin(), before.end(), before[i]) > 1) names[i] = longer(i);
  };
  tell_apart([&](size_t i) { return fmt::format("{}, seed {}", names[i], models[i].notes.seed); });
  tell_apart([&](size_t i) { return folders[i]; });
  tell_apart([&](size_t i) { return fmt::format("{} ({})", folders[i], i + 1); });
  return names;
}

std::string output_of(const Probe& options) {
  if (!options.output.empty()) return options.output;
  // A name in the local Hugging Face cache has no place beside it.
  const std::string model = split_name(options.models[0]).second;
  std::error_code error;
  return options.models.size() > 1 || !std::filesystem::exists(model, error)
             ? "runs/probe"
             : (without_trailing_slash(model).parent_path() / "probe").string();
}

// Measured on what training holds out by default; routes for a budget are chosen on a quarter as many other tokens.
ElasticityReport probe_text_model(const Model& model, const std::string& name, const std::string& folder,
                                  const Probe& options, const ProbeConfig& config, bool quiet) {
  const std::string text = options.text.empty() ? "kjv" : options.text;
  const TextExam exam = text_exam(model, folder, text, options.tokens, true);
  std::optional<TextExam> choice;
  if (config.choice_images > 0)
    choice.emplace(text_exam(model, folder, text, std::max<int64_t>(options.tokens / 4, 1), false));
  Progress progress("probing " + name, exam.samples(), 0, quiet);
  ElasticityReport report = strata::probe(
      name, model.stack(), exam, config, [&](int64_t done, int64_t) { progress.update(done, "tokens"); },
      choice ? &*choice : nullptr);
  report.origin = origin_of(model, folder);
  return report;
}

}  // namespace

void probe(const Common& common, const Probe& options) {
  ProbeConfig config{
      .images = options.images, .orders = options.orders, .exhaustive = options.all_orders, .seed = options.seed};
  for (const auto& change : options.set) override_config(config, change);
  std::vector<Model> models;
  std::vector<std::string> given, folders;
  for (const auto& text : options.models) {
    auto [name, folder] = split_name(text);
    models.push_back(open_model(folder));
    given.push_back(std::move(name));
    folders.push_back(std::move(folder));
  }
  // Mistakes show before anything is scored.
  for (const Model& model : models) plan_probe(model.stack().depth(), config);
  auto names = names_of(models, folders);
  for (size_t i = 0; i < names.size(); ++i)
    if (!given[i].empty()) names[i] = given[i];

  std::vector<ElasticityReport> reports;
  for (size_t i = 0; i < models.size(); ++i) {
    if (models[i].is_language()) {
      reports.push_back(probe_text_model(models[i], names[i], folders[i], options, config, common.quiet));
      continue;
    }
    const ImageSet set = load_for(models[i], options.data, "test", config.images);
    ImageSet choice;
    if (config.choice_images > 0) choice = load_for(models[i], options.data, "train", config.choice_images);
    Progress progress("probing " + names[i], set.size(), 0, common.quiet);
    reports.push_back(strata::probe(
        names[i], models[i].stack(), set, images_of(models[i]), config,
        [&](int64_t done, int64_t) { progress.update(done, "images"); }, config.choice_images > 0 ? &choice : nullptr));
    reports.back().origin = origin_of(models[i], folders[i]);
  }
  std::string command = "strata probe";
  for (const auto& folder : options.models) command += " " + folder;
  const std::string page =
      write_probe(output_of(options), reports, {{"command", command}, {"settings", print_json(config_node(config))}});
  if (common.json) {
    nlohmann::ordered_json json = probe_json(reports);
    json["page"] = page;
    std::cout << pretty_json(json);
  } else {
    std::cout << probe_text(reports, report::this_terminal()) << "\npage: " << page << "\n";
  }
}

}  // namespace strata::cli
