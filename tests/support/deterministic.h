#pragma once

#include "engine/device.h"

namespace support {

/// While one lives the GPU gives the same bits in every run, cuDNN's engines too.
struct Deterministic {
  engine::GpuMath before = engine::gpu_math();
  Deterministic() { engine::gpu_math().deterministic = true; }
  ~Deterministic() { engine::gpu_math() = before; }
};

}  // namespace support
