// Vectors of `kLanes` floats by GCC's vector extensions: one source for every width.
#pragma once
#include <cstdint>
#include <cstring>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#if !defined(MODELFLEET_LANES)
#error "MODELFLEET_LANES: floats in a vector (4, 8 or 16)"
#endif

namespace {

constexpr int kLanes = MODELFLEET_LANES;
typedef float Floats __attribute__((vector_size(kLanes * 4)));
typedef int32_t Ints __attribute__((vector_size(kLanes * 4)));
typedef float LooseFloats __attribute__((vector_size(kLanes * 4), aligned(4), may_alias));
typedef int32_t LooseInts __attribute__((vector_size(kLanes * 4), aligned(1), may_alias));

typedef int8_t LooseBytes __attribute__((vector_size(kLanes), aligned(1), may_alias));
typedef uint16_t LooseHalves __attribute__((vector_size(kLanes * 2), aligned(2), may_alias));

inline Floats load(const float* p) { return *reinterpret_cast<const LooseFloats*>(p); }
inline void store(float* p, Floats v) { *reinterpret_cast<LooseFloats*>(p) = v; }
inline Ints load_ints(const void* p) { return *static_cast<const LooseInts*>(p); }
// x - 0 is x for every x, so this costs no arithmetic (x + 0 would: it turns -0 into 0).
inline Floats all(float x) { return x - Floats{}; }
inline Ints all(int32_t x) { return x - Ints{}; }
inline Floats larger(Floats a, Floats b) { return a > b ? a : b; }
inline Floats smaller(Floats a, Floats b) { return a < b ? a : b; }
inline Floats to_floats(Ints v) { return __builtin_convertvector(v, Floats); }
// Spelt out where GCC would widen one lane after the other.
inline Floats load_bytes(const int8_t* p) {
#if MODELFLEET_LANES == 16 && defined(__AVX512F__)
  // With a mask of all lanes: GCC 12 warns of its own header's unmasked form.
  return to_floats((Ints)_mm512_maskz_cvtepi8_epi32(0xffff, _mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
#elif MODELFLEET_LANES == 8 && defined(__AVX2__)
  return to_floats((Ints)_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
#else
  return __builtin_convertvector(*reinterpret_cast<const LooseBytes*>(p), Floats);
#endif
}
inline Floats load_bf16(const uint16_t* p) {
#if MODELFLEET_LANES == 8 && defined(__AVX2__)
  return (Floats)_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))), 16);
#else
  return (Floats)(__builtin_convertvector(*reinterpret_cast<const LooseHalves*>(p), Ints) << 16);
#endif
}
inline Ints bits(Floats v) { return (Ints)v; }
inline Floats from_bits(Ints v) { return (Floats)v; }

inline float sum(Floats v) {
  float total = 0;
  for (int i = 0; i < kLanes; i++) total += v[i];
  return total;
}

inline float largest(Floats v) {
  float found = v[0];
  for (int i = 1; i < kLanes; i++) found = v[i] > found ? v[i] : found;
  return found;
}

// Round to nearest, ties to even; a NaN stays one.
inline uint16_t to_bf16(float x) {
  uint32_t wide;
  memcpy(&wide, &x, 4);
  if ((wide & 0x7fffffff) > 0x7f800000) return static_cast<uint16_t>((wide >> 16) | 0x40);
  return static_cast<uint16_t>((wide + 0x7fff + ((wide >> 16) & 1)) >> 16);
}

// Adding 1.5 * 2^23 rounds |x| < 2^22 to the nearest integer, ties to even, and leaves it in the low bits.
constexpr float kRounder = 12582912.0f;

inline int32_t nearest(float x) {
  float shifted = x + kRounder;
  int32_t bits;
  memcpy(&bits, &shifted, 4);
  return bits - 0x4b400000;
}

// e^x to 2 units in the last place for |x| <= 87; beyond, the value at that end. Cephes' expf (Moshier, 1992).
inline Floats exponential(Floats x) {
  x = smaller(all(87.0f), larger(all(-87.0f), x));  // in this order a NaN stays one
  Floats shifted = x * all(1.44269504f) + all(kRounder);
  Floats n = shifted - all(kRounder);
  // ln 2 in two parts, the first of which has few enough bits for n * it to be exact.
  Floats r = x - n * all(0.693359375f);
  r = r - n * all(-2.12194440e-4f);
  Floats y = all(1.9875691500e-4f);
  y = y * r + all(1.3981999507e-3f);
  y = y * r + all(8.3334519073e-3f);
  y = y * r + all(4.1665795894e-2f);
  y = y * r + all(1.6666665459e-1f);
  y = y * r + all(5.0000001201e-1f);
  y = y * (r * r) + r + all(1.0f);
  return from_bits(bits(y) + ((bits(shifted) - all(0x4b400000)) << 23));
}

inline Floats logistic(Floats x) { return all(1.0f) / (all(1.0f) + exponential(-x)); }

template <int...>
struct Lanes {};

// Of the groups of 2 * Unit lanes: the sum of a's two halves, then the sum of b's.
template <int Unit, int... Lane>
inline Floats fold(Floats a, Floats b, Lanes<Lane...>) {
  Floats first = __builtin_shufflevector(a, b, (Lane - Lane % (2 * Unit) + Lane % Unit +
                                                (Lane % (2 * Unit) < Unit ? 0 : kLanes))...);
  Floats second = __builtin_shufflevector(a, b, (Lane - Lane % (2 * Unit) + Lane % Unit + Unit +
                                                 (Lane % (2 * Unit) < Unit ? 0 : kLanes))...);
  return first + second;
}

template <int Unit>
inline Floats fold(Floats a, Floats b) {
  return fold<Unit>(a, b, Lanes<__integer_pack(kLanes)...>{});
}

// Lane i: the sum of the lanes of v[i].
inline Floats sums(Floats (&v)[kLanes]) {
#pragma GCC unroll 16
  for (int i = 0; i < kLanes / 2; i++) v[i] = fold<1>(v[2 * i], v[2 * i + 1]);
#pragma GCC unroll 16
  for (int i = 0; i < kLanes / 4; i++) v[i] = fold<2>(v[2 * i], v[2 * i + 1]);
  if constexpr (kLanes >= 8) {
#pragma GCC unroll 16
    for (int i = 0; i < kLanes / 8; i++) v[i] = fold<4>(v[2 * i], v[2 * i + 1]);
  }
  if constexpr (kLanes >= 16) v[0] = fold<8>(v[0], v[1]);
  return v[0];
}

}  // namespace
