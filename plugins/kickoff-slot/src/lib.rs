//! kapell-plugin-kickoff-slot
