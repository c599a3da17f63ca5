// Builder grows a net; Var is a value in it. A layer or block is any function Var -> Var.
#pragma once
#include "autograd/op.h"
#include "data/dataset.h"

namespace sparlet {

class NetBuilder;

struct Var {
  NetBuilder* builder = nullptr;
  Id id = -1;
  const Shape& shape() const;
};

// How fresh weights are drawn; fan-in and fan-out by the weight's shape (O, I, kernel...).
enum class Init { kaiming_normal, kaiming_uniform, xavier_normal, xavier_uniform, zeros, ones };

class NetBuilder {
 public:
  explicit NetBuilder(Rng& rng) : rng_(rng) {}

  Var input(std::string name, const Shape&, DType = DType::f32);
  // The input of raw data, then its normalisation: (x - mean) * (1 / deviation).
  Var data_input(const DataSpec&);
  Var param(std::string name, const Shape&, Init);
  Var constant(std::string name, Tensor);
  Var state(std::string name, Tensor);
  Var op(const OpDef&, std::string name, std::vector<Var> in, Attrs = {});
  // An unused name "stem", "stem2", ...; with the scopes' prefix.
  std::string fresh(std::string_view stem) const;
  void push_scope(std::string name);      // names get "name." in front
  void pop_scope();
  const Net& net() const { return net_; }
  Rng& rng() { return rng_; }
  // The net whose output is `out`; what it does not need is dropped.
  Net finish(Var out);

 private:
  std::string scoped(std::string_view) const;
  Net net_;
  Rng& rng_;
  std::vector<std::string> scopes_;
};

void initialize(Tensor& weight, Init, Rng&);

}  // namespace sparlet
