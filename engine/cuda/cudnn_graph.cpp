#include "engine/cuda/cudnn_graph.h"

namespace engine::cuda {
namespace {

/// What the type and the attributes of a pass are called.
struct PassNames {
  Descriptor::Type type;
  Descriptor::Name x, weight, y, convolution, alpha, beta;
};

constexpr PassNames pass_names[]{
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA},
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA},
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA}};

}  // namespace

Descriptor::Descriptor(Type type) { CUDNN_CHECK(cudnn().create_descriptor(type, &handle_), "descriptor type ", type); }

Descriptor::~Descriptor() {
  if (handle_) cudnn().destroy_descriptor(handle_);
}

void Descriptor::set(Name name, cudnnBackendAttributeType_t type, int64_t count, const void* values) {
  CUDNN_CHECK(cudnn().set_attribute(handle_, name, type, count, values), "attribute ", name);
}

int64_t Descriptor::get(Name name, cudnnBackendAttributeType_t type, int64_t count, void* values) const {
  int64_t found = 0;
  CUDNN_CHECK(cudnn().get_attribute(handle_, name, type, count, &found, values), "attribute ", name);
  return found;
}

void Descriptor::finalize() { CUDNN_CHECK(cudnn().finalize(handle_)); }

bool Descriptor::try_finalize() { return cudnn().finalize(handle_) == CUDNN_STATUS_SUCCESS; }

int64_t Descriptor::integer(Name name) const {
  int64_t value = 0;
  get(name, CUDNN_TYPE_INT64, 1, &value);
  return value;
}

std::vector<cudnnBackendNumericalNote_t> Descriptor::notes(Name name) const {
  std::vector<cudnnBackendNumericalNote_t> values(CUDNN_NUMERICAL_NOTE_TYPE_COUNT);
  values.resize(
      static_cast<size_t>(get(name, CUDNN_TYPE_NUMERICAL_NOTE, CUDNN_NUMERICAL_NOTE_TYPE_COUNT, values.data())));
  return values;
}

std::vector<Descriptor> Descriptor::descriptors(Name name, Type type) const {
  // cuDNN fills in descriptors that are there, often fewer of them than it announced.
  const int64_t most = get(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, nullptr);
  std::vector<Descriptor> made;
  std::vector<cudnnBackendDescriptor_t> handles;
  for (int64_t i = 0; i < most; ++i) handles.push_back(made.emplace_back(type).handle());
  const int64_t found = get(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, most, handles.data());
  made.erase(made.begin() + found, made.end());
  return made;
}

Descriptor tensor_descriptor(int64_t id, const Shape& shape, cudnnDataType_t type) {
  const int64_t n = shape[0], h = shape[1], w = shape[2], c = shape[3];
  Descriptor tensor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  tensor.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, id);
  tensor.set(CUDNN_ATTR_TENSOR_DATA_TYPE, type);
  tensor.set(CUDNN_ATTR_TENSOR_DIMENSIONS, {n, c, h, w});
  tensor.set(CUDNN_ATTR_TENSOR_STRIDES, {h * w * c, int64_t{1}, w * c, c});
  tensor.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, int64_t{16});
  tensor.finalize();
  return tensor;
}

Descriptor convolution_descriptor(int64_t stride, int64_t pad) {
  Descriptor convolution(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  convolution.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT);
  convolution.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION);
  convolution.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, int64_t{2});
  convolution.set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, {stride, stride});
  convolution.set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, {pad, pad});
  convolution.set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, {pad, pad});
  convolution.set(CUDNN_ATTR_CONVOLUTION_DILATIONS, {int64_t{1}, int64_t{1}});
  convolution.finalize();
  return convolution;
}

Descriptor operation_descriptor(ConvPass pass, const Descriptor& x, const Descriptor& weight, const Descriptor& y,
                                const Descriptor& convolution, bool accumulate) {
  const PassNames& names = pass_names[static_cast<size_t>(pass)];
  Descriptor operation(names.type);
  operation.set(names.x, x);
  operation.set(names.weight, weight);
  operation.set(names.y, y);
  operation.set(names.convolution, convolution);
  operation.set(names.alpha, 1.0f);
  operation.set(names.beta, accumulate ? 1.0f : 0.0f);
  operation.finalize();
  return operation;
}

Descriptor device_descriptor(const std::string& json) {
  Descriptor device(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  device.set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, json);
  device.finalize();
  return device;
}

Descriptor graph_descriptor(const Descriptor& operation, const Descriptor* device) {
  Descriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  if (!device) graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, cudnn_handle());
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, operation);
  graph.finalize();
  return graph;
}

std::vector<Descriptor> engine_configs(const Descriptor& graph, cudnnBackendHeurMode_t mode, const Descriptor* device) {
  Descriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_MODE, mode);
  if (device) heuristics.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, *device);
  if (!heuristics.try_finalize()) return {};
  return heuristics.descriptors(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
}

Descriptor plan_descriptor(const Descriptor& engine_config, const Descriptor* device) {
  Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  if (device) plan.set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, *device);
  else plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, cudnn_handle());
  plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, engine_config);
  return plan;
}

std::vector<cudnnBackendNumericalNote_t> numerical_notes(const Descriptor& engine_config) {
  const auto engines = engine_config.descriptors(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  return engines.at(0).notes(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE);
}

}  // namespace engine::cuda
