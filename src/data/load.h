// From the user's words to a data set in three parts, ready to train on.
#pragma once
#include <filesystem>
#include <string>

#include "data/dataset.h"

namespace sparlet {

struct DataOptions {
  // digits: the built-in strokes. mnist, fashion, idx: a folder with the four files
  // train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
  // t10k-labels-idx1-ubyte, each plain or with .gz behind its name.
  std::string source = "digits";
  // The folder. Empty: $SPARLET_DATA/mnist or $SPARLET_DATA/fashion.
  std::filesystem::path path;
  // Samples of each part; 0: as many as there are. The digits' own numbers are 6000, 1500, 2000.
  int64_t train = 0, validation = 0, test = 0;
  // The share of the training files that validates where `validation` is 0: 5000 of MNIST's 60,000.
  double validation_fraction = 1.0 / 12;
  // Draws the digits, and which samples validate.
  uint64_t seed = 1;
};

// Validation and smaller parts are taken class by class in proportion; validation never depends on
// `train`, nor test on either, and no sample is in two parts. Normalisation is fitted on train.
// Throws Error for an unknown source, missing or bad files and more samples than there are.
Data load_data(const DataOptions&);

}  // namespace sparlet
