// Linear layers over packed weights: out = x * weight^T (+ bias).
//
// Packed: panels of 16 columns; within a panel, groups of inputs; within a group, the 16 columns' weights side by side,
// so that a vector holds one group of as many columns as it has lanes, and memory is read from front to end.
// Every output is one sum over the inputs in their order, whatever the tile: a row's result is the same to the last
// bit, whatever other rows are computed with it.
//
// A policy says what one element of x and one vector of weights are, and how they are multiplied.
#pragma once
#include "kernels.h"
#include "matrix_tiles.h"
#include "simd.h"

namespace {

constexpr int kVectors = kPanel / kLanes;   // in a panel
constexpr int64_t kLine = 64;               // bytes that memory is asked for at once
constexpr int64_t kRowBlock = 96;           // rows of x that stay in the second-level cache: a multiple of every kRows
constexpr int64_t kPartBytes = 12 * 1024;   // of weights, which stay in the first-level cache with what comes next
constexpr int64_t kPartRows = 48;           // more rows leave no room there for parts of weights and their sums

struct Fp32 {
  using Element = float;
  using Sum = Floats;
  static constexpr int kGroup = 1, kSteps = 1, kWeightBytes = 4;
  static constexpr bool kInPlace = true;  // rows of x are read where they are
  template <int Step>
  static Floats weights(const uint8_t* p) { return load(reinterpret_cast<const float*>(p)); }
  static Floats multiply(Floats sum, float x, Floats w) { return sum + all(x) * w; }
  static float prepare(const float* x, int64_t inputs, int64_t, float* out) {
    memcpy(out, x, inputs * sizeof(float));
    return 1;
  }
  static Floats finish(Floats sum, float, const float*, const int32_t*) { return sum; }
};

#if defined(__AVX512BF16__) || defined(MODELFLEET_EMULATED_BF16)
// Two products of bfloat16 a lane and instruction: x is rounded to bfloat16 too.
struct Bf16 {
  using Element = int32_t;  // two inputs
  using Sum = Floats;
  static constexpr int kGroup = 2, kSteps = 1, kWeightBytes = 2;
  static constexpr bool kInPlace = false;
  template <int Step>
  static Ints weights(const uint8_t* p) { return load_ints(p); }
  static Floats multiply(Floats sum, int32_t x, Ints w) {
#if defined(__AVX512BF16__)
    return (Floats)_mm512_dpbf16_ps((__m512)sum, (__m512bh)all(x), (__m512bh)w);
#else
    sum += from_bits(all(x) & all(int32_t(0xffff0000))) * from_bits(w & all(int32_t(0xffff0000)));
    return sum + from_bits(all(x) << 16) * from_bits(w << 16);
#endif
  }
  static float prepare(const float* x, int64_t inputs, int64_t groups, int32_t* out) {
    uint16_t* halves = reinterpret_cast<uint16_t*>(out);
    for (int64_t i = 0; i < inputs; i++) halves[i] = to_bf16(x[i]);
    for (int64_t i = inputs; i < 2 * groups; i++) halves[i] = 0;
    return 1;
  }
  static Floats finish(Floats sum, float, const float*, const int32_t*) { return sum; }
};
#else
// Weights are widened in registers (half the memory traffic of fp32); x stays fp32.
struct Bf16 {
  using Element = float;
  using Sum = Floats;
  static constexpr int kGroup = 2, kSteps = 2, kWeightBytes = 2;
  static constexpr bool kInPlace = false;
  template <int Step>
  static Floats weights(const uint8_t* p) {
    Ints pairs = load_ints(p);
    return from_bits(Step == 0 ? pairs << 16 : pairs & all(int32_t(0xffff0000)));
  }
  static Floats multiply(Floats sum, float x, Floats w) { return sum + all(x) * w; }
  static float prepare(const float* x, int64_t inputs, int64_t groups, float* out) {
    memcpy(out, x, inputs * sizeof(float));
    for (int64_t i = inputs; i < 2 * groups; i++) out[i] = 0;
    return 1;
  }
  static Floats finish(Floats sum, float, const float*, const int32_t*) { return sum; }
};
#endif

// Gives the row's scale: its largest magnitude is 127. A row with a NaN or an infinity gets a NaN, so that its results
// are NaN and no other row's are.
inline float row_scale(const float* x, int64_t inputs) {
  Floats most{}, poison{};
  int64_t i = 0;
  for (; i + kLanes <= inputs; i += kLanes) {
    Floats v = load(x + i);
    most = larger(most, v < Floats{} ? -v : v);
    poison += v * Floats{};
  }
  float found = largest(most), rest = sum(poison);
  for (; i < inputs; i++) {
    float magnitude = x[i] < 0 ? -x[i] : x[i];
    found = magnitude > found ? magnitude : found;
    rest += x[i] * 0.0f;
  }
  return found / 127.0f + rest;
}

template <class Stored, int Offset>
inline float quantize_row(const float* x, int64_t inputs, int64_t padded, Stored* out) {
  float scale = row_scale(x, inputs);
  float inverse = scale > 0 ? 1.0f / scale : 0.0f;
  // The smallest normal numbers have no finite inverse; such a row counts as zero.
  if (!(inverse < 3e38f)) inverse = 0;
  int64_t i = 0;
  for (; i + kLanes <= inputs; i += kLanes) {
    Ints v = bits(load(x + i) * all(inverse) + all(kRounder)) - all(0x4b400000 - Offset);
    for (int lane = 0; lane < kLanes; lane++) out[i + lane] = static_cast<Stored>(v[lane]);
  }
  for (; i < inputs; i++) out[i] = static_cast<Stored>(nearest(x[i] * inverse) + Offset);
  for (; i < padded; i++) out[i] = static_cast<Stored>(Offset);
  return scale;
}

#if defined(MODELFLEET_BYTE_DOTS)
// AVX512-VNNI: four products of unsigned by signed bytes a lane, summed without saturation. x is stored with 128 added,
// hence 128 times the sum of the weights is taken off at the end: exact in int32 for up to 65,536 inputs.
struct Int8 {
  using Element = int32_t;  // four inputs
  using Sum = Ints;
  static constexpr int kGroup = 4, kSteps = 1, kWeightBytes = 1;
  static constexpr bool kInPlace = false;
  template <int Step>
  static Ints weights(const uint8_t* p) { return load_ints(p); }
  static Ints multiply(Ints sum, int32_t x, Ints w) {
#if defined(__AVX512VNNI__)
    return (Ints)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)all(x), (__m512i)w);
#else
    for (int shift = 0; shift < 32; shift += 8) sum += ((all(x) >> shift) & all(255)) * ((w << (24 - shift)) >> 24);
    return sum;
#endif
  }
  static float prepare(const float* x, int64_t inputs, int64_t groups, int32_t* out) {
    return quantize_row<uint8_t, 128>(x, inputs, 4 * groups, reinterpret_cast<uint8_t*>(out));
  }
  static Floats finish(Ints sum, float scale, const float* scales, const int32_t* row_sums) {
    return to_floats(sum - (load_ints(row_sums) << 7)) * (all(scale) * load(scales));
  }
};
#else
// Two products of 16-bit numbers a lane (pmaddwd). The byte instruction of AVX2 (pmaddubsw) would saturate: two
// products of 8-bit numbers need 17 bits. To keep it exact takes a sign instruction for each product, which is no faster
// than pmaddwd alone, or weights of 7 bits.
struct Int8 {
  using Element = int32_t;  // two inputs
  using Sum = Ints;
  static constexpr int kGroup = 2, kSteps = 1, kWeightBytes = 1;
  static constexpr bool kInPlace = false;
  template <int Step>
  static Ints weights(const uint8_t* p) {
#if defined(__AVX512BW__)
    return (Ints)_mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
#elif defined(__AVX2__)
    return (Ints)_mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
#else
    int16_t wide[2 * kLanes];
    for (int i = 0; i < 2 * kLanes; i++) wide[i] = static_cast<int8_t>(p[i]);
    return load_ints(wide);
#endif
  }
  static Ints multiply(Ints sum, int32_t x, Ints w) {
#if defined(__AVX512BW__)
    return sum + (Ints)_mm512_madd_epi16((__m512i)all(x), (__m512i)w);
#elif defined(__AVX2__)
    return sum + (Ints)_mm256_madd_epi16((__m256i)all(x), (__m256i)w);
#else
    return sum + all(x >> 16) * (w >> 16) + all(static_cast<int32_t>(static_cast<int16_t>(x))) * ((w << 16) >> 16);
#endif
  }
  static float prepare(const float* x, int64_t inputs, int64_t groups, int32_t* out) {
    return quantize_row<int16_t, 0>(x, inputs, 2 * groups, reinterpret_cast<int16_t*>(out));
  }
  static Floats finish(Ints sum, float scale, const float* scales, const int32_t*) {
    return to_floats(sum) * (all(scale) * load(scales));
  }
};
#endif

inline int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

template <class Policy>
constexpr int64_t group_bytes() { return kPanel * Policy::kGroup * Policy::kWeightBytes; }

template <class Policy>
struct Job {
  const LinearCall& call;
  const typename Policy::Element* x;
  int64_t x_stride;
  const float* row_scales;
  int64_t groups, panel_bytes;
};

template <class Policy>
inline void write(const Job<Policy>& job, typename Policy::Sum total, int64_t row, int64_t column) {
  const LinearCall& call = job.call;
  Floats value = Policy::finish(total, job.row_scales ? job.row_scales[row] : 1.0f, call.scales + column,
                                call.row_sums + column);
  if (call.bias) value += load(call.bias + column);
  float* out = call.out + row * call.out_stride + column;
  if (column + kLanes <= call.outputs) return store(out, value);
  for (int64_t lane = 0; column + lane < call.outputs; lane++) out[lane] = value[lane];
}

// A part of the inputs, for a tile: sums begin at zero or go on from `kept`, and are written out or kept again.
template <class Policy>
struct Part {
  int64_t group, last_group;
  typename Policy::Sum* kept;  // [row, vector]
  const uint8_t* ahead;        // weights that are wanted next, `ahead_bytes` of each panel
  int64_t ahead_bytes;
};

// Rows by panels: Rows * Panels * kVectors sums are held in registers.
template <class Policy, int Rows, int Panels>
void tile(const Job<Policy>& job, const Part<Policy>& part, int64_t row, int64_t panel) {
  constexpr int kWide = Panels * kVectors;
  constexpr int64_t kVectorBytes = kLanes * Policy::kGroup * Policy::kWeightBytes;
  typename Policy::Sum sums[Rows][kWide] = {};
  if (part.group > 0)
#pragma GCC unroll 16
    for (int r = 0; r < Rows; r++)
#pragma GCC unroll 16
      for (int i = 0; i < kWide; i++) sums[r][i] = part.kept[r * kWide + i];
  const auto* x = job.x + row * job.x_stride;
  const uint8_t* weights = job.call.packed + panel * job.panel_bytes;
  auto step = [&]<int Step>(int64_t group) __attribute__((always_inline)) {
    decltype(Policy::template weights<0>(weights)) w[kWide];
#pragma GCC unroll 16
    for (int i = 0; i < kWide; i++)
      w[i] = Policy::template weights<Step>(weights + i / kVectors * job.panel_bytes + group * group_bytes<Policy>() +
                                            i % kVectors * kVectorBytes);
#pragma GCC unroll 16
    for (int r = 0; r < Rows; r++) {
      auto element = x[r * job.x_stride + group * Policy::kSteps + Step];
#pragma GCC unroll 16
      for (int i = 0; i < kWide; i++) sums[r][i] = Policy::multiply(sums[r][i], element, w[i]);
    }
  };
  auto steps = [&](int64_t group, int64_t last) __attribute__((always_inline)) {
    for (; group < last; group++) {
      step.template operator()<0>(group);
      if constexpr (Policy::kSteps == 2) step.template operator()<1>(group);
    }
  };
  int64_t group = part.group;
  // What is wanted next is asked for a line at a time, evenly between the products.
  if (int64_t lines = part.ahead_bytes / kLine; lines > 0) {
    const int64_t every = (part.last_group - group) / lines;
    for (int64_t line = 0; line < lines; line++, group += every) {
#pragma GCC unroll 16
      for (int i = 0; i < Panels; i++) __builtin_prefetch(part.ahead + i * job.panel_bytes + line * kLine);
      steps(group, group + every);
    }
  }
  steps(group, part.last_group);
  const bool done = part.last_group == job.groups;
#pragma GCC unroll 16
  for (int r = 0; r < Rows; r++)
#pragma GCC unroll 16
    for (int i = 0; i < kWide; i++)
      if (!done)
        part.kept[r * kWide + i] = sums[r][i];
      else if (int64_t column = panel * kPanel + i * kLanes; column < job.call.outputs)
        write(job, sums[r][i], row + r, column);
}

#if MODELFLEET_LANES == 16
constexpr int kRows = 12, kPanels = 2;  // 24 of 32 registers hold sums
#elif MODELFLEET_LANES == 8
constexpr int kRows = 6, kPanels = 1;  // 12 of 16
#else
constexpr int kRows = 2, kPanels = 1;  // 8 of 16
#endif
constexpr int kOneRowPanels = kLanes / 2 > 4 ? 4 : kLanes / 2;  // enough sums to hide an addition's latency

template <class Policy, int Panels, int Rows = kRows>
void tile_of(const Job<Policy>& job, const Part<Policy>& part, int64_t rows, int64_t row, int64_t panel) {
  if constexpr (Rows > 1) {
    if (rows < Rows) return tile_of<Policy, Panels, Rows - 1>(job, part, rows, row, panel);
  }
  tile<Policy, Rows, Panels>(job, part, row, panel);
}

// Inputs are cut into parts whose weights stay in the first-level cache while a few rows meet them, and the next part
// comes from memory meanwhile. Rows are cut into tiles of nearly the same height: a low tile at the end would read all
// weights for few products.
template <class Policy, int Panels>
void tiles(const Job<Policy>& job, int64_t first, int64_t last, int64_t panel) {
  typename Policy::Sum kept[kRowBlock * Panels * kVectors];
  const int64_t heights = divide_up(last - first, kRows);
  const int64_t part_groups = kPartBytes / (Panels * group_bytes<Policy>());
  const int64_t parts = last - first > kPartRows ? 1 : divide_up(job.groups, part_groups);
  const int64_t groups = divide_up(job.groups, parts);
  const int64_t share = divide_up(groups * group_bytes<Policy>(), heights * kLine) * kLine;
  const uint8_t* weights = job.call.packed + panel * job.panel_bytes;
  for (int64_t group = 0; group < job.groups; group += groups) {
    const int64_t end = group + groups < job.groups ? group + groups : job.groups;
    // After a panel's last weights come the next panel's first; after the last panel's, nothing that asking would harm.
    const uint8_t* next = weights + (end < job.groups ? end * group_bytes<Policy>() : Panels * job.panel_bytes);
    int64_t row = first;
    for (int64_t left = heights; left > 0; left--) {
      int64_t rows = divide_up(last - row, left);
      Part<Policy> part{group, end, kept + (row - first) * Panels * kVectors, next + (heights - left) * share, share};
      tile_of<Policy, Panels>(job, part, rows, row, panel);
      row += rows;
    }
  }
}

// Whether a policy's products also come from matrix tiles.
template <class Policy>
constexpr bool kTiled = false;

#if defined(MODELFLEET_TILES) || defined(MODELFLEET_EMULATED_TILES)
template <>
constexpr bool kTiled<Int8> = true;

template <int RowTiles, int Panels>
void tiled(const Job<Int8>& job, int64_t row, int64_t panel) {
  alignas(64) int32_t sums[RowTiles][Panels][kTileRows][kPanel];
  const int64_t whole = job.groups / kTileGroups;
  const int32_t* x = job.x + row * job.x_stride;
  const uint8_t* weights = job.call.packed + panel * job.panel_bytes;
  tile_sums<RowTiles, Panels>(reinterpret_cast<const uint8_t*>(x), job.x_stride * 4, weights, job.panel_bytes, whole,
                              &sums[0][0][0][0]);
  for (int64_t r = 0; r < RowTiles * kTileRows; r++)
    for (int p = 0; p < Panels; p++) {
      Ints total = load_ints(sums[r / kTileRows][p][r % kTileRows]);
      for (int64_t group = whole * kTileGroups; group < job.groups; group++)
        total = Int8::multiply(total, x[r * job.x_stride + group],
                               Int8::weights<0>(weights + p * job.panel_bytes + group * group_bytes<Int8>()));
      if (int64_t column = (panel + p) * kPanel; column < job.call.outputs) write(job, total, row + r, column);
    }
}

// As many of the rows as fill tiles; returns the first that is left.
template <int Panels>
int64_t tiled_rows(const Job<Int8>& job, int64_t row, int64_t last, int64_t panel) {
  for (; row + 2 * kTileRows <= last; row += 2 * kTileRows) tiled<2, Panels>(job, row, panel);
  for (; row + kTileRows <= last; row += kTileRows) tiled<1, Panels>(job, row, panel);
  return row;
}

int64_t tiled_panels(const Job<Int8>& job, int64_t row, int64_t last, int64_t panel, int64_t last_panel) {
  int64_t left = row;
  for (; panel + 2 <= last_panel; panel += 2) left = tiled_rows<2>(job, row, last, panel);
  for (; panel < last_panel; panel++) left = tiled_rows<1>(job, row, last, panel);
  return left;
}
#endif

constexpr int64_t kPanelBlock = 8;  // panels that a block of rows meets before the next block

template <class Policy>
void panels(const Job<Policy>& job, int64_t first_row, int64_t last_row, int64_t panel, int64_t last_panel) {
  if constexpr (kTiled<Policy>) first_row = tiled_panels(job, first_row, last_row, panel, last_panel);
  if (first_row == last_row) return;
  if (last_row - first_row == 1)
    for (; panel + kOneRowPanels <= last_panel; panel += kOneRowPanels)
      tile<Policy, 1, kOneRowPanels>(job, {0, job.groups, nullptr, nullptr, 0}, first_row, panel);
  for (; panel + kPanels <= last_panel; panel += kPanels) tiles<Policy, kPanels>(job, first_row, last_row, panel);
  for (; panel < last_panel; panel++) tiles<Policy, 1>(job, first_row, last_row, panel);
}

// Rows of x as a policy's kernel reads them; memory that whoever computes provides.
template <class Policy>
struct Prepared {
  typename Policy::Element* elements;  // [rows, stride]
  float* row_scales;                   // [rows]
  static int64_t stride(int64_t inputs) { return divide_up(inputs, Policy::kGroup) * Policy::kSteps; }
  static int64_t bytes(int64_t rows, int64_t inputs) { return rows * (stride(inputs) + 1) * 4; }

  Prepared(void* memory, int64_t rows, int64_t inputs)
      : elements(static_cast<typename Policy::Element*>(memory)),
        row_scales(reinterpret_cast<float*>(elements + rows * stride(inputs))) {}

  void set(int64_t row, const float* x, int64_t inputs) const {
    row_scales[row] =
        Policy::prepare(x, inputs, divide_up(inputs, Policy::kGroup), elements + row * stride(inputs));
  }
};

// By the team of `threads` threads that calls it.
template <class Policy>
void multiply(const Job<Policy>& job, int threads) {
  int64_t panel_count = divide_up(job.call.outputs, kPanel), row_blocks = divide_up(job.call.rows, kRowBlock);
  // Small blocks where there are many threads, so that each gets some.
  int64_t block = kPanelBlock;
  while (block > kPanels && divide_up(panel_count, block) * row_blocks < 2 * threads) block /= 2;
  int64_t tasks = divide_up(panel_count, block) * row_blocks;
  const bool in_tiles = kTiled<Policy> && job.call.rows >= kTileRows;
  if (in_tiles) begin_tiles();
  // Each thread has the same columns in every call, so that weights stay in its own cache.
#pragma omp for schedule(static)
  for (int64_t task = 0; task < tasks; task++) {
    int64_t row = task % row_blocks * kRowBlock, panel = task / row_blocks * block;
    panels(job, row, row + kRowBlock < job.call.rows ? row + kRowBlock : job.call.rows, panel,
           panel + block < panel_count ? panel + block : panel_count);
  }
  if (in_tiles) end_tiles();
}

template <class Policy>
Job<Policy> job_of(const LinearCall& call, const Prepared<Policy>& prepared) {
  int64_t groups = divide_up(call.inputs, Policy::kGroup), panel_bytes = groups * group_bytes<Policy>();
  return {call, prepared.elements, Prepared<Policy>::stride(call.inputs), prepared.row_scales, groups, panel_bytes};
}

template <class Policy>
void linear(const LinearCall& call, int threads) {
  if constexpr (Policy::kInPlace) {
    Job<Policy> job{call, call.x, call.x_stride, nullptr, call.inputs, call.inputs * group_bytes<Policy>()};
#pragma omp parallel num_threads(threads) if (threads > 1)
    multiply(job, threads);
  } else {
    Prepared<Policy> prepared(scratch(Prepared<Policy>::bytes(call.rows, call.inputs)), call.rows, call.inputs);
    Job<Policy> job = job_of(call, prepared);
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
#pragma omp for schedule(static)
      for (int64_t row = 0; row < call.rows; row++) prepared.set(row, call.x + row * call.x_stride, call.inputs);
      multiply(job, threads);
    }
  }
}

template <class Policy>
int64_t packed_bytes(int64_t inputs, int64_t outputs) {
  return divide_up(outputs, kPanel) * divide_up(inputs, Policy::kGroup) * group_bytes<Policy>();
}

template <class Policy>
void pack(const uint8_t* weight, int64_t inputs, int64_t outputs, uint8_t* packed) {
  constexpr int64_t kBytes = Policy::kWeightBytes;
  for (int64_t panel = 0; panel < divide_up(outputs, kPanel); panel++)
    for (int64_t group = 0; group < divide_up(inputs, Policy::kGroup); group++)
      for (int64_t column = panel * kPanel; column < (panel + 1) * kPanel; column++)
        for (int64_t k = group * Policy::kGroup; k < (group + 1) * Policy::kGroup; k++, packed += kBytes)
          if (column < outputs && k < inputs)
            memcpy(packed, weight + (column * inputs + k) * kBytes, kBytes);
          else
            memset(packed, 0, kBytes);
}

}  // namespace
