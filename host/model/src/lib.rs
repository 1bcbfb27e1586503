//! kapell-model
