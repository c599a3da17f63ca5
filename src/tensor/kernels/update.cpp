#include "tensor/kernels/update.h"

#include <cmath>

// The bodies are plain loops, compiled once more for each wider instruction set. Contraction to FMA
// is off and +, *, / and sqrt are correctly rounded, so every set gives the same bits.
#if defined(__GNUC__) && defined(__x86_64__)
#define SPARLET_WIDE 1
#endif

namespace sparlet {
namespace {

using Factors = UpdateFactors;
using Loop = void (*)(const Factors&, const UpdateArgs&);

[[gnu::always_inline]] inline void sgd(const Factors& f, const UpdateArgs& a) {
  float* __restrict w = a.weight;
  const float* __restrict g = a.grad;
  for (int64_t i = 0; i < a.count; ++i) w[i] = f.keep * w[i] - f.rate * (g[i] + f.decay * w[i]);
}

// PyTorch's momentum: v = m v + g, and the rate outside of it.
template <bool nesterov>
[[gnu::always_inline]] inline void sgd_momentum(const Factors& f, const UpdateArgs& a) {
  float* __restrict w = a.weight;
  float* __restrict v = a.slot[0];
  const float* __restrict g = a.grad;
  for (int64_t i = 0; i < a.count; ++i) {
    const float d = g[i] + f.decay * w[i];
    v[i] = f.momentum * v[i] + d;
    w[i] = f.keep * w[i] - f.rate * (nesterov ? d + f.momentum * v[i] : v[i]);
  }
}

// Kingma & Ba 2015, algorithm 1, with the bias corrections as PyTorch orders them.
template <bool decoupled>
[[gnu::always_inline]] inline void adam(const Factors& f, const UpdateArgs& a) {
  float* __restrict w = a.weight;
  float* __restrict m = a.slot[0];
  float* __restrict v = a.slot[1];
  const float* __restrict g = a.grad;
  for (int64_t i = 0; i < a.count; ++i) {
    const float d = decoupled ? g[i] : g[i] + f.decay * w[i];
    const float kept = decoupled ? w[i] * f.keep : w[i];
    m[i] = f.beta1 * m[i] + f.one_less1 * d;
    v[i] = f.beta2 * v[i] + f.one_less2 * d * d;
    w[i] = kept - f.step_size * (m[i] / (std::sqrt(v[i]) * f.root + f.epsilon));
  }
}

// PyTorch's: the root of the running mean of squares, epsilon outside of it.
template <bool with_momentum>
[[gnu::always_inline]] inline void rmsprop(const Factors& f, const UpdateArgs& a) {
  float* __restrict w = a.weight;
  float* __restrict v = a.slot[0];
  float* __restrict b = a.slot[1];
  const float* __restrict g = a.grad;
  for (int64_t i = 0; i < a.count; ++i) {
    const float d = g[i] + f.decay * w[i];
    v[i] = f.beta2 * v[i] + f.one_less2 * d * d;
    const float scaled = d / (std::sqrt(v[i]) + f.epsilon);
    if constexpr (with_momentum) b[i] = f.momentum * b[i] + scaled;
    w[i] -= f.rate * (with_momentum ? b[i] : scaled);
  }
}

struct Loops {
  Loop sgd, momentum, nesterov, adam, adamw, rmsprop, rmsprop_momentum;
};

#define SPARLET_LOOPS(suffix, target)                                                            \
  target void sgd_##suffix(const Factors& f, const UpdateArgs& a) { sgd(f, a); }                 \
  target void momentum_##suffix(const Factors& f, const UpdateArgs& a) {                         \
    sgd_momentum<false>(f, a);                                                                   \
  }                                                                                              \
  target void nesterov_##suffix(const Factors& f, const UpdateArgs& a) {                         \
    sgd_momentum<true>(f, a);                                                                    \
  }                                                                                              \
  target void adam_##suffix(const Factors& f, const UpdateArgs& a) { adam<false>(f, a); }        \
  target void adamw_##suffix(const Factors& f, const UpdateArgs& a) { adam<true>(f, a); }        \
  target void rms_##suffix(const Factors& f, const UpdateArgs& a) { rmsprop<false>(f, a); }      \
  target void rms_momentum_##suffix(const Factors& f, const UpdateArgs& a) {                     \
    rmsprop<true>(f, a);                                                                         \
  }                                                                                              \
  constexpr Loops suffix{sgd_##suffix,   momentum_##suffix, nesterov_##suffix,    adam_##suffix, \
                         adamw_##suffix, rms_##suffix,      rms_momentum_##suffix};

SPARLET_LOOPS(baseline, )
#ifdef SPARLET_WIDE
SPARLET_LOOPS(avx2, [[gnu::target("avx2")]])
SPARLET_LOOPS(avx512, [[gnu::target("avx512f,prefer-vector-width=512")]])
#endif

const Loops& loops() {
#ifdef SPARLET_WIDE
  static const Loops& best = __builtin_cpu_supports("avx512f") ? avx512
                             : __builtin_cpu_supports("avx2")  ? avx2
                                                               : baseline;
  return best;
#else
  return baseline;
#endif
}

}  // namespace

UpdateFactors factors_of(const UpdateRule& rule, const UpdateArgs& args) {
  UpdateFactors f{};
  f.rate = args.rate;
  const bool decoupled = rule.kind == UpdateRule::Kind::adamw ||
                         (rule.kind == UpdateRule::Kind::sgd && rule.decoupled);
  f.decay = decoupled ? 0 : rule.weight_decay;
  f.keep = decoupled ? float(1 - double(args.rate) * double(rule.weight_decay)) : 1;
  f.momentum = rule.momentum;
  f.beta1 = rule.beta1;
  f.beta2 = rule.beta2;
  f.one_less1 = float(1 - double(rule.beta1));
  f.one_less2 = float(1 - double(rule.beta2));
  f.epsilon = rule.epsilon;
  if (rule.kind != UpdateRule::Kind::adam && rule.kind != UpdateRule::Kind::adamw) return f;
  const double t = double(args.step);
  f.step_size = float(double(args.rate) / (1 - std::pow(double(rule.beta1), t)));
  f.root = float(1 / std::sqrt(1 - std::pow(double(rule.beta2), t)));
  return f;
}

void update(const UpdateRule& rule, const UpdateArgs& args) {
  const UpdateFactors f = factors_of(rule, args);
  const Loops& best = loops();
  switch (rule.kind) {
    case UpdateRule::Kind::sgd:
      return (rule.momentum == 0 ? best.sgd
              : rule.nesterov    ? best.nesterov
                                 : best.momentum)(f, args);
    case UpdateRule::Kind::rmsprop:
      return (rule.momentum == 0 ? best.rmsprop : best.rmsprop_momentum)(f, args);
    case UpdateRule::Kind::adam:
      return best.adam(f, args);
    case UpdateRule::Kind::adamw:
      return best.adamw(f, args);
  }
}

}  // namespace sparlet
