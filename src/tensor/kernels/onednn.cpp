#include <dlfcn.h>

#include "tensor/kernels/onednn_pass.h"

namespace sparlet {
namespace {

// Debian's oneDNN brings libgomp: one thread serves one trial. Looked up at run time, so that
// nothing else needs OpenMP. The setting belongs to the calling thread.
void one_thread() {
  thread_local const bool once = [] {
    using Set = void (*)(int);
    if (auto set = reinterpret_cast<Set>(dlsym(RTLD_DEFAULT, "omp_set_num_threads"))) set(1);
    return true;
  }();
  (void)once;
}

dnnl::stream& stream() {
  thread_local dnnl::stream stream(dnnl_engine());
  return stream;
}

}  // namespace

dnnl::engine& dnnl_engine() {
  static dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  one_thread();
  return engine;
}

void DnnPass::add(int argument, const dnnl::memory::desc& desc) {
  add(argument, dnnl::memory(desc, dnnl_engine(), DNNL_MEMORY_NONE));
}

void DnnPass::add(int argument, const dnnl::memory& own) {
  memories_.push_back(own);
  arguments_.push_back({argument, own.get()});
}

void DnnPass::run(std::initializer_list<const void*> places) {
  size_t i = 0;
  for (const void* place : places) memories_[i++].set_data_handle(const_cast<void*>(place));
  // The C call: the C++ one builds two containers on the way.
  dnnl::error::wrap_c_api(dnnl_primitive_execute(primitive_.get(), stream().get(),
                                                 int(arguments_.size()), arguments_.data()),
                          "oneDNN failed");
}

DnnWeight::DnnWeight(const dnnl::memory::desc& plain, const dnnl::memory::desc& packed)
    : packed_(packed, dnnl_engine()) {
  const dnnl::memory there(plain, dnnl_engine(), DNNL_MEMORY_NONE);
  in_.emplace(
      dnnl::reorder(dnnl::reorder::primitive_desc(dnnl_engine(), plain, dnnl_engine(), packed)),
      "reorder");
  in_->add(DNNL_ARG_FROM, there);
  in_->add(DNNL_ARG_TO, packed_);
  const dnnl::memory back(plain, dnnl_engine(), DNNL_MEMORY_NONE);
  out_.emplace(
      dnnl::reorder(dnnl::reorder::primitive_desc(dnnl_engine(), packed, dnnl_engine(), plain)),
      "reorder");
  out_->add(DNNL_ARG_TO, back);
  out_->add(DNNL_ARG_FROM, packed_);
}

}  // namespace sparlet
