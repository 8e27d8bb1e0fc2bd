// The library's C interface: which variants there are, which of them this processor runs, and their calls.
#include <cstdlib>
#include <cstring>

#include "kernels.h"
#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#define EXPORTED extern "C" __attribute__((visibility("default")))

extern const Kernels portable, avx2, avx512, avx512_vnni, avx512_bf16, avx512_amx, emulated_amx;

namespace {

#if defined(__x86_64__)
[[maybe_unused]] bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
[[maybe_unused]] bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
[[maybe_unused]] bool has_vnni() { return has_avx512() && __builtin_cpu_supports("avx512vnni"); }
[[maybe_unused]] bool has_bf16() { return has_vnni() && __builtin_cpu_supports("avx512bf16"); }

// Matrix tiles: the processor has them (CPUID leaf 7), and Linux lets this process use them. It has to be asked, as their
// 8 KiB make every thread's saved state larger (Documentation/arch/x86/xstate.rst); kernels before 5.16 refuse.
[[maybe_unused]] bool has_amx() {
  constexpr unsigned kTiles = 1u << 24, kBytes = 1u << 25;
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  unsigned a = 0, b = 0, c = 0, d = 0;
  return has_bf16() && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & kTiles) && (d & kBytes) &&
         syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}
#endif
bool always() { return true; }

struct Variant {
  const Kernels* kernels;
  bool (*supported)();
};

// Best first.
const Variant kVariants[] = {
#if defined(MODELFLEET_EMULATED)
    {&emulated_amx, has_avx2},
#elif defined(__x86_64__)
    {&avx512_amx, has_amx},   {&avx512_bf16, has_bf16}, {&avx512_vnni, has_vnni}, {&avx512, has_avx512}, {&avx2, has_avx2},
#endif
    {&portable, always},
};
constexpr int kVariantCount = sizeof(kVariants) / sizeof(kVariants[0]);

struct Memory {
  void* start = nullptr;
  int64_t size = 0;
  ~Memory() { free(start); }
};
thread_local Memory memory;

}  // namespace

void* scratch(int64_t bytes) {
  if (bytes > memory.size) {
    int64_t size = (bytes + bytes / 2 + 4095) / 4096 * 4096;
    void* start = aligned_alloc(64, size);
    if (!start) abort();  // As for any kernel out of memory: there is no result to give.
    free(memory.start);
    memory.start = start;
    memory.size = size;
  }
  return memory.start;
}

EXPORTED int kernels_count() { return kVariantCount; }
EXPORTED const char* kernels_name(int variant) { return kVariants[variant].kernels->name; }
EXPORTED int kernels_supported(int variant) { return kVariants[variant].supported(); }

EXPORTED int64_t kernels_packed_bytes(int variant, int32_t mode, int64_t inputs, int64_t outputs) {
  return kVariants[variant].kernels->packed_bytes(mode, inputs, outputs);
}

EXPORTED void kernels_pack(int variant, int32_t mode, const void* weight, int64_t inputs, int64_t outputs,
                           uint8_t* packed) {
  kVariants[variant].kernels->pack(mode, weight, inputs, outputs, packed);
}

EXPORTED void kernels_linear(int variant, int threads, int32_t mode, const float* x, int64_t x_stride, int64_t rows,
                             const uint8_t* packed, const float* scales, const int32_t* row_sums, const float* bias,
                             int64_t inputs, int64_t outputs, float* out, int64_t out_stride) {
  kVariants[variant].kernels->linear(
      mode, {x, x_stride, rows, packed, scales, row_sums, bias, inputs, outputs, out, out_stride}, threads);
}

EXPORTED void kernels_attention(int variant, int threads, const float* q, int64_t q_stride, const void* cache,
                                const float* cache_scales, int32_t cache_type, const int32_t* block_tables,
                                int64_t table_stride, const int32_t* context_lens, const int32_t* query_starts,
                                int64_t requests, int64_t heads, int64_t kv_heads, int64_t head_dim, int64_t blocks,
                                int64_t block_size, float scale, int64_t window, float* out) {
  kVariants[variant].kernels->attention(
      {q, q_stride, cache, cache_scales, cache_type, block_tables, table_stride, context_lens, query_starts, requests,
       heads, kv_heads, head_dim, blocks, block_size, scale, window, out},
      threads);
}

EXPORTED void kernels_store_kv(int variant, int threads, const float* k, const float* v, int64_t k_stride,
                               int64_t v_stride, void* cache, float* cache_scales, int32_t cache_type,
                               const int64_t* slots, int64_t tokens, int64_t kv_heads, int64_t head_dim, int64_t blocks,
                               int64_t block_size) {
  kVariants[variant].kernels->store_kv({k, v, k_stride, v_stride, cache, cache_scales, cache_type, slots, tokens,
                                        kv_heads, head_dim, blocks, block_size},
                                       threads);
}

EXPORTED void kernels_rms_norm(int variant, int threads, const float* x, int64_t stride, const float* weight,
                               float epsilon, int64_t tokens, int64_t heads, int64_t width, float* out) {
  kVariants[variant].kernels->rms_norm(x, stride, weight, epsilon, tokens, heads, width, out, threads);
}

EXPORTED void kernels_rope(int variant, int threads, const float* x, int64_t stride, int64_t tokens, int64_t heads,
                           int64_t head_dim, const float* cosines, const float* sines, float* out) {
  kVariants[variant].kernels->rope(x, stride, tokens, heads, head_dim, cosines, sines, out, threads);
}

EXPORTED void kernels_gated(int variant, int threads, int32_t gate, const float* x, int64_t rows, int64_t width,
                            float* out) {
  kVariants[variant].kernels->gated(gate, x, rows, width, out, threads);
}

EXPORTED void kernels_layers(int variant, int threads, const LayersCall* call) {
  kVariants[variant].kernels->layers(*call, threads);
}
