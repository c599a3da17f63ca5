// From the user's words to a data set in three parts, ready to train on.
#pragma once
#include <filesystem>
#include <string>

#include "data/collate.h"
#include "data/dataset.h"

namespace sparlet {

struct DataOptions {
  // One of data_sources():
  //   digits, gestures, touch  built in: strokes, accelerometer, pressure sensor
  //   mnist, fashion, idx      a folder with train-images-idx3-ubyte, train-labels-idx1-ubyte,
  //                            t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, each plain or
  //                            with .gz behind its name
  //   cifar10, cifar100        a folder with the binary batches (cifar.h)
  //   har                      the folder "UCI HAR Dataset" (har.h)
  //   npz                      a file of the user's own (arrays.h)
  std::string source = "digits";
  // The folder or file. Empty: in $SPARLET_DATA mnist, fashion, cifar-10-batches-bin,
  // cifar-100-binary or "UCI HAR Dataset".
  std::filesystem::path path;
  // Samples of each part; 0: as many as there are. Built in: digits 6000, 1500, 2000, gestures and
  // touch 4200, 840, 1260.
  int64_t train = 0, validation = 0, test = 0;
  // The share of the training files that validates where `validation` is 0: 5000 of MNIST's 60,000.
  double validation_fraction = 1.0 / 12;
  // Draws the digits, and which samples validate.
  uint64_t seed = 1;
  // npz without X_test: the share of the samples that tests.
  double test_fraction = 1.0 / 6;
  // har and npz: parts are split by whole groups (subjects), not sample by sample. The built-in
  // sequences always are: 20, 5 and 6 subjects.
  bool by_group = false;
  // Sequences: this many steps, made so by `fit`; 0: as they are.
  int64_t steps = 0;
  Fit fit = Fit::pad;
  // (steps, channels) as (channels, steps).
  bool channels_first = false;
};

std::vector<std::string_view> data_sources();

// Validation and smaller parts are taken class by class in proportion; validation never depends on
// `train`, nor test on either, and no sample is in two parts. Sequences are made `steps` long after
// the split. Normalisation is fitted on train. Throws Error for an unknown source, missing or bad
// files and more samples than there are.
Data load_data(const DataOptions&);

}  // namespace sparlet
