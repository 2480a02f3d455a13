#pragma once

#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "strata/blocks/stream.h"

namespace strata {

/// What a block needs beside its stream: a conditioning vector, a graph's edges, a clock, the memory of another stack.
struct Given {
  using Value = std::variant<Tensor, Stream>;
  std::map<std::string, Value, std::less<>> values;

  const Tensor& tensor(std::string_view name) const;
  const Stream& stream(std::string_view name) const;
};

/// One entry a block needs, checked before the pass begins.
struct Need {
  enum class Kind { tensor, stream };
  std::string name;
  Kind kind = Kind::tensor;
  /// Expected sizes of a tensor (of the first track's value for a stream); -1 matches any.
  std::vector<int64_t> shape;
  /// The first axis counts sequences (or, for a stream, its sequences do): follows the rows when a pass runs some
  /// sequences only.
  bool per_sequence = false;
};

/// Throws Error naming the block, the entry, what was expected and what was given.
void check_given(const Given& given, const Need& need, std::string_view who, int64_t sequences);

}  // namespace strata
