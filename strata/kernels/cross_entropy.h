#pragma once

#include <cstdint>

#include "strata/kernels/isa.h"

namespace strata {

/// Cross-entropy with label smoothing (Szegedy et al. 2016, sec. 7) and its gradient in one pass over the logits:
///   p = softmax(logits), t the target, e the smoothing
///   loss = (1 - e) (lse - logits[t]) + e (lse - mean(logits)),   dlogits = scale (p - (1 - e) [c == t] - e / classes)
/// A row whose target is kIgnoreTarget has loss 0 and gradient 0, whatever its logits. Targets outside 0..classes-1
/// throw Error.
struct CrossEntropy {
  static constexpr int64_t kIgnoreTarget = -100;
  int64_t rows = 0, classes = 0;
  const float* logits = nullptr;     // [rows, classes]
  const int64_t* targets = nullptr;  // [rows]
  float smoothing = 0;               // in [0, 1]
  float scale = 1;                   // 1 / rows for the gradient of the mean loss
  float* loss = nullptr;             // [rows], not scaled; or null
  float* dlogits = nullptr;          // [rows, classes] or null; may be logits
};
void cross_entropy(const CrossEntropy& args);

/// One level's loop over rows [begin, end); targets are valid.
struct CrossEntropyLevel {
  Isa isa;
  void (*rows)(const CrossEntropy& args, int64_t begin, int64_t end);
};
extern const CrossEntropyLevel kCrossEntropyReference, kCrossEntropyAvx2, kCrossEntropyAvx512;

}  // namespace strata
