//! Run-time choice between a baseline and an AVX2 body of the same function.
