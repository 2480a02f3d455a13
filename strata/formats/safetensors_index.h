#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strata/formats/safetensors.h"

namespace strata {

/// Which shard holds which tensor: the `weight_map` of model.safetensors.index.json.
using ShardMap = std::map<std::string, std::string>;

/// Reads the text of an index. Shards must be plain file names. Other keys, and a total_size that is wrong, are
/// ignored, as files in the wild carry both. Throws Error; `path` is for messages.
ShardMap parse_safetensors_index(std::string_view text, const std::string& path);

/// All tensors of a checkpoint, whether in one file or in shards.
class CheckpointTensors {
 public:
  CheckpointTensors(std::vector<Safetensors> files, const ShardMap& shards, std::string path);

  const std::string& path() const { return path_; }
  const std::vector<Safetensors>& files() const { return files_; }
  const std::vector<const TensorView*>& tensors() const { return tensors_; }  // sorted by name
  const TensorView* find(std::string_view name) const;
  const TensorView& at(std::string_view name) const;  // throws Error naming similar tensors
  const Metadata& metadata() const { return files_.front().metadata(); }
  const std::vector<std::string>& warnings() const { return warnings_; }  // oddities that do no harm
  void drop_pages(const TensorView& tensor) const {
    for (const Safetensors& file : files_) file.drop_pages(tensor);
  }

 private:
  std::string path_;
  std::vector<Safetensors> files_;
  std::vector<const TensorView*> tensors_;
  std::vector<std::string> warnings_;
};

/// Opens the tensors of a checkpoint folder: model.safetensors, else the shards of model.safetensors.index.json. A path
/// to one .safetensors file works too. Pickled weights (pytorch_model.bin) are refused: reading them may run any code.
/// Throws Error.
CheckpointTensors open_checkpoint_tensors(const std::string& folder, const SafetensorsOptions& options = {});

/// Writes model.safetensors when it holds at most max_shard_bytes of data, else shards filled in the order given and an
/// index.
void write_checkpoint_tensors(const std::string& folder, std::span<const TensorView> tensors, uint64_t max_shard_bytes,
                              const Metadata& metadata = {{"format", "pt"}});
/// The same with the tensors' bytes from `content`, shard by shard; those in `tensors` are passed over.
void write_checkpoint_tensors(const std::string& folder, std::span<const TensorView> tensors,
                              const TensorContent& content, uint64_t max_shard_bytes,
                              const Metadata& metadata = {{"format", "pt"}});

}  // namespace strata
