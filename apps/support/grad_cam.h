#pragma once

#include <vector>

#include "nn/module.h"

namespace apps {

/// Where in each image (n, h, w, c) a network sees evidence for a class, one for each image: maps (n, h, w) from 0 to
/// 1, each divided by its largest value, and zero where nothing speaks for the class (Grad-CAM: Selvaraju et al.,
/// 2017). The network is evaluated, and neither its state nor any gradient changes. An Error where the network has no
/// stages or no such class. Not while a NoGrad lives.
engine::Tensor grad_cam(nn::Network& network, const engine::Tensor& images, const std::vector<int>& classes);

/// Maps (n, h, w) made (n, height, width), bilinearly between the centres of their cells.
engine::Tensor enlarged(const engine::Tensor& maps, int64_t height, int64_t width);

}  // namespace apps
