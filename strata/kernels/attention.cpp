#include "strata/kernels/attention.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <vector>

#include "strata/base/threads.h"

namespace strata {
namespace {

double reference_scale(const AttentionShape& shape) {
  return shape.scale > 0 ? shape.scale : 1 / std::sqrt(static_cast<double>(shape.head_dim));
}

double dot(const float* a, const float* b, int64_t count) {
  double total = 0;
  for (int64_t i = 0; i < count; ++i) total += static_cast<double>(a[i]) * b[i];
  return total;
}

void forward_reference(const AttentionForward& a, const AttentionPiece& piece, const AttentionPiece&, int64_t begin,
                       int64_t end, float*) {
  const int64_t dim = a.shape.head_dim;
  const int64_t heads = a.shape.heads;
  const int64_t row = 3 * heads * dim;
  const float* q = a.qkv + piece.first * row + piece.head * dim;
  const float* k = q + heads * dim;
  const float* v = k + heads * dim;
  std::vector<double> p(piece.time);
  for (int64_t i = begin; i < end; ++i) {
    const int64_t keys = a.shape.causal ? i + 1 : piece.time;
    double top = -INFINITY;
    for (int64_t j = 0; j < keys; ++j) {
      p[j] = reference_scale(a.shape) * dot(q + i * row, k + j * row, dim);
      top = std::max(top, p[j]);
    }
    double total = 0;
    for (int64_t j = 0; j < keys; ++j) total += p[j] = std::exp(p[j] - top);
    const int64_t at = (piece.first + i) * heads + piece.head;
    for (int64_t c = 0; c < dim; ++c) {
      double sum = 0;
      for (int64_t j = 0; j < keys; ++j) sum += p[j] * v[j * row + c];
      a.out[at * dim + c] = static_cast<float>(sum / total);
    }
    if (a.lse) a.lse[at] = static_cast<float>(top + std::log(total));
  }
}

void backward_reference(const AttentionBackward& a, const AttentionPiece& piece, const AttentionPiece&, float*) {
  const int64_t time = piece.time;
  const int64_t dim = a.shape.head_dim;
  const int64_t heads = a.shape.heads;
  const int64_t row = 3 * heads * dim;
  const double scale = reference_scale(a.shape);
  const float* q = a.qkv + piece.first * row + piece.head * dim;
  const float* k = q + heads * dim;
  const float* v = k + heads * dim;
  std::vector<double> dq(time * dim);
  std::vector<double> dk(time * dim);
  std::vector<double> dv(time * dim);
  for (int64_t i = 0; i < time; ++i) {
    const int64_t at = (piece.first + i) * heads + piece.head;
    const float* dout = a.dout + at * dim;
    const double correction = dot(dout, a.out + at * dim, dim);
    for (int64_t j = 0; j < (a.shape.causal ? i + 1 : time); ++j) {
      const double p = std::exp(scale * dot(q + i * row, k + j * row, dim) - a.lse[at]);
      const double ds = scale * p * (dot(dout, v + j * row, dim) - correction);
      for (int64_t c = 0; c < dim; ++c) {
        dv[j * dim + c] += p * dout[c];
        dq[i * dim + c] += ds * k[j * row + c];
        dk[j * dim + c] += ds * q[i * row + c];
      }
    }
  }
  for (int64_t i = 0; i < time; ++i)
    for (int64_t c = 0; c < dim; ++c) {
      float* to = a.dqkv + (piece.first + i) * row + piece.head * dim + c;
      to[0] = static_cast<float>(dq[i * dim + c]);
      to[heads * dim] = static_cast<float>(dk[i * dim + c]);
      to[2 * heads * dim] = static_cast<float>(dv[i * dim + c]);
    }
}

int64_t no_scratch(int64_t, int64_t) {
  return 0;
}

constexpr std::array kLevels{&kAttentionReference, &kAttentionAvx2, &kAttentionAvx512};

void check(const AttentionShape& shape) {
  if (shape.sequences < 0 || shape.heads < 1 || shape.head_dim < 1)
    fail("attention: expected sequences >= 0, heads >= 1 and head_dim >= 1, got ", shape.sequences, ", ", shape.heads,
         " and ", shape.head_dim);
  if (!(shape.scale >= 0))
    fail("attention: expected a scale that is positive (or 0: 1 / sqrt(head_dim)), got ", shape.scale);
  if (!shape.offsets && shape.length < 0) fail("attention: expected a length >= 0, got ", shape.length);
  for (int64_t s = 0; shape.offsets && s < shape.sequences; ++s)
    if (shape.offsets[s] < 0 || shape.offsets[s + 1] < shape.offsets[s])
      fail("attention: expected offsets that never fall, got ", shape.offsets[s], " and ", shape.offsets[s + 1],
           " around sequence ", s);
}

AttentionPiece piece_of(const AttentionShape& shape, int64_t index) {
  const int64_t sequence = index / shape.heads;
  const int64_t first = shape.offsets ? shape.offsets[sequence] : sequence * shape.length;
  const int64_t end = shape.offsets ? shape.offsets[sequence + 1] : first + shape.length;
  return {first, end - first, index % shape.heads};
}

int64_t longest(const AttentionShape& shape) {
  if (!shape.offsets) return shape.sequences > 0 ? shape.length : 0;
  int64_t most = 0;
  for (int64_t s = 0; s < shape.sequences; ++s) most = std::max(most, shape.offsets[s + 1] - shape.offsets[s]);
  return most;
}

struct Free {
  void operator()(float* memory) const { std::free(memory); }
};

// Scratch of the calling thread, kept for its next call: tiles of a step ask for the same again and again, and the C
// library would map and unmap most sizes each time. What is too large to lie idle goes back when the call ends.
class Scratch {
 public:
  explicit Scratch(int64_t count) {
    constexpr size_t largest_kept = size_t{8} << 20;
    const size_t bytes = std::max<size_t>((count * sizeof(float) + 63) / 64 * 64, 64);
    thread_local Kept kept;
    if (bytes <= kept.bytes) {
      memory_ = kept.memory.get();
      return;
    }
    std::unique_ptr<float, Free> memory(static_cast<float*>(std::aligned_alloc(64, bytes)));
    if (!memory) fail("attention: not enough memory for ", bytes, " bytes of scratch; use shorter sequences");
    memory_ = memory.get();
    if (bytes <= largest_kept)
      kept = {std::move(memory), bytes};
    else
      own_ = std::move(memory);
  }
  float* get() const { return memory_; }

 private:
  struct Kept {
    std::unique_ptr<float, Free> memory;
    size_t bytes = 0;
  };
  float* memory_ = nullptr;
  std::unique_ptr<float, Free> own_;
};

}  // namespace

const AttentionLevel kAttentionReference{Isa::reference, forward_reference, backward_reference, no_scratch, no_scratch};

void attention_forward(const AttentionForward& args) {
  check(args.shape);
  const auto& level = pick_level(kLevels);
  const int64_t pieces = args.shape.sequences * args.shape.heads;
  const int64_t time = longest(args.shape);
  if (pieces == 0 || time == 0) return;
  // Few long sequences are also cut along their queries; a row's result does not depend on the cut.
  const int64_t cuts = std::clamp<int64_t>(4 * threads() / pieces, 1, (time + 127) / 128);
  parallel_for(pieces * cuts, 1, [&](int64_t begin, int64_t end, int) {
    const Scratch scratch(level.forward_scratch(time, args.shape.head_dim));
    for (int64_t item = begin; item < end; ++item) {
      const AttentionPiece piece = piece_of(args.shape, item / cuts);
      const AttentionPiece next = piece_of(args.shape, std::min(item + 1, end - 1) / cuts);
      const int64_t cut = item % cuts;
      const int64_t from = piece.time * cut / cuts;
      const int64_t to = piece.time * (cut + 1) / cuts;
      if (from < to) level.forward(args, piece, next, from, to, scratch.get());
    }
  });
}

void attention_backward(const AttentionBackward& args) {
  check(args.shape);
  const auto& level = pick_level(kLevels);
  const int64_t time = longest(args.shape);
  if (time == 0) return;
  parallel_for(args.shape.sequences * args.shape.heads, 1, [&](int64_t begin, int64_t end, int) {
    const Scratch scratch(level.backward_scratch(time, args.shape.head_dim));
    for (int64_t item = begin; item < end; ++item) {
      const AttentionPiece piece = piece_of(args.shape, item);
      const AttentionPiece next = piece_of(args.shape, std::min(item + 1, end - 1));
      if (piece.time > 0) level.backward(args, piece, next, scratch.get());
    }
  });
}

}  // namespace strata
