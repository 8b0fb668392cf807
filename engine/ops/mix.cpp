#include <numeric>

#include "engine/ops.h"

namespace engine {

Variable mix(const Variable& x, const std::vector<int>& partner, const Tensor& mask, const Tensor& source) {
  const Shape &s = x.shape(), &m = mask.shape();
  ENSURE(s.rank() == 4 && m.rank() == 4 && m[0] == s[0] && m[3] == 1 &&
             ((m[1] == 1 && m[2] == 1) || (m[1] == s[1] && m[2] == s[2])),
         "mix: mask ", m, " does not fit images ", s);
  ENSURE(static_cast<int64_t>(partner.size()) == s[0], "mix: ", partner.size(), " partners for images ", s);
  for (int other : partner) ENSURE(other >= 0 && other < s[0], "mix: partner ", other, " of images ", s);
  ENSURE(!source.defined() || source.shape() == s, "mix: source ", source.shape(), " for images ", s);

  Tensor y = Tensor::like(x.value());
  if (source.defined()) {
    std::vector<int> own(partner.size());
    std::iota(own.begin(), own.end(), 0);
    kernel::mix(x.value(), source, own, mask, y);
  } else {
    kernel::mix(x.value(), x.value(), partner, mask, y);
  }
  const std::vector<int> giver = source.defined() ? std::vector<int>() : partner;
  return record("mix", y, {x}, [giver, mask](const Tensor& dy, Gradients& dx) {
    dx.add(0, dy.shape(), [&](Tensor& g) { kernel::mix_backward(dy, giver, mask, g); });
  });
}

}  // namespace engine
