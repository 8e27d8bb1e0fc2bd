// What stands between the linear layers: norm, rotary positions, gates.
#pragma once
#include "kernels.h"
#include "simd.h"

namespace {

// Zhang and Sennrich, 2019: x / sqrt(mean(x^2) + epsilon) * weight. `to` may be `from`.
inline void norm_row(const float* from, const float* weight, float epsilon, int64_t width, float* to) {
  Floats squares[4] = {};
  int64_t d = 0;
  for (; d + 4 * kLanes <= width; d += 4 * kLanes)
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
      Floats v = load(from + d + i * kLanes);
      squares[i] += v * v;
    }
  float total = sum((squares[0] + squares[1]) + (squares[2] + squares[3]));
  for (; d < width; d++) total += from[d] * from[d];
  float factor = 1.0f / __builtin_sqrtf(total / static_cast<float>(width) + epsilon);
  for (d = 0; d + kLanes <= width; d += kLanes) store(to + d, load(from + d) * all(factor) * load(weight + d));
  for (; d < width; d++) to[d] = from[d] * factor * weight[d];
}

void rms_norm(const float* x, int64_t stride, const float* weight, float epsilon, int64_t tokens, int64_t heads,
              int64_t width, float* out, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
  for (int64_t row = 0; row < tokens * heads; row++)
    norm_row(x + row / heads * stride + row % heads * width, weight, epsilon, width, out + row * width);
}

// Su et al., 2021, in the form that pairs element i with element i + rotary / 2. `to` may be `from`.
inline void rotate_row(const float* from, const float* cosine, const float* sine, int64_t half, float* to) {
  int64_t i = 0;
  for (; i + kLanes <= half; i += kLanes) {
    Floats a = load(from + i), b = load(from + half + i), c = load(cosine + i), s = load(sine + i);
    store(to + i, a * c - b * s);
    store(to + half + i, b * c + a * s);
  }
  for (; i < half; i++) {
    float a = from[i], b = from[half + i];
    to[i] = a * cosine[i] - b * sine[i];
    to[half + i] = b * cosine[i] + a * sine[i];
  }
}

void rope(const float* x, int64_t stride, int64_t tokens, int64_t heads, int64_t head_dim, const float* cosines,
          const float* sines, float* out, int threads) {
  const int64_t half = head_dim / 2;
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
  for (int64_t row = 0; row < tokens * heads; row++)
    rotate_row(x + row / heads * stride + row % heads * head_dim, cosines + row / heads * half,
               sines + row / heads * half, half, out + row * head_dim);
}

template <int32_t Which>
inline Floats opened(Floats x) {
  if constexpr (Which == kSilu) return x * logistic(x);
  // Hendrycks and Gimpel, 2016: x / 2 (1 + tanh(u)) = x logistic(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3).
  return x * logistic(all(1.5957691216f) * (x + all(0.044715f) * x * x * x));
}

template <int32_t Which>
inline void gated_row(const float* x, int64_t width, float* out) {
  int64_t i = 0;
  for (; i + kLanes <= width; i += kLanes) store(out + i, opened<Which>(load(x + i)) * load(x + width + i));
  for (; i < width; i++) out[i] = opened<Which>(all(x[i]))[0] * x[width + i];
}

inline void gated_row(int32_t gate, const float* x, int64_t width, float* out) {
  if (gate == kSilu) return gated_row<kSilu>(x, width, out);
  gated_row<kGeluTanh>(x, width, out);
}

void gated(int32_t gate, const float* x, int64_t rows, int64_t width, float* out, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
  for (int64_t row = 0; row < rows; row++) gated_row(gate, x + row * 2 * width, width, out + row * width);
}

}  // namespace
