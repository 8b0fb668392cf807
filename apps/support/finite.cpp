#include "apps/support/finite.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "engine/trace.h"

namespace apps {

using engine::Tensor;
using engine::Variable;

bool is_finite(const Tensor& tensor) {
  return std::ranges::all_of(tensor.to_vector(), [](float value) { return std::isfinite(value); });
}

std::string first_not_finite(const nn::Module& network, const std::function<void()>& forward) {
  const std::map<const void*, std::string> names = names_by_memory(network);
  std::string last, found;
  const engine::Trace trace([&](const char* op, const Tensor& y, std::initializer_list<Variable> inputs) {
    if (!found.empty()) return;
    std::string of;
    for (const Variable& input : inputs) {
      const auto name = input.value().defined() ? names.find(input.value().address()) : names.end();
      if (of.empty() && name != names.end()) of = name->second;
    }
    if (!of.empty()) last = of;
    if (is_finite(y)) return;
    found = !of.empty() ? engine::text(op, " of ", of) : last.empty() ? op : engine::text(op, " after ", last);
  });
  forward();
  return found;
}

std::string first_gradient_not_finite(const nn::Module& network) {
  const nn::State state = state_of(network);
  for (auto entry = state.rbegin(); entry != state.rend(); ++entry) {  // as a backward pass goes
    if (entry->kind == nn::Entry::Kind::buffer) continue;
    const Tensor gradient = entry->variable.grad();
    if (gradient.defined() && !is_finite(gradient)) return "the gradient of " + entry->name;
  }
  return "";
}

}  // namespace apps
