//! Tests of the public API.

mod support;

mod additive;
mod basis;
mod calibration;
mod elastic_net;
mod encoder;
mod folds;
mod logistic;
mod numerics;
mod pooled;
mod quantity;
mod reference;
mod scoring;
