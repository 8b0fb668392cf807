#include "engine/work.h"

namespace engine {
namespace {

thread_local WorkCount* counting = nullptr;

}  // namespace

WorkCount::WorkCount() : before_(counting) { counting = this; }
WorkCount::~WorkCount() { counting = before_; }

void count_work(int64_t multiply_adds) {
  if (counting) counting->count_ += multiply_adds;
}

}  // namespace engine
