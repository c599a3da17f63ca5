// OpDef: all the library knows of one op. A new op is one file in ops/ and one word in ops/list.h.
#pragma once
#include <memory>
#include <span>

#include "autograd/graph.h"
#include "autograd/layout.h"
#include "tensor/kernels/kernels.h"
#include "tensor/kernels/update.h"
#include "tensor/rng.h"
#include "tensor/sparse.h"

namespace sparlet {

enum class Mode { infer, train };
struct SparseOperand;

// One call's operands. Batched values have the shape [n, ...type.shape]; see layout.h for the order
// of their elements. `out` may stand on the memory of an input only where OpDef::in_place says so.
struct Io {
  int64_t n = 1;             // samples in this batch, 1 .. MakeContext::batch
  std::span<const View> in;  // state leaves may be written (in train mode)
  View out;
  void* scratch = nullptr;  // Kernel::scratch_bytes() bytes, 64-byte aligned; not kept
  Rng* rng = nullptr;       // for ops with OpDef::random
};

// A node made ready once and run often: primitives, packed weights, what backward needs. One
// thread.
class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual int64_t scratch_bytes() const { return 0; }
  // In infer mode unbatched operands stay the same between calls (so they may be packed at the
  // first forward), until this is called.
  virtual void operands_changed() {}
  // In infer mode, after a forward: this operand stands in a form of the kernel's own and is not
  // read again before operands_changed(), so that its memory may be given back.
  virtual bool packed(size_t operand) const;
  virtual void forward(const Io&) = 0;
  // After forward on the same operands. dy: gradient of the output. Overwrites din[i] fully where
  // it is not empty (where it is, the gradient is not wanted). Default: Error, no gradient.
  virtual void backward(const Io&, const View& dy, std::span<const View> din);
  // Whether the gradient of an operand may stay unwritten, a sum of few outer products: backward()
  // is given no din for it, and until the next forward or backward put_off() says what it is.
  virtual bool puts_off(size_t operand) const;
  virtual OuterGrad put_off(const Io&, const View& dy, size_t operand) const;
  // Of a sparse operand (OpDef::sparse): rows [begin, end) of dLoss/dWeight as if the weight were
  // dense, in plain order, after forward on the same operands. Default: Error.
  virtual void dense_weight_grad(const Io&, const View& dy, const SparseOperand&, int64_t begin,
                                 int64_t end, float* rows);
};

struct MakeContext {
  int64_t batch = 1;  // the most samples of one call
  Mode mode = Mode::infer;
  const Kernels* kernels = nullptr;     // the forced or best path; never null inside make()
  std::vector<const Node*> in;          // the nodes read
  std::vector<Placement> in_placement;  // where they lie; see layout.h
  Placement placement;                  // of the output
  // Nodes that this one's kernel does as well, writing the last one's value: see fusion.h. What
  // they read besides each other's values stands in `in` behind this one's own.
  std::vector<const Node*> then = {};
  std::vector<bool> in_grad = {};  // training, by input: whether its gradient is wanted
};

// How a table test fills an input: `normal` floats; `positive` in [0.5, 1.5]; small whole numbers
// for int8 and int32 values; `length` 1, 2 or 3.
enum class Fill { normal, positive, integer, length };

// One case that every table test and micro-benchmark runs. Input 0 .. are made as leaves.
struct Sample {
  struct Input {
    Shape shape;
    std::string_view leaf = "input";  // input, param, constant, state
    DType dtype = DType::f32;
    Fill fill = Fill::normal;
    Attrs attrs = {};                  // extra ones of the leaf (scale, zero)
    std::vector<int32_t> values = {};  // exactly these numbers, instead of `fill`
  };
  std::string_view name;
  std::vector<Input> in;
  Attrs attrs = {};
};

// A weight that an op reads as in[values], in[values + 1] and in[values + 2] (tensor/sparse.h):
// trained like any param, at its entries alone.
struct SparseOperand {
  SparseFormat format = SparseFormat::csr;
  int values = 1;
  Shape dense;  // shape of the dense weight
};

struct OpDef {
  std::string_view name;
  Type (*infer)(const Node&, std::span<const Type> in);    // throws Error naming the node on misuse
  int64_t (*macs)(const Node&, std::span<const Type> in);  // multiply-accumulates of one sample
  std::unique_ptr<Kernel> (*make)(const Node&, const MakeContext&);  // null for leaves
  std::vector<Sample> samples = {};
  // A sample's result depends on its batch (batch-norm in training).
  bool couples_batch = false;
  // Draws from Io::rng (dropout).
  bool random = false;
  // Element i of the output needs element i of the inputs only, whatever their order.
  bool elementwise = false;
  // Has a backward.
  bool trainable = true;
  // The input whose memory the output may take over if nobody else needs it, or -1. The kernel must
  // give the same result either way.
  int (*in_place)(const Node&, std::span<const Type> in) = nullptr;
  // Bytes of scratch that the portable kernel (the device's) needs for one sample.
  int64_t (*scratch)(const Node&, std::span<const Type> in) = nullptr;
  // Its sparse weights, in the order of the inputs; null: never any. infer() has been through.
  std::vector<SparseOperand> (*sparse)(const Node&, std::span<const Type> in) = nullptr;
};

// The leaves.
extern const OpDef input_op, param_op, constant_op, state_op;
bool is_leaf(const OpDef&);  // input, param, constant or state

// The sparse weights that a node reads.
std::vector<SparseOperand> sparse_operands(const Graph&, const Node&);
// Throws Error that begins with `where`, then the node, for places of a sparse weight that are out
// of range, out of order, or twice. For nets that come from files.
void check_patterns(const Net&, std::string_view where);

std::span<const OpDef* const> all_ops();      // leaves first
const OpDef& find_op(std::string_view name);  // throws Error naming the nearest op

}  // namespace sparlet
