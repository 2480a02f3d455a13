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
STRATA_INLINE V round(V a) {
  return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
STRATA_INLINE V select_less(V a, V b, V yes, V no) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), no, yes);
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
/// 2^n for whole n in [-126, 127].
STRATA_INLINE V power_of_two(V n) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127)), 23));
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
STRATA_INLINE V round(V a) {
  return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
STRATA_INLINE V select_less(V a, V b, V yes, V no) {
  return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
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
/// 2^n for whole n in [-126, 127].
STRATA_INLINE V power_of_two(V n) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23));
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

/// e^(x - n ln2) for n = round(x / ln2): a least-maximum polynomial of relative error 2e-9 on |r| <= ln2/2.
STRATA_INLINE V exp_remainder(V x, V n) {
  V r = fnma(n, set(0.693145752F), x);  // ln2 in two pieces, the first with trailing zeros
  r = fnma(n, set(1.42860677e-6F), r);
  V p = fma(set(0.00138436348F), r, set(0.00837417143F));
  p = fma(p, r, set(0.0416680031F));
  p = fma(p, r, set(0.166664311F));
  p = fma(p, r, set(0.499999942F));
  p = fma(p, r, set(1.00000003F));
  return fma(p, r, set(1.0F));
}

/// e^x, relative error below 2e-7; 0 below -87.33 (no denormal results), inf above 88.72, NaN stays.
STRATA_INLINE V exp(V x) {
  const V n = round(x * set(1.44269504F));
  const V half = round(n * set(0.5F));  // 2^n in two factors, since n reaches 128 just below the overflow bound
  const V y = exp_remainder(x, n) * power_of_two(half) * power_of_two(n - half);
  return select_less(set(88.72284F), x, set(__builtin_inff()), select_less(x, set(-87.33654F), zero(), y));
}

/// e^x for x <= 0: cheaper than exp, and at most 1.2e-38 instead of 0 below -87.33; NaN stays.
STRATA_INLINE V exp_of_negative(V x) {
  const V bounded = max(set(-87.33654F), x);
  const V n = round(bounded * set(1.44269504F));
  return exp_remainder(bounded, n) * power_of_two(n);
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
/// least-maximum fit of relative error 2e-7 on [0, 14]. Both are 0 beyond |x| = 13.2 (Phi: 0 or 1); NaN stays.
STRATA_INLINE Normal normal(V x) {
  const V a = abs(x);
  const V e = exp_of_negative(a * a * set(-0.5F));
  const V t = set(1.0F) / fma(a, set(0.31F), set(1.0F));
  V p = fma(set(0.0358418127F), t, set(-0.141604907F));
  p = fma(p, t, set(0.155068331F));
  p = fma(p, t, set(-0.0149037608F));
  p = fma(p, t, set(0.1101103F));
  p = fma(p, t, set(0.107771049F));
  p = fma(p, t, set(0.124060347F));
  p = fma(p, t, set(0.12365691F));
  const V tail = select_less(set(13.2F), a, zero(), e * t * p);
  return {e * set(0.398942280F), select_less(x, zero(), tail, set(1.0F) - tail)};
}

/// 1 / (1 + e^-x).
STRATA_INLINE V sigmoid(V x) {
  return set(1.0F) / (set(1.0F) + exp(zero() - x));
}

}  // namespace strata::simd::STRATA_SIMD
