// Parser: strata/formats/cifar_records.cpp
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strata/base/error.h"
#include "strata/formats/cifar_records.h"

namespace {

using strata::CifarKind;

void read_and_check(const CifarKind& kind, std::string_view file) {
  try {
    const int64_t images = strata::cifar_images(kind, file.size(), "input");
    if (images < 1 || images * kind.record() != std::ssize(file)) std::abort();
    std::vector<uint8_t> pixels(static_cast<size_t>(images * strata::kCifarPixels));
    std::vector<int64_t> labels(static_cast<size_t>(images), -1);
    strata::read_cifar_records(kind, std::as_bytes(std::span(file)), "input", pixels.data(), labels.data());
    for (const int64_t label : labels)
      if (label < 0 || label >= kind.classes) std::abort();
    if (pixels.back() != static_cast<uint8_t>(file.back())) std::abort();
  } catch (const strata::Error&) {
    return;
  }
}

}  // namespace

// Any bytes are either refused by an Error or give as many images and labels as their size announces; any text is either
// refused or a list of names.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const CifarKind& kind : {strata::kCifar10, strata::kCifar100Coarse, strata::kCifar100Fine}) {
    read_and_check(kind, text);
    // The beginning of an image, and of a second: mutated inputs are shorter than one.
    std::string whole(text.substr(0, static_cast<size_t>(kind.record())));
    whole.resize(static_cast<size_t>(kind.record()));
    read_and_check(kind, whole);
    read_and_check(kind, whole + whole);
  }
  try {
    const auto names = strata::cifar_names(text, 2, "input");
    if (names.size() != 2 || names[0].empty() || text.find(names[1]) == text.npos) std::abort();
  } catch (const strata::Error&) {
    return 0;
  }
  return 0;
}
