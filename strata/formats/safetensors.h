#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strata/base/file.h"
#include "strata/formats/dtype.h"
#include "strata/formats/tensor_content.h"

namespace strata {

/// A named array in someone else's memory: C order, little-endian, no strides. A scalar has shape {}.
struct TensorView {
  std::string name;
  DType dtype = DType::F32;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;
};

using Metadata = std::map<std::string, std::string>;

struct SafetensorsOptions {
  bool skip_unknown_dtypes = false;  // leave such tensors out and list them in skipped(), instead of refusing the file
  MapMode map = MapMode::read_only;  // private_copy where tensors will be written to
};

/// A safetensors file, checked in full before the first byte of a tensor is shown: header of at most 100 MB, no name or
/// field twice, sizes that fit shapes, data without holes, overlaps or rest (format: huggingface/safetensors, README
/// and tensor.rs). Tensors are views into the mapped file and live as long as this object. Throws Error with file,
/// tensor, what was expected and what was found.
class Safetensors {
 public:
  explicit Safetensors(const std::string& path, const SafetensorsOptions& options = {});
  /// The same from memory that the caller keeps; `name` stands for the path in messages.
  Safetensors(std::span<const std::byte> file, std::string name, const SafetensorsOptions& options = {});
  Safetensors(Safetensors&&) = default;
  Safetensors& operator=(Safetensors&&) = default;

  const std::string& path() const { return path_; }
  const std::vector<TensorView>& tensors() const { return tensors_; }  // in the order of their data
  const TensorView* find(std::string_view name) const;
  const TensorView& at(std::string_view name) const;  // throws Error naming similar tensors
  const Metadata& metadata() const { return metadata_; }
  const std::vector<std::string>& skipped() const { return skipped_; }
  void drop_pages(const TensorView& tensor) const { map_.drop_pages(tensor.bytes); }

 private:
  void parse(std::span<const std::byte> file, const SafetensorsOptions& options);

  std::string path_;
  MappedFile map_;
  std::vector<TensorView> tensors_;
  std::vector<uint32_t> by_name_;  // sorted, not hashed: names of a hostile file could be chosen to collide
  Metadata metadata_;
  std::vector<std::string> skipped_;
};

/// Bytes that elements of this type and shape take. Throws Error, starting with `who`, for a negative dimension, an
/// overflow or a type below 8 bits that does not fill its last byte.
uint64_t tensor_bytes(std::string_view who, DType dtype, std::span<const int64_t> shape);

/// What precedes the data (length, JSON, padding), and the order in which the data follows.
struct SafetensorsLayout {
  std::string header;
  std::vector<size_t> order;
};

/// The layout that the reference writer chooses: types in descending order, then names; compact JSON; padded to 8
/// bytes. Throws Error for names that repeat, are reserved or not UTF-8, and for bytes that do not fit the shape;
/// `path` is for messages.
SafetensorsLayout layout_safetensors(const std::string& path, std::span<const TensorView> tensors,
                                     const Metadata& metadata);

/// Writes a file equal byte for byte to the reference writer's (with one metadata key; with several, ours are sorted),
/// whole or not at all.
void write_safetensors(const std::string& path, std::span<const TensorView> tensors,
                       const Metadata& metadata = {{"format", "pt"}});
/// The same with the tensors' bytes from `content`, asked for in the order of the file; those in `tensors` are passed
/// over.
void write_safetensors(const std::string& path, std::span<const TensorView> tensors, const TensorContent& content,
                       const Metadata& metadata = {{"format", "pt"}});

}  // namespace strata
