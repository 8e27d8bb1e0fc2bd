// Attention over a paged cache, decode and prefill alike.
//
// A piece of work is some queries of one request with all heads that share one key head ("folded" grouped-query
// attention): each key and value is read once for all of them. Softmax runs over tiles of keys with a running maximum
// and sum (Milakov and Gimelshein, 2018; FlashAttention, Dao et al., 2022). Tiles start at the same tokens for every
// query, so that a token's result does not depend on how its request was cut into steps.
#pragma once
#include "kernels.h"
#include "linear.h"
#include "simd.h"

namespace {

constexpr int64_t kMostRows = 32;     // query tokens times heads of a piece of work
constexpr int64_t kTileTokens = 64;   // keys of a tile: 64 of 64 floats fill half of a first-level cache
constexpr int64_t kMostWidth = 256;   // of a head

// Where a cache's keys or values of one block and head start, in elements.
inline int64_t cache_row(int64_t part, int64_t blocks, int64_t block, int64_t kv_heads, int64_t head,
                         int64_t block_size) {
  return (((part * blocks + block) * kv_heads) + head) * block_size;
}

struct Workspace {
  alignas(64) float q[kMostRows * kMostWidth];
  alignas(64) float out[kMostRows * kMostWidth];
  alignas(64) float scores[kMostRows * kTileTokens];
  alignas(64) float wide[kTileTokens * kMostWidth];  // keys or values widened to fp32
  const float* token[kTileTokens];                   // of a tile: its keys or values
  float most[kMostRows], total[kMostRows];
};

// Asks for the keys (part 0) or values (part 1) of `count` tokens from `tile` on. Blocks lie anywhere in memory, and
// the processor's own prefetching stops at the end of each.
inline void prefetch(const AttentionCall& call, const int32_t* table, int64_t part, int64_t head, int64_t tile,
                     int64_t count) {
  const int64_t size = call.cache_type == kCacheFp32 ? 4 : call.cache_type == kCacheBf16 ? 2 : 1;
  for (int64_t t = tile; t < tile + count;) {
    int64_t place = t % call.block_size, tokens = call.block_size - place;
    if (tokens > tile + count - t) tokens = tile + count - t;
    int64_t row = cache_row(part, call.blocks, table[t / call.block_size], call.kv_heads, head, call.block_size) + place;
    const char* start = static_cast<const char*>(call.cache) + row * call.head_dim * size;
    for (int64_t at = 0; at < tokens * call.head_dim * size; at += 64) __builtin_prefetch(start + at);
    t += tokens;
  }
}

inline void gather_token(const AttentionCall& call, int64_t row, int64_t index, Workspace& space) {
  int64_t at = row * call.head_dim;
  if (call.cache_type == kCacheFp32) {
    space.token[index] = static_cast<const float*>(call.cache) + at;
    return;
  }
  float* wide = space.wide + index * call.head_dim;
  space.token[index] = wide;
  if (call.cache_type == kCacheBf16) {
    const uint16_t* stored = static_cast<const uint16_t*>(call.cache) + at;
    for (int64_t d = 0; d < call.head_dim; d += kLanes) store(wide + d, load_bf16(stored + d));
  } else {
    const int8_t* stored = static_cast<const int8_t*>(call.cache) + at;
    Floats scale = all(call.cache_scales[row]);
    for (int64_t d = 0; d < call.head_dim; d += kLanes) store(wide + d, load_bytes(stored + d) * scale);
  }
}

// Points space.token at the fp32 keys (part 0) or values (part 1) of `count` tokens from `tile` on. What lies before
// token `begin` is in no query's window and may have been freed: it isn't read, another key stands for it.
inline void gather(const AttentionCall& call, const int32_t* table, int64_t part, int64_t head, int64_t tile,
                   int64_t begin, int64_t count, Workspace& space) {
  // Block by block: a division for each token would take longer than its dot products.
  for (int64_t t = begin > tile ? begin : tile; t < tile + count;) {
    int64_t place = t % call.block_size, end = t + call.block_size - place;
    if (end > tile + count) end = tile + count;
    int64_t row = cache_row(part, call.blocks, table[t / call.block_size], call.kv_heads, head, call.block_size) + place;
    for (; t < end; t++, row++) gather_token(call, row, t - tile, space);
  }
  for (int64_t t = 0; t < begin - tile; t++) space.token[t] = space.token[count - 1];
  // The last vector of scores may have fewer keys than lanes: what it computes beyond them is not used.
  for (int64_t t = count; t % kLanes != 0; t++) space.token[t] = space.token[count - 1];
}

// Scores of one row of q with the tile's `count` keys.
inline void score(const AttentionCall& call, const float* q, int64_t count, Workspace& space, float* scores) {
  for (int64_t t = 0; t < count; t += kLanes) {
    Floats products[kLanes] = {};
    const float* const* keys = space.token + t;
    for (int64_t d = 0; d < call.head_dim; d += kLanes) {
      Floats part = load(q + d);
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; i++) products[i] += part * load(keys[i] + d);
    }
    store(scores + t, sums(products));
  }
}

// Turns scores [from, to) into weights relative to the row's new maximum; the others become 0. Returns by what the
// row's sums so far have to be multiplied.
inline float soften(float* scores, int64_t from, int64_t to, int64_t count, float& most, float& total) {
  const float kLowest = -__builtin_inff();
  float highest = most;
  Floats found = all(kLowest);
  for (int64_t t = 0; t < count; t++)
    if (t < from || t >= to) scores[t] = kLowest;
  for (int64_t t = count; t % kLanes != 0; t++) scores[t] = kLowest;
  for (int64_t t = 0; t < count; t += kLanes) found = larger(found, load(scores + t));
  highest = largest(found) > highest ? largest(found) : highest;
  Floats sums{};
  for (int64_t t = 0; t < count; t += kLanes) {
    Floats s = load(scores + t);
    Floats weight = s == all(kLowest) ? Floats{} : exponential(s - all(highest));
    sums += weight;
    store(scores + t, weight);
  }
  float factor = most == kLowest ? 0.0f : exponential(all(most - highest))[0];
  total = total * factor + sum(sums);
  most = highest;
  return factor;
}

// out = out * factor + weights * values, over `Wide` vectors of the head's width at a time.
template <int Wide>
inline void accumulate(const float* weights, float factor, int64_t from, int64_t to, int64_t offset,
                       const Workspace& space, float* out) {
  Floats sums[Wide];
#pragma GCC unroll 8
  for (int i = 0; i < Wide; i++) sums[i] = load(out + offset + i * kLanes) * all(factor);
  for (int64_t t = from; t < to; t++) {
    const float* value = space.token[t] + offset;
    Floats weight = all(weights[t]);
#pragma GCC unroll 8
    for (int i = 0; i < Wide; i++) sums[i] += weight * load(value + i * kLanes);
  }
#pragma GCC unroll 8
  for (int i = 0; i < Wide; i++) store(out + offset + i * kLanes, sums[i]);
}

// Query tokens [first, last) of request `r` with all heads of key head `head`.
inline void attend(const AttentionCall& call, int64_t r, int64_t first, int64_t last, int64_t head, Workspace& space) {
  const int64_t width = call.head_dim, folded = call.heads / call.kv_heads, rows = (last - first) * folded;
  const int32_t* table = call.block_tables + r * call.table_stride;
  // Position of a query token = its place in the packed batch + shift.
  const int64_t shift = call.context_lens[r] - call.query_starts[r + 1];
  const int64_t begin = call.window > 0 && first + shift + 1 > call.window ? first + shift + 1 - call.window : 0;
  const int64_t first_tile = begin / kTileTokens * kTileTokens, known = last + shift - begin;
  prefetch(call, table, 0, head, begin, known < kTileTokens ? known : kTileTokens);
  for (int64_t row = 0; row < rows; row++) {
    const float* q = call.q + (first + row / folded) * call.q_stride + (head * folded + row % folded) * width;
    for (int64_t d = 0; d < width; d += kLanes) {
      store(space.q + row * width + d, load(q + d) * all(call.scale));
      store(space.out + row * width + d, Floats{});
    }
    space.most[row] = -__builtin_inff();
    space.total[row] = 0;
  }
  for (int64_t tile = first_tile; tile < last + shift; tile += kTileTokens) {
    int64_t count = last + shift - tile < kTileTokens ? last + shift - tile : kTileTokens;
    auto from = [&](int64_t row) {
      int64_t start = call.window > 0 ? first + row / folded + shift + 1 - call.window - tile : 0;
      return start > 0 ? start : 0;
    };
    auto to = [&](int64_t row) {
      int64_t end = first + row / folded + shift + 1 - tile;
      return end < count ? end : count;
    };
    if (begin <= tile) prefetch(call, table, 1, head, tile, count);
    gather(call, table, 0, head, tile, begin, count, space);
    for (int64_t row = 0; row < rows; row++)
      if (from(row) < to(row)) score(call, space.q + row * width, count, space, space.scores + row * kTileTokens);
    if (int64_t next = tile + kTileTokens, left = last + shift - next; left > 0)
      prefetch(call, table, 0, head, next, left < kTileTokens ? left : kTileTokens);
    gather(call, table, 1, head, tile, begin, count, space);
    for (int64_t row = 0; row < rows; row++) {
      int64_t start = from(row), end = to(row);
      if (start >= end) continue;
      float* weights = space.scores + row * kTileTokens;
      float factor = soften(weights, start, end, count, space.most[row], space.total[row]);
      float* out = space.out + row * width;
      int64_t d = 0;
      for (; d + 8 * kLanes <= width; d += 8 * kLanes) accumulate<8>(weights, factor, start, end, d, space, out);
      for (; d + 4 * kLanes <= width; d += 4 * kLanes) accumulate<4>(weights, factor, start, end, d, space, out);
      for (; d < width; d += kLanes) accumulate<1>(weights, factor, start, end, d, space, out);
    }
  }
  for (int64_t row = 0; row < rows; row++) {
    float* out = call.out + ((first + row / folded) * call.heads + head * folded + row % folded) * width;
    for (int64_t d = 0; d < width; d += kLanes)
      store(out + d, load(space.out + row * width + d) / all(space.total[row]));
  }
}

struct Piece {
  int32_t request, first, last, head;
};

inline int64_t queries_of_piece(const AttentionCall& call) {
  const int64_t folded = call.heads / call.kv_heads;
  return folded > kMostRows ? 1 : kMostRows / folded;
}

inline int64_t count_pieces(const AttentionCall& call) {
  const int64_t step = queries_of_piece(call);
  int64_t count = 0;
  for (int64_t r = 0; r < call.requests; r++)
    count += (call.query_starts[r + 1] - call.query_starts[r] + step - 1) / step * call.kv_heads;
  return count;
}

inline void list_pieces(const AttentionCall& call, Piece* pieces) {
  const int64_t step = queries_of_piece(call);
  for (int64_t r = 0; r < call.requests; r++)
    for (int64_t head = 0; head < call.kv_heads; head++)
      // Last queries first: they see most keys, and what is long should not start last.
      for (int64_t last = call.query_starts[r + 1]; last > call.query_starts[r]; last -= step) {
        int64_t first = last - step > call.query_starts[r] ? last - step : call.query_starts[r];
        *pieces++ = {int32_t(r), int32_t(first), int32_t(last), int32_t(head)};
      }
}

// By the team of threads that calls it.
inline void attend_all(const AttentionCall& call, const Piece* pieces, int64_t count) {
  Workspace space;
#pragma omp for schedule(dynamic, 1)
  for (int64_t i = 0; i < count; i++) attend(call, pieces[i].request, pieces[i].first, pieces[i].last, pieces[i].head, space);
}

void attention(const AttentionCall& call, int threads) {
  const int64_t count = count_pieces(call);
  Piece* pieces = static_cast<Piece*>(scratch(count * sizeof(Piece)));
  list_pieces(call, pieces);
#pragma omp parallel num_threads(threads) if (threads > 1)
  attend_all(call, pieces, count);
}

inline void store_row(const StoreCall& call, const float* x, int64_t row) {
  const int64_t width = call.head_dim, at = row * width;
  switch (call.cache_type) {
    case kCacheFp32: memcpy(static_cast<float*>(call.cache) + at, x, width * sizeof(float)); return;
    case kCacheBf16: {
      uint16_t* out = static_cast<uint16_t*>(call.cache) + at;
      for (int64_t d = 0; d < width; d++) out[d] = to_bf16(x[d]);
      return;
    }
    default:
      call.cache_scales[row] = quantize_row<int8_t, 0>(x, width, width, static_cast<int8_t*>(call.cache) + at);
  }
}

inline void store_token(const StoreCall& call, int64_t token) {
  int64_t slot = call.slots[token];
  if (slot < 0) return;
  int64_t block = slot / call.block_size, place = slot % call.block_size;
  for (int64_t head = 0; head < call.kv_heads; head++) {
    int64_t row = cache_row(0, call.blocks, block, call.kv_heads, head, call.block_size) + place;
    store_row(call, call.k + token * call.k_stride + head * call.head_dim, row);
    row = cache_row(1, call.blocks, block, call.kv_heads, head, call.block_size) + place;
    store_row(call, call.v + token * call.v_stride + head * call.head_dim, row);
  }
}

void store_kv(const StoreCall& call, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
  for (int64_t token = 0; token < call.tokens; token++) store_token(call, token);
}

}  // namespace
