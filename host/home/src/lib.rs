//! kapell-home
