#pragma once

#include "strata/data/images.h"

namespace strata {

/// Names of the ten classes of Fashion-MNIST (Xiao, Rasul and Vollgraf 2017), by label.
std::vector<std::string> fashion_mnist_classes();

/// Reads a split, "train" or "test", of a folder laid out like MNIST: train-images-idx3-ubyte, train-labels-idx1-ubyte,
/// t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, plain or with .gz. pixels [n, 1, height, width]; classes are left
/// empty. Throws Error naming a file that is missing, malformed or does not fit its partner.
ImageSet read_mnist_folder(const std::string& folder, const std::string& split);

}  // namespace strata
