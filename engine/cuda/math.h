#pragma once

namespace engine::cuda {

/// How exactly cuBLAS and cuDNN multiply.
struct Math {
  bool tf32 = false;           // on tensor cores, which read 10 bits of a float's fraction
  bool deterministic = false;  // the same bits in every run, and not always the fastest way

  bool operator==(const Math&) const = default;
};

/// The settings of the whole process; a change holds for what is computed from then on.
Math& math();

}  // namespace engine::cuda
