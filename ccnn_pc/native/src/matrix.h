// Small matrix products whose operands lie in cache. Included inside of an instruction set's namespace.

// Operands: row m begins at base + (rows ? rows[m] : m) * down, its numbers are `along` apart; of the right operand, whose
// rows are whole vectors, they follow each other.
template <class R> struct Left {
    const R* base;
    long down, along;
    const int* rows = nullptr;
    const R* row(int m) const { return base + (rows == nullptr ? m : rows[m]) * down; }
};
template <class R> struct Right {
    const R* base;
    long down;
    const int* rows = nullptr;
};

// Vector registers that a block of a product keeps: 24 sums where there are 32 registers, 12 where there are 16.
constexpr int ROWS = 6;
constexpr int COLUMNS = VECTOR_BYTES == 64 ? 4 : 2;

// out[m, n] (+)= sum over k of a[m, k] b[k, n] for M rows and N vectors of columns.
template <class R, int M, int N, bool GATHER>
__attribute__((noinline)) void product_block(int depth, const R* const* a, long along, const R* b, long down,
                                             const int* rows, R* out, long out_down, bool add) {
    constexpr int L = Lanes<R>::N;
    const R* left[M];
    Vec<R> total[M][N];
#pragma GCC unroll 8
    for (int m = 0; m < M; ++m) {
        left[m] = a[m];
#pragma GCC unroll 8
        for (int n = 0; n < N; ++n) total[m][n] = add ? load<R>(out + m * out_down + n * L) : Vec<R>{};
    }
    for (int k = 0; k < depth; ++k) {
        const R* from = b + (GATHER ? (long)rows[k] : (long)k) * down;
        Vec<R> right[N];
#pragma GCC unroll 8
        for (int n = 0; n < N; ++n) right[n] = load<R>(from + n * L);
#pragma GCC unroll 8
        for (int m = 0; m < M; ++m) {
            const R value = left[m][k * along];
#pragma GCC unroll 8
            for (int n = 0; n < N; ++n) total[m][n] += value * right[n];
        }
    }
#pragma GCC unroll 8
    for (int m = 0; m < M; ++m)
#pragma GCC unroll 8
        for (int n = 0; n < N; ++n) store<R>(out + m * out_down + n * L, total[m][n]);
}

template <class R> using Block = void (*)(int, const R* const*, long, const R*, long, const int*, R*, long, bool);
template <class R, int N, bool GATHER> Block<R> block_of(int rows) {
    switch (rows) {
    case 1: return product_block<R, 1, N, GATHER>;
    case 2: return product_block<R, 2, N, GATHER>;
    case 3: return product_block<R, 3, N, GATHER>;
    case 4: return product_block<R, 4, N, GATHER>;
    case 5: return product_block<R, 5, N, GATHER>;
    default: return product_block<R, 6, N, GATHER>;
    }
}
template <class R, bool GATHER> Block<R> block_of(int rows, int vectors) {
    if constexpr (COLUMNS == 4) {
        if (vectors == 4) return block_of<R, 4, GATHER>(rows);
        if (vectors == 3) return block_of<R, 3, GATHER>(rows);
    }
    return vectors == 2 ? block_of<R, 2, GATHER>(rows) : block_of<R, 1, GATHER>(rows);
}

// out (+)= a b for `rows` x `columns`, columns in whole vectors; blocks are about equally large.
template <class R>
void product(int rows, int columns, int depth, Left<R> a, Right<R> b, R* out, long out_down, bool add = false) {
    constexpr int L = Lanes<R>::N;
    const int vectors = columns / L, across = (vectors + COLUMNS - 1) / COLUMNS, down = (rows + ROWS - 1) / ROWS;
    for (int i = 0; i < across; ++i) {
        const int column = vectors * i / across * L, width = vectors * (i + 1) / across - vectors * i / across;
        for (int j = 0; j < down; ++j) {
            const int row = rows * j / down, height = rows * (j + 1) / down - row;
            const R* left[ROWS];
            for (int m = 0; m < height; ++m) left[m] = a.row(row + m);
            const auto block = b.rows == nullptr ? block_of<R, false>(height, width) : block_of<R, true>(height, width);
            block(depth, left, a.along, b.base + column, b.down, b.rows, out + row * out_down + column, out_down, add);
        }
    }
}

// out[c, r] = in[r, c] for one block of lanes x lanes.
template <class R, class In, class Out> INLINE void transpose_block(In in, Out out) {
    constexpr int L = Lanes<R>::N;
    Vec<R> rows[L];
#pragma GCC unroll 16
    for (int i = 0; i < L; ++i) rows[i] = load<R>(in(i));
    // exchange halves, quarters, ... : after each round blocks of `size` are in place
#pragma GCC unroll 8
    for (int size = 1; size < L; size *= 2) {
#pragma GCC unroll 16
        for (int i = 0; i < L; ++i) {
            if (i & size) continue;
            const Vec<R> a = rows[i], b = rows[i | size];
            Int<R> low, high;
#pragma GCC unroll 16
            for (int j = 0; j < L; ++j) {
                low[j] = (j & size) ? (j ^ size) + L : j;
                high[j] = (j & size) ? j + L : (j | size);
            }
            rows[i] = __builtin_shuffle(a, b, low);
            rows[i | size] = __builtin_shuffle(a, b, high);
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < L; ++i) store<R>(out(i), rows[i]);
}
