#pragma once

// A vector of floats as wide as the instruction set this file is compiled for. Included only by *_avx2.cpp and
// *_avx512.cpp, through the kernels' *_simd.h. Everything lives in a namespace named after the level, so that the
// linker never merges code of two levels; for the same reason nothing here calls a std:: template.

#include <immintrin.h>

#include <cstdint>

#if defined(__AVX512F__)
#define STRATA_SIMD avx512
#elif defined(__AVX2__)
#define STRATA_SIMD avx2
#else
#error "simd.h: include it only from files compiled for AVX2 or AVX-512"
#endif
#define STRATA_INLINE inline __attribute__((always_inline))
// In front of a loop whose body must see constants, to keep an array of vectors in registers.
#if defined(__clang__)
#define STRATA_UNROLL _Pragma("clang loop unroll(full)")
#else
#define STRATA_UNROLL _Pragma("GCC unroll 16")
#endif

namespace strata::simd::STRATA_SIMD {

/// A window of eight starting at 8 - n masks the first n lanes of 256 bits.
alignas(32) inline constexpr int32_t kMaskWindow[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};

#if defined(__AVX512F__)

inline constexpr Isa kIsa = Isa::avx512;
inline constexpr int64_t kWidth = 16;
using V = __m512;

STRATA_INLINE __mmask16 first_mask(int64_t n) {
  return static_cast<__mmask16>((1U << n) - 1U);
}
STRATA_INLINE V zero() {
  return _mm512_setzero_ps();
}
STRATA_INLINE V set(float x) {
  return _mm512_set1_ps(x);
}
STRATA_INLINE V load(const float* p) {
  return _mm512_loadu_ps(p);
}
STRATA_INLINE V load_first(const float* p, int64_t n) {
  return _mm512_maskz_loadu_ps(first_mask(n), p);
}
STRATA_INLINE void store(float* p, V x) {
  _mm512_storeu_ps(p, x);
}
STRATA_INLINE void store_first(float* p, V x, int64_t n) {
  _mm512_mask_storeu_ps(p, first_mask(n), x);
}
STRATA_INLINE V fma(V a, V b, V c) {
  return _mm512_fmadd_ps(a, b, c);
}
STRATA_INLINE V fnma(V a, V b, V c) {
  return _mm512_fnmadd_ps(a, b, c);
}
STRATA_INLINE V min(V a, V b) {
  return _mm512_min_ps(a, b);
}  // b when either is NaN
STRATA_INLINE V max(V a, V b) {
  return _mm512_max_ps(a, b);
}  // b when either is NaN
STRATA_INLINE V sqrt(V a) {
  return _mm512_sqrt_ps(a);
}
STRATA_INLINE V abs(V a) {
  return _mm512_abs_ps(a);
}
STRATA_INLINE V select_less(V a, V b, V yes, V no) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), no, yes);
}
/// For NaN and -0 either.
STRATA_INLINE V select_negative(V a, V yes, V no) {
  return _mm512_mask_blend_ps(_mm512_movepi32_mask(_mm512_castps_si512(a)), no, yes);
}
STRATA_INLINE V select_first(int64_t n, V yes, V no) {
  return _mm512_mask_blend_ps(first_mask(n), no, yes);
}
STRATA_INLINE float sum(V a) {
  return _mm512_reduce_add_ps(a);
}
STRATA_INLINE float largest(V a) {
  return _mm512_reduce_max_ps(a);
}
/// 1 / a to two units in the last place, for a whose reciprocal is a normal number: dividing takes three times as long.
STRATA_INLINE V reciprocal(V a) {
  const V r = _mm512_rcp14_ps(a);
  return r * _mm512_fnmadd_ps(a, r, _mm512_set1_ps(2.0F));
}
/// The low bits of each lane, as an integer, become the exponent of a power of two.
STRATA_INLINE V low_bits_as_exponent(V bits) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(bits), 23));
}

/// x = mantissa 2^exponent with mantissa in [1, 2), for positive normal x.
STRATA_INLINE V mantissa(V x) {
  return _mm512_getmant_ps(x, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_src);
}
STRATA_INLINE V exponent(V x) {
  return _mm512_getexp_ps(x);
}
#else

inline constexpr Isa kIsa = Isa::avx2;
inline constexpr int64_t kWidth = 8;
using V = __m256;

STRATA_INLINE __m256i first_mask(int64_t n) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kMaskWindow + 8 - n));
}
STRATA_INLINE V zero() {
  return _mm256_setzero_ps();
}
STRATA_INLINE V set(float x) {
  return _mm256_set1_ps(x);
}
STRATA_INLINE V load(const float* p) {
  return _mm256_loadu_ps(p);
}
STRATA_INLINE V load_first(const float* p, int64_t n) {
  return _mm256_maskload_ps(p, first_mask(n));
}
STRATA_INLINE void store(float* p, V x) {
  _mm256_storeu_ps(p, x);
}
STRATA_INLINE void store_first(float* p, V x, int64_t n) {
  _mm256_maskstore_ps(p, first_mask(n), x);
}
STRATA_INLINE V fma(V a, V b, V c) {
  return _mm256_fmadd_ps(a, b, c);
}
STRATA_INLINE V fnma(V a, V b, V c) {
  return _mm256_fnmadd_ps(a, b, c);
}
STRATA_INLINE V min(V a, V b) {
  return _mm256_min_ps(a, b);
}  // b when either is NaN
STRATA_INLINE V max(V a, V b) {
  return _mm256_max_ps(a, b);
}  // b when either is NaN
STRATA_INLINE V sqrt(V a) {
  return _mm256_sqrt_ps(a);
}
STRATA_INLINE V abs(V a) {
  return _mm256_andnot_ps(_mm256_set1_ps(-0.0F), a);
}
STRATA_INLINE V select_less(V a, V b, V yes, V no) {
  return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}
/// For NaN and -0 either.
STRATA_INLINE V select_negative(V a, V yes, V no) {
  return _mm256_blendv_ps(no, yes, a);
}
STRATA_INLINE V select_first(int64_t n, V yes, V no) {
  return _mm256_blendv_ps(no, yes, _mm256_castsi256_ps(first_mask(n)));
}
STRATA_INLINE float sum(V a) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
STRATA_INLINE float largest(V a) {
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}
/// 1 / a. The estimate of AVX2 is too coarse to gain anything on a division.
STRATA_INLINE V reciprocal(V a) {
  return _mm256_div_ps(_mm256_set1_ps(1.0F), a);
}
/// The low bits of each lane, as an integer, become the exponent of a power of two.
STRATA_INLINE V low_bits_as_exponent(V bits) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(bits), 23));
}

/// x = mantissa 2^exponent with mantissa in [1, 2), for positive normal x.
STRATA_INLINE V mantissa(V x) {
  return _mm256_or_ps(_mm256_and_ps(x, _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffff))), _mm256_set1_ps(1.0F));
}
STRATA_INLINE V exponent(V x) {
  return _mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_srli_epi32(_mm256_castps_si256(x), 23), _mm256_set1_epi32(127)));
}
#endif

/// Calls fn(offset, n) for every vector of a row of `count` floats: n == kWidth, except perhaps the last.
/// fn gets a compile-time true as third argument when the vector is full, so that the common case has no masks.
struct Full {
  static constexpr bool kValue = true;
};
struct Part {
  static constexpr bool kValue = false;
};
template <class Fn>
STRATA_INLINE void for_vectors(int64_t count, Fn&& fn) {
  int64_t i = 0;
  for (; i + kWidth <= count; i += kWidth) fn(i, kWidth, Full{});
  if (i < count) fn(i, count - i, Part{});
}
/// load and store for for_vectors: the first n floats, the rest zero.
template <class Whole>
STRATA_INLINE V load(const float* p, int64_t n, Whole) {
  if constexpr (Whole::kValue) return load(p);
  return load_first(p, n);
}
template <class Whole>
STRATA_INLINE void store(float* p, V x, int64_t n, Whole) {
  if constexpr (Whole::kValue)
    store(p, x);
  else
    store_first(p, x, n);
}

/// Asks for what lies 4 kB behind what is read now. Loops that compute a lot need it on data larger than the cache: so
/// few of their turns fit into the processor's window that it does not see far ahead by itself.
STRATA_INLINE void read_ahead(const float* p) {
  __builtin_prefetch(p + 1024);
}

/// Adds up a row of `count` floats in four sums, which do not wait for each other: add(offset, n, whole, sum) returns
/// the sum with one vector more, and is called as in for_vectors.
template <class Add>
STRATA_INLINE V sum_vectors(int64_t count, Add&& add) {
  V a = zero();
  V b = zero();
  V c = zero();
  V d = zero();
  int64_t i = 0;
  for (; i + 4 * kWidth <= count; i += 4 * kWidth) {
    a = add(i, kWidth, Full{}, a);
    b = add(i + kWidth, kWidth, Full{}, b);
    c = add(i + 2 * kWidth, kWidth, Full{}, c);
    d = add(i + 3 * kWidth, kWidth, Full{}, d);
  }
  for (; i + kWidth <= count; i += kWidth) a = add(i, kWidth, Full{}, a);
  if (i < count) b = add(i, count - i, Part{}, b);
  return (a + b) + (c + d);
}

/// 2^(high x + low x) for a factor in two pieces, relative error below 2e-7 where that lies in [-126, 127.4]; NaN stays.
/// Adding 1.5 2^23 rounds to a whole number and leaves it in the low bits of the sum, here with the bias of exponents.
/// The polynomial is a least-maximum fit of relative error 2e-9 on [-1/2, 1/2], evaluated in pairs: its steps wait for
/// each other less than in Horner's form, and waiting is what costs here.
STRATA_INLINE V power_of_two(V x, float high, float low) {
  const V shift = set(0x1.8p23F + 127);
  const V bits = fma(x, set(high), shift);
  V f = fma(x, set(high), shift - bits);
  if (low != 0) f = fma(x, set(low), f);
  const V f2 = f * f;
  const V a = fma(set(0.693147182F), f, set(1.0F));
  const V b = fma(set(0.0555033022F), f, set(0.240226463F));
  V p = fma(set(0.00133999309F), f, set(0.00961848907F));
  p = fma(set(0.000153458124F), f2, p);
  p = fma(p, f2, b);
  return fma(p, f2, a) * low_bits_as_exponent(bits);
}
inline constexpr float kLog2e = 1.44269502F, kLog2eRest = 1.92596303e-8F;

/// e^x for x <= 0, relative error below 2e-7; 1.2e-38 instead of less below -87.33 (no denormal results); NaN stays.
STRATA_INLINE V exp_of_negative(V x) {
  return power_of_two(max(set(-87.33654F), x), kLog2e, kLog2eRest);
}

/// ln x for finite positive normal x, relative error below 2e-7 away from 1, absolute 1e-7 near it; infinity and NaN
/// give NaN. ln m = 2 artanh(s), s = (m - 1) / (m + 1), |s| < 0.172: five terms of the series.
STRATA_INLINE V log(V x) {
  const V whole = mantissa(x);
  const V root2 = set(1.41421356F);
  const V m = select_less(root2, whole, whole * set(0.5F), whole);
  const V e = exponent(x) + select_less(root2, whole, set(1.0F), zero());
  const V s = (m - set(1.0F)) / (m + set(1.0F));
  const V s2 = s * s;
  V p = fma(set(2.0F / 9), s2, set(2.0F / 7));
  p = fma(p, s2, set(2.0F / 5));
  p = fma(p, s2, set(2.0F / 3));
  p = fma(p, s2, set(2.0F));
  return fma(e, set(0.693147181F), fma(s, p, x - x));
}

struct Normal {
  V density;       // phi(x) = exp(-x^2 / 2) / sqrt(2 pi)
  V distribution;  // Phi(x) = (1 + erf(x / sqrt 2)) / 2
};
/// The standard normal density and distribution, the latter to a few units in the last place even in its lower tail:
/// Phi(-a) = exp(-a^2 / 2) t P(t), t = 1 / (1 + 0.31 a), the form of Abramowitz and Stegun 7.1.26 with P a
/// least-maximum fit of relative error 2e-7 on [0, 14], in pairs like power_of_two. Beyond |x| = 13.2 both stay what
/// they are there, less than 1e-38 (Phi: or 1); NaN stays.
STRATA_INLINE Normal normal(V x) {
  const V bounded = min(set(13.2F), abs(x));
  const V e = power_of_two(bounded * bounded, -0.5F * kLog2e, 0);
  const V t = reciprocal(fma(bounded, set(0.31F), set(1.0F)));
  const V t2 = t * t;
  const V a = fma(set(0.124060347F), t, set(0.12365691F));
  const V b = fma(set(0.1101103F), t, set(0.107771049F));
  const V c = fma(set(0.155068331F), t, set(-0.0149037608F));
  const V d = fma(set(0.0358418127F), t, set(-0.141604907F));
  const V p = fma(fma(d, t2, c), t2 * t2, fma(b, t2, a));
  const V tail = e * (t * p);
  return {e * set(0.398942280F), select_negative(x, tail, set(1.0F) - tail)};
}

struct Logistic {
  V value;  // s = 1 / (1 + e^-x)
  V rest;   // 1 - s = s e^-x, without the rounding of a difference
};
/// For x >= -87; NaN stays.
STRATA_INLINE Logistic logistic(V x) {
  const V e = power_of_two(min(set(87.0F), x), -kLog2e, -kLog2eRest);
  const V s = reciprocal(set(1.0F) + e);
  return {s, s * e};
}

}  // namespace strata::simd::STRATA_SIMD
