//! Exponential, logarithm, sigmoid and log-loss with the same bits everywhere.
