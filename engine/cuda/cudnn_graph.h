#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "engine/cuda/libraries.h"
#include "engine/kernels.h"

// cuDNN's graph API. An operation is described by its tensors and parameters, engines of cuDNN that can compute it are
// asked for, and a plan made of one of them runs with any memory of the right size:
//
//   tensors, convolution -> operation -> graph -> engine configurations -> plan;   plan + pointers -> result
//
// Each of these is a descriptor: an object of untyped attributes, which cuDNN checks when it is finalized.
namespace engine::cuda {

/// A descriptor of cuDNN. Attributes are set, then it is finalized, then it can be read and be an attribute itself;
/// cuDNN copies what it is given.
class Descriptor {
 public:
  using Type = cudnnBackendDescriptorType_t;
  using Name = cudnnBackendAttributeName_t;

  explicit Descriptor(Type type);
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }

  void set(Name name, int64_t value) { set(name, CUDNN_TYPE_INT64, 1, &value); }
  void set(Name name, float value) { set(name, CUDNN_TYPE_FLOAT, 1, &value); }
  void set(Name name, void* value) { set(name, CUDNN_TYPE_VOID_PTR, 1, &value); }
  void set(Name name, cudnnHandle_t value) { set(name, CUDNN_TYPE_HANDLE, 1, &value); }
  void set(Name name, cudnnDataType_t value) { set(name, CUDNN_TYPE_DATA_TYPE, 1, &value); }
  void set(Name name, cudnnConvolutionMode_t value) { set(name, CUDNN_TYPE_CONVOLUTION_MODE, 1, &value); }
  void set(Name name, cudnnBackendHeurMode_t value) { set(name, CUDNN_TYPE_HEUR_MODE, 1, &value); }
  void set(Name name, const std::string& value) {
    set(name, CUDNN_TYPE_CHAR, static_cast<int64_t>(value.size()), value.data());
  }
  void set(Name name, const Descriptor& value) { set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value.handle_); }
  void set(Name name, std::initializer_list<int64_t> values) {
    set(name, CUDNN_TYPE_INT64, static_cast<int64_t>(values.size()), values.begin());
  }
  void set(Name name, std::initializer_list<void*> values) {
    set(name, CUDNN_TYPE_VOID_PTR, static_cast<int64_t>(values.size()), values.begin());
  }

  void finalize();
  bool try_finalize();  // false where cuDNN does not support what it describes

  int64_t integer(Name name) const;
  std::vector<cudnnBackendNumericalNote_t> notes(Name name) const;
  std::vector<Descriptor> descriptors(Name name, Type type) const;

  cudnnBackendDescriptor_t handle() const { return handle_; }

 private:
  void set(Name name, cudnnBackendAttributeType_t type, int64_t count, const void* values);
  int64_t get(Name name, cudnnBackendAttributeType_t type, int64_t count, void* values) const;

  cudnnBackendDescriptor_t handle_ = nullptr;
};

/// Which of its three tensors a convolution computes from the two others: y, x or weight.
enum class ConvPass { forward, backward_data, backward_weight };

/// A tensor (n, h, w, c), of which cuDNN says that its extents are (n, c, h, w) and c lies innermost. The same holds
/// for weights (oc, kh, kw, ic / groups). Its memory is known by `id`.
Descriptor tensor_descriptor(int64_t id, const Shape& shape, cudnnDataType_t type);

/// Stride and padding of a convolution that adds up floats; groups follow from the channels of its tensors.
Descriptor convolution_descriptor(int64_t stride, int64_t pad);

/// The result is overwritten or, with accumulate, added to.
Descriptor operation_descriptor(ConvPass pass, const Descriptor& x, const Descriptor& weight, const Descriptor& y,
                                const Descriptor& convolution, bool accumulate);

/// A GPU that is not here, as cuDNN tells of one in JSON: plans can be made for it, though not run.
Descriptor device_descriptor(const std::string& json);

// For the GPU that is here, or for another one that was described.

Descriptor graph_descriptor(const Descriptor& operation, const Descriptor* device = nullptr);

/// Engines for a graph with their parameters, the most promising first; none where the mode knows none.
std::vector<Descriptor> engine_configs(const Descriptor& graph, cudnnBackendHeurMode_t mode,
                                       const Descriptor* device = nullptr);

/// A plan of that engine, still to be finalized.
Descriptor plan_descriptor(const Descriptor& engine_config, const Descriptor* device = nullptr);

/// What cuDNN says about the arithmetic of an engine.
std::vector<cudnnBackendNumericalNote_t> numerical_notes(const Descriptor& engine_config);

}  // namespace engine::cuda
