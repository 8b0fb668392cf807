#include "engine/cuda/math.h"

namespace engine::cuda {

Math& math() {
  static Math settings;
  return settings;
}

}  // namespace engine::cuda
