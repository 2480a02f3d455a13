// Parser: strata/formats/gguf.cpp
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "strata/base/error.h"
#include "strata/formats/gguf.h"
#include "tests/fuzz/expect_refused.h"

namespace {

// What cannot be written.
bool refuses_bad_parts() {
  using strata::GgufTensor;
  const std::vector<std::byte> four(4);
  const auto header = [&](const strata::GgufMetadata& metadata, const GgufTensor& tensor) {
    strata::expect_refused([&] { return strata::gguf_header("bad", metadata, std::span(&tensor, 1)); });
  };
  const GgufTensor good{"t", strata::BlockType::F32, {1}, four};
  header({{"", uint32_t{1}}}, good);
  header({{"key", strata::GgufArray(std::in_place_index<9>)}}, good);
  header({}, {std::string(64, 't'), strata::BlockType::F32, {1}, four});
  header({}, {"t", strata::BlockType::F32, {1, 1, 1, 1, 1}, four});
  header({}, {"t", strata::BlockType::F32, {-1}, four});
  header({}, {"t", strata::BlockType::F32, {2}, four});
  const strata::FilesForFuzzing folder;
  strata::expect_refused([&] {
    strata::write_gguf(folder.path() + "/short.gguf", {}, std::span(&good, 1), [](size_t, const strata::ByteSink&) {});
    return 0;
  });
  return true;
}

// Parts of a split file that do not fit each other.
bool refuses_bad_splits() {
  using strata::GgufTensor;
  const strata::FilesForFuzzing folder;
  const auto part = [&](const std::string& name, uint16_t number, uint16_t count, const std::string& tensor,
                        int32_t total) {
    const std::vector<std::byte> four(4);
    const GgufTensor only{tensor, strata::BlockType::F32, {1}, four};
    const std::string path = folder.path() + "/" + name;
    strata::write_gguf(path, {{"split.no", number}, {"split.count", count}, {"split.tensors.count", total}},
                       std::span(&only, 1));
    return path;
  };
  const auto open = [](const std::string& path) {
    strata::expect_refused([&] { return strata::GgufFiles(path).tensors().size(); });
  };
  open(part("a.gguf", 0, 2, "t", 2));
  open(part("b.gguf", 0, 10000, "t", 2));
  const std::string first = part("c-00001-of-00002.gguf", 0, 2, "t", 2);
  open(first);  // the second is not there
  part("c-00002-of-00002.gguf", 3, 2, "u", 2);
  open(first);
  part("c-00002-of-00002.gguf", 1, 2, "t", 2);
  open(first);
  part("c-00002-of-00002.gguf", 1, 2, "u", 2);
  if (strata::GgufFiles(first).tensors().size() != 2) std::abort();
  open(part("d.gguf", 0, 1, "t", 2));
  return true;
}

// Each value is what its type says, and refused as everything else.
void read_all_ways(const strata::Gguf& file, const std::string& key) {
  int taken = 0;
  const auto read = [&](auto&& call) {
    try {
      (void)call();
      ++taken;
    } catch (const strata::Error&) {
    }
  };
  read([&] { return file.text(key); });
  read([&] { return file.boolean(key); });
  read([&] { return file.integer(key); });
  read([&] { return file.number(key); });
  read([&] { return file.integers(key); });
  read([&] { return file.numbers(key); });
  read([&] { return file.texts(key); });
  if (taken > 3) std::abort();  // an empty list has no type that could be wrong
}

}  // namespace

// Any bytes are either refused by an Error or give values and tensors that can be looked up, read whole and laid out
// again to a file that reads the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool checked = refuses_bad_parts() && refuses_bad_splits();
  (void)checked;
  try {
    const strata::Gguf file(std::as_bytes(std::span(data, size)), "input");
    if (!file.metadata().empty()) read_all_ways(file, file.metadata().front().first);
    size_t read = 0;
    for (const auto& [key, value] : file.metadata())
      if (file.find(key) != &value || strata::gguf_type_name(value).empty()) std::abort();
    for (const strata::GgufTensor& tensor : file.tensors()) {
      if (file.find_tensor(tensor.name) != &tensor) std::abort();
      if (strata::block_bytes(tensor.type, tensor.count()) != std::ssize(tensor.bytes)) std::abort();
      for (const std::byte value : tensor.bytes) read += 1 + (static_cast<size_t>(value) >> 8);
      if (strata::block_type_info(tensor.type).read) {
        std::vector<float> values(tensor.count());
        strata::dequantise(tensor.type, tensor.bytes.data(), values.data(), tensor.count());
      }
    }
    const std::string header = strata::gguf_header("again", file.metadata(), file.tensors());
    if (read > size || header.size() % file.alignment() != 0) std::abort();
    std::vector<std::byte> whole(header.size());
    std::copy_n(reinterpret_cast<const std::byte*>(header.data()), header.size(), whole.begin());
    for (const strata::GgufTensor& tensor : file.tensors()) {
      whole.insert(whole.end(), tensor.bytes.begin(), tensor.bytes.end());
      while (whole.size() % file.alignment() != 0) whole.push_back(std::byte{0});
    }
    const strata::Gguf again(whole, "again");
    if (again.metadata().size() != file.metadata().size() || again.tensors().size() != file.tensors().size())
      std::abort();
  } catch (const strata::Error&) {
    return 0;
  }
  return 0;
}
