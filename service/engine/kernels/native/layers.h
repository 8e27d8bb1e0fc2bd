// All layers of a dense decoder in one call, by one team of threads.
//
// What the single kernels compute, row for row and to the last bit; but threads start once and not a hundred times, and
// a row goes from the residual through norm and quantisation while it is in the first-level cache. Every loop below
// that is shared between the threads ends with all of them waiting for each other.
#pragma once
#include "attention.h"
#include "elementwise.h"
#include "kernels.h"
#include "linear.h"
#include "simd.h"

namespace {

// Memory for the values between two kernels; the layers take turns.
template <class Policy>
struct Between {
  float *qkv, *attended, *gate_up, *delta;
  void* prepared;
  Piece* pieces;
  int64_t piece_count;
};

inline AttentionCall attention_of(const LayersCall& call, int64_t layer, const float* qkv, float* attended) {
  return {qkv, (call.heads + 2 * call.kv_heads) * call.head_dim, call.caches[layer], call.cache_scales[layer],
          call.cache_type, call.block_tables, call.table_stride, call.context_lens, call.query_starts, call.requests,
          call.heads, call.kv_heads, call.head_dim, call.blocks, call.block_size, call.attention_scale,
          call.layers[layer].window, attended};
}

template <class Policy>
inline void run(const LinearWeights& weights, const Prepared<Policy>& prepared, int64_t rows, float* out, int threads) {
  LinearCall call{nullptr, 0, rows, weights.packed, weights.scales, weights.row_sums, weights.bias, weights.inputs,
                  weights.outputs, out, weights.outputs};
  multiply(job_of(call, prepared), threads);
}

inline void add_row(const float* delta, int64_t width, float* x) {
  int64_t d = 0;
  for (; d + kLanes <= width; d += kLanes) store(x + d, load(x + d) + load(delta + d));
  for (; d < width; d++) x[d] += delta[d];
}

// Norm and rotation of a token's queries and keys, in place; keys and values go to the cache.
inline void finish_qkv(const LayersCall& call, const LayerWeights& layer, const StoreCall& stored, int64_t token,
                       float* qkv) {
  const int64_t half = call.head_dim / 2, at = call.positions[token] * half;
  for (int64_t head = 0; head < call.heads + call.kv_heads; head++) {
    float* row = qkv + head * call.head_dim;
    const float* norm = head < call.heads ? layer.q_norm : layer.k_norm;
    if (norm) norm_row(row, norm, call.epsilon, call.head_dim, row);
    rotate_row(row, layer.cosines + at, layer.sines + at, half, row);
  }
  store_token(stored, token);
}

template <class Policy>
void run_layer(const LayersCall& call, int64_t number, const Between<Policy>& between, int threads) {
  const LayerWeights& layer = call.layers[number];
  const int64_t tokens = call.tokens, hidden = call.hidden, inner = layer.down.inputs;
  const int64_t heads = call.heads * call.head_dim, packed = layer.qkv.outputs;
  const Prepared<Policy> wide(between.prepared, tokens, hidden);
  const Prepared<Policy> attended(between.prepared, tokens, heads);
  const Prepared<Policy> gated(between.prepared, tokens, inner);

#pragma omp for schedule(static)
  for (int64_t token = 0; token < tokens; token++) {
    float* x = call.x + token * hidden;
    float* delta = between.delta + token * hidden;
    if (number > 0) {
      const float* after = call.layers[number - 1].after_feed_forward_norm;
      if (after) norm_row(delta, after, call.epsilon, hidden, delta);
      add_row(delta, hidden, x);
    }
    norm_row(x, layer.norm, call.epsilon, hidden, delta);
    wide.set(token, delta, hidden);
  }
  run(layer.qkv, wide, tokens, between.qkv, threads);

  const StoreCall stored{between.qkv + heads, between.qkv + heads + call.kv_heads * call.head_dim, packed, packed,
                         call.caches[number], call.cache_scales[number], call.cache_type, call.slots, tokens,
                         call.kv_heads, call.head_dim, call.blocks, call.block_size};
#pragma omp for schedule(static)
  for (int64_t token = 0; token < tokens; token++)
    finish_qkv(call, layer, stored, token, between.qkv + token * packed);
  attend_all(attention_of(call, number, between.qkv, between.attended), between.pieces, between.piece_count);

#pragma omp for schedule(static)
  for (int64_t token = 0; token < tokens; token++) attended.set(token, between.attended + token * heads, heads);
  run(layer.output, attended, tokens, between.delta, threads);

#pragma omp for schedule(static)
  for (int64_t token = 0; token < tokens; token++) {
    float* x = call.x + token * hidden;
    float* delta = between.delta + token * hidden;
    if (layer.after_norm) norm_row(delta, layer.after_norm, call.epsilon, hidden, delta);
    add_row(delta, hidden, x);
    norm_row(x, layer.feed_forward_norm, call.epsilon, hidden, delta);
    wide.set(token, delta, hidden);
  }
  run(layer.gate_up, wide, tokens, between.gate_up, threads);

#pragma omp for schedule(static)
  for (int64_t token = 0; token < tokens; token++) {
    float* row = between.gate_up + token * 2 * inner;
    gated_row(call.gate, row, inner, row);  // reads ahead of what it writes
    gated.set(token, row, inner);
  }
  run(layer.down, gated, tokens, between.delta, threads);
}

inline int64_t aligned(int64_t bytes) { return (bytes + 63) / 64 * 64; }

template <class Policy>
void layers(const LayersCall& call, int threads) {
  int64_t inner = 0;
  for (int64_t i = 0; i < call.layer_count; i++)
    if (call.layers[i].down.inputs > inner) inner = call.layers[i].down.inputs;
  const int64_t heads = call.heads * call.head_dim, packed = heads + 2 * call.kv_heads * call.head_dim;
  int64_t widest = call.hidden > heads ? call.hidden : heads;
  if (inner > widest) widest = inner;
  const AttentionCall any = attention_of(call, 0, nullptr, nullptr);
  Between<Policy> between{};
  between.piece_count = count_pieces(any);
  const int64_t sizes[] = {
      aligned(call.tokens * packed * 4),      aligned(call.tokens * heads * 4),
      aligned(call.tokens * 2 * inner * 4),   aligned(call.tokens * call.hidden * 4),
      aligned(Prepared<Policy>::bytes(call.tokens, widest)), aligned(between.piece_count * int64_t(sizeof(Piece)))};
  int64_t bytes = 0;
  for (int64_t size : sizes) bytes += size;
  char* memory = static_cast<char*>(scratch(bytes));
  char* parts[6];
  for (int i = 0; i < 6; i++) {
    parts[i] = memory;
    memory += sizes[i];
  }
  between.qkv = reinterpret_cast<float*>(parts[0]);
  between.attended = reinterpret_cast<float*>(parts[1]);
  between.gate_up = reinterpret_cast<float*>(parts[2]);
  between.delta = reinterpret_cast<float*>(parts[3]);
  between.prepared = parts[4];
  between.pieces = reinterpret_cast<Piece*>(parts[5]);
  list_pieces(any, between.pieces);
#pragma omp parallel num_threads(threads) if (threads > 1)
  {
    for (int64_t i = 0; i < call.layer_count; i++) run_layer(call, i, between, threads);
    const float* after = call.layers[call.layer_count - 1].after_feed_forward_norm;
#pragma omp for schedule(static)
    for (int64_t token = 0; token < call.tokens; token++) {
      float* delta = between.delta + token * call.hidden;
      if (after) norm_row(delta, after, call.epsilon, call.hidden, delta);
      add_row(delta, call.hidden, call.x + token * call.hidden);
    }
  }
}

}  // namespace
