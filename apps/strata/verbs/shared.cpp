#include "apps/strata/verbs/shared.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <set>

#include "strata/base/error.h"
#include "strata/data/chat_text.h"
#include "strata/data/classes.h"
#include "strata/models/peft.h"
#include "strata/route/name.h"
#include "strata/train/codec.h"

namespace strata::cli {

std::pair<std::string, std::string> split_name(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || name_length(text) != equals) return {"", text};
  return {text.substr(0, equals), text.substr(equals + 1)};
}

OpenModels open_models(const std::vector<std::string>& given, const std::vector<std::string>& sources,
                       const std::string& adapter) {
  OpenModels open;
  std::set<std::string> names;
  const auto add = [&](const std::string& text, bool must_have_name) {
    auto [name, folder] = split_name(text);
    if (must_have_name && (name.empty() || folder.empty()))
      fail_usage("--source: expected NAME=FOLDER, got '", text, "'");
    if (!name.empty() && !names.insert(name).second) fail_usage("two models are called '", name, "'");
    open.names.push_back(std::move(name));
    open.folders.push_back(std::move(folder));
  };
  for (const auto& text : given) add(text, false);
  for (const auto& text : sources) add(text, true);
  for (size_t i = 0; i < open.folders.size(); ++i) {
    open.models.push_back(std::make_unique<Model>(open_model(open.folders[i])));
    if (open.names[i].empty()) continue;
    open.stacks[open.names[i]] = &open.models.back()->stack();
    open.sources[open.names[i]] = open.models.back().get();
  }
  if (!adapter.empty()) {
    Model& first = *open.models.front();
    merge_adapter(read_adapter(adapter), first.stack(), names_of(first));
  }
  return open;
}

TextExam text_exam(const Model& model, const std::string& folder, const std::string& text, int64_t tokens,
                   bool held_out) {
  constexpr int64_t most_context = 256;
  constexpr double share_held_out = 0.05;
  const TextCodec codec = codec_of(model, folder);
  const int64_t context = std::min(model.language.context, most_context);
  auto [kept, held] = hold_out(
      tokenised(read_documents(text, {.chat = chat_text_of(model.companions, folder)}), codec, text), share_held_out);
  return TextExam(first_tokens(held_out ? held : kept, tokens), context, context);
}

void check_output(const std::string& output, const std::vector<std::string>& folders) {
  for (const auto& folder : folders) {
    std::error_code ignored;
    if (std::filesystem::equivalent(output, folder, ignored))
      fail_usage("--output: ", output, " is a model this one is made from; choose another folder");
  }
}

std::string origin_of(const Model& model, const std::string& folder) {
  const ModelNotes& notes = model.notes;
  std::vector<std::string> parts;
  if (!notes.recipe.empty())
    parts.push_back(fmt::format("recipe {}, {} steps, seed {}", notes.recipe, notes.steps, notes.seed));
  if (!notes.provenance.empty()) {
    const Provenance& last = notes.provenance.back();
    // The detail of a merge by a recipe is its whole text.
    const bool line = !last.detail.empty() && last.detail.find('\n') == std::string::npos;
    parts.push_back(fmt::format("{}{}{} of {}", notes.recipe.empty() ? "" : "after ", last.operation,
                                line ? " (" + last.detail + ")" : "", fmt::join(last.sources, " and ")));
  }
  return parts.empty() ? folder : fmt::format("{}: {}", folder, fmt::join(parts, ", "));
}

ImageConfig images_of(const Model& model) {
  return {.mean = model.pixel_mean, .std = model.pixel_std};
}

ImageSet load_for(const Model& model, const std::string& data, const std::string& split, int64_t limit) {
  std::string warning;
  ImageSet set = labelled_for(
      model.classes, load_images(data, split, {.limit = limit, .fit = model.fit, .channels = model.vit.image_channels}),
      warning);
  warn(warning);
  return set;
}

void warn(const std::string& text) {
  if (!text.empty()) std::cerr << "warning: " << text << "\n";
}

std::string percent(double fraction) {
  return fmt::format("{:.1f} %", 100 * fraction);
}

void print_json(const nlohmann::ordered_json& json) {
  std::cout << json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << "\n";
}

}  // namespace strata::cli
