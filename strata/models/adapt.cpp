#include "strata/models/adapt.h"

#include <ATen/ATen.h>

#include <map>

#include "strata/base/error.h"

namespace strata {
namespace {

void check_same_blocks(const VitConfig& was, const VitConfig& wanted) {
  const auto same = [](const char* key, auto before, auto now) {
    if (before != now)
      fail_usage("model.start: expected model.", key, " = ", before, " as in the checkpoint, got ", now,
                 "; only classes, image size and slots can change when training starts from a checkpoint");
  };
  same("image_channels", was.image_channels, wanted.image_channels);
  same("patch_height", was.patch_height, wanted.patch_height);
  same("patch_width", was.patch_width, wanted.patch_width);
  same("channels", was.channels, wanted.channels);
  same("depth", was.depth, wanted.depth);
  same("heads", was.heads, wanted.heads);
  same("hidden", was.hidden, wanted.hidden);
  same("norm_eps", was.norm_eps, wanted.norm_eps);
  same("qkv_bias", was.qkv_bias, wanted.qkv_bias);
}

// Every key that a recipe can set, but for those that may change.
void check_same_blocks(const LanguageConfig& was, const LanguageConfig& wanted) {
  const auto texts = [](LanguageConfig config) {
    std::map<std::string, std::string> result;
    fields(config, [&result](const char* key, const auto& value) { result[key] = detail::concatenate(value); });
    for (const char* key : {"slots", "slot_count", "init_std", "context"}) result.erase(key);
    return result;
  };
  const auto before = texts(was), now = texts(wanted);
  for (const auto& [key, value] : before)
    if (now.at(key) != value)
      fail_usage("model.start: expected model.", key, " = ", value, " as in the checkpoint, got ", now.at(key),
                 "; only slots and context can change when training starts from a checkpoint");
  const bool scaled = was.rope.type != "default" && was.rope.type != "linear";
  if (was.context != wanted.context && (was.positions != "rotary" || scaled))
    fail_usage("model.start: expected model.context = ", was.context,
               " as in the checkpoint, whose positions depend on it, got ", wanted.context);
}

}  // namespace

Tensor interpolate_positions(const Tensor& positions, int64_t rows, int64_t columns, int64_t new_rows,
                             int64_t new_columns) {
  if (positions.dim() != 2 || positions.size(0) != 1 + rows * columns || new_rows < 1 || new_columns < 1)
    fail("positions: expected 1 + ", rows, " x ", columns, " rows for a new grid of at least 1 x 1, got ",
         positions.sizes(), " and ", new_rows, " x ", new_columns);
  if (rows == new_rows && columns == new_columns) return positions;
  const at::NoGradGuard no_grad;
  const int64_t channels = positions.size(1);
  const Tensor grid = positions.slice(0, 1).reshape({1, rows, columns, channels}).permute({0, 3, 1, 2}).contiguous();
  const int64_t size[] = {new_rows, new_columns};
  const Tensor made = at::upsample_bicubic2d(grid, size, /*align_corners=*/false);
  return at::cat({positions.slice(0, 0, 1), made.permute({0, 2, 3, 1}).reshape({new_rows * new_columns, channels})});
}

Model adapted(const Model& model, const VitConfig& config, bool fresh_head, Random random) {
  const VitConfig& was = model.vit;
  check_same_blocks(was, config);
  Model result = make_model(config, random);
  const bool new_head = fresh_head || config.classes != was.classes;
  for (auto& entry : result.stack().weights.entries()) {
    const Catalogue::Entry* old = model.stack().weights.find(entry.name);
    if (!old || (new_head && entry.name.starts_with("head."))) continue;
    Tensor value = old->value;
    if (entry.name == "embed.positions")
      value = interpolate_positions(value, was.image_height / was.patch_height, was.image_width / was.patch_width,
                                    config.image_height / config.patch_height, config.image_width / config.patch_width);
    if (value.sizes() != entry.value.sizes())
      fail("model.start: weight '", entry.name, "': expected ", entry.value.sizes(), ", found ", value.sizes());
    entry.value = value.clone();
  }
  if (!new_head) result.classes = model.classes;
  result.pixel_mean = model.pixel_mean;
  result.pixel_std = model.pixel_std;
  result.companions = model.companions;
  result.notes.block_ids = model.notes.block_ids;
  result.notes.provenance = model.notes.provenance;
  return result;
}

Model adapted(const Model& model, const LanguageConfig& config, Random random) {
  check_same_blocks(model.language, config);
  Model result = model;
  result.language.slots = config.slots;
  result.language.slot_count = config.slot_count;
  result.language.context = config.context;
  const Stack& before = model.stack();
  Stack stack = wire_model(result);
  for (const auto& param : params_of(stack)) {
    const Catalogue::Entry* old = before.weights.find(param.name);
    if (old && old->value.sizes() != at::IntArrayRef(param.shape))
      fail("model.start: weight '", param.name, "': expected ", at::IntArrayRef(param.shape), ", found ",
           old->value.sizes());
    stack.weights.insert({param.name,
                          old ? old->value : initial_value(param, random.fork(std::string_view(param.name))),
                          param.decay, param.trained});
  }
  result.stacks = {std::move(stack)};
  return result;
}

}  // namespace strata
