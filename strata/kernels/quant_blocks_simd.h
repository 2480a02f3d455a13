#pragma once

// Blocks of quantised numbers, 32 numbers at a time; see quant_blocks.h. Sums and products stay apart: fused, they
// would give other bits than the reference.

#include "strata/kernels/quant_blocks.h"
#include "strata/kernels/simd.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("fp-contract=off")
#endif

namespace strata::simd::STRATA_SIMD {

STRATA_INLINE uint16_t load_bits16(const void* from) {
  uint16_t value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
}
STRATA_INLINE float load_half(const std::byte* from) {
  return _cvtsh_ss(load_bits16(from));
}
STRATA_INLINE __m128i load16(const void* from) {
  return _mm_loadu_si128(static_cast<const __m128i*>(from));
}
STRATA_INLINE __m128i low_nibbles(__m128i bytes) {
  return _mm_and_si128(bytes, _mm_set1_epi8(15));
}
STRATA_INLINE __m128i high_nibbles(__m128i bytes) {
  return _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(15));
}

#if defined(__AVX512F__)
/// fn(offset, vector of floats) for sixteen signed bytes.
template <class Fn>
STRATA_INLINE void for_bytes(__m128i bytes, Fn&& fn) {
  fn(0, _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes)));
}
/// The largest magnitude of 32 floats as the bits of a float: above those of infinity when one is NaN.
STRATA_INLINE uint32_t largest_magnitude(const float* x) {
  const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
  const __m512i a = _mm512_and_si512(_mm512_loadu_si512(x), magnitude);
  const __m512i b = _mm512_and_si512(_mm512_loadu_si512(x + 16), magnitude);
  return static_cast<uint32_t>(_mm512_reduce_max_epi32(_mm512_max_epi32(a, b)));
}
/// Away from zero at a half: adds the number below 1/2 with the sign of x, cuts the rest off.
STRATA_INLINE __m512i round_half_away(V x) {
  const __m512i sign = _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(static_cast<int>(0x80000000U)));
  const V half = _mm512_castsi512_ps(_mm512_or_si512(sign, _mm512_castps_si512(set(0.49999997F))));
  return _mm512_cvttps_epi32(_mm512_add_ps(x, half));
}
STRATA_INLINE void store_rounded(const float* x, V factor, std::byte* out) {
  for (int i = 0; i < 32; i += 16)
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i),
                     _mm512_cvtepi32_epi8(round_half_away(_mm512_mul_ps(load(x + i), factor))));
}
#else
template <class Fn>
STRATA_INLINE void for_bytes(__m128i bytes, Fn&& fn) {
  fn(0, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)));
  fn(8, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8))));
}
STRATA_INLINE uint32_t largest_magnitude(const float* x) {
  const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
  const auto at = [&](int i) {
    return _mm256_and_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + i)), magnitude);
  };
  const __m256i most = _mm256_max_epi32(_mm256_max_epi32(at(0), at(8)), _mm256_max_epi32(at(16), at(24)));
  __m128i m = _mm_max_epi32(_mm256_castsi256_si128(most), _mm256_extracti128_si256(most, 1));
  m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4e));
  m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0xb1));
  return static_cast<uint32_t>(_mm_cvtsi128_si32(m));
}
STRATA_INLINE __m256i round_half_away(V x) {
  const V sign = _mm256_and_ps(x, set(-0.0F));
  return _mm256_cvttps_epi32(_mm256_add_ps(x, _mm256_or_ps(sign, set(0.49999997F))));
}
STRATA_INLINE void store_rounded(const float* x, V factor, std::byte* out) {
  const auto at = [&](int i) { return round_half_away(_mm256_mul_ps(load(x + i), factor)); };
  const __m256i low = _mm256_packs_epi32(at(0), at(8)), high = _mm256_packs_epi32(at(16), at(24));
  // Packing works in halves of the register: groups of four come out as 0 2 4 6 1 3 5 7.
  const __m256i bytes =
      _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), bytes);
}
#endif

inline int64_t quantise_q8_0(const float* in, std::byte* out, int64_t blocks) {
  constexpr uint32_t infinity = 0x7f800000U;
  constexpr uint16_t half_infinity = 0x7c00U;
  for (int64_t i = 0; i < blocks; ++i, in += 32, out += 34) {
    const uint32_t bits = largest_magnitude(in);
    if (bits >= infinity) return i;
    float largest;
    __builtin_memcpy(&largest, &bits, sizeof largest);
    const float d = largest / 127;
    float inverse = d != 0 ? 1 / d : 0;
    if (inverse == __builtin_inff()) inverse = 0;
    const uint16_t stored = _cvtss_sh(d, _MM_FROUND_TO_NEAREST_INT);
    if (stored == half_infinity) return i;
    __builtin_memcpy(out, &stored, sizeof stored);
    store_rounded(in, set(inverse), out + 2);
  }
  return -1;
}

inline void quantise_f16(const float* in, std::byte* out, int64_t count) {
  int64_t i = 0;
  for (; i + 8 <= count; i += 8)
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 2 * i),
                     _mm256_cvtps_ph(_mm256_loadu_ps(in + i), _MM_FROUND_TO_NEAREST_INT));
  for (; i < count; ++i) {
    const uint16_t half = _cvtss_sh(in[i], _MM_FROUND_TO_NEAREST_INT);
    __builtin_memcpy(out + 2 * i, &half, sizeof half);
  }
}

inline void dequantise_f16(const std::byte* in, float* out, int64_t count) {
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) _mm256_storeu_ps(out + i, _mm256_cvtph_ps(load16(in + 2 * i)));
  for (; i < count; ++i) out[i] = load_half(in + 2 * i);
}

/// out[0..15] = scale * bytes
STRATA_INLINE void store_scaled(float* out, __m128i bytes, V scale) {
  for_bytes(bytes, [&](int at, V q) __attribute__((always_inline)) { store(out + at, scale * q); });
}
/// out[0..15] = scale * bytes - min
STRATA_INLINE void store_scaled(float* out, __m128i bytes, V scale, V min) {
  for_bytes(bytes, [&](int at, V q) __attribute__((always_inline)) {
    const V scaled = scale * q;
    store(out + at, scaled - min);
  });
}

inline void dequantise_q8_0(const std::byte* in, float* out, int64_t blocks) {
  for (int64_t i = 0; i < blocks; ++i, in += 34, out += 32) {
    const V d = set(load_half(in));
    store_scaled(out, load16(in + 2), d);
    store_scaled(out + 16, load16(in + 18), d);
  }
}

inline void dequantise_q4_0(const std::byte* in, float* out, int64_t blocks) {
  const __m128i middle = _mm_set1_epi8(8);
  for (int64_t i = 0; i < blocks; ++i, in += 18, out += 32) {
    const V d = set(load_half(in));
    const __m128i pairs = load16(in + 2);
    store_scaled(out, _mm_sub_epi8(low_nibbles(pairs), middle), d);
    store_scaled(out + 16, _mm_sub_epi8(high_nibbles(pairs), middle), d);
  }
}

inline void dequantise_q4_k(const std::byte* in, float* out, int64_t blocks) {
  for (int64_t i = 0; i < blocks; ++i, in += 144, out += 256) {
    const float d = load_half(in), dmin = load_half(in + 2);
    for (int j = 0; j < 8; ++j) {
      const ScaleMin packed = scale_min_of(reinterpret_cast<const uint8_t*>(in) + 4, j);
      const V scale = set(d * packed.scale), min = set(dmin * packed.min);
      for (int l = 0; l < 32; l += 16) {
        const __m128i pairs = load16(in + 16 + 32 * (j / 2) + l);
        store_scaled(out + 32 * j + l, j % 2 == 0 ? low_nibbles(pairs) : high_nibbles(pairs), scale, min);
      }
    }
  }
}

inline void dequantise_q6_k(const std::byte* in, float* out, int64_t blocks) {
  for (int64_t i = 0; i < blocks; ++i, in += 210, out += 256) {
    const float d = load_half(in + 208);
    for (int y = 0; y < 256; y += 16) {
      const int h = y / 128, r = y / 32 % 4, l = y % 32;
      const __m128i pairs = load16(in + 64 * h + 32 * (r % 2) + l);
      const __m128i low = r < 2 ? low_nibbles(pairs) : high_nibbles(pairs);
      const __m128i shifted = _mm_srl_epi16(load16(in + 128 + 32 * h + l), _mm_cvtsi32_si128(2 * r));
      const __m128i high = _mm_slli_epi16(_mm_and_si128(shifted, _mm_set1_epi8(3)), 4);
      const auto scale = static_cast<int8_t>(in[192 + y / 16]);
      store_scaled(out + y, _mm_sub_epi8(_mm_or_si128(low, high), _mm_set1_epi8(32)), set(d * scale));
    }
  }
}

}  // namespace strata::simd::STRATA_SIMD
