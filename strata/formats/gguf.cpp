#include "strata/formats/gguf.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <numeric>
#include <type_traits>

#include "strata/base/error.h"
#include "strata/base/suggest.h"

namespace strata {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::string_view kMagic = "GGUF";
constexpr std::string_view kAlignmentKey = "general.alignment";
constexpr uint64_t kMostElements = uint64_t{1} << 30;  // of a string or list
constexpr size_t kMostNameBytes = 63;
constexpr size_t kMostDimensions = 4;
constexpr uint32_t kArrayId = 9;
constexpr uint32_t kMostAlignment = 1U << 21;  // a huge page; padding is written, so that it must not cost memory

constexpr std::array<std::string_view, std::variant_size_v<GgufValue>> kTypeNames{
    "u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "text", "list", "u64", "i64", "f64"};

// Calls fn with a default value of the variant's alternative `index`, which must be below its size.
template <class Variant, size_t Index = 0, class Fn>
void with_alternative(size_t index, Fn&& fn) {
  if constexpr (Index < std::variant_size_v<Variant>) {
    if (index == Index) return fn(std::variant_alternative_t<Index, Variant>{});
    with_alternative<Variant, Index + 1>(index, fn);
  }
}

// Reads a file from front to back and never beyond its end.
class Cursor {
 public:
  Cursor(const std::string& path, std::span<const std::byte> file) : path_(path), file_(file) {}

  size_t at() const { return at_; }
  uint64_t left() const { return file_.size() - at_; }
  void name_place(std::string place) { place_ = std::move(place); }

  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    fail(path_, ": byte ", at_, ": ", place_, ": ", parts...);
  }

  template <class T>
  T take(const char* what) {
    static_assert(std::is_trivially_copyable_v<T>);
    need(sizeof(T), what);
    T value;
    std::memcpy(&value, file_.data() + at_, sizeof value);
    at_ += sizeof value;
    return value;
  }

  std::string take_text(const char* what, uint64_t most = kMostElements) {
    const auto length = take<uint64_t>(what);
    if (length > most) refuse("expected ", what, " of at most ", most, " bytes, found a length of ", length);
    need(length, what);
    std::string text(reinterpret_cast<const char*>(file_.data()) + at_, length);
    at_ += length;
    return text;
  }

  void need(uint64_t bytes, const char* what) const {
    if (bytes > left())
      refuse("expected ", what, " of ", bytes, " bytes, found ", left(), " to the end; is the file cut off?");
  }

  // A count of things of at least `least` bytes each.
  uint64_t take_count(const char* what, uint64_t least) {
    const auto count = take<uint64_t>(what);
    if (count > left() / least)
      refuse("expected a ", what, " of things that fit the ", left(), " bytes left, found ", count,
             "; is the file cut off?");
    return count;
  }

 private:
  const std::string& path_;
  std::span<const std::byte> file_;
  size_t at_ = 0;
  std::string place_ = "header";
};

bool take_bool(Cursor& in) {
  const auto byte = in.take<uint8_t>("a bool");
  if (byte > 1) in.refuse("expected 0 or 1 as bool, found ", static_cast<int>(byte));
  return byte == 1;
}

uint32_t take_type(Cursor& in, const char* what) {
  const auto type = in.take<uint32_t>(what);
  if (type >= std::variant_size_v<GgufValue>) in.refuse("expected ", what, " from 0 to 12, found ", type);
  return type;
}

GgufArray take_array(Cursor& in) {
  const uint32_t type = take_type(in, "the type of a list's elements");
  if (type == kArrayId) in.refuse("expected a list of simple values, found a list of lists");
  GgufArray result;
  with_alternative<GgufArray>(type, [&](auto list) {
    using List = decltype(list);
    if constexpr (!std::is_same_v<List, std::monostate>) {
      using Element = typename List::value_type;
      constexpr bool text = std::is_same_v<Element, std::string>, boolean = std::is_same_v<Element, bool>;
      const uint64_t count = in.take_count("list length", text ? sizeof(uint64_t) : sizeof(Element));
      if (count > kMostElements) in.refuse("expected a list of at most ", kMostElements, " elements, found ", count);
      list.reserve(count);
      for (uint64_t i = 0; i < count; ++i) {
        if constexpr (text)
          list.push_back(in.take_text("text in a list"));
        else if constexpr (boolean)
          list.push_back(take_bool(in));
        else
          list.push_back(in.take<Element>("list"));
      }
      result = std::move(list);
    }
  });
  return result;
}

GgufValue take_value(Cursor& in) {
  const uint32_t type = take_type(in, "the type of a value");
  GgufValue result;
  with_alternative<GgufValue>(type, [&](const auto& of_type) {
    using Value = std::remove_cvref_t<decltype(of_type)>;
    if constexpr (std::is_same_v<Value, std::string>)
      result = in.take_text("text");
    else if constexpr (std::is_same_v<Value, bool>)
      result.emplace<bool>(take_bool(in));
    else if constexpr (std::is_same_v<Value, GgufArray>)
      result = take_array(in);
    else
      result.emplace<Value>(in.take<Value>("a value"));
  });
  return result;
}

// Positions 0..count-1 sorted by what `text_of` gives for them; fails when two are the same.
template <class TextOf>
std::vector<uint32_t> sorted_once(const std::string& path, const char* what, size_t count, TextOf&& text_of) {
  std::vector<uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return text_of(a) < text_of(b); });
  const auto twin =
      std::adjacent_find(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return text_of(a) == text_of(b); });
  if (twin != order.end())
    fail(path, ": expected each ", what, " once, found ", in_quotes(text_of(*twin)), " a second time");
  return order;
}

// The place in `order` of `text`, or nothing.
template <class TextOf>
std::optional<uint32_t> look_up(const std::vector<uint32_t>& order, std::string_view text, TextOf&& text_of) {
  const auto found = std::lower_bound(order.begin(), order.end(), text,
                                      [&](uint32_t index, std::string_view value) { return text_of(index) < value; });
  if (found == order.end() || text_of(*found) != text) return std::nullopt;
  return *found;
}

uint64_t padded(uint64_t size, uint64_t alignment) {
  return (size + alignment - 1) / alignment * alignment;
}

// Bytes of a tensor; refuses shapes that overflow and rows that are no whole blocks.
uint64_t checked_bytes(const std::string& who, const GgufTensor& tensor) {
  const BlockTypeInfo& info = block_type_info(tensor.type);
  int64_t count = 1;
  for (const int64_t dimension : tensor.shape) {
    if (dimension < 0) fail(who, ": expected dimensions of at least 0, found ", dimension);
    if (__builtin_mul_overflow(count, dimension, &count))
      fail(who, ": expected a shape whose size fits 63 bits, found an overflow");
  }
  const int64_t row = tensor.shape.empty() ? 1 : tensor.shape.back();
  if (row % info.values != 0)
    fail(who, ": expected rows of whole blocks of ", info.values, " numbers for ", info.name, ", found rows of ", row);
  if (count / info.values > std::numeric_limits<int64_t>::max() / info.bytes)
    fail(who, ": expected a size that fits 63 bits, found an overflow");
  return static_cast<uint64_t>(block_bytes(tensor.type, count));
}

uint32_t checked_alignment(const std::string& path, const GgufValue* value) {
  if (value == nullptr) return 32;
  const auto* alignment = std::get_if<uint32_t>(value);
  if (alignment == nullptr || !std::has_single_bit(*alignment) || *alignment > kMostAlignment)
    fail(path, ": ", kAlignmentKey, ": expected a u32 that is a power of two up to 2^21, found ",
         alignment == nullptr ? gguf_type_name(*value) : std::to_string(*alignment));
  return *alignment;
}

// ---- writing -------------------------------------------------------------------------------------------------------

template <class T>
void put(std::string& out, const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void put_text(std::string& out, const std::string& text) {
  put(out, static_cast<uint64_t>(text.size()));
  out += text;
}

void put_value(std::string& out, const std::string& who, const GgufValue& value) {
  put(out, static_cast<uint32_t>(value.index()));
  const auto check_size = [&](uint64_t size) {
    if (size > kMostElements) fail(who, ": expected at most ", kMostElements, " elements, got ", size);
  };
  const auto put_array = [&](const auto& list) {
    if constexpr (std::is_same_v<std::decay_t<decltype(list)>, std::monostate>) {
      fail(who, ": a list of lists cannot be written");
    } else {
      check_size(list.size());
      put(out, static_cast<uint64_t>(list.size()));
      for (const auto& element : list) {
        if constexpr (std::is_same_v<std::decay_t<decltype(list)>, std::vector<std::string>>)
          put_text(out, element);
        else if constexpr (std::is_same_v<std::decay_t<decltype(list)>, std::vector<bool>>)
          put(out, static_cast<uint8_t>(element ? 1 : 0));
        else
          put(out, element);
      }
    }
  };
  std::visit(
      [&](const auto& held) {
        using Held = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<Held, std::string>) {
          check_size(held.size());
          put_text(out, held);
        } else if constexpr (std::is_same_v<Held, bool>) {
          put(out, static_cast<uint8_t>(held ? 1 : 0));
        } else if constexpr (std::is_same_v<Held, GgufArray>) {
          put(out, static_cast<uint32_t>(held.index()));
          std::visit(put_array, held);
        } else {
          put(out, held);
        }
      },
      value);
}

uint32_t alignment_of(const std::string& path, const GgufMetadata& metadata) {
  const auto found =
      std::find_if(metadata.begin(), metadata.end(), [](const auto& entry) { return entry.first == kAlignmentKey; });
  return checked_alignment(path, found == metadata.end() ? nullptr : &found->second);
}

}  // namespace

std::string gguf_type_name(const GgufValue& value) {
  if (const auto* list = std::get_if<GgufArray>(&value)) return "list of " + std::string(kTypeNames.at(list->index()));
  return std::string(kTypeNames.at(value.index()));
}

int64_t GgufTensor::count() const {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

Gguf::Gguf(const std::string& path) : path_(path), map_(path) {
  parse(map_.bytes());
}

Gguf::Gguf(std::span<const std::byte> file, std::string name) : path_(std::move(name)) {
  parse(file);
}

void Gguf::parse(std::span<const std::byte> file) {
  if (file.size() < kMagic.size() || std::memcmp(file.data(), kMagic.data(), kMagic.size()) != 0)
    fail(path_, ": expected a GGUF file, which starts with 'GGUF', found other bytes");
  Cursor in(path_, file);
  (void)in.take<uint32_t>("the magic");
  version_ = in.take<uint32_t>("the version");
  if ((version_ & 0xffffU) == 0) in.refuse("expected little-endian numbers, found big-endian ones; convert the file");
  if (version_ != 2 && version_ != 3)
    in.refuse("expected version 2 or 3, found ", version_,
              version_ == 1 ? "; write the file anew with a current converter" : "");
  constexpr uint64_t least_tensor = 8 + 4 + 4 + 8, least_entry = 8 + 1 + 4 + 1;
  const uint64_t tensor_count = in.take_count("number of tensors", least_tensor);
  const uint64_t entry_count = in.take_count("number of metadata entries", least_entry);
  if (std::max(tensor_count, entry_count) > std::numeric_limits<uint32_t>::max())
    in.refuse("expected fewer than 2^32 tensors and metadata entries, found ", std::max(tensor_count, entry_count));

  for (uint64_t i = 0; i < entry_count; ++i) {
    in.name_place("metadata entry " + std::to_string(i));
    std::string key = in.take_text("a key", std::numeric_limits<uint16_t>::max());
    if (key.empty()) in.refuse("expected a key, found an empty one");
    in.name_place(in_quotes(key));
    GgufValue value = take_value(in);
    metadata_.emplace_back(std::move(key), std::move(value));
  }
  const auto key_of = [this](uint32_t i) -> std::string_view { return metadata_[i].first; };
  keys_ = sorted_once(path_, "key", metadata_.size(), key_of);
  alignment_ = checked_alignment(path_, find(kAlignmentKey));

  std::vector<uint64_t> offsets;
  for (uint64_t i = 0; i < tensor_count; ++i) {
    in.name_place("tensor " + std::to_string(i));
    GgufTensor tensor;
    tensor.name = in.take_text("a name", kMostNameBytes);
    in.name_place("tensor " + in_quotes(tensor.name));
    const auto dimensions = in.take<uint32_t>("the number of dimensions");
    if (dimensions > kMostDimensions)
      in.refuse("expected at most ", kMostDimensions, " dimensions, found ", dimensions);
    for (uint32_t j = 0; j < dimensions; ++j) {
      const auto size = in.take<uint64_t>("a dimension");
      if (size > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
        in.refuse("expected dimensions below 2^63, found ", size);
      tensor.shape.insert(tensor.shape.begin(), static_cast<int64_t>(size));
    }
    const auto type = in.take<uint32_t>("a type");
    if (find_block_type(type) == nullptr)
      in.refuse("expected a type this version knows (F32, F16, Q8_0, Q4_K, ...), found id ", type);
    tensor.type = static_cast<BlockType>(type);
    offsets.push_back(in.take<uint64_t>("an offset"));
    tensors_.push_back(std::move(tensor));
  }
  const auto name_of = [this](uint32_t i) -> std::string_view { return tensors_[i].name; };
  names_ = sorted_once(path_, "tensor", tensors_.size(), name_of);

  const uint64_t start = padded(in.at(), alignment_);
  uint64_t reached = 0;  // below the file's size
  for (size_t i = 0; i < tensors_.size(); ++i) {
    GgufTensor& tensor = tensors_[i];
    const std::string who = path_ + ": tensor " + in_quotes(tensor.name);
    const uint64_t size = checked_bytes(who, tensor);
    if (offsets[i] != reached)
      fail(who, ": expected its data at offset ", reached, ", the first multiple of ", alignment_,
           " after the previous tensor, found ", offsets[i]);
    const uint64_t there = file.size() > start + reached ? file.size() - start - reached : 0;
    if (size > there)
      fail(who, ": expected ", size, " bytes of data, found ", there, " to the end; is the file cut off?");
    if (size > 0) tensor.bytes = file.subspan(start + reached, size);
    reached += padded(size, alignment_);
  }
}

const GgufValue* Gguf::find(std::string_view key) const {
  const auto place = look_up(keys_, key, [this](uint32_t i) -> std::string_view { return metadata_[i].first; });
  return place ? &metadata_[*place].second : nullptr;
}

const GgufTensor* Gguf::find_tensor(std::string_view name) const {
  const auto place = look_up(names_, name, [this](uint32_t i) -> std::string_view { return tensors_[i].name; });
  return place ? &tensors_[*place] : nullptr;
}

void Gguf::refuse(std::string_view key, const GgufValue& value, const char* expected) const {
  fail(path_, ": ", in_quotes(key), ": expected ", expected, ", found ", gguf_type_name(value));
}

std::optional<std::string> Gguf::text(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* held = std::get_if<std::string>(value)) return *held;
  refuse(key, *value, "text");
}

std::optional<bool> Gguf::boolean(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* held = std::get_if<bool>(value)) return *held;
  refuse(key, *value, "bool");
}

namespace {

template <class T>
constexpr bool kInteger = std::is_integral_v<T> && !std::is_same_v<T, bool>;

template <class T>
std::optional<int64_t> as_integer(const T& held) {
  if constexpr (kInteger<T>) {
    if (std::in_range<int64_t>(held)) return static_cast<int64_t>(held);
  }
  return std::nullopt;
}

template <class T>
std::optional<double> as_number(const T& held) {
  if constexpr (kInteger<T> || std::is_floating_point_v<T>) return static_cast<double>(held);
  return std::nullopt;
}

// Every element of a list through `convert`; nothing when one will not.
template <class To, class Convert>
std::optional<std::vector<To>> all_of_list(const GgufValue& value, Convert&& convert) {
  const auto* list = std::get_if<GgufArray>(&value);
  if (list == nullptr) return std::nullopt;
  return std::visit(
      [&](const auto& elements) -> std::optional<std::vector<To>> {
        if constexpr (std::is_same_v<std::decay_t<decltype(elements)>, std::monostate>) {
          return std::nullopt;
        } else {
          std::vector<To> result;
          for (const auto& element : elements) {
            const std::optional<To> one = convert(element);
            if (!one) return std::nullopt;
            result.push_back(*one);
          }
          return result;
        }
      },
      *list);
}

}  // namespace

std::optional<int64_t> Gguf::integer(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  const auto result = std::visit([](const auto& held) { return as_integer(held); }, *value);
  return result ? result : (refuse(key, *value, "a whole number below 2^63"), result);
}

std::optional<double> Gguf::number(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  const auto result = std::visit([](const auto& held) { return as_number(held); }, *value);
  return result ? result : (refuse(key, *value, "a number"), result);
}

std::optional<std::vector<int64_t>> Gguf::integers(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  auto result = all_of_list<int64_t>(*value, [](const auto& element) { return as_integer(element); });
  if (!result) refuse(key, *value, "a list of whole numbers below 2^63");
  return result;
}

std::optional<std::vector<double>> Gguf::numbers(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  auto result = all_of_list<double>(*value, [](const auto& element) { return as_number(element); });
  if (!result) refuse(key, *value, "a list of numbers");
  return result;
}

const std::vector<std::string>* Gguf::texts(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return nullptr;
  if (const auto* list = std::get_if<GgufArray>(value))
    if (const auto* result = std::get_if<std::vector<std::string>>(list)) return result;
  refuse(key, *value, "a list of text");
}

namespace {

std::string tensor_name(const std::string& path, const GgufTensor& tensor) {
  return path + ": tensor " + in_quotes(tensor.name);
}

// Of tensors whose bytes need not be there yet.
std::string header_of(const std::string& path, const GgufMetadata& metadata, std::span<const GgufTensor> tensors) {
  (void)sorted_once(path, "key", metadata.size(), [&](uint32_t i) -> std::string_view { return metadata[i].first; });
  (void)sorted_once(path, "tensor", tensors.size(), [&](uint32_t i) -> std::string_view { return tensors[i].name; });
  const uint32_t alignment = alignment_of(path, metadata);
  std::string out(kMagic);
  put(out, uint32_t{3});
  put(out, static_cast<uint64_t>(tensors.size()));
  put(out, static_cast<uint64_t>(metadata.size()));
  for (const auto& [key, value] : metadata) {
    if (key.empty() || key.size() > std::numeric_limits<uint16_t>::max())
      fail(path, ": expected keys of 1 to 65535 bytes, got ", in_quotes(key));
    put_text(out, key);
    put_value(out, path + ": " + in_quotes(key), value);
  }
  uint64_t offset = 0;
  for (const GgufTensor& tensor : tensors) {
    const std::string who = tensor_name(path, tensor);
    if (tensor.name.size() > kMostNameBytes)
      fail(who, ": expected a name of at most ", kMostNameBytes, " bytes, got ", tensor.name.size());
    if (tensor.shape.size() > kMostDimensions)
      fail(who, ": expected at most ", kMostDimensions, " dimensions, got ", tensor.shape.size());
    const uint64_t size = checked_bytes(who, tensor);
    put_text(out, tensor.name);
    put(out, static_cast<uint32_t>(tensor.shape.size()));
    for (auto extent = tensor.shape.rbegin(); extent != tensor.shape.rend(); ++extent)
      put(out, static_cast<uint64_t>(*extent));
    put(out, static_cast<uint32_t>(tensor.type));
    put(out, offset);
    offset += padded(size, alignment);
  }
  out.resize(padded(out.size(), alignment));
  return out;
}

}  // namespace

std::string gguf_header(const std::string& path, const GgufMetadata& metadata, std::span<const GgufTensor> tensors) {
  std::string header = header_of(path, metadata, tensors);
  for (const GgufTensor& tensor : tensors)
    if (const uint64_t size = checked_bytes(path, tensor); size != tensor.bytes.size())
      fail(tensor_name(path, tensor), ": expected ", size, " bytes for its type and shape, got ", tensor.bytes.size());
  return header;
}

void write_gguf(const std::string& path, const GgufMetadata& metadata, std::span<const GgufTensor> tensors) {
  write_gguf(path, metadata, tensors, [&](size_t index, const ByteSink& sink) { sink(tensors[index].bytes); });
}

void write_gguf(const std::string& path, const GgufMetadata& metadata, std::span<const GgufTensor> tensors,
                const TensorContent& content) {
  const std::string header = header_of(path, metadata, tensors);
  const uint64_t alignment = alignment_of(path, metadata);
  const std::vector<std::byte> zeros(alignment);
  const auto size_of = [&](const GgufTensor& tensor) { return checked_bytes(path, tensor); };
  uint64_t total = header.size();
  for (const GgufTensor& tensor : tensors) total += padded(size_of(tensor), alignment);
  write_file_atomic(path, total, [&](const ByteSink& sink) {
    sink(std::as_bytes(std::span(header)));
    for (size_t i = 0; i < tensors.size(); ++i) {
      const uint64_t size = size_of(tensors[i]);
      hand_out(tensor_name(path, tensors[i]), content, i, size, sink);
      sink(std::span(zeros).first(padded(size, alignment) - size));
    }
  });
}

GgufFiles::GgufFiles(const std::string& path) : GgufFiles(Gguf(path)) {}

GgufFiles::GgufFiles(Gguf only) {
  files_.push_back(std::move(only));
  open_further_parts();
  gather_tensors();
}

void GgufFiles::open_further_parts() {
  const int64_t count = first().integer("split.count").value_or(0);
  if (count <= 1) return;
  const std::string path = first().path();
  constexpr int64_t most_parts = 9999;
  const auto ending = [count](int64_t part) {
    const auto five = [](int64_t number) {
      const std::string digits = std::to_string(number);
      return std::string(5 - std::min<size_t>(5, digits.size()), '0') + digits;
    };
    return "-" + five(part) + "-of-" + five(count) + ".gguf";
  };
  if (count > most_parts) fail(path, ": split.count: expected at most ", most_parts, " parts, found ", count);
  if (!path.ends_with(ending(1)) || first().integer("split.no").value_or(-1) != 0)
    fail(path, ": expected the first of ", count, " parts, whose name ends in ", ending(1), " and whose split.no is 0");
  const std::string start = path.substr(0, path.size() - ending(1).size());
  for (int64_t part = 2; part <= count; ++part) {
    const Gguf& next = files_.emplace_back(start + ending(part));
    if (next.integer("split.no").value_or(-1) != part - 1 || next.integer("split.count").value_or(-1) != count)
      fail(next.path(), ": expected split.no ", part - 1, " and split.count ", count, ", found others");
  }
}

void GgufFiles::gather_tensors() {
  for (const Gguf& file : files_)
    for (const GgufTensor& tensor : file.tensors()) tensors_.push_back(&tensor);
  std::sort(tensors_.begin(), tensors_.end(),
            [](const GgufTensor* a, const GgufTensor* b) { return a->name < b->name; });
  for (size_t i = 1; i < tensors_.size(); ++i)
    if (tensors_[i]->name == tensors_[i - 1]->name)
      fail(first().path(), ": expected each tensor once, found ", in_quotes(tensors_[i]->name), " in two parts");
  if (const int64_t total = first().integer("split.tensors.count").value_or(std::ssize(tensors_));
      total != std::ssize(tensors_))
    fail(first().path(), ": split.tensors.count: expected ", total, " tensors in all parts, found ", tensors_.size());
}

const GgufTensor* GgufFiles::find(std::string_view name) const {
  const auto found =
      std::lower_bound(tensors_.begin(), tensors_.end(), name,
                       [](const GgufTensor* tensor, std::string_view value) { return tensor->name < value; });
  return found != tensors_.end() && (*found)->name == name ? *found : nullptr;
}

}  // namespace strata
