#pragma once

#include <cstdint>
#include <span>

namespace strata {

/// What output must obey, token by token. One for each sequence.
class Constraint {
 public:
  virtual ~Constraint() = default;
  /// Sets the logits of all tokens that may not come next to -inf. Throws Error when none may.
  virtual void allow(std::span<float> logits) = 0;
  /// The token that came.
  virtual void accept(int32_t token) = 0;
  /// Whether nothing can follow but the end.
  virtual bool finished() const = 0;
};

}  // namespace strata
