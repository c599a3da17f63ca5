// The smallest program that runs a model: it links the runtime and nothing else of sparlet.
//   minimal_host                         a built-in model, two images
//   minimal_host MODEL.spt IMAGES OUT    IMAGES: an IDX file (gunzip it first) or raw bytes, image
//   after
//                                        image, channel planes one after the other; OUT: the int8
//                                        outputs
//
#include <stdio.h>
#include <string.h>

#include "runtime/runtime.h"
#include "tiny_model.h"

namespace rt = sparlet::rt;
alignas(4) static uint8_t arena[64 * 1024];
alignas(4) static uint8_t file_bytes[1024 * 1024];
static uint8_t image[sizeof arena];
constexpr uint8_t paint = 0xa5;

static int fail(const char* what, const char* why) {
  fprintf(stderr, "%s: %s\n", what, why);
  return 1;
}

static size_t read_file(const char* path, uint8_t* to, size_t most) {
  FILE* f = fopen(path, "rb");
  if (f == nullptr) return 0;  // open() then says that it is cut short
  const size_t bytes = fread(to, 1, most, f);
  fclose(f);
  return bytes;
}

// A pixel p in 0..255 goes in as p - 128; planes [c][h][w] become [h][w][c].
static void set_input(const rt::Value& x) {
  const uint32_t plane = x.h * x.w;
  for (uint32_t c = 0; c < x.c; ++c)
    for (uint32_t i = 0; i < plane; ++i) x.data[i * x.c + c] = int8_t(image[c * plane + i] - 128);
}

// Bytes of the arena up to the last that is not as it was painted.
static size_t touched(size_t at_least) {
  for (size_t n = sizeof arena; n > at_least; --n)
    if (arena[n - 1] != paint) return n;
  return at_least;
}

static int open_model(rt::Model& model, const void* file, size_t bytes, const char* name) {
  memset(arena, paint, sizeof arena);
  const rt::Status status = rt::open(model, file, bytes, arena, sizeof arena);
  return status == rt::Status::ok ? 0 : fail(name, rt::describe(status));
}

static int run_tiny(rt::Model& model) {
  if (open_model(model, tiny_model, sizeof tiny_model, "built-in model") != 0) return 1;
  for (int side = 0; side < 2; ++side) {  // the left half bright, then the right
    for (int i = 0; i < 16; ++i) image[i] = uint8_t((i % 4 < 2) == (side == 0) ? 200 : 30);
    set_input(rt::input(model));
    rt::run(model);
    const rt::Value y = rt::output(model);
    printf("%s half bright: left %d, right %d\n", side == 0 ? "left " : "right", y.data[0],
           y.data[1]);
  }
  printf("arena %zu bytes\n", rt::memory_needed(tiny_model, sizeof tiny_model));
  return 0;
}

static int run_images(const rt::Model& model, FILE* in, FILE* out, const char* name) {
  uint8_t head[4];
  const bool idx = fread(head, 1, 4, in) == 4 && head[0] == 0 && head[1] == 0 && head[2] == 8;
  if (fseek(in, idx ? 4 + 4 * head[3] : 0, SEEK_SET) != 0) return fail(name, "cannot seek");
  const uint32_t size = rt::input(model).bytes;
  unsigned long images = 0;
  size_t highest = 0, bytes;
  for (; (bytes = fread(image, 1, size, in)) == size; ++images) {
    set_input(rt::input(model));
    rt::run(model);
    const rt::Value y = rt::output(model);
    if (fwrite(y.data, 1, y.bytes, out) != y.bytes) return fail("output", "cannot write");
    highest = touched(highest);
  }
  if (bytes != 0) return fail(name, "ends inside an image of the model's size");
  printf("images %lu\narena %zu\nhighest byte touched + 1 %zu\n", images,
         rt::memory_needed(model.file, sizeof file_bytes), highest);
  return 0;
}

int main(int argc, char** argv) {
  rt::Model model;
  if (argc == 1) return run_tiny(model);
  if (argc != 4) return fail("usage", "minimal_host [MODEL.spt IMAGES OUT]");
  if (open_model(model, file_bytes, read_file(argv[1], file_bytes, sizeof file_bytes), argv[1]) !=
      0)
    return 1;
  FILE* in = fopen(argv[2], "rb");
  if (in == nullptr) return fail(argv[2], "cannot read");
  FILE* out = fopen(argv[3], "wb");
  if (out == nullptr) return fail(argv[3], "cannot write");
  const int result = run_images(model, in, out, argv[2]);
  return fclose(out) == 0 ? result : fail(argv[3], "cannot write");
}
