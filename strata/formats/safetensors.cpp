#include "strata/formats/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include "strata/base/error.h"
#include "strata/base/suggest.h"
#include "strata/formats/json_events.h"

namespace strata {
namespace {

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 100'000'000;
constexpr size_t kMaxRank = 64;  // what NumPy and PyTorch can hold; the format has no bound of its own
constexpr int kMaxDepth = 128;
constexpr std::string_view kMetadataKey = "__metadata__";

struct Entry {
  std::string name;
  std::string dtype;
  std::vector<int64_t> shape;
  std::array<uint64_t, 2> offsets{};  // begin, end
  bool has_dtype = false, has_shape = false, has_offsets = false;

  uint64_t begin() const { return offsets[0]; }
  uint64_t end() const { return offsets[1]; }
};

// Reads the header's JSON. Besides the grammar it refuses, as early as possible, tensors that together claim more than
// the file holds.
class HeaderReader : public JsonEvents {
 public:
  HeaderReader(const std::string& path, uint64_t data_bytes) : path_(path), data_bytes_(data_bytes) {}

  std::vector<Entry> entries;
  Metadata metadata;

  bool start_object(size_t) {
    if (at_ == At::Ignored) return enter_ignored();
    if (at_ == At::Start) return go(At::Names);
    if (at_ == At::TensorValue) return go(At::Fields);
    if (at_ == At::MetadataValue) return go(At::MetadataKeys);
    refuse("an object");
  }

  bool end_object() {
    if (at_ == At::Ignored) return leave_ignored();
    if (at_ == At::Names) return go(At::End);
    if (at_ == At::Fields) check_entry();
    return go(At::Names);
  }

  bool start_array(size_t) {
    if (at_ == At::Ignored) return enter_ignored();
    if (at_ == At::ShapeValue) return go(At::Shape);
    if (at_ == At::OffsetsValue) return go(At::Offsets);
    refuse("a list");
  }

  bool end_array() {
    if (at_ == At::Ignored) return leave_ignored();
    if (at_ == At::Offsets && offsets_read_ != 2) refuse(std::to_string(offsets_read_) + " of them");
    return go(At::Fields);
  }

  bool key(const std::string& text) {
    switch (at_) {
      case At::Ignored:
        return true;
      case At::Names:
        if (text == kMetadataKey) {
          if (std::exchange(seen_metadata_, true)) refuse("it a second time");
          return go(At::MetadataValue);
        }
        entries.emplace_back().name = text;
        return go(At::TensorValue);
      case At::MetadataKeys:
        metadata_key_ = text;
        if (metadata.contains(text))
          fail(context(), ": expected each key once, found ", in_quotes(text), " a second time");
        return go(At::MetadataText);
      default:
        return field(text);
    }
  }

  bool string(std::string& text) {
    if (at_ == At::Ignored) return ignored_scalar();
    if (at_ == At::MetadataText) {
      metadata[metadata_key_] = std::move(text);
      return go(At::MetadataKeys);
    }
    if (at_ == At::DtypeValue) {
      entries.back().dtype = std::move(text);
      return go(At::Fields);
    }
    return JsonEvents::string(text);
  }

  bool number_unsigned(uint64_t value) {
    if (at_ == At::Ignored) return ignored_scalar();
    if (at_ == At::Shape) {
      auto& shape = entries.back().shape;
      if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return JsonEvents::number_unsigned(value);
      if (shape.size() == kMaxRank) refuse("more than " + std::to_string(kMaxRank));
      shape.push_back(static_cast<int64_t>(value));
      return true;
    }
    if (at_ == At::Offsets) {
      if (offsets_read_ == 2) refuse("a third");
      entries.back().offsets[offsets_read_++] = value;
      return true;
    }
    return JsonEvents::number_unsigned(value);
  }

  bool number_integer(int64_t value) {
    return at_ == At::Ignored ? ignored_scalar() : JsonEvents::number_integer(value);
  }
  bool number_float(double value, const std::string& text) {
    return at_ == At::Ignored ? ignored_scalar() : JsonEvents::number_float(value, text);
  }
  bool boolean(bool value) { return at_ == At::Ignored ? ignored_scalar() : JsonEvents::boolean(value); }
  bool null() { return at_ == At::Ignored ? ignored_scalar() : JsonEvents::null(); }

  std::string context() const override {
    if (at_ == At::Start || at_ == At::Names || at_ == At::End) return path_ + ": header";
    if (at_ == At::MetadataValue || at_ == At::MetadataKeys || at_ == At::MetadataText) return path_ + ": __metadata__";
    return path_ + ": tensor " + in_quotes(entries.back().name);
  }

  std::string expected() const override {
    switch (at_) {
      case At::Names:
        return "__metadata__ once";
      case At::TensorValue:
        return "an object with dtype, shape and data_offsets";
      case At::MetadataText:
        return "text for key " + in_quotes(metadata_key_);
      case At::DtypeValue:
        return "the name of a type as dtype";
      case At::ShapeValue:
        return "a list as shape";
      case At::Shape:
        return "dimensions from 0 to 2^63-1, at most " + std::to_string(kMaxRank) + " of them, in shape";
      case At::OffsetsValue:
        return "a list as data_offsets";
      case At::Offsets:
        return "two unsigned 64-bit numbers as data_offsets";
      case At::Ignored:
        return "at most " + std::to_string(kMaxDepth) + " levels of nesting";
      default:
        return "an object";
    }
  }

 private:
  enum class At {
    Start,
    Names,          // in the outer object
    MetadataValue,  // before the object with the metadata
    MetadataKeys,
    MetadataText,
    TensorValue,  // before the object that describes a tensor
    Fields,
    DtypeValue,
    ShapeValue,
    Shape,
    OffsetsValue,
    Offsets,
    Ignored,  // in a field that the format does not know
    End
  };

  bool go(At next) {
    at_ = next;
    return true;
  }

  bool field(const std::string& text) {
    Entry& entry = entries.back();
    const auto once = [&](bool& seen) {
      if (std::exchange(seen, true)) fail(context(), ": expected each field once, found '", text, "' a second time");
    };
    if (text == "dtype") {
      once(entry.has_dtype);
      return go(At::DtypeValue);
    }
    if (text == "shape") {
      once(entry.has_shape);
      return go(At::ShapeValue);
    }
    if (text == "data_offsets") {
      once(entry.has_offsets);
      offsets_read_ = 0;
      return go(At::OffsetsValue);
    }
    ignored_depth_ = 0;
    return go(At::Ignored);
  }

  bool enter_ignored() {
    constexpr int depth_of_fields = 2;
    if (++ignored_depth_ + depth_of_fields > kMaxDepth) refuse("more");
    return true;
  }
  bool leave_ignored() {
    --ignored_depth_;
    return ignored_scalar();
  }
  bool ignored_scalar() { return ignored_depth_ == 0 ? go(At::Fields) : true; }

  void check_entry() {
    const Entry& entry = entries.back();
    const char* missing = !entry.has_dtype     ? "dtype"
                          : !entry.has_shape   ? "shape"
                          : !entry.has_offsets ? "data_offsets"
                                               : nullptr;
    if (missing != nullptr) fail(context(), ": expected the fields dtype, shape and data_offsets, found no ", missing);
    if (entry.end() < entry.begin() || entry.end() > data_bytes_)
      fail(context(), ": expected data_offsets that rise within the ", data_bytes_, " bytes of data, found [",
           entry.begin(), ", ", entry.end(), "]");
    claimed_ += entry.end() - entry.begin();
    if (claimed_ > data_bytes_)
      fail(context(), ": expected tensors that do not overlap, found claims to more than the ", data_bytes_,
           " bytes of data by here");
  }

  const std::string& path_;
  uint64_t data_bytes_;
  uint64_t claimed_ = 0;
  At at_ = At::Start;
  int ignored_depth_ = 0;
  size_t offsets_read_ = 0;
  bool seen_metadata_ = false;
  std::string metadata_key_;
};

// The length in front of the header, checked against what the file holds.
uint64_t header_length(const std::string& path, std::span<const std::byte> file) {
  if (file.size() < kLengthBytes) fail(path, ": expected a safetensors file of at least 8 bytes, found ", file.size());
  uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof length);
  if (length > kMaxHeaderBytes)
    fail(path, ": expected a header of at most ", kMaxHeaderBytes, " bytes, found a length of ", length,
         "; is this a safetensors file?");
  if (length > file.size() - kLengthBytes)
    fail(path, ": expected ", length, " bytes of header after the first 8, found ", file.size() - kLengthBytes,
         "; is the file cut off?");
  if (length == 0 || static_cast<char>(file[kLengthBytes]) != '{')
    fail(path, ": expected a header that starts with '{' at byte 8");
  return length;
}

void check_layout(const std::string& path, std::vector<Entry>& entries, uint64_t data_bytes) {
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin(), a.end()) < std::pair(b.begin(), b.end());
  });
  uint64_t reached = 0;
  for (const Entry& entry : entries) {
    if (entry.begin() != reached)
      fail(path, ": tensor ", in_quotes(entry.name), ": expected its data to begin at ", reached,
           ", where the previous ends, found ", entry.begin());
    reached = entry.end();
  }
  if (reached != data_bytes)
    fail(path, ": expected ", reached, " bytes of data as the header says, found ", data_bytes);
}

void check_header_bytes(const std::string& path, uint64_t bytes) {
  if (bytes > kMaxHeaderBytes)
    fail(path, ": expected a header of at most ", kMaxHeaderBytes, " bytes, these names and metadata need ", bytes);
}

std::string as_json(const std::string& path, const std::string& text) {
  check_header_bytes(path, text.size());
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    fail(path, ": expected names and metadata in UTF-8, found ", in_quotes(text));
  }
}

}  // namespace

uint64_t tensor_bytes(std::string_view who, DType dtype, std::span<const int64_t> shape) {
  uint64_t bits = 1;
  const auto times = [&](uint64_t factor) {
    if (__builtin_mul_overflow(bits, factor, &bits))
      fail(who, ": expected a shape whose size fits 64 bits, found an overflow");
  };
  for (const int64_t dimension : shape) {
    if (dimension < 0) fail(who, ": expected dimensions of at least 0, found ", dimension);
    times(static_cast<uint64_t>(dimension));
  }
  times(static_cast<uint64_t>(dtype_bits(dtype)));
  if (bits % 8 != 0) fail(who, ": expected whole bytes, found ", bits, " bits of ", dtype_name(dtype));
  return bits / 8;
}

Safetensors::Safetensors(const std::string& path, const SafetensorsOptions& options)
    : path_(path), map_(path, options.map) {
  parse(map_.bytes(), options);
}

Safetensors::Safetensors(std::span<const std::byte> file, std::string name, const SafetensorsOptions& options)
    : path_(std::move(name)) {
  parse(file, options);
}

void Safetensors::parse(std::span<const std::byte> file, const SafetensorsOptions& options) {
  const uint64_t length = header_length(path_, file);
  const std::span<const std::byte> data = file.subspan(kLengthBytes + length);
  HeaderReader header(path_, data.size());
  parse_json_events({reinterpret_cast<const char*>(file.data()) + kLengthBytes, length}, header);
  check_layout(path_, header.entries, data.size());
  metadata_ = std::move(header.metadata);

  for (Entry& entry : header.entries) {
    const std::string who = path_ + ": tensor " + in_quotes(entry.name);
    const std::optional<DType> dtype = dtype_from_name(entry.dtype);
    if (!dtype && !options.skip_unknown_dtypes)
      fail(who, ": expected a type of the format (F32, BF16, ...), found ", in_quotes(entry.dtype));
    if (!dtype) {
      skipped_.push_back(std::move(entry.name));
      continue;
    }
    const uint64_t size = entry.end() - entry.begin();
    if (const uint64_t needed = tensor_bytes(who, *dtype, entry.shape); needed != size)
      fail(who, ": expected ", needed, " bytes for its type and shape, found ", size);
    tensors_.push_back({std::move(entry.name), *dtype, std::move(entry.shape), data.subspan(entry.begin(), size)});
  }

  by_name_.resize(tensors_.size());
  std::iota(by_name_.begin(), by_name_.end(), 0U);
  std::sort(by_name_.begin(), by_name_.end(),
            [this](uint32_t a, uint32_t b) { return tensors_[a].name < tensors_[b].name; });
  const auto twin = std::adjacent_find(by_name_.begin(), by_name_.end(),
                                       [this](uint32_t a, uint32_t b) { return tensors_[a].name == tensors_[b].name; });
  if (twin != by_name_.end())
    fail(path_, ": expected each tensor once, found ", in_quotes(tensors_[*twin].name), " a second time");
}

const TensorView* Safetensors::find(std::string_view name) const {
  const auto found =
      std::lower_bound(by_name_.begin(), by_name_.end(), name,
                       [this](uint32_t index, std::string_view value) { return tensors_[index].name < value; });
  return found != by_name_.end() && tensors_[*found].name == name ? &tensors_[*found] : nullptr;
}

const TensorView& Safetensors::at(std::string_view name) const {
  if (const TensorView* tensor = find(name)) return *tensor;
  std::vector<std::string> names;
  names.reserve(by_name_.size());
  for (const uint32_t index : by_name_) names.push_back(tensors_[index].name);
  fail(path_, ": no tensor ", in_quotes(name), suggestion(name, names), "; it holds ", names.size(), ": ",
       join_names(names, 8));
}

namespace {

std::string tensor_name(const std::string& path, const TensorView& tensor) {
  return path + ": tensor " + in_quotes(tensor.name);
}

// Of tensors whose bytes need not be there yet.
SafetensorsLayout layout_of(const std::string& path, std::span<const TensorView> tensors, const Metadata& metadata) {
  SafetensorsLayout layout;
  layout.order.resize(tensors.size());
  std::iota(layout.order.begin(), layout.order.end(), size_t{0});
  std::sort(layout.order.begin(), layout.order.end(), [&](size_t a, size_t b) {
    return tensors[a].dtype != tensors[b].dtype ? tensors[a].dtype > tensors[b].dtype
                                                : tensors[a].name < tensors[b].name;
  });

  std::string json = "{";
  const auto add_key = [&](const std::string& name) {
    json += (json.back() == '{' ? "" : ",") + as_json(path, name) + ":";
  };
  if (!metadata.empty()) {
    add_key(std::string(kMetadataKey));
    json += "{";
    for (const auto& [name, value] : metadata) {
      add_key(name);
      json += as_json(path, value);
    }
    json += "}";
  }
  uint64_t offset = 0;
  std::vector<std::string_view> names;
  for (const size_t index : layout.order) {
    const TensorView& tensor = tensors[index];
    const std::string who = tensor_name(path, tensor);
    if (tensor.name == kMetadataKey) fail(who, ": expected another name, this one is reserved");
    const uint64_t end = offset + tensor_bytes(who, tensor.dtype, tensor.shape);
    names.push_back(tensor.name);
    add_key(tensor.name);
    json += "{\"dtype\":\"" + std::string(dtype_name(tensor.dtype)) + "\",\"shape\":[";
    for (size_t i = 0; i < tensor.shape.size(); ++i) json += (i == 0 ? "" : ",") + std::to_string(tensor.shape[i]);
    json += "],\"data_offsets\":[" + std::to_string(offset) + "," + std::to_string(end) + "]}";
    offset = end;
  }
  json += "}";
  std::sort(names.begin(), names.end());
  if (const auto twin = std::adjacent_find(names.begin(), names.end()); twin != names.end())
    fail(path, ": expected each tensor once, found ", in_quotes(*twin), " a second time");
  json.append((8 - json.size() % 8) % 8, ' ');
  const uint64_t length = json.size();
  check_header_bytes(path, length);
  layout.header.resize(kLengthBytes);
  std::memcpy(layout.header.data(), &length, kLengthBytes);
  layout.header += json;
  return layout;
}

}  // namespace

SafetensorsLayout layout_safetensors(const std::string& path, std::span<const TensorView> tensors,
                                     const Metadata& metadata) {
  for (const TensorView& tensor : tensors) {
    const std::string who = tensor_name(path, tensor);
    if (const uint64_t needed = tensor_bytes(who, tensor.dtype, tensor.shape); needed != tensor.bytes.size())
      fail(who, ": expected ", needed, " bytes for its type and shape, found ", tensor.bytes.size());
  }
  return layout_of(path, tensors, metadata);
}

void write_safetensors(const std::string& path, std::span<const TensorView> tensors, const Metadata& metadata) {
  write_safetensors(path, tensors, [&](size_t index, const ByteSink& sink) { sink(tensors[index].bytes); }, metadata);
}

void write_safetensors(const std::string& path, std::span<const TensorView> tensors, const TensorContent& content,
                       const Metadata& metadata) {
  const SafetensorsLayout layout = layout_of(path, tensors, metadata);
  const auto size_of = [&](const TensorView& tensor) { return tensor_bytes(path, tensor.dtype, tensor.shape); };
  uint64_t total = layout.header.size();
  for (const TensorView& tensor : tensors) total += size_of(tensor);
  write_file_atomic(path, total, [&](const ByteSink& sink) {
    sink(std::as_bytes(std::span(layout.header)));
    for (const size_t index : layout.order)
      hand_out(tensor_name(path, tensors[index]), content, index, size_of(tensors[index]), sink);
  });
}

}  // namespace strata
