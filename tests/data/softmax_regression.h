// The linear classifier by which the digits' difficulty is measured.
#pragma once
#include "data/dataset.h"

namespace sparlet {

// Test accuracy of softmax(W x + b), x normalised, after `epochs` of minibatch gradient descent
// with momentum on the cross-entropy. Deterministic.
double softmax_regression(const Dataset& train, const Dataset& test, const DataSpec&, int epochs);

}  // namespace sparlet
