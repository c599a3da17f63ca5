// Reference networks, one family a file in models/. Where one has the published number of weights
// and multiply-accumulates is a test (tests/nn/test_models.cpp). Samples are (c,h,w) unless told
// otherwise; convolutions before a batch-norm have no bias where the original has none.
#pragma once
#include <filesystem>

#include "nn/layers.h"

namespace sparlet::nn {

// --- LeNets
// LeNet-5 (LeCun et al. 1998) with max pools and relus: conv 6@5, pool, conv 16@5, pool, 120, 84,
// classes. Maps below 32x32 are padded by 2, as the paper's 28x28 digits are.
Net lenet5(const DataSpec&, Rng&);
// Caffe's: conv 20@5, pool, conv 50@5, pool, 500, classes. 431,080 weights on MNIST.
Net lenet5_caffe(const DataSpec&, Rng&);
// LeNet-300-100: two hidden layers; samples of any shape.
Net mlp(const DataSpec&, Rng&);
// Multinomial logistic regression; samples of any shape.
Net softmax_regression(const DataSpec&, Rng&);

// --- VGG (Simonyan & Zisserman 2015) with batch-norm, for 32x32: convolutions, one linear layer.
Net vgg11(const DataSpec&, Rng&);
Net vgg16(const DataSpec&, Rng&);

// --- ResNets (He et al. 2016)
// MLPerf Tiny's for 32x32: 16, 32, 64 filters, one block each.
Net resnet8(const DataSpec&, Rng&);
// Maps of 64 and more begin with conv 7x7/2 and pool, smaller ones with conv 3x3, as for CIFAR.
Net resnet18(const DataSpec&, Rng&);
Net resnet34(const DataSpec&, Rng&);
// WRN-depth-width (Zagoruyko & Komodakis 2016), pre-activation, no dropout. Throws Error unless
// depth = 6 n + 4.
Net wide_resnet(const DataSpec&, int depth, int width, Rng&);

// --- MobileNets; `alpha` scales the filters
// V1 (Howard et al. 2017): filters rounded down, at least 1. Any alpha above 0.
Net mobilenet_v1(const DataSpec&, double alpha, Rng&);
// V2 (Sandler et al. 2018): filters rounded to multiples of 8, the last 1280 or more.
Net mobilenet_v2(const DataSpec&, double alpha, Rng&);

// --- MLPerf Tiny (Banbury et al. 2021); its other two are mobilenet_v1(alpha 0.25) and resnet8
// Keyword spotting: DS-CNN (Zhang et al. 2017) for (1,49,10).
Net ds_cnn(const DataSpec&, Rng&);
// Anomaly detection: 128 x 4, 8, 128 x 4 and back to the sample's own size; samples (n) or of any
// shape, `classes` has no part in it.
Net autoencoder(const DataSpec&, Rng&);

// One of model_names(), where D, K and A stand for numbers (wrn-16-4, mobilenetv1-0.25); throws
// Error naming the nearest.
Net by_name(std::string_view name, const DataSpec&, Rng&);
std::vector<std::string_view> model_names();

// The net with the values of an .npz file whose arrays have the names of its leaves ("c1.w"), in
// PyTorch's order of axes. Throws Error for an array that is no leaf, a leaf without an array (save
// states and constants), other shapes, NaN and infinite values.
Net load_weights(const Net&, const std::filesystem::path& npz);

}  // namespace sparlet::nn
