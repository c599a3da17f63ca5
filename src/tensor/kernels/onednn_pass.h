// What the oneDNN kernels are made of: one engine, one thread, and primitives whose arguments are
// made once. Only the oneDNN files include this.
#pragma once
#include <dnnl.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sparlet {

dnnl::engine& dnnl_engine();

// A primitive and its arguments. Running it allocates nothing here.
class DnnPass {
 public:
  DnnPass(const dnnl::primitive& primitive, const char* implementation)
      : primitive_(primitive), implementation_(implementation) {}

  // The next argument; its place is set before each run, unless `own` memory is given.
  void add(int argument, const dnnl::memory::desc&);
  void add(int argument, const dnnl::memory& own);
  // Sets the places of the arguments from the first on, in the order of add().
  void run(std::initializer_list<const void*> places);
  const std::string& implementation() const { return implementation_; }

 private:
  dnnl::primitive primitive_;
  std::string implementation_;
  std::vector<dnnl::memory> memories_;
  std::vector<dnnl_exec_arg_t> arguments_;
};

// A weight in the layout that a primitive asked for, and the way there (or back).
class DnnWeight {
 public:
  DnnWeight(const dnnl::memory::desc& plain, const dnnl::memory::desc& packed);
  const dnnl::memory& packed() const { return packed_; }
  void pack(const float* plain) { in_->run({plain}); }
  void unpack(float* plain) { out_->run({plain}); }

 private:
  dnnl::memory packed_;
  std::optional<DnnPass> in_, out_;
};

// Makes a primitive descriptor with the weight's layout left to oneDNN or, where that ends in its
// reference code (up to 1000 times slower), with the plain layout. Null if neither is any good.
// make(weight layout) may throw dnnl::error.
template <class Make>
auto best_of(const dnnl::memory::desc& any, const dnnl::memory::desc& plain, Make make)
    -> std::optional<decltype(make(any))> {
  for (const dnnl::memory::desc* weight : {&any, &plain}) {
    try {
      auto made = make(*weight);
      const std::string_view name = made.impl_info_str();
      if (name.find("ref") == name.npos) return made;
    } catch (const dnnl::error&) {  // no implementation at all
    }
  }
  return std::nullopt;
}

}  // namespace sparlet
