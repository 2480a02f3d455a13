#include "strata/formats/tensor_content.h"

#include "strata/base/error.h"

namespace strata {

void hand_out(const std::string& who, const TensorContent& content, size_t index, uint64_t size, const ByteSink& sink) {
  uint64_t given = 0;
  content(index, [&](std::span<const std::byte> piece) {
    given += piece.size();
    if (given <= size) sink(piece);
  });
  if (given != size) fail(who, ": expected ", size, " bytes for its type and shape, found ", given);
}

}  // namespace strata
