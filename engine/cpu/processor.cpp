#include "engine/processor.h"

#include <cstdio>
#include <cstdlib>

// This file alone is compiled for the oldest processor, so that it can run where the others cannot; what they were
// compiled for comes as DEMIX_NEEDS_... from CMakeLists.txt.
namespace engine {

#if defined(__x86_64__)
namespace {

// The number puts it before the constructors of all globals.
__attribute__((constructor(101))) void check_processor() {
  __builtin_cpu_init();
  const char* missing = nullptr;
#if defined(DEMIX_NEEDS_AVX2)
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) missing = "AVX2";
#endif
#if defined(DEMIX_NEEDS_AVX512)
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512vl") ||
      !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512dq")) {
    missing = "AVX-512";
  }
#endif
  if (!missing) return;
  std::fprintf(stderr,
               "demix: this build needs a processor with %s; build it on this machine, or with "
               "-DDEMIX_NATIVE=OFF for any\n",
               missing);
  std::_Exit(1);
}

}  // namespace
#endif

void require_processor() {}

}  // namespace engine
