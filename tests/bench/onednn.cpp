// Times the 3x3 stride-1 convolutions of a ResNet-18 in oneDNN's direct kernels, in the layouts that oneDNN prefers and
// without the cost of getting there. Prints a line a shape: milliseconds forward, backward data, backward weight.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <dnnl.hpp>
#include <vector>

using namespace dnnl;
using Tag = memory::format_tag;

namespace {

double median_ms(stream& s, const primitive& p, const std::unordered_map<int, memory>& arguments, int steps) {
  std::vector<double> ms;
  for (int step = 0; step <= steps; ++step) {
    const auto start = std::chrono::steady_clock::now();
    p.execute(s, arguments);
    s.wait();
    if (step > 0)
      ms.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(ms.begin(), ms.end());
  return ms[ms.size() / 2];
}

memory filled(const memory::desc& desc, const engine& e) {
  memory m(desc, e);
  auto* values = static_cast<float*>(m.get_data_handle());
  for (size_t i = 0; i < desc.get_size() / sizeof(float); ++i) values[i] = static_cast<float>(i % 1000) * 1e-3f - 0.5f;
  return m;
}

}  // namespace

int main(int argc, char** argv) {
  const long batch = argc > 1 ? std::atol(argv[1]) : 128;
  const int steps = argc > 2 ? std::atoi(argv[2]) : 5;
  const engine e(engine::kind::cpu, 0);
  stream s(e);
  for (long size : {32L, 16L, 8L, 4L}) {
    const long c = 2048 / size;
    const auto any = [](memory::dims dims) { return memory::desc(dims, memory::data_type::f32, Tag::any); };
    const memory::desc x = any({batch, c, size, size}), w = any({c, c, 3, 3}), y = any({batch, c, size, size});
    const memory::dims one{1, 1};
    const auto direct = algorithm::convolution_direct;
    const convolution_forward::primitive_desc forward({prop_kind::forward_training, direct, x, w, y, one, one, one}, e);
    const convolution_backward_data::primitive_desc data({direct, x, w, y, one, one, one}, e, forward);
    const convolution_backward_weights::primitive_desc weights({direct, x, w, y, one, one, one}, e, forward);
    std::printf("%ld %.3f %.3f %.3f\n", size,
                median_ms(s, convolution_forward(forward),
                          {{DNNL_ARG_SRC, filled(forward.src_desc(), e)},
                           {DNNL_ARG_WEIGHTS, filled(forward.weights_desc(), e)},
                           {DNNL_ARG_DST, filled(forward.dst_desc(), e)}},
                          steps),
                median_ms(s, convolution_backward_data(data),
                          {{DNNL_ARG_DIFF_DST, filled(data.diff_dst_desc(), e)},
                           {DNNL_ARG_WEIGHTS, filled(data.weights_desc(), e)},
                           {DNNL_ARG_DIFF_SRC, filled(data.diff_src_desc(), e)}},
                          steps),
                median_ms(s, convolution_backward_weights(weights),
                          {{DNNL_ARG_DIFF_DST, filled(weights.diff_dst_desc(), e)},
                           {DNNL_ARG_SRC, filled(weights.src_desc(), e)},
                           {DNNL_ARG_DIFF_WEIGHTS, filled(weights.diff_weights_desc(), e)}},
                          steps));
  }
}
