// One variant of all kernels: this file is compiled once for each, with MODELFLEET_VARIANT as its name.
#include "attention.h"
#include "elementwise.h"
#include "kernels.h"
#include "layers.h"
#include "linear.h"

#define TEXT_OF(name) #name
#define TEXT(name) TEXT_OF(name)

namespace {

int64_t any_packed_bytes(int32_t mode, int64_t inputs, int64_t outputs) {
  switch (mode) {
    case kFp32: return packed_bytes<Fp32>(inputs, outputs);
    case kBf16: return packed_bytes<Bf16>(inputs, outputs);
    default: return packed_bytes<Int8>(inputs, outputs);
  }
}

void any_pack(int32_t mode, const void* weight, int64_t inputs, int64_t outputs, uint8_t* packed) {
  const auto* bytes = static_cast<const uint8_t*>(weight);
  switch (mode) {
    case kFp32: return pack<Fp32>(bytes, inputs, outputs, packed);
    case kBf16: return pack<Bf16>(bytes, inputs, outputs, packed);
    default: return pack<Int8>(bytes, inputs, outputs, packed);
  }
}

void any_linear(int32_t mode, const LinearCall& call, int threads) {
  switch (mode) {
    case kFp32: return linear<Fp32>(call, threads);
    case kBf16: return linear<Bf16>(call, threads);
    default: return linear<Int8>(call, threads);
  }
}

void any_layers(const LayersCall& call, int threads) {
  switch (call.mode) {
    case kFp32: return layers<Fp32>(call, threads);
    case kBf16: return layers<Bf16>(call, threads);
    default: return layers<Int8>(call, threads);
  }
}

}  // namespace

extern const Kernels MODELFLEET_VARIANT;
const Kernels MODELFLEET_VARIANT = {
    TEXT(MODELFLEET_VARIANT), any_packed_bytes, any_pack, any_linear, attention, store_kv, rms_norm, rope, gated,
    any_layers,
};
