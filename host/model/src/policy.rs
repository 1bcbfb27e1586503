//! The operator's policy, and the one function that turns what is asked for into grants or refusals.
