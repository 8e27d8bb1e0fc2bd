// Products of bytes by the processor's matrix registers (AMX: eight tiles of 16 rows of 64 bytes), or spelt out in their
// place for tests. A sum of bytes' products is exact, so that a row's result is that of the other kernels to the last
// bit, and which rows come here is a matter of speed alone.
#pragma once
#include "kernels.h"
#include "simd.h"

namespace {

constexpr int kTileRows = 16;    // of x, and of sums
constexpr int kTileGroups = 16;  // of four inputs: a tile's row of x, and as many rows of a tile of weights

#if defined(MODELFLEET_TILES)
// Intel's Architectures Software Developer's Manual, volume 1, 18.5: palette 1, all tiles of full size.
struct TileConfiguration {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfiguration) == 64);
constexpr TileConfiguration kFullTiles{};

// Around the work of a thread: what is in use slows down every change of threads.
inline void begin_tiles() { asm volatile("ldtilecfg %0" : : "m"(kFullTiles)); }
inline void end_tiles() { asm volatile("tilerelease"); }

template <int Tile>
inline void clear_tile() {
  asm volatile("tilezero %%tmm%c0" : : "i"(Tile));
}
template <int Tile>
inline void load_tile(const void* from, int64_t stride) {
  asm volatile("tileloadd (%1,%2,1), %%tmm%c0" : : "i"(Tile), "r"(from), "r"(stride) : "memory");
}
template <int Tile>
inline void store_tile(int32_t* to) {
  asm volatile("tilestored %%tmm%c0, (%1,%2,1)" : : "i"(Tile), "r"(to), "r"(int64_t{64}) : "memory");
}
// Sums += unsigned bytes times signed bytes.
template <int Sums, int Unsigned, int Signed>
inline void multiply_tiles() {
  asm volatile("tdpbusd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(Sums), "i"(Unsigned), "i"(Signed));
}
#else
inline void begin_tiles() {}
inline void end_tiles() {}
#endif

#if defined(MODELFLEET_EMULATED_TILES)
thread_local uint8_t tiles_of_thread[8][kTileRows][64];

template <int Tile>
inline void clear_tile() {
  memset(tiles_of_thread[Tile], 0, sizeof(tiles_of_thread[Tile]));
}
template <int Tile>
inline void load_tile(const void* from, int64_t stride) {
  for (int row = 0; row < kTileRows; row++)
    memcpy(tiles_of_thread[Tile][row], static_cast<const uint8_t*>(from) + row * stride, 64);
}
template <int Tile>
inline void store_tile(int32_t* to) {
  memcpy(to, tiles_of_thread[Tile], sizeof(tiles_of_thread[Tile]));
}
template <int Sums, int Unsigned, int Signed>
inline void multiply_tiles() {
  for (int row = 0; row < kTileRows; row++)
    for (int column = 0; column < kPanel; column++) {
      int32_t total;
      memcpy(&total, tiles_of_thread[Sums][row] + 4 * column, 4);
      for (int group = 0; group < kTileGroups; group++)
        for (int i = 0; i < 4; i++)
          total += tiles_of_thread[Unsigned][row][4 * group + i] *
                   static_cast<int8_t>(tiles_of_thread[Signed][group][4 * column + i]);
      memcpy(tiles_of_thread[Sums][row] + 4 * column, &total, 4);
    }
}
#endif

#if defined(MODELFLEET_TILES) || defined(MODELFLEET_EMULATED_TILES)
// Sums of `RowTiles` times 16 rows of x with `Panels` panels of weights, over whole tiles of groups. x: rows `x_stride`
// bytes apart; weights: panels `panel_bytes` apart; sums: [RowTiles][Panels][16][16].
template <int RowTiles, int Panels>
inline void tile_sums(const uint8_t* x, int64_t x_stride, const uint8_t* weights, int64_t panel_bytes, int64_t tiles,
                      int32_t* sums) {
  constexpr int kX = 4, kWeights = 6, kBytes = kTileRows * 64;
  clear_tile<0>();
  if constexpr (Panels > 1) clear_tile<1>();
  if constexpr (RowTiles > 1) clear_tile<2>();
  if constexpr (RowTiles > 1 && Panels > 1) clear_tile<3>();
  for (int64_t tile = 0; tile < tiles; tile++, x += 64, weights += kBytes) {
    load_tile<kX>(x, x_stride);
    load_tile<kWeights>(weights, 64);
    multiply_tiles<0, kX, kWeights>();
    if constexpr (Panels > 1) {
      load_tile<kWeights + 1>(weights + panel_bytes, 64);
      multiply_tiles<1, kX, kWeights + 1>();
    }
    if constexpr (RowTiles > 1) {
      load_tile<kX + 1>(x + kTileRows * x_stride, x_stride);
      multiply_tiles<2, kX + 1, kWeights>();
    }
    if constexpr (RowTiles > 1 && Panels > 1) multiply_tiles<3, kX + 1, kWeights + 1>();
  }
  constexpr int kSums = kTileRows * kPanel;
  store_tile<0>(sums);
  if constexpr (Panels > 1) store_tile<1>(sums + kSums);
  if constexpr (RowTiles > 1) store_tile<2>(sums + Panels * kSums);
  if constexpr (RowTiles > 1 && Panels > 1) store_tile<3>(sums + 3 * kSums);
}
#endif

}  // namespace
