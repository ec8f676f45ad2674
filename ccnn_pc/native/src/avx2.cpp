#include "common.h"
#if defined(__x86_64__)
#define NAMESPACE avx2
#define VECTOR_BYTES 32
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#include "instruction_set.h"
#pragma GCC pop_options
#endif
