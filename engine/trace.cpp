#include "engine/trace.h"

namespace engine {
namespace {

thread_local Trace* tracing = nullptr;

}  // namespace

Trace::Trace(Show show) : show_(std::move(show)), before_(tracing) { tracing = this; }
Trace::~Trace() { tracing = before_; }

void trace(const char* op, const Tensor& y, std::initializer_list<Variable> inputs) {
  if (tracing) tracing->show_(op, y, inputs);
}

}  // namespace engine
