#include "tensor/kernels/volume.h"

namespace sparlet {
namespace {

// visit(number of the place, d, h, w) for all places of a window.
template <class Visit>
void each_place(const Volume& v, Visit visit) {
  int64_t place = 0;
  const int64_t nd = v.d.places(), nh = v.h.places(), nw = v.w.places();
  for (int64_t d = 0; d < nd; ++d)
    for (int64_t h = 0; h < nh; ++h)
      for (int64_t w = 0; w < nw; ++w) visit(place++, d, h, w);
}

// visit(number of the element) for all elements under the window at a place.
template <class Visit>
void each_element(const Volume& v, int64_t pd, int64_t ph, int64_t pw, Visit visit) {
  for (int64_t d = v.d.begin(pd); d < v.d.end(pd); ++d)
    for (int64_t h = v.h.begin(ph); h < v.h.end(ph); ++h)
      for (int64_t w = v.w.begin(pw); w < v.w.end(pw); ++w)
        visit((d * v.h.size + h) * v.w.size + w);
}

float share(const Volume& v, bool count_pad, int64_t pd, int64_t ph, int64_t pw) {
  const int64_t inside =
      (v.d.end(pd) - v.d.begin(pd)) * (v.h.end(ph) - v.h.begin(ph)) * (v.w.end(pw) - v.w.begin(pw));
  return 1.f / float(count_pad ? v.window() : inside);
}

}  // namespace

void max_pool(const Volume& v, int64_t planes, const float* x, float* y, int32_t* from) {
  for (int64_t p = 0; p < planes; ++p, x += v.size()) {
    each_place(v, [&](int64_t place, int64_t d, int64_t h, int64_t w) {
      int64_t best = -1;
      each_element(v, d, h, w, [&](int64_t i) {  // NaN wins, and stays
        if (best < 0 || (!(x[i] <= x[best]) && x[best] == x[best])) best = i;
      });
      y[place] = x[best];
      if (from) from[place] = int32_t(best);
    });
    y += v.places();
    if (from) from += v.places();
  }
}

void max_pool_backward(const Volume& v, int64_t planes, const int32_t* from, const float* dy,
                       float* dx) {
  std::fill_n(dx, planes * v.size(), 0.f);
  for (int64_t p = 0; p < planes; ++p, dx += v.size())
    for (int64_t i = 0; i < v.places(); ++i) dx[*from++] += *dy++;
}

void avg_pool(const Volume& v, bool count_pad, int64_t planes, const float* x, float* y) {
  for (int64_t p = 0; p < planes; ++p, x += v.size(), y += v.places())
    each_place(v, [&](int64_t place, int64_t d, int64_t h, int64_t w) {
      float sum = 0;
      each_element(v, d, h, w, [&](int64_t i) { sum += x[i]; });
      y[place] = sum * share(v, count_pad, d, h, w);
    });
}

void avg_pool_backward(const Volume& v, bool count_pad, int64_t planes, const float* dy,
                       float* dx) {
  std::fill_n(dx, planes * v.size(), 0.f);
  for (int64_t p = 0; p < planes; ++p, dx += v.size(), dy += v.places())
    each_place(v, [&](int64_t place, int64_t d, int64_t h, int64_t w) {
      const float part = dy[place] * share(v, count_pad, d, h, w);
      each_element(v, d, h, w, [&](int64_t i) { dx[i] += part; });
    });
}

}  // namespace sparlet
