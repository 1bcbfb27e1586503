//! kapell-runtime
