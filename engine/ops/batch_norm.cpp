#include "engine/ops.h"

namespace engine {

Variable batch_norm(const Variable& x, const Variable& gamma, const Variable& beta, Tensor running_mean,
                    Tensor running_var, bool train, const BatchNormSpec& spec, const Variable& residual) {
  const Shape& in = x.shape();
  ENSURE(in.rank() >= 1 && in.elements() > 0, "batch_norm: input ", in, " is empty");
  const Shape channels{in.last()};
  for (const Shape& shape : {gamma.shape(), beta.shape(), running_mean.shape(), running_var.shape()}) {
    ENSURE(shape == channels, "batch_norm: input ", in, " and a parameter of shape ", shape, " differ in channels");
  }
  ENSURE(!train || in.elements() > in.last(), "batch_norm: training needs more than one value a channel, got input ",
         in);
  ENSURE(!residual.value().defined() || residual.shape() == in, "batch_norm: input ", in, " and residual ",
         residual.shape());

  Tensor y = Tensor::like(x.value()), mean = Tensor::like(gamma.value()), inv_std = Tensor::like(gamma.value());
  if (train) {
    kernel::batch_norm_train(x.value(), residual.value(), gamma.value(), beta.value(), spec, running_mean, running_var,
                             y, mean, inv_std);
  } else {
    kernel::batch_norm_eval(x.value(), residual.value(), gamma.value(), beta.value(), spec, running_mean, running_var,
                            y, inv_std);
    mean = running_mean.clone();  // backward needs the one that was used, even if training moves it meanwhile
  }
  // Only a ReLU of a sum needs to see its output again.
  const bool masked = spec.relu && residual.value().defined();
  return record("batch_norm", y, {x, gamma, beta, residual},
                [x = x.value(), gamma = gamma.value(), beta = beta.value(), mean, inv_std, train, spec, masked,
                 y = masked ? y : Tensor()](const Tensor& dy, Gradients& dx) {
                  Tensor dresidual;
                  if (masked) dresidual = dy.unique() ? dy : Tensor::like(dy);
                  Tensor dvalue = Tensor::like(x), dgamma = Tensor::like(gamma), dbeta = Tensor::like(beta);
                  kernel::batch_norm_backward(dy, x, y, gamma, beta, mean, inv_std, spec, train, dvalue, dresidual,
                                              dgamma, dbeta);
                  dx.give(3, masked ? std::move(dresidual) : dy);
                  dx.give(0, std::move(dvalue));
                  dx.give(1, std::move(dgamma));
                  dx.give(2, std::move(dbeta));
                });
}

}  // namespace engine
