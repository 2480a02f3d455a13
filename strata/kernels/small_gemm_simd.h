#pragma once

#include "strata/kernels/simd.h"

namespace strata::simd::STRATA_SIMD {

STRATA_INLINE int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/// Products of matrices that live in the first two cache levels, the building block of attention. Every element of C is
/// one chain of fused multiply-adds over k in rising order, whatever the tile, so a row's result does not depend on the
/// rows beside it.
struct Strided {
  const float* data;
  int64_t row, column;  // distances in floats
};

// Rows of a tile of so many vectors: as many as the sums have registers (16 of AVX2, 32 of AVX-512). The wider a tile,
// the fewer instructions there are to a multiply-add; four vectors leave AVX2 too few rows.
inline constexpr int kTileRows[5] = {0, kWidth == 16 ? 16 : 8, kWidth == 16 ? 12 : 6, kWidth == 16 ? 8 : 4, 6};
inline constexpr int kMostVectors = kWidth == 16 ? 4 : 3;

template <int kRows, int kVectors, bool kAccumulate>
STRATA_INLINE void gemm_tile(Strided a, const float* b, int64_t ldb, int64_t depth, float* c, int64_t ldc) {
  V sums[kRows][kVectors];
  STRATA_UNROLL
  for (int r = 0; r < kRows; ++r) {
    STRATA_UNROLL
    for (int v = 0; v < kVectors; ++v) sums[r][v] = kAccumulate ? load(c + r * ldc + v * kWidth) : zero();
  }
  // How far rows lie behind every eighth of them, hidden from the compiler: it would add up each pointer from the one
  // before it in every round, one instruction more for each row.
  constexpr int bases = (kRows + 7) / 8;
  const float* base[bases];
  STRATA_UNROLL
  for (int i = 0; i < bases; ++i) {
    base[i] = a.data + 8 * i * a.row;
    asm("" : "+r"(base[i]));
  }
  int64_t behind[8];
  STRATA_UNROLL
  for (int i = 0; i < 8; ++i) {
    behind[i] = i * a.row;
    asm("" : "+r"(behind[i]));
  }
  for (int64_t k = 0; k < depth; ++k) {
    V bs[kVectors];
    STRATA_UNROLL
    for (int v = 0; v < kVectors; ++v) bs[v] = load(b + v * kWidth);
    b += ldb;
    STRATA_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const V x = set(base[r / 8][r % 8 == 0 ? 0 : behind[r % 8]]);
      STRATA_UNROLL
      for (int v = 0; v < kVectors; ++v) sums[r][v] = fma(x, bs[v], sums[r][v]);
    }
    STRATA_UNROLL
    for (int i = 0; i < bases; ++i) base[i] += a.column;
  }
  STRATA_UNROLL
  for (int r = 0; r < kRows; ++r) {
    STRATA_UNROLL
    for (int v = 0; v < kVectors; ++v) store(c + r * ldc + v * kWidth, sums[r][v]);
  }
}

/// The tile for `rows` <= kRows rows.
template <int kRows, int kVectors, bool kAccumulate>
STRATA_INLINE void gemm_group(int64_t rows, Strided a, const float* b, int64_t ldb, int64_t depth, float* c,
                              int64_t ldc) {
  if (rows == kRows)
    gemm_tile<kRows, kVectors, kAccumulate>(a, b, ldb, depth, c, ldc);
  else if constexpr (kRows > 1)
    gemm_group<kRows - 1, kVectors, kAccumulate>(rows, a, b, ldb, depth, c, ldc);
}

/// All rows of one strip of columns, in groups of nearly equal size, since small groups cannot hide the latency of
/// their additions.
template <int kMaxRows, int kVectors, bool kAccumulate>
inline void gemm_strip(Strided a, const float* b, int64_t ldb, int64_t depth, float* c, int64_t ldc, int64_t rows) {
  for (int64_t groups = (rows + kMaxRows - 1) / kMaxRows; groups > 0; --groups) {
    const int64_t size = (rows + groups - 1) / groups;
    gemm_group<kMaxRows, kVectors, kAccumulate>(size, a, b, ldb, depth, c, ldc);
    a.data += size * a.row;
    c += size * ldc;
    rows -= size;
  }
}

/// c [rows, columns] (+)= a [rows, depth] b [depth, columns]; columns is a multiple of kWidth, rows of b and c are ldb
/// and ldc apart.
template <bool kAccumulate>
inline void small_gemm(Strided a, const float* b, int64_t ldb, float* c, int64_t ldc, int64_t rows, int64_t columns,
                       int64_t depth) {
  for (int64_t left = columns / kWidth; left > 0;) {
    // Two and two vectors rather than three and one.
    const int64_t take = left == 4 ? (kMostVectors == 4 ? 4 : 2) : smaller(left, 3);
    if (take == kMostVectors)
      gemm_strip<kTileRows[kMostVectors], kMostVectors, kAccumulate>(a, b, ldb, depth, c, ldc, rows);
    else if (take == 3)
      gemm_strip<kTileRows[3], 3, kAccumulate>(a, b, ldb, depth, c, ldc, rows);
    else if (take == 2)
      gemm_strip<kTileRows[2], 2, kAccumulate>(a, b, ldb, depth, c, ldc, rows);
    else
      gemm_strip<kTileRows[1], 1, kAccumulate>(a, b, ldb, depth, c, ldc, rows);
    b += take * kWidth;
    c += take * kWidth;
    left -= take;
  }
}

inline int64_t round_up(int64_t n) {
  return (n + kWidth - 1) / kWidth * kWidth;
}

/// to [rows, round_up(columns)] = from [rows, columns] with rows `stride` apart, padded with zeros.
inline void pack_rows(const float* from, int64_t stride, int64_t rows, int64_t columns, float* to) {
  const int64_t padded = round_up(columns);
  for (int64_t r = 0; r < rows; ++r)
    for_vectors(columns, [&](int64_t c, int64_t n, auto whole) {
      store(to + r * padded + c, load(from + r * stride + c, n, whole));
    });
}

/// to [rows, columns] with rows `stride` apart = from [rows, round_up(columns)].
inline void unpack_rows(const float* from, float* to, int64_t stride, int64_t rows, int64_t columns) {
  const int64_t padded = round_up(columns);
  for (int64_t r = 0; r < rows; ++r)
    for_vectors(columns, [&](int64_t c, int64_t n, auto whole) {
      store(to + r * stride + c, load(from + r * padded + c), n, whole);
    });
}

/// Transposes eight rows of eight floats; 256-bit registers serve both levels.
STRATA_INLINE void transpose8(const __m256 (&in)[8], float* to, int64_t ldt, int64_t columns) {
  __m256 pairs[8];
  for (int i = 0; i < 8; i += 2) {
    pairs[i] = _mm256_unpacklo_ps(in[i], in[i + 1]);
    pairs[i + 1] = _mm256_unpackhi_ps(in[i], in[i + 1]);
  }
  __m256 quads[8];
  for (int i = 0; i < 8; i += 4) {
    quads[i] = _mm256_shuffle_ps(pairs[i], pairs[i + 2], _MM_SHUFFLE(1, 0, 1, 0));
    quads[i + 1] = _mm256_shuffle_ps(pairs[i], pairs[i + 2], _MM_SHUFFLE(3, 2, 3, 2));
    quads[i + 2] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], _MM_SHUFFLE(1, 0, 1, 0));
    quads[i + 3] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], _MM_SHUFFLE(3, 2, 3, 2));
  }
  __m256 out[8];
  for (int i = 0; i < 4; ++i) {
    out[i] = _mm256_permute2f128_ps(quads[i], quads[i + 4], 0x20);
    out[i + 4] = _mm256_permute2f128_ps(quads[i], quads[i + 4], 0x31);
  }
  for (int i = 0; i < 8; ++i)
    if (i < columns) _mm256_storeu_ps(to + i * ldt, out[i]);
}

/// to [columns, ldt] = transpose of from [rows, columns] (rows `stride` apart), with zeros in [rows, round_up(rows)) of
/// every row.
inline void pack_transposed(const float* from, int64_t stride, int64_t rows, int64_t columns, float* to, int64_t ldt) {
  for (int64_t r = 0; r < round_up(rows); r += 8)
    for (int64_t c = 0; c < columns; c += 8) {
      const int64_t wide = columns - c < 8 ? columns - c : 8;
      __m256 in[8];
      for (int64_t i = 0; i < 8; ++i) {
        const float* row = from + (r + i) * stride + c;
        if (r + i >= rows)
          in[i] = _mm256_setzero_ps();
        else if (wide == 8)
          in[i] = _mm256_loadu_ps(row);
        else
          in[i] = _mm256_maskload_ps(row, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kMaskWindow + 8 - wide)));
      }
      transpose8(in, to + c * ldt + r, ldt, wide);
    }
}

}  // namespace strata::simd::STRATA_SIMD
