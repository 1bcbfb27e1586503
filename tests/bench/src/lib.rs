//! kapell-bench
