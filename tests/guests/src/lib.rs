//! kapell-guests
