#include "nn/builder.h"

#include <cassert>
#include <charconv>

#include "autograd/ops/ops.h"
#include "autograd/rewrite.h"
#include "tensor/error.h"

namespace sparlet {
namespace {

// The double whose shortest text is the float's, so that text forms stay short.
double shortest(float value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  double wide = 0;
  std::from_chars(text, end, wide);
  return wide;
}

Tensor scalar(float value) { return Tensor(Shape{1}, std::vector<float>{value}); }

Attrs leaf_attrs(const Shape& shape, DType dtype) {
  Attrs attrs{{"shape", attr(shape)}};
  if (dtype != DType::f32) attrs["dtype"] = std::string(name_of(dtype));
  return attrs;
}

}  // namespace

const Shape& Var::shape() const { return builder->net().graph[id].type.shape; }

std::string NetBuilder::scoped(std::string_view name) const {
  std::string full;
  for (const std::string& scope : scopes_) full += scope + '.';
  return full.append(name);
}

Var NetBuilder::leaf(const OpDef& def, std::string name, Tensor value) {
  require(bool(value), "{} ({}): has no value", scoped(name), def.name);
  const Var var = op(def, std::move(name), {}, leaf_attrs(value.shape(), value.dtype()));
  net_.params.back() = std::move(value);
  return var;
}

Var NetBuilder::input(std::string name, const Shape& shape, DType dtype) {
  return op(input_op, std::move(name), {}, leaf_attrs(shape, dtype));
}

Var NetBuilder::data_input(const DataSpec& spec) {
  const Var x = input("x", spec.shape);
  if (spec.mean == 0 && spec.deviation == 1) return x;
  require(spec.deviation > 0, "{} (input): the data's deviation is {}, wanted one above 0",
          scoped("x"), spec.deviation);
  // `value` lets the text form alone be trained anew.
  const auto fixed = [&](const char* name, float value) {
    Attrs attrs = leaf_attrs(Shape{1}, DType::f32);
    attrs["value"] = shortest(value);
    const Var var = op(constant_op, name, {}, std::move(attrs));
    net_.params.back() = scalar(value);
    return var;
  };
  const Var centred = op(sub_op, "x.centred", {x, fixed("x.mean", spec.mean)});
  return op(mul_op, "x.normalized", {centred, fixed("x.scale", 1 / spec.deviation)});
}

Var NetBuilder::param(std::string name, const Shape& shape, Init init) {
  return param(std::move(name), shape, [&](Rng& rng) {
    Tensor value(shape);
    initialize(value, init, rng);
    return value;
  });
}

Var NetBuilder::param(std::string name, const Shape& shape,
                      const std::function<Tensor(Rng&)>& draw) {
  // Before any memory is asked for.
  require(count(shape) <= kMostLeafBytes / int64_t(sizeof(float)),
          "{} (param): {} is more than {} bytes", scoped(name), to_string(shape), kMostLeafBytes);
  if (leaves_ == Leaves::shapes)
    return op(param_op, std::move(name), {}, leaf_attrs(shape, DType::f32));
  return leaf(param_op, std::move(name), draw(rng_));
}

Var NetBuilder::param(std::string name, Tensor value) {
  return leaf(param_op, std::move(name), std::move(value));
}

Var NetBuilder::constant(std::string name, Tensor value) {
  return leaf(constant_op, std::move(name), std::move(value));
}

Var NetBuilder::state(std::string name, Tensor value) {
  return leaf(state_op, std::move(name), std::move(value));
}

Var NetBuilder::op(const OpDef& def, std::string name, std::vector<Var> in, Attrs attrs) {
  std::vector<Id> ids;
  for (const Var& var : in) {
    require(var.builder == this, "{} ({}): an input is of another builder", scoped(name), def.name);
    ids.push_back(var.id);
  }
  const Id id = net_.graph.add(def, scoped(name), std::move(ids), std::move(attrs));
  net_.params.resize(net_.graph.nodes.size());
  return {this, id};
}

std::string NetBuilder::fresh(std::string_view stem) const {
  std::string name(stem);
  for (int n = 2; net_.graph.find(scoped(name)); ++n) name = fmt::format("{}{}", stem, n);
  return name;
}

void NetBuilder::push_scope(std::string name) { scopes_.push_back(std::move(name)); }

void NetBuilder::pop_scope() {
  assert(!scopes_.empty());
  scopes_.pop_back();
}

Net NetBuilder::finish(Var out) {
  require(out.builder == this, "net: the output is of another builder");
  // The output must stand last; what comes after it cannot be needed by it.
  Net net = net_;
  net.graph.nodes.resize(size_t(out.id) + 1);
  net.params.resize(size_t(out.id) + 1);
  return drop_dead(net);
}

}  // namespace sparlet
