//! kapell-conductor
