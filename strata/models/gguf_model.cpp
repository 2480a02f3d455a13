#include "strata/models/gguf_model.h"

#include <ATen/ATen.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "strata/base/error.h"
#include "strata/formats/convert.h"
#include "strata/formats/json_fields.h"
#include "strata/formats/language_json.h"
#include "strata/models/notes.h"

namespace strata {
namespace {

using nlohmann::json;

Model header_of(const SourceModel& source, const std::string& path) {
  Model model;
  model.language = language_from_json(json(source.config), path);
  model.architecture = model.language.family;
  model.companions = source.companions;
  model.warnings = source.warnings;
  model.companions["config.json"] = source.config.dump();
  if (const auto notes = model.companions.extract("strata.json"))
    take_notes(model, parse_json(notes.mapped(), path), path);
  if (model.notes.block_ids.empty())
    for (int64_t i = 0; i < model.language.depth; ++i) model.notes.block_ids.push_back(std::to_string(i));
  return model;
}

struct StoredPart {
  const SourceTensor* tensor;
  FileTensor form;
};

Tensor read_weight(const std::vector<StoredPart>& parts, const std::vector<int64_t>& shape) {
  std::vector<Tensor> read;
  for (const auto& [tensor, form] : parts) {
    auto values = std::make_shared<std::vector<float>>(tensor->values());
    const Tensor whole = at::from_blob(values->data(), tensor->shape, [values](void*) {}, at::kFloat);
    read.push_back(from_file(whole, form));
  }
  return read.size() == 1 ? read.front().reshape(shape).contiguous() : at::cat(read).view(shape);
}

}  // namespace

bool is_gguf_path(const std::string& path) {
  return path.ends_with(".gguf");
}

Model open_gguf_model_header(const std::string& path) {
  return header_of(open_source(path), path);
}

Model open_gguf_model(const std::string& path) {
  const auto source = std::make_shared<const SourceModel>(open_source(path));
  Model model = header_of(*source, path);
  std::map<std::string, const SourceTensor*> there;
  for (const SourceTensor& tensor : source->tensors) there.emplace(tensor.name, &tensor);
  const CheckpointNames names = names_of(model);
  Stack stack = wire_model(model);
  for (const ParamInfo& param : params_of(stack)) {
    std::vector<StoredPart> parts;
    for (const FileTensor& wanted : names.tensors(param)) {
      const auto found = there.find(wanted.name);
      if (found == there.end()) fail(path, ": expected the tensor that becomes '", wanted.name, "', found none");
      if (found->second->shape != wanted.shape)
        fail(path, ": expected '", wanted.name, "' to be ", at::IntArrayRef(wanted.shape), ", found ",
             at::IntArrayRef(found->second->shape));
      parts.push_back({found->second, wanted});
    }
    Catalogue::Entry entry{.name = param.name, .value = {}, .decay = param.decay, .trained = param.trained};
    stack.weights.insert_pending(
        std::move(entry), param.shape,
        [source, parts = std::move(parts), shape = param.shape] { return read_weight(parts, shape); });
  }
  model.stacks.push_back(std::move(stack));
  return model;
}

}  // namespace strata
