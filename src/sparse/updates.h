// When a dynamic method changes the connections, and how many of them.
#pragma once
#include <cstdint>

namespace sparlet::sparse {

// How the fraction that is dropped goes down between `begin` and the end of the updates, u = 0 .. 1 there.
enum class Anneal {
  constant,     // p
  cosine,       // p (1 + cos(pi u)) / 2: Evci et al. 2020, eq. 1
  linear,       // p (1 - u)
  exponential,  // p (1 - u)^power: Zhu & Gupta's form
  rate,         // p × the learning rate / the first learning rate
};
struct Updates {
  int64_t begin = 0, end = -1;  // steps; end -1: to the end of training
  int64_t every = 100;          // steps from one to the next, counted from `begin`; 0: an epoch
  double stop = 0.75;           // share of training after which there is none
  double fraction = 0.3;        // p: of a weight's connections
  Anneal anneal = Anneal::cosine;
  double power = 3;
};
// Throws Error for what is out of range.
void check(const Updates&);

struct Moment {
  int64_t step = 1;      // done, from 1
  double training = 0;   // share of training that is done, 1 at the last step
  int64_t epoch = 0;     // steps of an epoch; 0: unknown
  double rate = 1;       // learning rate / first learning rate
};
// Never at the last step: nothing could be learnt after it. Throws Error for every = 0 where an epoch is unknown.
bool due(const Updates&, const Moment&);
double drop_fraction(const Updates&, const Moment&);
// From now to the step of the next update, 0: this one; -1: there is none to come. Throws as due().
int64_t steps_to_next(const Updates&, const Moment&);

// For training that is longer by this factor: begin, end and every times it.
Updates stretched(Updates, double factor);

}  // namespace sparlet::sparse
