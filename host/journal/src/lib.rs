//! kapell-journal
