#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "strata/base/file.h"
#include "strata/formats/tensor_content.h"
#include "strata/kernels/quant_blocks.h"

namespace strata {

/// A list in a GGUF file's metadata. Which alternative it holds is the id of its elements' type in the file; lists of
/// lists (id 9) do not exist.
using GgufArray = std::variant<std::vector<uint8_t>, std::vector<int8_t>, std::vector<uint16_t>, std::vector<int16_t>,
                               std::vector<uint32_t>, std::vector<int32_t>, std::vector<float>, std::vector<bool>,
                               std::vector<std::string>, std::monostate, std::vector<uint64_t>, std::vector<int64_t>,
                               std::vector<double>>;
/// A value in the metadata; again the alternative is the id of its type in the file.
using GgufValue = std::variant<uint8_t, int8_t, uint16_t, int16_t, uint32_t, int32_t, float, bool, std::string,
                               GgufArray, uint64_t, int64_t, double>;
using GgufMetadata = std::vector<std::pair<std::string, GgufValue>>;  // in the order of the file

/// "u32", "list of text": the type of a value, for messages and tables.
std::string gguf_type_name(const GgufValue& value);

/// A tensor in a GGUF file: C order, the last dimension is the fastest (the file stores them the other way round) and
/// holds whole blocks of the type.
struct GgufTensor {
  std::string name;
  BlockType type = BlockType::F32;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;

  int64_t count() const;  // numbers in it
};

/// A GGUF file of version 2 or 3, little-endian (format: ggml docs/gguf.md and gguf.cpp), checked in full before the
/// first byte of a tensor is shown: bounded counts and lengths, keys and names once each, at most four dimensions whose
/// product fits, whole blocks, tensors one after the other at multiples of the alignment and inside the file. Tensors
/// are views into the mapped file and live as long as this object. Throws Error with file, place, what was expected and
/// what was found.
class Gguf {
 public:
  explicit Gguf(const std::string& path);
  /// The same from memory that the caller keeps; `name` stands for the path in messages.
  Gguf(std::span<const std::byte> file, std::string name);
  Gguf(Gguf&&) = default;
  Gguf& operator=(Gguf&&) = default;

  const std::string& path() const { return path_; }
  uint32_t version() const { return version_; }
  uint32_t alignment() const { return alignment_; }

  const GgufMetadata& metadata() const { return metadata_; }
  const GgufValue* find(std::string_view key) const;
  /// Typed values, nothing when the key is absent; throw Error when it holds another type. Whole numbers may be stored
  /// in any integer type, numbers in any integer or floating-point type.
  std::optional<std::string> text(std::string_view key) const;
  std::optional<int64_t> integer(std::string_view key) const;
  std::optional<double> number(std::string_view key) const;
  std::optional<bool> boolean(std::string_view key) const;
  std::optional<std::vector<int64_t>> integers(std::string_view key) const;
  std::optional<std::vector<double>> numbers(std::string_view key) const;
  const std::vector<std::string>* texts(std::string_view key) const;  // nullptr when absent

  const std::vector<GgufTensor>& tensors() const { return tensors_; }  // in the order of their data
  const GgufTensor* find_tensor(std::string_view name) const;
  void drop_pages(const GgufTensor& tensor) const { map_.drop_pages(tensor.bytes); }

 private:
  void parse(std::span<const std::byte> file);
  [[noreturn]] void refuse(std::string_view key, const GgufValue& value, const char* expected) const;

  std::string path_;
  MappedFile map_;
  uint32_t version_ = 0;
  uint32_t alignment_ = 32;
  GgufMetadata metadata_;
  std::vector<GgufTensor> tensors_;
  std::vector<uint32_t> keys_, names_;  // sorted, not hashed: those of a hostile file could be chosen to collide
};

/// Everything before the data, padded; the tensors' bytes follow in order, each padded to the alignment (general.
/// alignment in the metadata, else 32). Throws Error for what Gguf would refuse; `path` is for messages.
std::string gguf_header(const std::string& path, const GgufMetadata& metadata, std::span<const GgufTensor> tensors);

/// Writes a GGUF file of version 3, whole or not at all; the same input gives the same bytes.
void write_gguf(const std::string& path, const GgufMetadata& metadata, std::span<const GgufTensor> tensors);
/// The same with the tensors' bytes from `content`, asked for in order; those in `tensors` are passed over.
void write_gguf(const std::string& path, const GgufMetadata& metadata, std::span<const GgufTensor> tensors,
                const TensorContent& content);

/// A model in one GGUF file, or in parts called NAME-00001-of-00003.gguf: open it by its only or first file. The
/// metadata is the first part's.
class GgufFiles {
 public:
  explicit GgufFiles(const std::string& path);
  /// One file that is all of a model.
  explicit GgufFiles(Gguf only);

  const Gguf& first() const { return files_.front(); }
  const std::vector<Gguf>& files() const { return files_; }
  const std::vector<const GgufTensor*>& tensors() const { return tensors_; }  // sorted by name
  const GgufTensor* find(std::string_view name) const;
  void drop_pages(const GgufTensor& tensor) const {
    for (const Gguf& file : files_) file.drop_pages(tensor);
  }

 private:
  void open_further_parts();
  void gather_tensors();

  std::vector<Gguf> files_;
  std::vector<const GgufTensor*> tensors_;
};

}  // namespace strata
