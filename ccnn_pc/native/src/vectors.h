// Vectors of one instruction set, and the functions of them that features need. Included once per instruction set,
// inside of its namespace; VECTOR_BYTES says how wide its registers are.

#undef INLINE
#undef METHOD
#define INLINE static inline __attribute__((always_inline))
#define METHOD inline __attribute__((always_inline))

constexpr int TILE = 64;  // edges worked on at a time

template <class R> struct Lanes;
template <> struct Lanes<float> {
    static constexpr int N = VECTOR_BYTES / 4;
    typedef float V __attribute__((vector_size(VECTOR_BYTES), may_alias));
    typedef int32_t I __attribute__((vector_size(VECTOR_BYTES), may_alias));
    static constexpr float MAGIC = 12582912.0f;  // 1.5 * 2^23: adding it leaves whole numbers in the lowest bits
    static constexpr int MANTISSA = 23;
    static constexpr int32_t SIGN = INT32_MIN;
};
template <> struct Lanes<double> {
    static constexpr int N = VECTOR_BYTES / 8;
    typedef double V __attribute__((vector_size(VECTOR_BYTES), may_alias));
    typedef int64_t I __attribute__((vector_size(VECTOR_BYTES), may_alias));
    static constexpr double MAGIC = 6755399441055744.0;
    static constexpr int MANTISSA = 52;
    static constexpr int64_t SIGN = INT64_MIN;
};
template <class R> using Vec = typename Lanes<R>::V;
template <class R> using Int = typename Lanes<R>::I;

template <class R> INLINE Vec<R> load(const R* p) { return *reinterpret_cast<const Vec<R>*>(p); }
template <class R> INLINE void store(R* p, Vec<R> v) { *reinterpret_cast<Vec<R>*>(p) = v; }
template <class R> INLINE Vec<R> all(typename Same<R>::type value) { return Vec<R>{} + value; }
template <class R> INLINE Int<R> bits(Vec<R> v) { return (Int<R>)v; }
template <class R> INLINE Vec<R> from_bits(Int<R> i) { return (Vec<R>)i; }
template <class R> INLINE Vec<R> magnitude(Vec<R> v) { return from_bits<R>(bits<R>(v) & ~Lanes<R>::SIGN); }
template <class R> INLINE Vec<R> nearest(Vec<R> v) { return (v + Lanes<R>::MAGIC) - Lanes<R>::MAGIC; }
template <class R> INLINE Vec<R> smaller(Vec<R> a, Vec<R> b) { return a < b ? a : b; }
template <class R> INLINE Vec<R> larger(Vec<R> a, Vec<R> b) { return a > b ? a : b; }
template <class R> INLINE R sum(Vec<R> v) {
    R total = 0;
    for (int i = 0; i < Lanes<R>::N; ++i) total += v[i];
    return total;
}

// sin(2 pi r) for |r| <= 1/4: minimax polynomials, relative error 1e-10 (float) and 1e-18 (double) before rounding.
INLINE Vec<float> quarter_sine(Vec<float> r) {
    const Vec<float> s = r * r;
    Vec<float> p = s * -14.393966295455940587f + 42.009779303153907276f;
    p = p * s - 76.704279876042621497f;
    p = p * s + 81.605226174029661063f;
    p = p * s - 41.341702116744000156f;
    return (p * s + 6.2831853070722640628f) * r;
}
INLINE Vec<double> quarter_sine(Vec<double> r) {
    const Vec<double> s = r * r;
    Vec<double> p = s * 0.10089695501646811163 - 0.71773379214134533133;
    p = p * s + 3.8199280942271642021;
    p = p * s - 15.094641676117900093;
    p = p * s + 42.05869392542868225;
    p = p * s - 76.705859752824919209;
    p = p * s + 81.605249276073615183;
    p = p * s - 41.341702240399756862;
    return (p * s + 6.2831853071795864756) * r;
}
// Sine and cosine of 2 pi t, where r is t - 1/4 less a whole number, |r| <= 1/2.
template <class R> INLINE Vec<R> sine(Vec<R> r) { return quarter_sine((R)0.25 - magnitude<R>(r)); }
template <class R> INLINE Vec<R> cosine(Vec<R> r) {
    const Vec<R> folded = (R)0.25 - magnitude<R>(magnitude<R>(r) - (R)0.25);
    return quarter_sine(from_bits<R>(bits<R>(folded) ^ (~bits<R>(r) & Lanes<R>::SIGN)));
}

// 2^-q for q >= 0, which stops falling at 2^-86 = 1e-26: far above the subnormal numbers.
INLINE Vec<float> fraction_power(Vec<float> f) {
    Vec<float> p = f * 0.00015461444698569129083f + 0.001340042817761583794f;
    p = p * f + 0.0096180566785246380754f;
    p = p * f + 0.055503272266703020589f;
    p = p * f + 0.24022650922288758071f;
    p = p * f + 0.69314720670283259577f;
    return p * f + 1.0f;
}
INLINE Vec<double> fraction_power(Vec<double> f) {
    Vec<double> p = f * 4.455817908336064493e-10 + 7.0741942972885210056e-9;
    p = p * f + 1.0178057087733941105e-7;
    p = p * f + 1.3215432535912376166e-6;
    p = p * f + 0.000015252733841556772589;
    p = p * f + 0.00015403530463724354209;
    p = p * f + 0.0013333558146406470697;
    p = p * f + 0.0096181291075872566681;
    p = p * f + 0.055504108664821627039;
    p = p * f + 0.24022650695910159567;
    p = p * f + 0.69314718055994530925;
    return p * f + 1.0;
}
template <class R> INLINE Vec<R> power_of_minus(Vec<R> q) {
    q = smaller<R>(q, all<R>(86));
    const Vec<R> shifted = Lanes<R>::MAGIC - q;
    const Vec<R> fraction = (Lanes<R>::MAGIC - shifted) - q;
    return from_bits<R>(bits<R>(fraction_power(fraction)) + (bits<R>(shifted) << Lanes<R>::MANTISSA));
}
