#include "strata/models/peft.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <tuple>

#include "strata/base/error.h"
#include "strata/base/suggest.h"
#include "strata/models/tensor_file.h"

namespace strata {
namespace {

constexpr const char* kConfigFile = "/adapter_config.json";
constexpr const char* kTensorFile = "/adapter_model.safetensors";
constexpr std::string_view kPrefix = "base_model.model.";
constexpr std::string_view kWeight = ".weight", kBias = ".bias";
constexpr uint64_t kMostConfig = uint64_t{16} << 20;

constexpr std::string_view kBaseLayer = ".base_layer";

// What a tensor of an adapter is, by its name.
struct Role {
  enum class Kind { linear, table, whole } kind = Kind::whole;
  std::string module;  // of a half: what it belongs to
  bool is_a = false;
};

// <module>.lora_A.weight or <module>.lora_embedding_A, with or without the adapter's name "default".
Role role_of(std::string_view name) {
  for (const bool is_a : {true, false})
    for (const std::string_view adapter : {"", ".default"})
      for (const auto& [kind, start, end] : {std::tuple(Role::Kind::linear, ".lora_", ".weight"),
                                             std::tuple(Role::Kind::table, ".lora_embedding_", "")}) {
        const std::string tail = std::string(start) + (is_a ? "A" : "B") + std::string(adapter) + end;
        if (name.size() > tail.size() && name.ends_with(tail))
          return {kind, std::string(name.substr(0, name.size() - tail.size())), is_a};
      }
  return {};
}

// "model.layers.0.q_proj.bias" of model.layers.0.q_proj.base_layer.bias: PEFT wraps a layer that it adapts.
std::string unwrapped(std::string name) {
  const size_t last = name.rfind('.');
  if (last != std::string::npos && std::string_view(name).substr(0, last).ends_with(kBaseLayer))
    name.erase(last - kBaseLayer.size(), kBaseLayer.size());
  return name;
}

std::string module_of(const std::string& tensor) {
  return tensor.substr(0, std::min(tensor.rfind('.'), tensor.size()));
}

// Where a tensor of the checkpoint lies in a weight of the stack.
struct TensorPlace {
  ParamInfo param;
  FileTensor form;
  int64_t row = 0, rows = 0, columns = 0;

  bool matrix() const { return form.shape.size() == 2 && form.name.ends_with(kWeight); }
  bool shared() const { return param.name.starts_with("shared."); }
  bool head() const { return param.name == "head.weight"; }
  // Looked up by row.
  bool table() const {
    return shared() || param.name == "embed.tokens.weight" || param.name == "embed.positions.weight";
  }
  // What "all-linear" means.
  bool linear() const { return matrix() && !table() && !head(); }
};

// By the tensor's name in the checkpoint.
using TensorPlaces = std::map<std::string, TensorPlace>;

TensorPlaces places_of(const Stack& stack, const CheckpointNames& names) {
  TensorPlaces places;
  for (const ParamInfo& param : params_of(stack)) {
    int64_t row = 0;
    for (const FileTensor& form : names.tensors(param)) {
      const bool transposed = form.layout == FileTensor::Layout::transposed;
      const int64_t rows = form.shape[transposed ? 1 : 0];
      const int64_t columns = c10::multiply_integers(form.shape) / std::max<int64_t>(rows, 1);
      places.emplace(form.name, TensorPlace{param, form, row, rows, columns});
      row += rows;
    }
  }
  return places;
}

const TensorPlace& place_of(const TensorPlaces& places, const CheckpointNames& names, const std::string& tensor) {
  const auto found = places.find(names.canonical(tensor));
  if (found == places.end()) {
    std::vector<std::string> known;
    for (const auto& [name, place] : places) known.push_back(module_of(name));
    const std::string module = module_of(tensor);
    fail("adapter: the model has no layer ", in_quotes(module), suggestion(module, known),
         "; was the adapter made for another model, or for a head that is tied to the table of tokens?");
  }
  if (found->second.shared())
    fail("adapter: layer ", in_quotes(module_of(tensor)),
         " is the table of tokens, which the head is tied to; expected an adapter that leaves it alone");
  return found->second;
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

// Low-rank matrices move rows alone: a transposed layer changes by (b a)^T in the file, so by b a here.
FileTensor form_of_b(FileTensor form) {
  if (form.layout == FileTensor::Layout::transposed) form.layout = FileTensor::Layout::as_is;
  return form;
}

Tensor read_values(const TensorView& view, const std::string& path) {
  Tensor value = to_tensor(view);
  if (!value.is_floating_point())
    fail(path, ": tensor ", in_quotes(view.name), ": expected floating-point numbers, found ", dtype_name(view.dtype));
  return value.scalar_type() == at::kDouble ? value : value.to(at::kFloat);
}

// Whether the config accounts for a tensor that is no half of a pair.
bool explained(const PeftConfig& config, const std::string& name) {
  const bool stored_base = name.ends_with(std::string(kBaseLayer) + std::string(kWeight));
  return stored_base || (config.bias != "none" && name.ends_with(kBias)) || config.saves(module_of(unwrapped(name)));
}

void check_pairs(const std::map<std::string, Adapter::Pair>& pairs, const PeftConfig& config, const std::string& path,
                 const char* kind) {
  for (const auto& [module, pair] : pairs) {
    if (!pair.a.defined() || !pair.b.defined())
      fail(path, ": layer ", in_quotes(module), ": expected ", kind, "A and ", kind, "B, found only ", kind,
           pair.a.defined() ? "A" : "B");
    const int64_t rank = config.rank_of(module);
    if (pair.a.size(0) != rank || pair.b.size(1) != rank)
      fail(path, ": layer ", in_quotes(module), ": expected rank ", rank, ", as ", kConfigFile + 1, " says, found ",
           kind, "A ", pair.a.sizes(), " and ", kind, "B ", pair.b.sizes());
  }
}

}  // namespace

Adapter read_adapter(const std::string& folder) {
  Adapter adapter;
  const std::string config_path = folder + kConfigFile, path = folder + kTensorFile;
  adapter.config = peft_config_from_json(read_text(config_path, kMostConfig), config_path);
  const Safetensors file(path);
  for (const TensorView& view : file.tensors()) {
    if (!view.name.starts_with(kPrefix))
      fail(path, ": tensor ", in_quotes(view.name), ": expected a name that begins with ", kPrefix,
           ", as PEFT applies nothing under other names");
    const std::string name = view.name.substr(kPrefix.size());
    const Role role = role_of(name);
    if (role.kind == Role::Kind::whole) {
      if (!explained(adapter.config, name))
        fail(path, ": tensor ", in_quotes(view.name),
             ": expected low-rank matrices, or what modules_to_save or bias of ", kConfigFile + 1,
             " say was trained whole");
      adapter.whole.emplace(name, read_values(view, path));
      continue;
    }
    if (view.shape.size() != 2)
      fail(path, ": tensor ", in_quotes(view.name), ": expected two dimensions, found ", view.shape.size());
    Adapter::Pair& pair = (role.kind == Role::Kind::linear ? adapter.modules : adapter.tables)[role.module];
    Tensor& place = role.is_a ? pair.a : pair.b;
    if (place.defined()) fail(path, ": expected each matrix once, found ", in_quotes(view.name), " a second time");
    place = read_values(view, path);
  }
  if (adapter.modules.empty() && adapter.tables.empty())
    fail(path, ": expected at least one adapted layer, found none");
  check_pairs(adapter.modules, adapter.config, path, "lora_");
  check_pairs(adapter.tables, adapter.config, path, "lora_embedding_");
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
  for (const auto& [module, pair] : adapter.tables) {
    tensors.emplace(std::string(kPrefix) + module + ".lora_embedding_A", pair.a);
    tensors.emplace(std::string(kPrefix) + module + ".lora_embedding_B", pair.b);
  }
  for (const auto& [name, value] : adapter.whole) tensors.emplace(std::string(kPrefix) + name, value);
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

namespace {

// Puts together what an adapter changes, and remembers what it was given for.
class OverlayMaker {
 public:
  OverlayMaker(const Adapter& adapter, const Stack& stack, const CheckpointNames& names)
      : config_(adapter.config), stack_(stack), names_(names), places_(places_of(stack, names)) {
    for (const auto& [name, value] : adapter.whole) put_whole(name, value);
    for (const auto& [module, pair] : adapter.tables) put_table(module, pair);
    for (const auto& [module, pair] : adapter.modules) put_linear(module, pair);
    check_complete();
    for (const auto& [name, list] : parts_)
      overlay_.low_rank.emplace(name, stack_low_rank(list, stack.weights.at(name).size(0)));
  }
  Overlay take() { return std::move(overlay_); }

 private:
  // A tensor in place of the model's, or of the rows it is in one of ours.
  void put_whole(const std::string& name, const Tensor& value) {
    const TensorPlace& place = place_of(places_, names_, unwrapped(name));
    if (value.sizes() != at::IntArrayRef(place.form.shape))
      fail("adapter: ", in_quotes(name), ": expected ", at::IntArrayRef(place.form.shape), " as in the model, found ",
           value.sizes());
    Tensor& whole = overlay_.replace[place.param.name];
    if (!whole.defined()) whole = stack_.weights.at(place.param.name).detach().clone();
    whole.slice(0, place.row, place.row + place.rows).copy_(from_file(value, place.form));
    given_.insert(place.form.name);
  }

  const TensorPlace& matrix_of(const std::string& module, const Adapter::Pair& pair, bool table) {
    const TensorPlace& place = place_of(places_, names_, module + std::string(kWeight));
    const std::string path = module_of(place.form.name);
    if (!place.matrix() || table != place.table())
      fail("adapter: layer ", in_quotes(module), ": expected ",
           table ? "a table of tokens or positions" : "a linear layer", ", found another kind");
    if (!config_.targets(module, place.linear()) && !config_.targets(path, place.linear()))
      fail("adapter: layer ", in_quotes(module),
           " has matrices, but the config's target_modules and what goes with them leave it out, so PEFT would too");
    const int64_t out = table ? place.columns : place.rows, in = table ? place.rows : place.columns;
    if (pair.a.size(1) != in || pair.b.size(0) != out)
      fail("adapter: layer ", in_quotes(module), ": expected A [rank, ", in, "] and B [", out, ", rank], found ",
           pair.a.sizes(), " and ", pair.b.sizes());
    adapted_.insert(place.form.name);
    return place;
  }

  void put_table(const std::string& module, const Adapter::Pair& pair) {
    const TensorPlace& place = matrix_of(module, pair, true);
    overlay_.add[place.param.name] = config_.scale_of(module) * at::mm(pair.b, pair.a).t();
  }

  void put_linear(const std::string& module, const Adapter::Pair& pair) {
    const TensorPlace& place = matrix_of(module, pair, false);
    const double scale = config_.scale_of(module);
    if (place.head())  // is read whole, by the loss for one
      overlay_.add[place.param.name] = scale * at::mm(pair.b, pair.a);
    else
      parts_[place.param.name].push_back({pair.a, from_file(pair.b, form_of_b(place.form)), scale, place.row});
  }

  // PEFT would leave fresh matrices, or the base model's numbers, where the adapter has none.
  void check_complete() const {
    for (const auto& [name, place] : places_) {
      const std::string module = module_of(name);
      const bool targeted = config_.targets(module, place.linear());
      if (place.matrix() && targeted && !place.shared() && !adapted_.contains(name))
        fail("adapter: target_modules names ", in_quotes(module), ", but the adapter holds no matrices for it");
      const bool bias = name.ends_with(kBias) && (config_.bias == "all" || (config_.bias == "lora_only" && targeted));
      if ((bias || config_.saves(module)) && !given_.contains(name))
        fail("adapter: ", bias ? "bias" : "modules_to_save", " asks for ", in_quotes(name),
             ", but the adapter does not hold it");
    }
  }

  const PeftConfig& config_;
  const Stack& stack_;
  const CheckpointNames& names_;
  TensorPlaces places_;
  Overlay overlay_;
  std::map<std::string, std::vector<RowsLowRank>> parts_;  // by weight of the stack
  std::set<std::string> given_, adapted_;                  // tensors of the checkpoint
};

}  // namespace

Overlay adapter_overlay(const Adapter& adapter, const Stack& stack, const CheckpointNames& names) {
  return OverlayMaker(adapter, stack, names).take();
}

Adapter adapter_of(const Overlay& overlay, const Stack& stack, const CheckpointNames& names, PeftConfig config) {
  Adapter adapter;
  const auto places = places_of(stack, names);
  std::optional<double> scale;
  std::set<std::string> targets, done;
  for (const auto& [tensor, place] : places) {
    const auto found = overlay.low_rank.find(place.param.name);
    if (!place.matrix() || found == overlay.low_rank.end()) continue;
    const std::string module = module_of(tensor);
    const LowRank& change = found->second;
    if (change.choice.defined())
      fail("adapter: ", place.param.name, " has a change for each row; expected one for all");
    const int64_t rank = change.a.size(0);
    if (!scale) config.rank = rank, scale = change.scale;
    if (rank != config.rank || change.scale != *scale)
      fail("adapter: expected one rank and scale for all layers, got ", rank, " and ", change.scale, " for ",
           place.param.name);
    FileTensor form = form_of_b(place.form);
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
  config.target_modules = {{targets.begin(), targets.end()}, std::nullopt};
  adapter.config = std::move(config);
  return adapter;
}

void merge_overlay(Stack& stack, const Overlay& overlay) {
  const at::NoGradGuard no_grad;
  for (const auto& [name, value] : overlay.replace)
    stack.weights.set(name, value.to(stack.weights.at(name).scalar_type()));
  for (const auto& [name, value] : overlay.add) {
    const Tensor& weight = stack.weights.at(name);
    stack.weights.set(name, weight + value.to(weight.scalar_type()));
  }
  for (const auto& [name, change] : overlay.low_rank) {
    const Tensor& weight = stack.weights.at(name);
    stack.weights.set(name, weight + (change.scale * at::mm(change.b, change.a)).to(weight.scalar_type()));
  }
}

void merge_adapter(const Adapter& adapter, Stack& stack, const CheckpointNames& names) {
  merge_overlay(stack, adapter_overlay(adapter, stack, names));
}

}  // namespace strata
