// Closed forms that turn beliefs about objectives into what a trial is worth; EHVI is in ehvi.h.
#pragma once
#include <span>
#include <vector>

#include "tensor/rng.h"

namespace sparlet::search {

// A weight vector, uniform on the simplex.
std::vector<double> random_weights(int objectives, Rng&);
// Augmented Chebyshev, to be minimised: max_k(w_k f_k) + rho × sum_k(w_k f_k). Knowles, "ParEGO",
// IEEE TEC 10(1), 2006, eq. 2. Values are normalised ones.
double chebyshev(std::span<const double> weights, std::span<const double> f, double rho = 0.05);

// E max(best - f, 0) for f ~ N(mean, sigma²). Jones, Schonlau & Welch 1998, eq. 15.
double expected_improvement(double mean, double sigma, double best);
// E max(best - s, 0) where s is the augmented Chebyshev of f and only f[uncertain] is unknown, with
// f[uncertain] ~ N(mean, sigma²). Closed form; f[uncertain] is not read.
struct ChebyshevImprovement {
  std::span<const double> weights, f;
  size_t uncertain = 0;
  double mean = 0, sigma = 0, best = 0, rho = 0.05;
};
double expected_improvement(const ChebyshevImprovement&);

}  // namespace sparlet::search
