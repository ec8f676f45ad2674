#include "common.h"
#if defined(__x86_64__)
#define NAMESPACE avx512
#define VECTOR_BYTES 64
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")
#include "instruction_set.h"
#pragma GCC pop_options
#endif
