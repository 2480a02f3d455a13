#include "strata/models/peft.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>

#include "strata/base/error.h"
#include "strata/base/suggest.h"
#include "strata/models/tensor_file.h"

namespace strata {
namespace {

constexpr const char* kConfigFile = "/adapter_config.json";
constexpr const char* kTensorFile = "/adapter_model.safetensors";
constexpr std::string_view kPrefix = "base_model.model.";
constexpr uint64_t kMostConfig = uint64_t{16} << 20;

struct Half {
  std::string module;
  bool is_a = false;
};

// base_model.model.<module>.lora_A.weight, with or without the adapter's name "default" in front of ".weight".
std::optional<Half> half_of(std::string_view name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  for (const bool is_a : {true, false})
    for (const std::string_view end : {".weight", ".default.weight"}) {
      const std::string tail = (is_a ? ".lora_A" : ".lora_B") + std::string(end);
      if (name.size() > tail.size() && name.ends_with(tail))
        return Half{std::string(name.substr(0, name.size() - tail.size())), is_a};
    }
  return std::nullopt;
}

// Where a layer of the checkpoint lies in a weight of the stack.
struct LayerPlace {
  ParamInfo param;
  FileTensor form;
  int64_t row = 0, rows = 0, columns = 0;
};

// Every matrix of the stack by the path of its layer in the checkpoint.
std::map<std::string, LayerPlace> places_of(const Stack& stack, const CheckpointNames& names) {
  constexpr std::string_view end = ".weight";
  std::map<std::string, LayerPlace> places;
  for (const ParamInfo& param : params_of(stack)) {
    int64_t row = 0;
    for (const FileTensor& form : names.tensors(param)) {
      if (form.shape.size() != 2 || !form.name.ends_with(end)) continue;
      const bool transposed = form.layout == FileTensor::Layout::transposed;
      const int64_t rows = form.shape[transposed ? 1 : 0], columns = form.shape[transposed ? 0 : 1];
      places.emplace(form.name.substr(0, form.name.size() - end.size()), LayerPlace{param, form, row, rows, columns});
      row += rows;
    }
  }
  return places;
}

// Tables that are looked up by row, and the head: "all-linear" leaves them out.
bool ordinary_linear(const LayerPlace& place) {
  return place.param.name.starts_with("blocks.");
}

// "attn.c_proj" of transformer.h.0.attn.c_proj: two layers may end alike.
std::string within_layer(const std::string& module) {
  size_t begin = 0;
  for (size_t dot = module.find('.'); dot != std::string::npos; dot = module.find('.', begin)) {
    const bool number = dot > begin && module.find_first_not_of("0123456789", begin) == dot;
    begin = dot + 1;
    if (number) return module.substr(begin);
  }
  return module.substr(begin);
}

std::string canonical_module(const CheckpointNames& names, const std::string& module) {
  constexpr std::string_view end = ".weight";
  const std::string name = names.canonical(module + std::string(end));
  return name.substr(0, name.size() - end.size());
}

}  // namespace

Adapter read_adapter(const std::string& folder) {
  Adapter adapter;
  const std::string config_path = folder + kConfigFile, path = folder + kTensorFile;
  adapter.config = peft_config_from_json(read_text(config_path, kMostConfig), config_path);
  const Safetensors file(path);
  for (const TensorView& view : file.tensors()) {
    const auto half = half_of(view.name);
    if (!half)
      fail(
          path, ": tensor ", in_quotes(view.name),
          ": expected base_model.model.<layer>.lora_A.weight or lora_B.weight; PEFT applies nothing under other names, "
          "and other parts of an adapter are not read");
    if (view.shape.size() != 2)
      fail(path, ": tensor ", in_quotes(view.name), ": expected two dimensions, found ", view.shape.size());
    Tensor value = to_tensor(view);
    if (!value.is_floating_point())
      fail(path, ": tensor ", in_quotes(view.name), ": expected floating-point numbers, found ",
           dtype_name(view.dtype));
    if (value.scalar_type() != at::kDouble) value = value.to(at::kFloat);
    Adapter::Pair& pair = adapter.modules[half->module];
    Tensor& place = half->is_a ? pair.a : pair.b;
    if (place.defined()) fail(path, ": expected each matrix once, found ", in_quotes(view.name), " a second time");
    place = value;
  }
  if (adapter.modules.empty()) fail(path, ": expected at least one adapted layer, found none");
  for (const auto& [module, pair] : adapter.modules) {
    if (!pair.a.defined() || !pair.b.defined())
      fail(path, ": layer ", in_quotes(module), ": expected lora_A and lora_B, found only ",
           pair.a.defined() ? "lora_A" : "lora_B");
    const int64_t rank = adapter.config.rank_of(module);
    if (pair.a.size(0) != rank || pair.b.size(1) != rank)
      fail(path, ": layer ", in_quotes(module), ": expected rank ", rank, ", as ", kConfigFile + 1,
           " says, found lora_A ", pair.a.sizes(), " and lora_B ", pair.b.sizes());
  }
  return adapter;
}

void write_adapter(const std::string& folder, const Adapter& adapter) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  NamedTensors tensors;
  for (const auto& [module, pair] : adapter.modules) {
    tensors.emplace(std::string(kPrefix) + module + ".lora_A.weight", pair.a);
    tensors.emplace(std::string(kPrefix) + module + ".lora_B.weight", pair.b);
  }
  save_tensors(folder + kTensorFile, tensors);
  write_file_atomic(folder + kConfigFile, peft_config_to_json(adapter.config));
}

LowRank stack_low_rank(const std::vector<RowsLowRank>& parts, int64_t out) {
  std::vector<Tensor> a, b;
  for (const RowsLowRank& part : parts) {
    a.push_back(part.a);
    const int64_t below = out - part.row - part.b.size(0);
    if (part.row < 0 || below < 0)
      fail("low-rank change: expected rows within ", out, ", got ", part.b.size(0), " from row ", part.row);
    b.push_back(at::constant_pad_nd(part.scale * part.b, {0, 0, part.row, below}));
  }
  return {.a = at::cat(a, 0), .b = at::cat(b, 1), .scale = 1, .choice = {}};
}

Overlay adapter_overlay(const Adapter& adapter, const Stack& stack, const CheckpointNames& names) {
  const auto places = places_of(stack, names);
  std::vector<std::string> known;
  for (const auto& [module, place] : places) known.push_back(module);
  std::map<std::string, std::vector<RowsLowRank>> parts;
  std::map<std::string, int64_t> rows_of;
  std::vector<std::string> given;
  for (const auto& [module, pair] : adapter.modules) {
    const auto found = places.find(canonical_module(names, module));
    if (found == places.end())
      fail("adapter: the model has no layer ", in_quotes(module), suggestion(module, known),
           "; was the adapter made for another model?");
    const LayerPlace& place = found->second;
    if (!ordinary_linear(place) && place.param.name != "head.weight")
      fail("adapter: layer ", in_quotes(module),
           " is a table of tokens or positions, which low-rank changes do not reach");
    if (pair.a.size(1) != place.columns || pair.b.size(0) != place.rows)
      fail("adapter: layer ", in_quotes(module), ": expected lora_A [rank, ", place.columns, "] and lora_B [",
           place.rows, ", rank], found ", pair.a.sizes(), " and ", pair.b.sizes());
    // A transposed layer changes by (b a)^T in the file, so by b a here; rows in another order move in b alone.
    FileTensor form = place.form;
    if (form.layout == FileTensor::Layout::transposed) form.layout = FileTensor::Layout::as_is;
    parts[place.param.name].push_back({pair.a, from_file(pair.b, form), adapter.config.scale_of(module), place.row});
    rows_of[place.param.name] = place.param.shape[0];
    given.push_back(found->first);
  }
  std::sort(given.begin(), given.end());
  for (const auto& [module, place] : places)
    if (adapter.config.targets(module, ordinary_linear(place)) &&
        !std::binary_search(given.begin(), given.end(), module))
      fail("adapter: target_modules names ", in_quotes(module), ", but the adapter holds no matrices for it");
  Overlay overlay;
  for (const auto& [name, list] : parts) overlay.low_rank.emplace(name, stack_low_rank(list, rows_of[name]));
  return overlay;
}

Adapter adapter_of(const Overlay& overlay, const Stack& stack, const CheckpointNames& names, PeftConfig config) {
  Adapter adapter;
  const auto places = places_of(stack, names);
  std::optional<double> scale;
  std::set<std::string> targets, done;
  for (const auto& [module, place] : places) {
    const auto found = overlay.low_rank.find(place.param.name);
    if (found == overlay.low_rank.end()) continue;
    const LowRank& change = found->second;
    if (change.choice.defined())
      fail("adapter: ", place.param.name, " has a change for each row; expected one for all");
    const int64_t rank = change.a.size(0);
    if (!scale) config.rank = rank, scale = change.scale;
    if (rank != config.rank || change.scale != *scale)
      fail("adapter: expected one rank and scale for all layers, got ", rank, " and ", change.scale, " for ",
           place.param.name);
    FileTensor form = place.form;
    if (form.layout == FileTensor::Layout::transposed) form.layout = FileTensor::Layout::as_is;
    form.shape = {place.rows, rank};
    const Tensor b = change.b.detach().slice(0, place.row, place.row + place.rows).contiguous();
    adapter.modules[module] = {change.a.detach().contiguous(), to_file(b, form).contiguous()};
    config.fan_in_fan_out |= place.form.layout == FileTensor::Layout::transposed;
    targets.insert(within_layer(module));
    done.insert(place.param.name);
  }
  if (done.size() != overlay.low_rank.size() || done.empty())
    fail("adapter: expected changes of linear layers that checkpoints of this architecture have, got ",
         overlay.low_rank.size(), " of which ", done.size(), " are");
  config.alpha = *scale * static_cast<double>(config.rank);
  config.rslora = false;
  config.target_modules.assign(targets.begin(), targets.end());
  adapter.config = std::move(config);
  return adapter;
}

void add_low_rank(Stack& stack, const Overlay& overlay) {
  const at::NoGradGuard no_grad;
  for (const auto& [name, change] : overlay.low_rank) {
    const Tensor& weight = stack.weights.at(name);
    stack.weights.set(name, weight + (change.scale * at::mm(change.b, change.a)).to(weight.scalar_type()));
  }
}

void merge_adapter(const Adapter& adapter, Stack& stack, const CheckpointNames& names) {
  add_low_rank(stack, adapter_overlay(adapter, stack, names));
}

}  // namespace strata
