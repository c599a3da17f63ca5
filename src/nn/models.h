// Reference networks.
#pragma once
#include "nn/layers.h"

namespace sparlet::nn {

// LeNet-5 (LeCun et al. 1998) with max pools and relus: conv 6@5, pool, conv 16@5, pool, 120, 84,
// classes. Maps below 32x32 are padded by 2, as the paper's 28x28 digits are.
Net lenet5(const DataSpec&, Rng&);
// LeNet-300-100: two hidden layers.
Net mlp(const DataSpec&, Rng&);
// Multinomial logistic regression.
Net softmax_regression(const DataSpec&, Rng&);

// One of model_names(); throws Error naming the nearest.
Net by_name(std::string_view name, const DataSpec&, Rng&);
std::vector<std::string_view> model_names();

}  // namespace sparlet::nn
