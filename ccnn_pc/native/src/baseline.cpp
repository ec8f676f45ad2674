#include "common.h"
#define NAMESPACE baseline
#define VECTOR_BYTES 16
#include "instruction_set.h"
