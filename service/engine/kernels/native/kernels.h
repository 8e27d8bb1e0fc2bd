// What one variant of the kernels offers. Each variant is the same source, compiled for other instructions.
//
// A variant's functions and templates live in an anonymous namespace and use no inline function of the standard
// library: the linker merges inline functions of the same name, and the copy that it keeps could hold instructions
// that the processor lacks.
#pragma once
#include <cstdint>

enum Mode : int32_t { kFp32 = 0, kBf16 = 1, kInt8 = 2 };
enum CacheType : int32_t { kCacheFp32 = 0, kCacheBf16 = 1, kCacheInt8 = 2 };
enum Gate : int32_t { kSilu = 0, kGeluTanh = 1 };

constexpr int kPanel = 16;  // output columns that are packed together

// out[m, n] = sum over k of x[m, k] * weight[n, k], + bias[n]
struct LinearCall {
  const float* x;  // [rows, inputs], rows `x_stride` floats apart
  int64_t x_stride;
  int64_t rows;
  const uint8_t* packed;      // as `pack` wrote it
  const float* scales;        // int8: one for each column, padded to whole panels
  const int32_t* row_sums;    // int8: sum of each weight row, padded to whole panels
  const float* bias;          // padded to whole panels, or null
  int64_t inputs, outputs;
  float* out;  // [rows, outputs], rows `out_stride` floats apart
  int64_t out_stride;
};

struct AttentionCall {
  const float* q;  // [tokens, heads, head_dim], tokens `q_stride` floats apart
  int64_t q_stride;
  const void* cache;          // [2, blocks, kv_heads, block_size, head_dim]
  const float* cache_scales;  // int8: [2, blocks, kv_heads, block_size]
  int32_t cache_type;
  const int32_t* block_tables;  // [requests, table_stride]
  int64_t table_stride;
  const int32_t* context_lens;  // [requests], with this step's tokens
  const int32_t* query_starts;  // [requests + 1]
  int64_t requests, heads, kv_heads, head_dim, blocks, block_size;
  float scale;
  int64_t window;  // 0: none
  float* out;      // [tokens, heads, head_dim], contiguous
};

struct StoreCall {
  const float* k;  // [tokens, kv_heads, head_dim], tokens `k_stride` floats apart
  const float* v;
  int64_t k_stride, v_stride;
  void* cache;
  float* cache_scales;
  int32_t cache_type;
  const int64_t* slots;  // [tokens]: block * block_size + place in the block; negative: not stored
  int64_t tokens, kv_heads, head_dim, blocks, block_size;
};

// Weights of a linear layer; see LinearCall.
struct LinearWeights {
  const uint8_t* packed;
  const float* scales;
  const int32_t* row_sums;
  const float* bias;
  int64_t inputs, outputs;
};

// A layer: x += after(output(attention(before(x)))), x += after'(down(gate(up(before'(x))))).
struct LayerWeights {
  const float* norm;               // [hidden]
  const float* after_norm;         // [hidden] or null: attention's result is added as it is
  const float* feed_forward_norm;  // [hidden]
  const float* after_feed_forward_norm;  // [hidden] or null
  const float* q_norm;                   // [head_dim] or null
  const float* k_norm;                   // [head_dim] or null
  const float* cosines;                  // [positions, head_dim / 2]
  const float* sines;
  LinearWeights qkv, output, gate_up, down;
  int64_t window;
};

struct LayersCall {
  const LayerWeights* layers;
  int64_t layer_count;
  int32_t mode, gate;
  float epsilon, attention_scale;
  int64_t hidden, heads, kv_heads, head_dim;
  float* x;  // [tokens, hidden], contiguous; changed in place
  int64_t tokens;
  const int64_t* positions;      // [tokens]
  void* const* caches;           // for each layer, as in AttentionCall
  float* const* cache_scales;    // for each layer; null where the cache isn't int8
  int32_t cache_type;
  int64_t blocks, block_size;
  const int64_t* slots;          // [tokens], as in StoreCall
  const int32_t* block_tables;   // as in AttentionCall
  int64_t table_stride;
  const int32_t* context_lens;
  const int32_t* query_starts;
  int64_t requests;
};

struct Kernels {
  const char* name;
  int64_t (*packed_bytes)(int32_t mode, int64_t inputs, int64_t outputs);
  // `weight` is [outputs, inputs]: float for fp32, bfloat16 for bf16, int8 for int8.
  void (*pack)(int32_t mode, const void* weight, int64_t inputs, int64_t outputs, uint8_t* packed);
  void (*linear)(int32_t mode, const LinearCall& call, int threads);
  void (*attention)(const AttentionCall& call, int threads);
  void (*store_kv)(const StoreCall& call, int threads);
  // x: [tokens, heads, width], tokens `stride` floats apart; out: the same, contiguous.
  void (*rms_norm)(const float* x, int64_t stride, const float* weight, float epsilon, int64_t tokens, int64_t heads,
                   int64_t width, float* out, int threads);
  // x: [tokens, heads, head_dim], tokens `stride` floats apart; cosines and sines: [tokens, head_dim / 2].
  void (*rope)(const float* x, int64_t stride, int64_t tokens, int64_t heads, int64_t head_dim, const float* cosines,
               const float* sines, float* out, int threads);
  // x: [rows, 2 * width]; out: [rows, width] = gate(x[:, :width]) * x[:, width:]
  void (*gated)(int32_t gate, const float* x, int64_t rows, int64_t width, float* out, int threads);
  void (*layers)(const LayersCall& call, int threads);
};

// Memory of the calling thread that lives until its next call; aligned to 64 bytes.
void* scratch(int64_t bytes);
