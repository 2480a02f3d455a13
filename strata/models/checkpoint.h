#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "strata/formats/safetensors_index.h"
#include "strata/stack/stack.h"

namespace strata {

/// A tensor of a checkpoint file that holds a weight of ours, or a part of its first axis.
struct FileTensor {
  enum class Layout {
    as_is,
    transposed,  // [in, out] instead of [out, in]
    per_head,    // rows of a fused projection ordered head by head, [q | k | v] in each, instead of [q | k | v]
  };
  std::string name;
  std::vector<int64_t> shape;  // in the file
  Layout layout = Layout::as_is;
  int64_t heads = 0;  // per_head
};

/// How the files of one architecture name things.
struct CheckpointNames {
  /// The tensors that make up a weight of ours, in the order in which they follow each other in it.
  std::function<std::vector<FileTensor>(const ParamInfo&)> tensors;
  /// A name of a file in its usual form; other names come back unchanged.
  std::function<std::string(std::string_view)> canonical = [](std::string_view name) { return std::string(name); };
  /// Whether a file may hold this tensor although nothing reads it.
  std::function<bool(std::string_view)> unused = [](std::string_view) { return false; };
};

/// A tensor of a file in our layout: a view where that is one.
Tensor from_file(const Tensor& stored, const FileTensor& form);
/// The other way: rows of a weight of ours as the file holds them.
Tensor to_file(const Tensor& part, const FileTensor& form);

/// Canonical names of all tensors of a file. Throws Error where two have the same.
std::map<std::string, const TensorView*> canonical_tensors(const CheckpointTensors& file, const CheckpointNames& names);

/// The parts of a weight that file tensors hold, in our layout: views along its first axis.
std::vector<Tensor> split_as(const Tensor& weight, const std::vector<FileTensor>& tensors);

/// Gives a stack without weights those of a file, to be read when they are first used: float32, or float64 where all
/// are. Gives back the type that all of them have in the file; float32 where it holds several. Throws Error naming what
/// is missing, unexpected, misshaped or of another type; `file`, of open_mapped_checkpoint, is kept alive.
at::ScalarType attach_weights(Stack& stack, const std::shared_ptr<const CheckpointTensors>& file,
                              const CheckpointNames& names);

/// Whether weights are what they would be if they had been stored in `type`.
bool all_fit(const Stack& stack, at::ScalarType type);

/// Writes model.safetensors (or shards) into a folder, in `type`.
void write_weights(const std::string& folder, const Stack& stack, const CheckpointNames& names, at::ScalarType type);

}  // namespace strata
