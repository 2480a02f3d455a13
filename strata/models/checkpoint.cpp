#include "strata/models/checkpoint.h"

#include <ATen/ATen.h>

#include <map>

#include "strata/base/error.h"
#include "strata/base/suggest.h"
#include "strata/models/tensor_file.h"

namespace strata {
namespace {

constexpr uint64_t kShard = uint64_t{5} << 30;  // bytes of tensors in one file

// Where the tensors of one weight lie in the file.
struct Source {
  ParamInfo param;
  struct Part {
    const TensorView* view;
    FileTensor form;
  };
  std::vector<Part> parts;
};

// A weight that lies in the file as it is computed with is mapped, others are made.
Tensor read_weight(const Source& source, const std::shared_ptr<const CheckpointTensors>& file) {
  std::vector<Tensor> parts;
  for (const auto& [view, form] : source.parts) {
    Tensor part = map_tensor(*view, file);
    if (view->dtype != DType::F64) part = part.to(at::kFloat);
    parts.push_back(from_file(part, form));
  }
  if (parts.size() == 1) return parts.front().reshape(source.param.shape).contiguous();
  return at::cat(parts).view(source.param.shape);
}

void refuse_misfits(const std::string& path, const std::vector<std::string>& missing,
                    const std::vector<std::string>& misshaped, const std::vector<std::string>& unexpected) {
  std::string problems;
  const auto add = [&problems](const char* what, const std::vector<std::string>& names) {
    constexpr size_t most_shown = 5;
    if (!names.empty())
      problems += (problems.empty() ? "" : "; ") + std::to_string(names.size()) + what + join_names(names, most_shown);
  };
  add(" missing: ", missing);
  add(" of another shape: ", misshaped);
  add(" unexpected: ", unexpected);
  if (!problems.empty()) fail(path, ": tensors do not fit config.json: ", problems);
}

// The type of all tensors, or float32.
at::ScalarType check_types(const std::string& path, const std::vector<Source>& sources) {
  const TensorView* first = nullptr;
  bool one = true;
  for (const auto& source : sources)
    for (const auto& part : source.parts) {
      const DType type = part.view->dtype;
      if (!first) first = part.view;
      one = one && type == first->dtype;
      if (type != DType::F32 && type != DType::F64 && type != DType::F16 && type != DType::BF16)
        fail(path, ": tensor '", part.view->name, "': expected type F32, F64, F16 or BF16, found ", dtype_name(type));
      if ((type == DType::F64) != (first->dtype == DType::F64))
        fail(path, ": expected all tensors or none in F64, found '", part.view->name, "' in ", dtype_name(type));
    }
  return first && one ? scalar_type(first->dtype, path) : at::kFloat;
}

// Checks that the file holds exactly what the stack reads, in the right shapes and in types we take.
std::vector<Source> match(const CheckpointTensors& file, const Stack& stack, const CheckpointNames& names,
                          at::ScalarType& type) {
  auto there = canonical_tensors(file, names);
  std::vector<std::string> missing, misshaped;
  std::vector<Source> sources;
  for (auto& param : params_of(stack)) {
    Source source{std::move(param), {}};
    for (auto& wanted : names.tensors(source.param)) {
      const auto found = there.find(wanted.name);
      if (found == there.end()) {
        missing.push_back(wanted.name);
        continue;
      }
      const TensorView& view = *found->second;
      if (view.shape != wanted.shape)
        misshaped.push_back(detail::concatenate(view.name, " ", at::IntArrayRef(view.shape), " instead of ",
                                                at::IntArrayRef(wanted.shape)));
      source.parts.push_back({&view, std::move(wanted)});
      there.erase(found);
    }
    sources.push_back(std::move(source));
  }
  std::vector<std::string> unexpected;
  for (const auto& [name, view] : there)
    if (!names.unused(name)) unexpected.push_back(view->name);
  refuse_misfits(file.path(), missing, misshaped, unexpected);
  type = check_types(file.path(), sources);
  return sources;
}

}  // namespace

Tensor from_file(const Tensor& stored, const FileTensor& form) {
  switch (form.layout) {
    case FileTensor::Layout::as_is:
      return stored;
    case FileTensor::Layout::transposed:
      return stored.t();
    case FileTensor::Layout::per_head:
      return stored.unflatten(0, {form.heads, 3, -1}).transpose(0, 1).flatten(0, 2);  // (h q d) ... -> (q h d) ...
  }
  fail("checkpoint: no such layout ", static_cast<int>(form.layout));
}

Tensor to_file(const Tensor& part, const FileTensor& form) {
  switch (form.layout) {
    case FileTensor::Layout::as_is:
      return part.reshape(form.shape);
    case FileTensor::Layout::transposed:
      return part.t().contiguous();
    case FileTensor::Layout::per_head:
      return part.unflatten(0, {3, form.heads, -1}).transpose(0, 1).flatten(0, 2).contiguous();
  }
  fail("checkpoint: no such layout ", static_cast<int>(form.layout));
}

std::map<std::string, const TensorView*> canonical_tensors(const CheckpointTensors& file,
                                                           const CheckpointNames& names) {
  std::map<std::string, const TensorView*> result;
  for (const TensorView* view : file.tensors())
    if (const std::string name = names.canonical(view->name); !result.emplace(name, view).second)
      fail(file.path(), ": two tensors are called '", name, "' in different versions of transformers");
  return result;
}

std::vector<Tensor> split_as(const Tensor& weight, const std::vector<FileTensor>& tensors) {
  if (tensors.size() == 1) return {weight};
  // A part has as many rows as its share of the numbers.
  const int64_t row = weight.numel() / std::max<int64_t>(weight.size(0), 1);
  std::vector<int64_t> rows;
  rows.reserve(tensors.size());
  for (const auto& tensor : tensors) rows.push_back(c10::multiply_integers(tensor.shape) / std::max<int64_t>(row, 1));
  return weight.split_with_sizes(rows);
}

at::ScalarType attach_weights(Stack& stack, const std::shared_ptr<const CheckpointTensors>& file,
                              const CheckpointNames& names) {
  at::ScalarType type = at::kFloat;
  for (auto& source : match(*file, stack, names, type)) {
    const ParamInfo& param = source.param;
    Catalogue::Entry entry{.name = param.name, .value = {}, .decay = param.decay, .trained = param.trained};
    auto shape = param.shape;
    stack.weights.insert_pending(std::move(entry), std::move(shape),
                                 [file, source = std::move(source)] { return read_weight(source, file); });
  }
  return type;
}

bool all_fit(const Stack& stack, at::ScalarType type) {
  for (const auto& param : params_of(stack)) {
    const Tensor& value = stack.weights.at(param.name);
    const Tensor back = value.to(type).to(value.scalar_type());
    if (!at::equal(back, value) &&
        !at::logical_or(back == value, back.isnan().logical_and(value.isnan())).all().item<bool>())
      return false;
  }
  return true;
}

void write_weights(const std::string& folder, const Stack& stack, const CheckpointNames& names, at::ScalarType type) {
  std::vector<Tensor> kept;  // own what the views look at
  std::vector<TensorView> views;
  for (const auto& param : params_of(stack)) {
    const Tensor& value = stack.weights.at(param.name);
    if (value.sizes() != at::IntArrayRef(param.shape))
      fail("model: weight '", param.name, "' should be ", at::IntArrayRef(param.shape), ", got ", value.sizes());
    const auto targets = names.tensors(param);
    const auto parts = split_as(value.detach().cpu().to(type).contiguous(), targets);
    for (size_t i = 0; i < targets.size(); ++i) {
      kept.push_back(to_file(parts[i], targets[i]).contiguous());
      views.push_back(to_view(targets[i].name, kept.back()));
      views.back().shape = targets[i].shape;
    }
  }
  write_checkpoint_tensors(folder, views, kShard);
}

}  // namespace strata
