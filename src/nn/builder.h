// Builder grows a net; Var is a value in it. A layer or block is any function Var -> Var.
#pragma once
#include <functional>

#include "autograd/op.h"
#include "data/dataset.h"
#include "nn/init.h"

namespace sparlet {

class NetBuilder;

struct Var {
  NetBuilder* builder = nullptr;
  Id id = -1;
  const Shape& shape() const;  // of one sample
};

class NetBuilder {
 public:
  // shapes: params drawn by the builder get no numbers. The graph is the same; for whoever asks for
  // types, memory or MACs alone.
  enum class Leaves { values, shapes };
  explicit NetBuilder(Rng& rng, Leaves leaves = Leaves::values) : rng_(rng), leaves_(leaves) {}

  Var input(std::string name, const Shape&, DType = DType::f32);
  // The input "x" of raw data, then its normalisation: (x - mean) * (1 / deviation). Nothing is added
  // where the data needs none.
  Var data_input(const DataSpec&);
  Var param(std::string name, const Shape&, Init);
  Var param(std::string name, const Shape&, const std::function<Tensor(Rng&)>& draw);
  Var param(std::string name, Tensor value);
  Var constant(std::string name, Tensor);
  Var state(std::string name, Tensor);
  Var op(const OpDef&, std::string name, std::vector<Var> in, Attrs = {});
  // "stem", or "stem2", "stem3" ... where that is taken in the present scope. Give it to op() etc.,
  // which put the scopes in front.
  std::string fresh(std::string_view stem) const;
  void push_scope(std::string name);      // names get "name." in front
  void pop_scope();
  const Net& net() const { return net_; }
  Rng& rng() { return rng_; }
  // The net whose output is `out`; what it does not need is dropped.
  Net finish(Var out);

 private:
  std::string scoped(std::string_view) const;
  Var leaf(const OpDef&, std::string name, Tensor value);

  Net net_;
  Rng& rng_;
  Leaves leaves_;
  std::vector<std::string> scopes_;
};

}  // namespace sparlet
