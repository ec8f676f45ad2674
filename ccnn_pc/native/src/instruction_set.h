// The operators for one instruction set; its file defines NAMESPACE and VECTOR_BYTES and sets the target.
namespace NAMESPACE {
#include "vectors.h"

#include "matrix.h"

#include "features.h"

#include "convolution.h"

#include "points.h"

#include "grids.h"

#include "moments.h"

template void forward<float>(const Problem<float>&);
template void forward<double>(const Problem<double>&);
template void backward<float>(const Problem<float>&, const Gradients<float>&);
template void backward<double>(const Problem<double>&, const Gradients<double>&);
template void farthest<float>(const Farthest<float>&);
template void farthest<double>(const Farthest<double>&);
template void depthwise_kernel<float>(const Depthwise<float>&);
template void depthwise_kernel<double>(const Depthwise<double>&);
template void moments<float>(const Moments<float>&);
template void moments<double>(const Moments<double>&);
void nearest_points(const Neighbours& problem) { nearest(problem); }
}  // namespace NAMESPACE
